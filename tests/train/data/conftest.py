"""A small cache of painted portraits with exact fits, so that the streams can be tested without pictures of faces."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")

from train.data import camera
from train.data.head import default_head
from train.data.portraits import store
from train.data.portraits.correspond import Correspondence
from train.data.portraits.fit import Fit
from train.data.portraits.prepare import write_fits, write_textures
from train.data.streams import SampleMaker


@pytest.fixture(scope="session")
def painted_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with procedurally rendered portraits and their true parameters."""
    folder = tmp_path_factory.mktemp("cache")
    maker = SampleMaker(256, None, augmented=0.0, cartoons=False)
    samples, jpegs = [], []
    for index in range(40):
        sample = maker.sample(5, index)
        samples.append(sample)
        _, data = cv2.imencode(".jpg", sample["crop"][..., ::-1])
        jpegs.append((f"painted_{index:03d}.jpg", data.tobytes()))
    store.write_pictures(jpegs, folder)
    stacked = {key: np.stack([sample[key] for sample in samples]) for key in samples[0]}
    fitted = Fit(
        *(stacked[key] for key in ("identity", "expression", "rotation", "scale", "translation")),
        error=np.ones(len(samples), np.float32),
    )
    names = np.array([name for name, _ in jpegs])
    write_fits(folder / store.FITS, names, np.ones(len(names), bool), fitted)
    write_textures(folder, np.stack([lip_landmarks(sample) for sample in samples]), lip_correspondence())
    return folder


def lip_correspondence() -> Correspondence:
    """Landmarks 48 to 67 as the only correspondences of a landmark model."""
    head = default_head()
    return Correspondence(
        np.arange(20), head.landmark_vertices[48:].astype(np.int64), head.landmark_weights[48:], np.ones(20)
    )


def lip_landmarks(sample: dict[str, np.ndarray]) -> np.ndarray:
    """Where such a model sees them (20, 2) px in a sample: exactly where they are."""
    head = default_head()
    marks = head.landmarks(head.shape(sample["identity"], sample["expression"]))[48:]
    place = sample["rotation"], float(sample["scale"]), sample["translation"]
    return camera.project(marks, *place, np.inf)[:, :2]


@pytest.fixture(scope="session")
def maker(painted_cache: Path) -> SampleMaker:
    """A maker of all three streams at 128 px, without augmentation."""
    portraits = store.load_store(folder=painted_cache)
    # These parameters are true, not fitted: there is no systematic error to take out.
    exact = replace(portraits, label_identity=portraits.identity, label_expression=portraits.expression)
    return SampleMaker(128, exact, augmented=0.0, cartoons=False)


@pytest.fixture(scope="session")
def project_points() -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """Gives the dense points (P, 2) that a sample's own weak-perspective labels project to."""

    def project(sample: dict[str, np.ndarray]) -> np.ndarray:
        head = default_head()
        vertices = head.shape(sample["identity"], sample["expression"])
        pixels = camera.project(vertices, sample["rotation"], float(sample["scale"]), sample["translation"], np.inf)
        return head.dense_points(pixels)[:, :2]

    return project
