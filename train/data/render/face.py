"""Draw one head: from vertices, pose, colours and light to an RGBA picture of the crop."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmface_core.conventions import CROP_SIZE
from train.data import camera
from train.data.head import default_head
from train.data.render import fold_map, shaders
from train.data.render.clip import to_clip
from train.data.render.context import Canvas
from train.data.render.cull import facing
from train.data.render.surface import default_surface, mouth_occlusion
from train.data.sampling import Pose

MAX_EXTRA_VERTICES = 4096  # room for backdrops, glasses, collars beside the head
MAX_EXTRA_TRIANGLES = 8192


@dataclass(frozen=True)
class SkinColours:
    """Where the skin takes its colour from.

    texture (size, size, 3) u8. From a portrait: uv_a, uv_b (n_skin, 2) f32 texture coordinates 0..1, mix (n_skin,) f32
    between them, fill (n_skin, 3) f32 0..1 and its weight (n_skin,) f32 where the portrait hides the skin. Painted:
    colours (n_skin, 3) f32 0..1, with the texture as noise around mid-grey. folds: the map of `folds.sample_folds`, or
    None for skin that has none.
    """

    texture: np.ndarray
    uv_a: np.ndarray
    uv_b: np.ndarray
    mix: np.ndarray
    colours: np.ndarray | None = None
    fill: np.ndarray | None = None
    fill_weight: np.ndarray | None = None
    folds: np.ndarray | None = None


@dataclass(frozen=True)
class Extra:
    """Further geometry in crop pixels: kind of surface, positions (n, 3), triangles (m, 3), and the remaining 14 floats
    a vertex (`shaders.ATTRIBUTES` without the position)."""

    kind: int
    positions: np.ndarray
    triangles: np.ndarray
    attributes: np.ndarray


@dataclass
class FaceRenderer:
    """Draws heads at `size` px a side, supersampled `oversample` times; holds an OpenGL context."""

    size: int = 256
    oversample: float = 1.0
    texture_size: int = 256
    canvas: Canvas = field(init=False)

    def __post_init__(self) -> None:
        head = default_head()
        self.canvas = Canvas(
            round(self.size * self.oversample),
            head.n_vertices + MAX_EXTRA_VERTICES,
            len(head.triangles) + MAX_EXTRA_TRIANGLES,
            self.texture_size,
            fold_map.SIZE,
        )

    def render(
        self,
        vertices: np.ndarray,
        pose: Pose,
        skin: SkinColours,
        mouth_colours: np.ndarray,
        uniforms: dict[str, object],
        extras: tuple[Extra, ...] = (),
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a head.

        vertices (V, 3) f32 mm of all parts; mouth_colours (V, 3) f32, used for the parts of one colour.
        Returns RGBA u8 (n, n, 4), n = size * oversample, premultiplied; and the vertices projected into the 256 crop,
        (V, 3) f32 px with depth.
        """
        head, surface = default_head(), default_surface()
        projected = camera.project(vertices, pose.rotation, pose.scale, pose.translation, pose.distance_mm)
        buffer = np.zeros((head.n_vertices, shaders.FLOATS_PER_VERTEX), np.float32)
        buffer[:, 0:3] = to_clip(projected, CROP_SIZE)
        buffer[:, 3:6] = head.normals(vertices) @ pose.rotation.T.astype(np.float32)
        n_skin = head.parts["skin"].stop
        buffer[:n_skin, 6:8], buffer[:n_skin, 8:10], buffer[:n_skin, 10] = skin.uv_a, skin.uv_b, skin.mix
        buffer[:, 11:14] = mouth_colours
        buffer[:, 14] = 1.0
        mouth_occlusion(head, vertices, buffer[:, 14])
        for eye in ("eye_left", "eye_right"):
            part = head.parts[eye]
            buffer[part, 11:14] = surface.eye_direction[part]
            buffer[part, 6:8] = _ball_normals(vertices[part])
        faces = {kind: facing(buffer, triangles) for kind, triangles in surface.faces.items()}
        if skin.colours is not None:
            buffer[:n_skin, 11:14] = skin.colours
            faces[shaders.PAINTED] = faces.pop(shaders.TEXTURED)
        if skin.fill is not None and skin.fill_weight is not None:
            buffer[:n_skin, 11:14], buffer[:n_skin, 14] = skin.fill, 1.0 - skin.fill_weight
        buffer[:n_skin, 15:17] = fold_map.coordinates()
        folds = fold_map.flat() if skin.folds is None else skin.folds
        turned = {"fold_left": tuple(pose.rotation[:, 0]), "fold_up": tuple(pose.rotation[:, 1])}
        if extras:
            buffer = _join(buffer, faces, extras)
        return self.canvas.draw(buffer, faces, skin.texture, folds, uniforms | turned), projected


def sample_mouth_colours(rng: np.random.Generator) -> np.ndarray:
    """Colours (V, 3) f32 of teeth, tongue, mouth and lashes; the skin's rows are grey and unused."""
    head = default_head()
    colours = np.full((head.n_vertices, 3), 0.5, np.float32)
    teeth = rng.uniform(0.62, 0.95) * np.array([1.0, rng.uniform(0.9, 0.98), rng.uniform(0.72, 0.94)])
    gum = np.array([0.62, 0.27, 0.26]) * rng.uniform(0.5, 1.0)
    palette = {
        "teeth_upper": teeth,
        "teeth_lower": teeth * rng.uniform(0.75, 0.95),
        "tongue": gum * rng.uniform(0.8, 1.15),
        "mouth": gum * rng.uniform(0.25, 0.6),
        "sockets": gum * rng.uniform(0.4, 0.7),
        "lashes": np.full(3, rng.uniform(0.02, 0.15)),
        "brows": np.full(3, rng.uniform(0.02, 0.2)),
    }
    for name, colour in palette.items():
        if name in head.parts:
            colours[head.parts[name]] = colour
    return colours


def _ball_normals(points: np.ndarray) -> np.ndarray:
    """x, y (n, 2) of the direction from an eyeball's centre, in the head frame (not turning with the gaze)."""
    low, high = points.min(0), points.max(0)
    direction = points - (low + high) / 2
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
    return direction[:, :2]


def _join(buffer: np.ndarray, faces: dict[int, np.ndarray], extras: tuple[Extra, ...]) -> np.ndarray:
    """Append the extras' vertices to the buffer and their triangles to `faces` (changed in place)."""
    buffers, offset = [buffer], len(buffer)
    for extra in extras:
        rows = np.empty((len(extra.positions), shaders.FLOATS_PER_VERTEX), np.float32)
        rows[:, :3] = to_clip(extra.positions, CROP_SIZE)
        rows[:, 3:] = extra.attributes
        buffers.append(rows)
        known = faces.get(extra.kind, np.zeros((0, 3), np.int32))
        faces[extra.kind] = np.concatenate((known, (extra.triangles + offset).astype(np.int32)))
        offset += len(rows)
    return np.concatenate(buffers)
