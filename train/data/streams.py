"""The three streams of training pictures with their labels, each sample a function of (seed, index).

TEXTURED: the head rendered with a portrait's colours under new identity, expression, pose and light. PORTRAIT: the
portrait itself, moved into a jittered crop, with its fitted labels. PROCEDURAL: rendered with painted skin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from mmface_core.conventions import rotation_to_euler
from mmface_core.model.mirror import mirrored_rotation
from train.data import camera, mirror, sampling
from train.data.augment import augment
from train.data.background import sample_background
from train.data.border import black_border
from train.data.head import Head, default_head
from train.data.portraits.store import PortraitStore
from train.data.render.backdrop import make_backdrop
from train.data.render.beard import with_beard
from train.data.render.body import sample_body
from train.data.render.caricature import caricatured, flat_skin, large_irises
from train.data.render.face import Extra, FaceRenderer, SkinColours, sample_mouth_colours
from train.data.render.face_mask import sample_face_mask
from train.data.render.folds import with_folds
from train.data.render.glasses import lay_lenses, sample_glasses
from train.data.render.hair import sample_hair
from train.data.render.hat import sample_hat
from train.data.render.light import sample_eyes, sample_light
from train.data.render.paint import sample_noise_texture, sample_skin_colours
from train.data.render.teeth import place_teeth
from train.data.sample import Sample, make_sample, warp

PROCEDURAL, PORTRAIT, TEXTURED = 0, 1, 2
DEFAULT_SHARES = {"textured": 0.6, "portrait": 0.3, "procedural": 0.1}
PROFILED_SHARE = 0.6  # of textured pictures: those that keep the portrait's own hair and room, turned with the head
FITTED_EXPRESSION_WEIGHT = 0.3  # a fit to landmarks is no truth
# What the fit of a portrait cannot know.
UNKNOWN_UNITS = ("tongueOut", "cheekPuff", "mouthClose", "jawForward", "jawLeft", "jawRight")

GLASSES_SHARE = 0.12  # of rendered pictures
BEARD_SHARE = 0.10  # of rendered pictures
HAT_SHARE = 0.12  # of rendered pictures without surroundings of their own
MASK_SHARE = 0.07  # of rendered pictures
CARTOON_SHARE = 0.12  # of rendered pictures without surroundings of their own
CARTOON_EXPRESSION_WEIGHT = 0.5
BODY_SHARE = 0.8  # of rendered pictures without surroundings of their own
HAIR_SHARE = 0.6
TINTED_SHARE = 0.4  # of those: darker skin than the portrait's, since the portraits are mostly light-skinned
EYE_UNITS = [index for name, index in sampling.INDEX.items() if name.startswith("eye")]
MOUTH_UNITS = [
    index for name, index in sampling.INDEX.items() if name.startswith(("jaw", "mouth", "cheekPuff", "tongue"))
]
HIDDEN_WEIGHT = 0.1  # of the eyes' units behind dark glasses, of the mouth's behind a mask


@dataclass(frozen=True)
class Person:
    """What is drawn: identity (K,), expression (M,), the vertices (V, 3) mm that they make, and the pose; `cartoon`
    where the vertices were made into a caricature afterwards, so that no identity of the model looks so."""

    identity: np.ndarray
    expression: np.ndarray
    vertices: np.ndarray
    pose: sampling.Pose
    cartoon: bool = False


@dataclass
class SampleMaker:
    """Makes samples at `size` px; holds the renderer's context, so one per process.

    store: portraits to use, or None for procedural pictures only. shares: stream name -> share, normalised here.
    augmented: share of the pictures that are spoiled as by cameras, compression and things in the way (`augment`).
    cartoons: whether some heads are caricatures, whose identity is not known; not where the truth is compared with.
    """

    size: int = 256
    store: PortraitStore | None = None
    shares: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_SHARES))
    augmented: float = 1.0
    cartoons: bool = True

    def __post_init__(self) -> None:
        cv2.setNumThreads(1)
        self.head: Head = default_head()
        if self.store is None:
            self.shares = {"procedural": 1.0}

    @cached_property
    def renderer(self) -> FaceRenderer:
        return FaceRenderer(self.size, oversample=1.5 if self.size <= 128 else 1.25)

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
        return self._spoiled(rng, made)

    def look(self, seed: int, person: int, number: int) -> Sample:
        """One of a person's many pictures: the same portrait and identity under another expression, pose and light."""
        rng = np.random.default_rng((seed, person, number))
        return self._spoiled(rng, self.textured(rng, np.random.default_rng((seed, person))))

    def _spoiled(self, rng: np.random.Generator, made: Sample) -> Sample:
        if rng.random() < self.augmented:
            picture = black_border(rng, made["crop"])
            made["crop"] = augment(rng, picture, self._random_picture if self.store else None)
        return made

    def textured(self, rng: np.random.Generator, whose: np.random.Generator | None = None) -> Sample:
        """A head with a portrait's colours; `whose` draws the person, `rng` (and the person, without it) the rest."""
        store = self._store()
        whose = rng if whose is None else whose
        number = int(whose.integers(len(store)))
        uv_a, uv_b, mix = store.coordinates(number)
        fill, fill_weight = store.fill(number)
        skin = SkinColours(store.picture(number), uv_a, uv_b, mix, fill=fill, fill_weight=fill_weight)
        profiled = whose.random() < PROFILED_SHARE
        near = store.identity[number], 0.7 if profiled else 0.0
        identity = sampling.sample_identity(whose, self.head.n_identity, *near)
        expression, pose = sampling.sample_expression(rng), sampling.sample_pose(rng, 50.0 if profiled else 90.0)
        vertices = self.head.shape(identity, expression)
        tint = np.ones(3)
        cartoon = self._is_cartoon(rng) and not profiled
        if cartoon:
            vertices, skin = caricatured(rng, vertices), flat_skin(rng, skin)
        if profiled:
            fitted = self.head.shape(store.identity[number], store.expression[number])
            place = store.rotation[number], float(store.scale[number]), store.translation[number]
            extras = [make_backdrop(fitted, *place, vertices, pose)]
        else:
            if rng.random() < TINTED_SHARE:
                tint = rng.uniform(0.3, 0.9) * np.array([1.0, rng.uniform(0.85, 1.0), rng.uniform(0.75, 1.0)])
            extras = self._dressed(rng, vertices, pose, fill[self._neck].mean(0) * tint)
        person = Person(identity, expression, vertices, pose, cartoon)
        return self._rendered(rng, person, skin, TEXTURED, 0.8, extras, tint)

    def procedural(self, rng: np.random.Generator) -> Sample:
        """A head with painted skin."""
        uv = self.head.uv[self.head.parts["skin"]].astype(np.float32)
        still = np.zeros(len(uv), np.float32)
        colours = sample_skin_colours(rng)
        skin = SkinColours(sample_noise_texture(rng), uv, uv, still, colours)
        identity = sampling.sample_identity(rng, self.head.n_identity)
        expression, pose = sampling.sample_expression(rng), sampling.sample_pose(rng)
        vertices = self.head.shape(identity, expression)
        cartoon = self._is_cartoon(rng)
        if cartoon:
            vertices, skin = caricatured(rng, vertices), flat_skin(rng, skin)
        extras = self._dressed(rng, vertices, pose, colours[self._neck].mean(0))
        person = Person(identity, expression, vertices, pose, cartoon)
        return self._rendered(rng, person, skin, PROCEDURAL, 1.0, extras, np.ones(3))

    def portrait(self, rng: np.random.Generator) -> Sample:
        """A portrait moved into a jittered crop, with its fitted labels; half of them mirrored."""
        store = self._store()
        number = int(rng.integers(len(store)))
        picture = store.picture(number)
        # The closest fit says where the points are, the one without systematic errors what the parameters are.
        places = store.identity[number], store.expression[number]
        labels = store.label_identity[number], store.label_expression[number]
        rotation, fitted_scale = store.rotation[number].astype(np.float64), float(store.scale[number])
        offset = store.translation[number].astype(np.float64)
        beside = store.point_shift[number]  # (P, 2) px of the portrait
        if rng.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
            places, labels = mirror.mirrored_codes(*places), mirror.mirrored_codes(*labels)
            rotation = mirrored_rotation(rotation)
            offset = np.array([picture.shape[1] - 1 - offset[0], offset[1]])
            beside = mirror.mirrored_shift(beside)
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
        sample = make_sample(crop, *labels, rotation, scale, translation, PORTRAIT, weight, 0.5)
        vertices = self.head.shape(*places)
        projected = camera.project(vertices, rotation, scale, translation, np.inf)
        sample = self._with_points(sample, projected)
        sample["points"] += (beside @ linear.T).astype(np.float32)
        return sample

    def _rendered(
        self,
        rng: np.random.Generator,
        person: Person,
        skin: SkinColours,
        stream: int,
        relight: float,
        extras: list[Extra],
        tint: np.ndarray,
    ) -> Sample:
        weight = np.ones(self.head.n_expression, np.float32)
        glasses = None
        if rng.random() < GLASSES_SHARE:
            glasses = sample_glasses(rng, person.vertices, person.pose)
            extras = extras + glasses.pieces
            # Nobody can see what the eyes do behind dark glass.
            weight[EYE_UNITS] = max(1.0 - glasses.hides, HIDDEN_WEIGHT)
        if rng.random() < MASK_SHARE:
            extras = extras + sample_face_mask(rng, person.vertices, person.pose)
            weight[MOUTH_UNITS] = HIDDEN_WEIGHT
        uniforms = sample_light(rng, relight) | sample_eyes(rng) | {"tint": tuple(tint)}
        if person.cartoon:
            uniforms = large_irises(rng, uniforms)
            weight *= CARTOON_EXPRESSION_WEIGHT
        else:
            skin = with_folds(rng, skin, person.expression)
        if rng.random() < BEARD_SHARE:
            skin = with_beard(rng, skin)
        mouth = sample_mouth_colours(rng)
        drawn = place_teeth(rng, person.vertices)
        rgba, projected = self.renderer.render(drawn, person.pose, skin, mouth, uniforms, tuple(extras))
        crop = self._composed(rng, cv2.resize(rgba, (self.size, self.size), interpolation=cv2.INTER_AREA))
        if glasses is not None and 0.0 < glasses.hides < 1.0:
            crop = lay_lenses(rng, crop, glasses)
        camera_of = person.pose.rotation, person.pose.scale, person.pose.translation
        if np.isfinite(person.pose.distance_mm):
            camera_of = camera.fit_weak_perspective(person.vertices[self._front], projected[self._front])
        known = 0.0 if person.cartoon else 1.0
        sample = make_sample(crop, person.identity, person.expression, *camera_of, stream, weight, known)
        sample["volume_weight"] = np.float32(known)
        return self._with_points(sample, projected)

    def _composed(self, rng: np.random.Generator, rgba: np.ndarray) -> np.ndarray:
        """The premultiplied picture (S, S, 4) u8 before a background, (S, S, 3) u8."""
        colour, alpha = np.ascontiguousarray(rgba[..., :3]), rgba[..., 3]
        if alpha.min() == 255:
            return colour
        behind = sample_background(rng, self.size, self._random_picture if self.store else None)
        free = cv2.merge([255 - alpha] * 3)
        return cv2.add(colour, cv2.multiply(behind, free, scale=1.0 / 255.0))

    def _dressed(
        self, rng: np.random.Generator, vertices: np.ndarray, pose: sampling.Pose, skin: np.ndarray
    ) -> list[Extra]:
        """Body, hair and hat, at times, for a head whose neck has the colour `skin` (3,) 0..1."""
        extras = [sample_body(rng, pose, np.clip(1.1 * skin, 0.0, 1.0))] if rng.random() < BODY_SHARE else []
        if rng.random() < HAIR_SHARE:
            extras.append(sample_hair(rng, vertices, pose))
        if rng.random() < HAT_SHARE:
            extras += sample_hat(rng, vertices, pose)
        return extras

    def _is_cartoon(self, rng: np.random.Generator) -> bool:
        return rng.random() < CARTOON_SHARE and self.cartoons

    @cached_property
    def _neck(self) -> np.ndarray:
        """Skin vertices of the throat, whose colour the neck below takes."""
        skin = self.head.mean[self.head.parts["skin"]]
        return np.flatnonzero((skin[:, 1] < -80.0) & (skin[:, 2] > -40.0))

    def _with_points(self, sample: Sample, projected: np.ndarray) -> Sample:
        sample["points"] = self.head.dense_points(projected)[:, :2].astype(np.float32)
        return sample

    def _random_picture(self, rng: np.random.Generator) -> np.ndarray:
        store = self._store()
        return store.picture(int(rng.integers(len(store))))

    def _store(self) -> PortraitStore:
        if self.store is None:
            raise ValueError("this stream needs portraits")
        return self.store
