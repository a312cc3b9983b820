"""Find where on the mesh annotators put the 68 landmarks, from captured photos of an annotated training set.

    python tools/fit_annotated_landmarks.py ANNOTATED_DIR TAKES_DIR

ANNOTATED_DIR holds IMAGE.pts (68 points, 1-based pixels), TAKES_DIR what `mmface capture` made of the same pictures.
Printed: the table for `mmface_core/model/annotated.py`, and the mean distance before and after. Each landmark's place
is one triangle (in the middle of the face: one edge) with weights, the same on both sides of the face, that minimises
the mean distance to the annotation over all pictures. It is a constant correction of the definition of a landmark, no
training: use helen_trainset, and measure on other sets. Needs the package anny.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from mmface_core.model.default_topology import head_topology
from mmface_core.model.face_model import FaceModel
from mmface_core.model.landmarks import LEFT_LANDMARKS, MIRRORED_LANDMARK
from mmface_core.take import Take
from train.data.camera import project
from train.measure.annotations import read_pts
from train.measure.protocol import box_size

NEAR_MM = 14.0  # how far from a landmark's anatomical place annotators may mean it
JAW = range(17)
JAW_MM = 7.0  # how far from the line of the jaw its landmarks may lie
STEPS = 5  # barycentric weights are tried in fifths
MATCHED = 0.15  # annotations whose mean distance is larger, as part of the box, belong to another face


class Pictures:
    """Captured faces with their annotations: everything in pixels over the annotated box' sqrt(w*h), in %."""

    def __init__(self, annotated: Path, takes: Path, model: FaceModel) -> None:
        self.annotation, self.vertices = [], []
        for path in sorted(annotated.glob("*.pts")):
            points = read_pts(path)
            size = box_size(points)[0] / 100.0
            candidates = [Take.load(file) for file in takes.glob(f"{path.stem}*.npz")]
            distance = [float(np.linalg.norm(t.landmarks[0, :, :2] - points, axis=1).mean()) / size for t in candidates]
            if not candidates or min(distance) > 100.0 * MATCHED:
                continue
            take = candidates[int(np.argmin(distance))]
            shape = (
                model.mean.numpy()
                + np.tensordot(take.identity, model.identity_basis.numpy(), 1)
                + np.tensordot(take.expression[0], model.expression_basis.numpy(), 1)
            )
            pixels = project(shape, take.rotation[0], float(take.scale[0]), take.translation[0], np.inf)
            self.annotation.append(points / size)
            self.vertices.append(pixels[:, :2] / size)
        self.annotation = np.stack(self.annotation)  # (N, 68, 2)
        self.vertices = np.stack(self.vertices)  # (N, V, 2)

    def distance(self, number: int, corners: np.ndarray, weights: np.ndarray) -> float:
        """Mean distance of a place (3,) vertices, (3,) weights to a landmark's annotations, %."""
        placed = np.tensordot(self.vertices[:, corners], weights, (1, 0))
        return float(np.linalg.norm(placed - self.annotation[:, number], axis=1).mean())


def best_place(pictures: Pictures, model: FaceModel, number: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Vertices (3,), weights (3,) and mean distance of the best place of a landmark of the left half or the middle."""
    mirror = model.mirror.numpy()
    mean = model.mean.numpy()[model.skin]
    start = model.landmark_vertices[number].numpy(), model.landmark_weights[number].numpy()
    near = np.linalg.norm(mean - (mean[start[0]] * start[1][:, None]).sum(0), axis=1) < NEAR_MM
    if number in JAW:
        # Frontal photos do not tell how deep a point of the outline lies: it may slide along the jaw, not off it.
        near &= _distance_to_jaw(model, mean) < JAW_MM
    triangles = model.part_triangles("skin").numpy()
    triangles = triangles[near[triangles].all(1)]
    middle = MIRRORED_LANDMARK[number] == number
    if middle:
        edges = np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        edges = np.unique(np.sort(edges[(mirror[edges] == edges).all(1)], axis=1), axis=0)
        triangles = np.column_stack([edges, edges[:, 0]])
    grid = [(a, b) for a in range(STEPS + 1) for b in range(STEPS + 1 - a) if not middle or a + b == STEPS]
    shares = np.array([(a, b, STEPS - a - b) for a, b in grid]) / STEPS

    def cost(corners: np.ndarray, weights: np.ndarray) -> float:
        here = pictures.distance(number, corners, weights)
        return here if middle else (here + pictures.distance(MIRRORED_LANDMARK[number], mirror[corners], weights)) / 2

    best = min(((cost(c, w), tuple(c), tuple(w)) for c in triangles for w in shares), default=None)
    if best is None:
        return *start, cost(*start)
    return np.array(best[1]), np.array(best[2]), best[0]


def _distance_to_jaw(model: FaceModel, points: np.ndarray) -> np.ndarray:
    """Distance (n,) in mm of points (n, 3) from the line through the anatomical jaw landmarks."""
    marks = model.landmarks_of(model.mean[None])[0, JAW.start : JAW.stop].numpy()
    line = np.concatenate([np.linspace(a, b, 20) for a, b in pairwise(marks)])
    return cKDTree(line).query(points)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotated", type=Path)
    parser.add_argument("takes", type=Path)
    args = parser.parse_args()
    model = FaceModel.load(parts=("skin", "eye_left", "eye_right"))
    source = head_topology().source
    pictures = Pictures(args.annotated, args.takes, model)
    before, after = [], []
    print("LEFT_ANNOTATED: Final[dict[int, Place]] = {")
    for number in sorted(LEFT_LANDMARKS):
        start = model.landmark_vertices[number].numpy(), model.landmark_weights[number].numpy()
        before.append(pictures.distance(number, *start))
        corners, weights, distance = best_place(pictures, model, number)
        after.append(distance)
        used = [(int(source[v]), round(float(w), 2)) for v, w in zip(corners, weights, strict=True) if w > 0]
        print(f"    {number}: ({tuple(v for v, _ in used)}, {tuple(w for _, w in used)}),", flush=True)
    print("}")
    count = len(pictures.annotation)
    print(
        f"# {count} pictures, left and middle landmarks: mean distance {np.mean(before):.2f} -> {np.mean(after):.2f} %"
    )


if __name__ == "__main__":
    main()
