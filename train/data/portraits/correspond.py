"""Which place of our mesh each of MediaPipe's 478 points means, found by looking at heads that we rendered ourselves.

Painted heads of many identities and small turns are rendered, the landmark model runs on the pictures, every point is
traced back to the triangle that it lies on, and the median over the pictures is the correspondence. Points that
slide over the face with the view (the outline above all) show a large spread and are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmface_core.conventions import euler_to_rotation
from train.data.head import Head, default_head
from train.data.render.face import FaceRenderer, SkinColours, sample_mouth_colours
from train.data.render.light import sample_eyes, sample_light
from train.data.render.paint import sample_noise_texture, sample_skin_colours
from train.data.sampling import Pose

MAX_SPREAD_MM = 3.5


@dataclass(frozen=True)
class Correspondence:
    """Places of n points on the mesh: `index` (n,) into the 478, vertices (n, 3) and weights (n, 3), spread (n,) mm."""

    index: np.ndarray
    vertices: np.ndarray
    weights: np.ndarray
    spread: np.ndarray

    def on(self, vertices: np.ndarray) -> np.ndarray:
        """The places (n, 3) on a head's vertices (V, 3), in their frame and unit."""
        return (vertices[self.vertices] * self.weights[..., None]).sum(1)

    def those(self, chosen: np.ndarray) -> Correspondence:
        """A part of them; chosen (n,) bool."""
        return Correspondence(self.index[chosen], self.vertices[chosen], self.weights[chosen], self.spread[chosen])


def render_heads(count: int, seed: int, size: int = 384) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Painted heads to run the landmark model on.

    Returns pictures (count, size, size, 3) u8, vertices (count, V, 3) mm and their projection (count, V, 3) px.
    """
    head = default_head()
    renderer = FaceRenderer(size=size, oversample=1.0)
    pictures, shapes, projections = [], [], []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        identity = 0.8 * rng.standard_normal(head.n_identity).astype(np.float32)
        vertices = head.shape(identity, np.zeros(head.n_expression, np.float32))
        rotation = euler_to_rotation(*np.radians([rng.normal(0, 12), rng.normal(0, 7), rng.normal(0, 4)]))
        pose = Pose(rotation, 0.85, np.array([127.5, 127.5]), np.inf)
        texture = sample_noise_texture(rng)
        uv = np.zeros((head.parts["skin"].stop, 2), np.float32) + 0.5
        colours = np.clip(sample_skin_colours(rng) * 0.6 + 0.3, 0, 1)
        skin = SkinColours(np.full_like(texture, 128), uv, uv, np.zeros(len(uv), np.float32), colours)
        uniforms = sample_light(rng, 0.4) | sample_eyes(rng)
        rgba, projected = renderer.render(vertices, pose, skin, sample_mouth_colours(rng), uniforms)
        backdrop = rng.uniform(90, 220)
        alpha = rgba[..., 3:].astype(np.float32) / 255.0
        pictures.append((rgba[..., :3] + backdrop * (1 - alpha)).astype(np.uint8))
        shapes.append(vertices)
        projected = projected.copy()
        projected[:, :2] = (projected[:, :2] + 0.5) * (size / 256.0) - 0.5
        projections.append(projected)
    return np.stack(pictures), np.stack(shapes), np.stack(projections)


def find(points: np.ndarray, projections: np.ndarray) -> Correspondence:
    """Correspondences from detected points (B, 478, 3) and the projected meshes (B, V, 3) of the same pictures."""
    head = default_head()
    triangles = _solid_triangles(head)
    places = np.full((len(points), points.shape[1], 3), np.nan)
    for number, (detected, projected) in enumerate(zip(points, projections, strict=True)):
        if np.isfinite(detected[0, 0]):
            places[number] = _places_on_mean(head, triangles, detected[:, :2], projected)
    median = np.nanmedian(places, axis=0)
    spread = np.nanmedian(np.linalg.norm(places - median, axis=2), axis=0)
    seen = np.isfinite(places[..., 0]).mean(0)
    keep = np.flatnonzero((spread < MAX_SPREAD_MM) & (seen > 0.5))
    vertices, weights = nearest_on_mesh(head.mean, triangles, median[keep])
    return Correspondence(keep, vertices, weights, spread[keep])


def _solid_triangles(head: Head) -> np.ndarray:
    """Triangles of skin and eyeballs."""
    stop = max(head.parts[name].stop for name in ("skin", "eye_left", "eye_right"))
    return head.triangles[(head.triangles < stop).all(1)]


def _places_on_mean(head: Head, triangles: np.ndarray, points: np.ndarray, projected: np.ndarray) -> np.ndarray:
    """The place (n, 3) on the MEAN head of what lies in front at each picture point (n, 2); NaN beside the head."""
    corner = projected[triangles]
    a, b, c = (corner[:, i, :2].astype(np.float64) for i in range(3))
    out = np.full((len(points), 3), np.nan)
    low, high = corner[..., :2].min(1), corner[..., :2].max(1)
    for index, point in enumerate(points):
        near = np.flatnonzero((low <= point).all(1) & (high >= point).all(1))
        u, v, p = b[near] - a[near], c[near] - a[near], point - a[near]
        area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        area = np.where(np.abs(area) < 1e-9, 1e-9, area)
        second = (p[:, 0] * v[:, 1] - p[:, 1] * v[:, 0]) / area
        third = (u[:, 0] * p[:, 1] - u[:, 1] * p[:, 0]) / area
        weights = np.column_stack((1 - second - third, second, third))
        hit = np.flatnonzero((weights >= -1e-6).all(1))
        if len(hit):
            depth = (corner[near[hit], :, 2] * weights[hit]).sum(1)
            front = hit[np.argmax(depth)]
            out[index] = (head.mean[triangles[near[front]]] * weights[front][:, None]).sum(0)
    return out


def nearest_on_mesh(vertices: np.ndarray, triangles: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corner vertices (n, 3) i64 and barycentric weights (n, 3) f32 of the mesh places nearest to points (n, 3)."""
    import trimesh

    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    closest, _, face = trimesh.proximity.closest_point_naive(mesh, points)
    weights = trimesh.triangles.points_to_barycentric(vertices[triangles[face]], closest)
    return triangles[face].astype(np.int64), np.clip(weights, 0, 1).astype(np.float32)
