"""The three streams of training pictures with their labels, each sample a function of (seed, index).

TEXTURED: the head rendered with a portrait's colours under new identity, expression, pose and light. PORTRAIT: the
portrait itself, moved into a jittered crop, with its fitted labels. PROCEDURAL: rendered with painted skin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from mmface_core.conventions import CROP_SIZE, rotation_to_euler
from train.data import camera, mirror, sampling
from train.data.augment import augment
from train.data.background import sample_background
from train.data.border import black_border
from train.data.head import Head, default_head
from train.data.portraits.store import PortraitStore
from train.data.render.backdrop import make_backdrop
from train.data.render.face import Extra, FaceRenderer, SkinColours, sample_mouth_colours
from train.data.render.light import sample_eyes, sample_light
from train.data.render.paint import sample_noise_texture, sample_skin_colours

PROCEDURAL, PORTRAIT, TEXTURED = 0, 1, 2
DEFAULT_SHARES = {"textured": 0.6, "portrait": 0.3, "procedural": 0.1}
PROFILED_SHARE = 0.6  # of textured pictures: those that keep the portrait's own hair and room, turned with the head
FITTED_EXPRESSION_WEIGHT = 0.3  # a fit to landmarks is no truth
# What the fit of a portrait cannot know.
UNKNOWN_UNITS = ("tongueOut", "cheekPuff", "mouthClose", "jawForward", "jawLeft", "jawRight")

Sample = dict[str, np.ndarray]


@dataclass
class SampleMaker:
    """Makes samples at `size` px; holds the renderer's context, so one per process.

    store: portraits to use, or None for procedural pictures only. shares: stream name -> share, normalised here.
    """

    size: int = 256
    store: PortraitStore | None = None
    shares: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    augmented: bool = True

    def __post_init__(self) -> None:
        cv2.setNumThreads(1)
        self.head: Head = default_head()
        if self.store is None:
            self.shares = {"procedural": 1.0}

    @cached_property
    def renderer(self) -> FaceRenderer:
        return FaceRenderer(self.size, oversample=1.5)

    @cached_property
    def _front(self) -> np.ndarray:
        """Skin vertices of the front of the head, which the weak-perspective labels are fitted to."""
        return np.flatnonzero(self.head.mean[self.head.parts["skin"]][:, 2] > 10.0)[::3]

    def sample(self, seed: int, index: int) -> Sample:
        """One labelled picture, a function of (seed, index). See `make_sample` for the keys."""
        rng = np.random.default_rng((seed, index))
        names = sorted(self.shares)
        share = np.array([self.shares[name] for name in names], float)
        name = names[rng.choice(len(names), p=share / share.sum())]
        made = {"textured": self.textured, "portrait": self.portrait, "procedural": self.procedural}[name](rng)
        if self.augmented:
            picture = black_border(rng, made["crop"])
            made["crop"] = augment(rng, picture, self._random_picture if self.store else None)
        return made

    def textured(self, rng: np.random.Generator) -> Sample:
        """A head with a portrait's colours."""
        store = self._store()
        number = int(rng.integers(len(store)))
        uv_a, uv_b, mix = store.coordinates(number)
        fill, fill_weight = store.fill(number)
        skin = SkinColours(store.picture(number), uv_a, uv_b, mix, fill=fill, fill_weight=fill_weight)
        profiled = rng.random() < PROFILED_SHARE
        identity = sampling.sample_identity(rng, self.head.n_identity, store.identity[number], 0.7 if profiled else 0.0)
        expression, pose = sampling.sample_expression(rng), sampling.sample_pose(rng, 50.0 if profiled else 90.0)
        vertices = self.head.shape(identity, expression)
        extras: tuple[Extra, ...] = ()
        if profiled:
            fitted = self.head.shape(store.identity[number], store.expression[number])
            place = store.rotation[number], float(store.scale[number]), store.translation[number]
            extras = (make_backdrop(fitted, *place, vertices, pose),)
        return self._rendered(rng, (identity, expression, vertices, pose), skin, TEXTURED, 0.8, extras)

    def procedural(self, rng: np.random.Generator) -> Sample:
        """A head with painted skin."""
        uv = self.head.uv[self.head.parts["skin"]].astype(np.float32)
        still = np.zeros(len(uv), np.float32)
        skin = SkinColours(sample_noise_texture(rng), uv, uv, still, sample_skin_colours(rng))
        identity = sampling.sample_identity(rng, self.head.n_identity)
        expression, pose = sampling.sample_expression(rng), sampling.sample_pose(rng)
        vertices = self.head.shape(identity, expression)
        return self._rendered(rng, (identity, expression, vertices, pose), skin, PROCEDURAL, 1.0)

    def portrait(self, rng: np.random.Generator) -> Sample:
        """A portrait moved into a jittered crop, with its fitted labels; half of them mirrored."""
        store = self._store()
        number = int(rng.integers(len(store)))
        picture = store.picture(number)
        identity, expression = store.identity[number], store.expression[number]
        rotation, fitted_scale = store.rotation[number].astype(np.float64), float(store.scale[number])
        offset = store.translation[number].astype(np.float64)
        if rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
            identity, expression = mirror.mirrored_identity(identity), sampling.mirrored_expression(expression)
            rotation = mirror.mirrored_rotation(rotation)
            offset = np.array([picture.shape[1] - 1 - offset[0], offset[1]])
        scale, translation = sampling.sample_crop(rng)
        roll = np.radians(rng.choice([rng.normal(0, 5), rng.uniform(-25, 25)], p=[0.8, 0.2]))
        turn = roll - float(rotation_to_euler(rotation)[2])  # clockwise in the picture
        linear = scale / fitted_scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        rotation = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]]) @ rotation
        matrix = np.column_stack((linear, translation - linear @ offset))
        border = cv2.BORDER_CONSTANT if rng.random() < 0.3 else cv2.BORDER_REPLICATE
        crop = warp(picture, matrix, self.size, border)
        weight = np.full(self.head.n_expression, FITTED_EXPRESSION_WEIGHT, np.float32)
        weight[[sampling.INDEX[name] for name in UNKNOWN_UNITS]] = 0.0
        sample = make_sample(crop, identity, expression, rotation, scale, translation, PORTRAIT, weight, 0.5)
        vertices = self.head.shape(identity, expression)
        projected = camera.project(vertices, rotation, scale, translation, np.inf)
        return self._with_points(sample, projected)

    def _rendered(
        self,
        rng: np.random.Generator,
        person: tuple[np.ndarray, np.ndarray, np.ndarray, sampling.Pose],
        skin: SkinColours,
        stream: int,
        relight: float,
        extras: tuple[Extra, ...] = (),
    ) -> Sample:
        identity, expression, vertices, pose = person
        uniforms = sample_light(rng, relight) | sample_eyes(rng)
        rgba, projected = self.renderer.render(vertices, pose, skin, sample_mouth_colours(rng), uniforms, extras)
        rgba = cv2.resize(rgba, (self.size, self.size), interpolation=cv2.INTER_AREA)
        behind = sample_background(rng, self.size, self._random_picture if self.store else None)
        alpha = rgba[..., 3:].astype(np.uint16)
        crop = (rgba[..., :3] + (behind * (255 - alpha) + 127) // 255).clip(0, 255).astype(np.uint8)
        rotation, scale, translation = pose.rotation, pose.scale, pose.translation
        if np.isfinite(pose.distance_mm):
            rotation, scale, translation = camera.fit_weak_perspective(vertices[self._front], projected[self._front])
        sample = make_sample(crop, identity, expression, rotation, scale, translation, stream)
        return self._with_points(sample, projected)

    def _with_points(self, sample: Sample, projected: np.ndarray) -> Sample:
        sample["points"] = self.head.dense_points(projected)[:, :2].astype(np.float32)
        sample["points_mask"] = np.ones(len(sample["points"]), np.float32)
        return sample

    def _random_picture(self, rng: np.random.Generator) -> np.ndarray:
        store = self._store()
        return store.picture(int(rng.integers(len(store))))

    def _store(self) -> PortraitStore:
        if self.store is None:
            raise ValueError("this stream needs portraits")
        return self.store


def make_sample(
    crop: np.ndarray,
    identity: np.ndarray,
    expression: np.ndarray,
    rotation: np.ndarray,
    scale: float,
    translation: np.ndarray,
    stream: int,
    expression_weight: np.ndarray | None = None,
    identity_weight: float = 1.0,
) -> Sample:
    """The dictionary that the training loop takes; every value an array that stacks.

    crop (S, S, 3) u8 RGB; identity (K,), expression (M,), rotation (3, 3), scale () px/mm and translation (2,) px, the
    last two always in pixels of the 256 crop; *_weight 0..1, how far a label is to be trusted; stream (). The
    streams add points (P, 2) px of the 256 crop, the true perspective that weak-perspective labels only approach.
    """
    weight = np.ones(len(expression), np.float32) if expression_weight is None else expression_weight
    return {
        "crop": crop,
        "identity": np.asarray(identity, np.float32),
        "expression": np.asarray(expression, np.float32),
        "rotation": np.asarray(rotation, np.float32),
        "scale": np.float32(scale),
        "translation": np.asarray(translation, np.float32),
        "identity_weight": np.float32(identity_weight),
        "expression_weight": weight,
        "pose_weight": np.float32(1.0),
        "points_weight": np.float32(1.0),
        "volume_weight": np.float32(1.0),
        "stream": np.int64(stream),
    }


def warp(picture: np.ndarray, matrix: np.ndarray, size: int, border: int) -> np.ndarray:
    """Warp a picture by a similarity (2, 3) from its pixels to those of the 256 crop, into (size, size, 3)."""
    shrink = size / CROP_SIZE
    to_size = matrix * shrink
    to_size[:, 2] += 0.5 * shrink - 0.5  # pixel centres of the 256 crop to those of the smaller one
    step = np.sqrt(abs(np.linalg.det(to_size[:, :2])))
    if step < 0.75:  # shrinking: warp to twice the size and average, so that nothing aliases
        double = to_size * 2.0
        double[:, 2] += 0.5
        large = cv2.warpAffine(picture, double, (2 * size, 2 * size), flags=cv2.INTER_LINEAR, borderMode=border)
        return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(picture, to_size, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
