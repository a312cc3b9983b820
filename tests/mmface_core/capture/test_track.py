"""Faces keep their numbers; cuts, losses and doubles are handled.

Detector and network are stand-ins that know the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from mmface_core.capture.blazeface import Detection
from mmface_core.capture.crop import Crop
from mmface_core.capture.keypoints import canonical_points
from mmface_core.capture.state import FaceState
from mmface_core.capture.track import CutDetector, TrackConfig, Tracker
from mmface_core.conventions import CROP_MM
from mmface_core.model.face_model import FaceModel


@pytest.fixture(scope="module")
def keypoints() -> np.ndarray:
    model = FaceModel.load()
    return canonical_points(
        model.landmarks(torch.zeros(1, model.n_identity), torch.zeros(1, model.n_expression))[0].numpy()
    )


def face(x: float, y: float, scale: float = 0.5, confidence: float = 0.9) -> FaceState:
    landmarks = np.zeros((68, 3), np.float32)
    landmarks[:, 0] = x + scale * np.linspace(-70, 70, 68)
    landmarks[:, 1] = y + scale * np.linspace(-60, 80, 68)
    zeros = np.zeros(3, np.float32)
    place = np.array([x, y], np.float32)
    return FaceState(zeros, zeros, np.eye(3, dtype=np.float32), scale, place, landmarks, landmarks[:, :2], confidence)


@dataclass
class World:
    """What is truly in the current frame; detector and reader look here."""

    keypoints: np.ndarray
    truth: list[FaceState] = field(default_factory=list)
    seen_by_detector: bool = True
    score: float = TrackConfig().sure
    reads: int = 0
    searches: int = 0
    tile_searches: int = 0

    def detect_whole(self, _image) -> list[Detection]:
        self.searches += 1
        return [self._detection(f) for f in self.truth] if self.seen_by_detector else []

    def detect_tiles(self, _image) -> list[Detection]:
        self.tile_searches += 1
        return []

    def detect(self, image, search_tiles=True, search_turned=False) -> list[Detection]:
        return self.detect_whole(image)

    def _detection(self, state: FaceState) -> Detection:
        pixels = state.scale * self.keypoints[:, :2] * [1, -1] + state.translation
        corner = state.scale * np.array([75, 75])
        box = np.concatenate([state.translation - corner, state.translation + corner])
        return Detection(box.astype(np.float32), pixels.astype(np.float32), self.score)

    def faces(self, _image, crops: Sequence[Crop]) -> list[FaceState]:
        self.reads += len(crops)
        states = []
        for crop in crops:
            centre = crop.inverse @ [127.5, 127.5, 1]
            near = [f for f in self.truth if np.linalg.norm(f.translation - centre) < 0.35 * crop.side]
            fits = [f for f in near if 0.6 < CROP_MM * f.scale / crop.side < 1.7]
            lost = face(*centre, scale=crop.side / CROP_MM, confidence=0.05)
            states.append(min(fits, key=lambda f: np.linalg.norm(f.translation - centre)) if fits else lost)
        return states


IMAGE = np.zeros((90, 160, 3), np.uint8)


def tracker(world: World, limit: int | None, **changes) -> Tracker:
    return Tracker(world, world, world.keypoints, limit, TrackConfig(**changes))


def places(found: dict[int, FaceState]) -> dict[int, float]:
    return {number: round(float(state.translation[0])) for number, state in found.items()}


def test_a_moving_face_is_followed_without_asking_the_detector_again(keypoints):
    world = World(keypoints)
    track = tracker(world, 1)
    for i in range(40):
        world.truth = [face(100 + 6 * i, 100)]
        assert places(track.step(IMAGE)) == {1: 100 + 6 * i}
    assert world.searches == 1


def test_faces_keep_their_numbers_while_they_move_past_each_other_at_a_distance(keypoints):
    world = World(keypoints)
    track = tracker(world, None)
    for i in range(30):
        world.truth = [face(100 + 10 * i, 100), face(400 - 10 * i, 400)]
        found = track.step(IMAGE)
        assert places(found) == {1: 100 + 10 * i, 2: 400 - 10 * i}


def test_the_largest_face_is_number_one_and_the_only_one_of_a_limit_of_one(keypoints):
    world = World(keypoints, [face(100, 100, 0.4), face(500, 200, 0.9)])
    assert places(tracker(world, None).step(IMAGE)) == {1: 500, 2: 100}
    assert places(tracker(world, 1).step(IMAGE)) == {1: 500}
    assert places(tracker(world, None).still(IMAGE)) == {1: 500, 2: 100}


def test_a_face_that_comes_later_is_found_and_gets_the_next_number(keypoints):
    world = World(keypoints, [face(100, 100)])
    track = tracker(world, None, search_every=5)
    for _ in range(3):
        track.step(IMAGE)
    world.truth = [face(100, 100), face(400, 100)]
    found = [places(track.step(IMAGE)) for _ in range(6)]
    assert found[-1] == {1: 100, 2: 400}


def test_a_face_that_was_hidden_comes_back_under_its_number(keypoints):
    world = World(keypoints, [face(100, 100), face(400, 100)])
    track = tracker(world, None, search_every=1)
    track.step(IMAGE)
    world.truth = [face(400, 100)]
    for _ in range(10):
        assert places(track.step(IMAGE)) == {2: 400}
    world.truth = [face(115, 100), face(400, 100)]
    assert places(track.step(IMAGE)) == {1: 115, 2: 400}


def test_a_jump_within_a_frame_is_found_again_by_the_detector(keypoints):
    world = World(keypoints, [face(100, 100)])
    track = tracker(world, 1)
    track.step(IMAGE)
    world.truth = [face(800, 100)]
    assert places(track.step(IMAGE)) == {1: 800}


def test_a_fast_zoom_is_followed_by_cutting_the_crop_again(keypoints):
    world = World(keypoints)
    track = tracker(world, 1)
    for i in range(6):
        world.truth = [face(300, 300, 0.4 * 1.4**i)]
        assert places(track.step(IMAGE)) == {1: 300}
    assert world.searches == 1


def test_what_the_network_does_not_confirm_is_no_face(keypoints):
    world = World(keypoints, [face(100, 100, confidence=0.3)])
    assert tracker(world, None).step(IMAGE) == {}
    assert tracker(world, None).still(IMAGE) == {}


def test_a_detector_that_is_sure_makes_up_for_a_network_that_is_not(keypoints):
    world = World(keypoints, [face(100, 100, confidence=0.3)], score=0.75)
    assert list(tracker(world, None).step(IMAGE)) == [1]
    assert list(tracker(world, None).still(IMAGE)) == [1]
    world.truth = [face(100, 100, confidence=0.05)]
    assert tracker(world, None).still(IMAGE) == {}


def test_two_tracks_on_one_face_become_the_older_one(keypoints):
    world = World(keypoints, [face(100, 100), face(200, 100)])
    track = tracker(world, None)
    assert len(track.step(IMAGE)) == 2
    for x in (180, 160, 140, 120, 112):
        world.truth = [face(100, 100), face(x, 100)]
        track.step(IMAGE)
    world.truth = [face(100, 100)]
    for _ in range(3):
        found = track.step(IMAGE)
    assert list(found) == [1]


def test_a_lost_face_is_forgotten_after_a_while(keypoints):
    world = World(keypoints, [face(100, 100)])
    track = tracker(world, None, memory=5)
    track.step(IMAGE)
    world.truth = []
    for _ in range(8):
        assert track.step(IMAGE) == {}
    world.truth = [face(100, 100)]
    assert list(track.step(IMAGE)) == [2]


def test_tiles_are_searched_only_now_and_then(keypoints):
    world = World(keypoints)
    track = tracker(world, 1, tiles_every=10)
    for _ in range(30):
        track.step(IMAGE)
    assert world.searches == 30
    assert world.tile_searches == 3


def scene(seed: int, shift: int = 0) -> np.ndarray:
    """A picture of a few large coloured areas."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (5, 8, 3), dtype=np.uint8)
    return np.roll(np.kron(small, np.ones((36, 40, 1), np.uint8)), shift, axis=1)


def test_a_cut_starts_anew_even_in_the_same_place(keypoints):
    world = World(keypoints, [face(100, 100)])
    track = tracker(world, None)
    for shift in range(4):
        assert list(track.step(scene(1, shift))) == [1]
    assert list(track.step(scene(2))) == [2]


def test_neither_motion_nor_a_flash_is_a_cut_but_another_scene_is():
    cuts = CutDetector()
    answers = [cuts.is_cut(scene(1, 12 * i)) for i in range(5)]
    answers.append(cuts.is_cut(np.clip(scene(1, 48).astype(int) + 25, 0, 255).astype(np.uint8)))
    assert not any(answers)
    assert cuts.is_cut(scene(5))
