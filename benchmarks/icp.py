"""Pose from a face volume: ours against open3d, small_gicp and trimesh, on the same meshes, volumes and starts.

    python benchmarks/icp.py [--seeds 20] [--sizes 64,128,192] [--points 5000] [--degrees 10] [--markdown FILE]

Needs the extra `bench`. For each seed a head of the default model (random identity, expression and pose) is made a
solid of 0 and 1, and every method is given the same points of its mesh and the same wrong start: turned about a random
axis, and 3 % of the head's width off. The peers work on points, so the solid's surface is extracted for them by one
compiled pass (`surface_of`), whose time is given by itself: "from volume" holds it, "from points" does not. Peers may
use both cores; ours uses one. Each peer runs with several settings (`PEERS`); the fastest that converges counts.

On a machine that others use as well, wall time flatters what ends within one slice of the processor, as ours does, and
two threads mostly wait for one another. There `OMP_NUM_THREADS=1 ... --cpu` gives each method one thread and counts its
processor time, which on an idle machine is what the clock shows.

Methods take turns within each seed, so that what else the machine does falls on all of them; times are the smallest and
the median over the seeds. Converged: less than 2 degrees and 3 px off at the end. Errors: medians over all runs.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import torch

from mmface_core.geometry.align import CAP_MARGIN_MM, NECK_Y_MM, align
from mmface_core.geometry.mesh import cap_triangles
from mmface_core.geometry.voxelize import cap_plane, voxelize
from mmface_core.model.face_arrays import FaceArrays

CONVERGED_DEG, CONVERGED_PX = 2.0, 3.0
START_OFF_MM = 4.5  # 3 % of a head of 150 mm
FAR_PX = 25.0  # how far peers look for a partner: more lets the cap and the neck in, less loses the basin
THREADS = 2  # of small_gicp; open3d takes OMP_NUM_THREADS


class Scene(NamedTuple):
    """volume (1, N, N, N) f32; points (n, 3) mm of the mesh; the true pose; the start: rotation, translation px."""

    volume: np.ndarray
    points: np.ndarray
    rotation: np.ndarray
    scale: float
    translation: np.ndarray
    start_rotation: np.ndarray
    start_translation: np.ndarray


class Pose(NamedTuple):
    """rotation (3, 3) head to camera, translation (2,) px."""

    rotation: np.ndarray
    translation: np.ndarray


def rotation_of(vector: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) of a rotation vector (3,)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector / max(angle, 1e-12)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


class Scenes:
    """Heads by seed; the mesh's points and its solid are made of the same shape."""

    def __init__(self) -> None:
        model = FaceArrays.load()
        self._model = model
        skin = model.triangles[(model.triangles < model.skin.stop).all(1)]
        self._closed = cap_triangles(skin, model.skin.stop)
        mean = model.mean[model.skin]
        usable = (mean[:, 2] > model.cap_z_mm + CAP_MARGIN_MM) & (mean[:, 1] > NECK_Y_MM)
        self._front = skin[usable[skin].all(1)]  # triangles whose surface the points are drawn from

    def scene(self, seed: int, size: int, count: int, degrees: float) -> Scene:
        rng = np.random.default_rng(seed)
        model, skin = self._model, self._model.skin
        identity = 0.8 * rng.standard_normal(model.identity_basis.shape[0])
        expression = rng.uniform(0, 0.5, model.expression_basis.shape[0]) * (rng.random(52) < 0.2)
        shape = model.mean[skin] + np.tensordot(identity, model.identity_basis[:, skin], 1)
        shape = shape + np.tensordot(expression, model.expression_basis[:, skin], 1)  # (V, 3) mm
        rotation = rotation_of(rng.normal(0, [0.25, 0.5, 0.15]))
        scale, translation = 1.28 * float(np.exp(rng.normal(0, 0.05))), 127.5 + rng.normal(0, 6, 2)
        camera = scale * shape @ rotation.T
        pixels = np.concatenate([translation + camera[:, :2] * [1, -1], camera[:, 2:]], axis=1)
        cap = cap_plane(rotation[None], np.array([scale]), translation[None], model.cap_z_mm)
        vertices = self._closed.vertices(torch.from_numpy(pixels[None])).numpy()
        volume = np.ascontiguousarray(voxelize(vertices, self._closed.triangles, cap, size), np.float32)
        axis = rng.standard_normal(3)
        turn = rotation_of(np.radians(degrees) * axis / np.linalg.norm(axis))
        away = rng.standard_normal(2)
        moved = translation + scale * START_OFF_MM * away / np.linalg.norm(away)
        return Scene(volume, self._points(rng, shape, count), rotation, scale, translation, turn @ rotation, moved)

    def _points(self, rng: np.random.Generator, shape: np.ndarray, count: int) -> np.ndarray:
        """Points (count, 3) drawn evenly from the face's surface."""
        a, b, c = (shape[self._front[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        chosen = rng.choice(len(area), count, p=area / area.sum())
        u, v = rng.random((2, count, 1))
        u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
        return a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]


@numba.njit(nogil=True)  # not cached: a script and an imported module would spoil each other's cache
def surface_of(volume, points, normals):  # pragma: no cover - compiled
    """Surface of a solid (N, N, N) in one pass, written to points and normals (M, 3), camera px with y up; the count.

    Where two neighbours along an axis lie on different sides of 0.5, their crossing point, with the gradient there,
    from differences over two voxels, as the normal: exact for smooth volumes, and for 0 and 1 like marching cubes.
    """
    size = volume.shape[0]
    step = 256.0 / size
    first = (step - 1.0) / 2
    found = 0
    for d in range(1, size - 2):
        for row in range(1, size - 2):
            line, below, behind = volume[d, row], volume[d, row + 1], volume[d + 1, row]
            for column in range(1, size - 2):
                here = line[column]
                inside = here > 0.5
                u, v, w = line[column + 1], below[column], behind[column]
                if inside == (u > 0.5) and inside == (v > 0.5) and inside == (w > 0.5):
                    continue
                gx = gy = gz = 0.0
                for a in range(-1, 2):
                    for b in range(-1, 2):
                        gx += volume[d + a, row + b, column + 1] - volume[d + a, row + b, column - 1]
                        gy -= volume[d + a, row + 1, column + b] - volume[d + a, row - 1, column + b]
                        gz += volume[d + 1, row + a, column + b] - volume[d - 1, row + a, column + b]
                length = max(1e-9, np.sqrt(gx * gx + gy * gy + gz * gz))
                for axis in range(3):
                    there = u if axis == 0 else (v if axis == 1 else w)
                    if inside == (there > 0.5) or found >= points.shape[0]:
                        continue
                    share = (0.5 - here) / (there - here)
                    points[found, 0] = (column + (share if axis == 0 else 0.0)) * step + first
                    points[found, 1] = -((row + (share if axis == 1 else 0.0)) * step + first)
                    points[found, 2] = (d + (share if axis == 2 else 0.0) - (size - 1) / 2) * step
                    normals[found, 0], normals[found, 1], normals[found, 2] = -gx / length, -gy / length, -gz / length
                    found += 1
    return found


def extract(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and outward normals (M, 3) of a volume's surface, camera px with y up."""
    room = np.empty((2, 12 * volume.shape[0] ** 2, 3))
    count = surface_of(volume, room[0], room[1])
    return room[0, :count], room[1, :count]


Clock = Callable[[], float]
Peer = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(mesh's points, surface's points, surface's normals, start (4, 4)) -> transform (4, 4), camera px with y up."""


def open3d_icp(kind: str, down: float = 0.0) -> Peer:
    import open3d

    registration = open3d.pipelines.registration
    estimate = {
        "point-to-plane": registration.TransformationEstimationPointToPlane(registration.TukeyLoss(k=FAR_PX / 2)),
        "point-to-point": registration.TransformationEstimationPointToPoint(),
    }[kind]
    criteria = registration.ICPConvergenceCriteria(max_iteration=50)

    def cloud(points: np.ndarray) -> object:
        made = open3d.geometry.PointCloud()
        made.points = open3d.utility.Vector3dVector(points)
        return made

    def run(points: np.ndarray, surface: np.ndarray, normals: np.ndarray, start: np.ndarray) -> np.ndarray:
        target = cloud(surface)
        target.normals = open3d.utility.Vector3dVector(normals)  # type: ignore[attr-defined]
        source = cloud(points)
        if down:
            target, source = target.voxel_down_sample(down), source.voxel_down_sample(down)  # type: ignore[attr-defined]
        return registration.registration_icp(source, target, FAR_PX, start, estimate, criteria).transformation

    return run


def small_gicp_icp(kind: str, down: float, threads: int, voxel: float = 6.0) -> Peer:
    import small_gicp

    def run(points: np.ndarray, surface: np.ndarray, normals: np.ndarray, start: np.ndarray) -> np.ndarray:
        return small_gicp.align(
            surface,
            points,
            start,
            registration_type=kind,
            voxel_resolution=voxel,
            downsampling_resolution=down,
            max_correspondence_distance=FAR_PX,
            num_threads=threads,
            max_iterations=50,
        ).T_target_source

    return run


def trimesh_icp() -> Peer:
    import trimesh

    def run(points: np.ndarray, surface: np.ndarray, normals: np.ndarray, start: np.ndarray) -> np.ndarray:
        return trimesh.registration.icp(points, surface, start, scale=False, reflection=False, max_iterations=50)[0]

    return run


PEERS: dict[str, tuple[str, Callable[[int], Peer]]] = {
    "open3d point-to-plane": ("open3d", lambda _threads: open3d_icp("point-to-plane")),
    "open3d point-to-plane, 4 px grid": ("open3d", lambda _threads: open3d_icp("point-to-plane", 4.0)),
    "open3d point-to-plane, 8 px grid": ("open3d", lambda _threads: open3d_icp("point-to-plane", 8.0)),
    "open3d point-to-point, 4 px grid": ("open3d", lambda _threads: open3d_icp("point-to-point", 4.0)),
    "small_gicp PLANE_ICP, 4 px grid": ("small_gicp", lambda threads: small_gicp_icp("PLANE_ICP", 4.0, threads)),
    "small_gicp PLANE_ICP, 8 px grid": ("small_gicp", lambda threads: small_gicp_icp("PLANE_ICP", 8.0, threads)),
    "small_gicp GICP, 4 px grid": ("small_gicp", lambda threads: small_gicp_icp("GICP", 4.0, threads)),
    "small_gicp GICP, 8 px grid": ("small_gicp", lambda threads: small_gicp_icp("GICP", 8.0, threads)),
    "small_gicp VGICP, 4 px grid, 12 px cells": (
        "small_gicp",
        lambda threads: small_gicp_icp("VGICP", 4.0, threads, 12.0),
    ),
    "small_gicp VGICP, 4 px grid, 24 px cells": (
        "small_gicp",
        lambda threads: small_gicp_icp("VGICP", 4.0, threads, 24.0),
    ),
    "small_gicp VGICP, 8 px grid, 24 px cells": (
        "small_gicp",
        lambda threads: small_gicp_icp("VGICP", 8.0, threads, 24.0),
    ),
    "trimesh": ("trimesh", lambda _threads: trimesh_icp()),
}
SLOW = frozenset({"trimesh"})


@dataclass
class Row:
    """What one method did over the seeds."""

    name: str
    seconds: list[float] = field(default_factory=list)
    extraction: list[float] = field(default_factory=list)
    degrees: list[float] = field(default_factory=list)
    pixels: list[float] = field(default_factory=list)

    @property
    def from_volume(self) -> np.ndarray:
        return np.array(self.seconds) + np.array(self.extraction)

    @property
    def converged(self) -> int:
        return int(sum(d < CONVERGED_DEG and p < CONVERGED_PX for d, p in zip(self.degrees, self.pixels, strict=True)))

    def cells(self) -> list[str]:
        volume, points = 1e3 * self.from_volume, 1e3 * np.array(self.seconds)
        return [
            self.name,
            f"{volume.min():.2f} / {np.median(volume):.2f}",
            f"{points.min():.2f} / {np.median(points):.2f}" if any(self.extraction) else "-",
            f"{np.median(self.degrees):.3f}",
            f"{np.percentile(self.degrees, 90):.3f}",
            f"{np.median(self.pixels):.2f}",
            f"{self.converged} of {len(self.degrees)}",
        ]


HEAD = ["method", "ms from volume", "from points", "degrees off", "9 of 10 below", "px off", "converged"]


def timed(row: Row, scene: Scene, extraction: float, work: Callable[[], Pose], clock: Clock) -> None:
    start = clock()
    pose = work()
    row.seconds.append(clock() - start)
    row.extraction.append(extraction)
    cosine = (np.trace(pose.rotation @ scene.rotation.T) - 1) / 2
    row.degrees.append(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    row.pixels.append(float(np.linalg.norm(pose.translation - scene.translation)))


def ours(scene: Scene) -> Pose:
    found = align(
        scene.volume,
        scene.points[None],
        scene.start_rotation[None],
        np.array([scene.scale]),
        scene.start_translation[None],
    )
    return Pose(found.rotation[0].astype(np.float64), found.translation[0].astype(np.float64))


def peer_pose(peer: Peer, scene: Scene, surface: np.ndarray, normals: np.ndarray) -> Pose:
    """A peer's answer; it moves the mesh's points, already turned and scaled by the start, in camera px with y up."""
    camera = scene.scale * scene.points @ scene.start_rotation.T
    start = np.eye(4)
    start[:3, 3] = [scene.start_translation[0], -scene.start_translation[1], 0.0]
    found = np.asarray(peer(camera, surface, normals, start))
    return Pose(found[:3, :3] @ scene.start_rotation, found[:2, 3] * [1, -1])


def measure(
    scenes: Scenes,
    size: int,
    count: int,
    degrees: float,
    seeds: Sequence[int],
    peers: dict[str, Peer],
    clock: Clock = time.perf_counter,
) -> list[Row]:
    """One row for each method; the first seed is run once more beforehand, to warm everything up."""
    rows = {name: Row(name) for name in ("mmface", *peers)}
    for turn, seed in enumerate([seeds[0], *seeds]):
        scene = scenes.scene(seed, size, count, degrees)
        gc.collect()
        start = clock()
        surface, normals = extract(scene.volume[0])
        extraction = clock() - start
        timed(rows["mmface"], scene, 0.0, lambda scene=scene: ours(scene), clock)
        for name, peer in peers.items():
            timed(
                rows[name],
                scene,
                extraction,
                lambda peer=peer, scene=scene, s=surface, n=normals: peer_pose(peer, scene, s, n),
                clock,
            )
        if turn == 0:
            rows = {name: Row(name) for name in rows}
    return list(rows.values())


def verdict(rows: Sequence[Row], median: bool = False) -> str:
    """How ours stands to the best peers, as ratios within this run."""
    ours, *peers = rows
    if not peers:
        return ""
    of = np.median if median else np.min
    # What is fast because it stays where it started is no rival.
    rivals = [r for r in peers if 2 * r.converged > len(r.degrees)] or peers
    fastest = min(rivals, key=lambda r: of(r.from_volume))
    exact = min(peers, key=lambda r: np.median(r.degrees))
    most = max(peers, key=lambda r: r.converged)
    return (
        f"{of(fastest.from_volume) / of(ours.from_volume):.1f} x faster than the fastest ({fastest.name}); "
        f"median error {np.median(ours.degrees):.3f} against {np.median(exact.degrees):.3f} ({exact.name}); "
        f"converged {ours.converged} against {most.converged} ({most.name})"
    )


def table(rows: Sequence[Row]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def chosen_peers(names: Sequence[str] | None, slow: bool, threads: int) -> dict[str, Peer]:
    """The peers that are installed and wanted; says which are missing."""
    found = {}
    for name, (package, make) in PEERS.items():
        if (names is not None and not any(name.startswith(wanted) for wanted in names)) or (name in SLOW and not slow):
            continue
        if importlib.util.find_spec(package) is None:
            print(f"{name}: {package} is not installed (pip install .[bench])")
            continue
        try:
            found[name] = make(threads)
        except ImportError as error:  # installed, but a library of the system that it needs is not
            print(f"{name}: left out, because it cannot be loaded: {error}")
    return found


def main(arguments: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1000, help="another one draws other heads")
    parser.add_argument("--sizes", default="64,128,192")
    parser.add_argument("--points", default="5000,53000")
    parser.add_argument("--degrees", default="10,40")
    parser.add_argument("--peers", help="only those whose name begins so, by semicolon; - for none")
    parser.add_argument("--no-slow", action="store_true", help="leave out trimesh")
    parser.add_argument("--cpu", action="store_true", help="processor time of one thread each, instead of wall time")
    parser.add_argument("--markdown", type=Path, help="also write the tables here")
    options = parser.parse_args(arguments)
    if options.cpu and os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("--cpu compares single threads; set OMP_NUM_THREADS=1 beforehand")
    names = None if options.peers is None else options.peers.split(";")
    peers = chosen_peers(names, not options.no_slow, 1 if options.cpu else THREADS)
    clock = time.process_time if options.cpu else time.perf_counter
    scenes, parts = Scenes(), []
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for size in map(int, options.sizes.split(",")):
        for count in map(int, options.points.split(",")):
            for degrees in map(float, options.degrees.split(",")):
                rows = measure(scenes, size, count, degrees, seeds, peers, clock)
                extraction = [1e3 * t for row in rows[1:2] for t in row.extraction]
                shared = f", extraction {min(extraction):.2f} / {np.median(extraction):.2f} ms" if extraction else ""
                title = f"### {size}^3, {count} points, {degrees:g} degrees off, {len(seeds)} seeds{shared}"
                parts.append("\n".join([title, "", table(rows), "", verdict(rows), ""]))
                print(parts[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(parts))
    return "\n".join(parts)


if __name__ == "__main__":
    main()
