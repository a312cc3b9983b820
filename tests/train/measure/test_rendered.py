from dataclasses import replace

import numpy as np
import pytest
import torch

from mmface_core.capture.state import FaceState
from mmface_core.conventions import euler_to_rotation
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from train.measure.rendered import compare, sides_seen
from train.measure.worst import worst_sheet
from train.model_samples import ModelSamples
from train.targets import PointModel

COUNT = 40


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load()


@pytest.fixture(scope="module")
def truth(model):
    drawn = ModelSamples(PointModel(model), COUNT, 6)
    points = torch.randn(COUNT, 124, 2, generator=torch.Generator().manual_seed(1)).numpy() * 40.0
    return [
        {
            "expression": drawn.expression[i].numpy(),
            "expression_weight": np.ones(52, np.float32),
            "identity": drawn.identity[i].numpy(),
            "rotation": drawn.rotation[i].numpy(),
            "points": points[i],
        }
        for i in range(COUNT)
    ]


def read(sample, **changes) -> FaceState:
    state = FaceState(
        identity=sample["identity"],
        expression=sample["expression"],
        rotation=sample["rotation"],
        scale=1.28,
        translation=np.zeros(2, np.float32),
        landmarks=np.zeros((68, 3), np.float32),
        points=sample["points"],
        confidence=1.0,
    )
    return replace(state, **changes)


def test_a_perfect_reading_has_no_error(model, truth):
    figures = compare([read(sample) for sample in truth], truth, model)
    assert np.nanmin(figures.r) > 0.999
    assert figures.vertices_mm < 1e-3 and figures.nme51 < 1e-3 and figures.pose_deg[0] < 0.1
    assert figures.weight_error.max() == 0.0 and figures.closed > 0.95


def test_neutral_readings_correlate_with_nothing(model, truth):
    neutral = np.zeros(52, np.float32)
    figures = compare([read(sample, expression=neutral) for sample in truth], truth, model)
    assert np.nanmax(figures.r) == 0.0
    assert figures.closed == 0.0 and figures.vertices_mm > 0.3


def test_eyes_behind_dark_glasses_are_left_out(model, truth):
    blink = ARKIT_NAMES.index("eyeBlinkLeft")
    hidden = [dict(sample) for sample in truth]
    weight = np.ones(52, np.float32)
    weight[blink] = 0.1
    hidden[0]["expression_weight"] = weight
    wrong = truth[0]["expression"].copy()
    wrong[blink] = 1.0 - wrong[blink]
    states = [read(hidden[0], expression=wrong), *(read(sample) for sample in truth[1:])]
    assert compare(states, hidden, model).weight_error[blink] == 0.0


def test_a_side_that_is_turned_away_is_not_seen_and_counts_apart(model, truth):
    turns = np.stack([euler_to_rotation(np.radians(yaw), 0.0, 0.2) for yaw in (0, 49, 51, -49, -51)])
    seen = sides_seen(turns)
    # +yaw turns to the subject's left, away goes the left cheek
    assert seen[:, ARKIT_NAMES.index("mouthSmileLeft")].tolist() == [True, True, False, True, True]
    assert seen[:, ARKIT_NAMES.index("eyeBlinkRight")].tolist() == [True, True, True, True, False]
    assert seen[:, [ARKIT_NAMES.index(unit) for unit in ("mouthLeft", "jawOpen", "browInnerUp")]].all()

    smile = ARKIT_NAMES.index("mouthSmileLeft")
    turned = [dict(sample, rotation=turns[2 if i < 10 else 0].astype(np.float32)) for i, sample in enumerate(truth)]
    states = [read(sample) for sample in turned]
    for i in range(10):
        wrong = turned[i]["expression"].copy()
        wrong[smile] = 1.0 - wrong[smile]
        states[i] = read(turned[i], expression=wrong)
    figures = compare(states, turned, model)
    assert figures.r[smile] < 0.95 and figures.r_seen[smile] > 0.999


def test_the_units_are_listed_worst_first(model, truth):
    lines = compare([read(sample) for sample in truth], truth, model).lines()
    assert f"{COUNT} held-out renders" in lines[0]
    assert sum(line.startswith("  ") for line in lines) == 52


def test_the_sheet_shows_the_worst_first(truth):
    samples = [sample | {"crop": np.full((256, 256, 3), 10 * i, np.uint8)} for i, sample in enumerate(truth[:8])]
    sheet = worst_sheet([read(sample) for sample in samples], samples, np.arange(8.0), 7)
    assert sheet.shape == (512, 1536, 3)
    assert sheet[200, 200, 0] == 70 and sheet[200, 456, 0] == 60 and not sheet[300, 300:].any()
