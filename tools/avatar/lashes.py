"""Eyelashes as single tapered hairs that grow out of the model's lash bands and move with them."""

from __future__ import annotations

import numpy as np

from mmface_core.model.default_source import read_base_mesh
from tools.avatar.head import Person
from tools.avatar.parts import AvatarMesh

_BANDS = ("helper-l-eyelashes-2", "helper-l-eyelashes-1", "helper-r-eyelashes-2", "helper-r-eyelashes-1")
_HAIRS = {"2": 44, "1": 30}  # upper and lower band
_LENGTH = {"2": 0.92, "1": 0.55}  # of the band's own width
_WIDTH_MM = 0.28
_STEPS = 4


def lash_mesh(person: Person) -> AvatarMesh:
    """All lashes as one mesh of quads, each hair a strip of `_STEPS` quads that ends almost in a point."""
    part = person.head.part("lashes")
    base = read_base_mesh()
    rng = np.random.default_rng(3)
    rows: list[np.ndarray] = []  # each a row of shares of the part's vertices
    thickness: list[np.ndarray] = []
    for group in _BANDS:
        grid = _grid(person.head.of_base(base.groups[group], "lashes") - part.start, person.shape[part])
        kind = group[-1]
        count = _HAIRS[kind]
        for hair in range(count):
            start = (hair + 0.5 + rng.uniform(-0.3, 0.3)) / count
            lean = (start - 0.45) * 0.12 + rng.normal(0, 0.012)
            reach = _LENGTH[kind] * rng.uniform(0.8, 1.0) * (0.65 + 0.35 * np.sin(np.pi * min(1, start * 1.15)))
            for step in range(_STEPS + 1):
                t = step / _STEPS
                rows.append(_share(grid, start + lean * t * t, t * reach, part.stop - part.start))
                thickness.append(np.array([(1 - 0.85 * t) * _WIDTH_MM / 2]))
    shares = np.stack(rows)
    line = shares @ person.shape[part]
    along = np.gradient(line.reshape(-1, _STEPS + 1, 3), axis=1).reshape(-1, 3)
    across = np.cross(along, [0, 0, 1.0])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    half = across * np.concatenate(thickness)[:, None]
    vertices = np.concatenate([line - half, line + half])
    first = (np.arange(len(line)).reshape(-1, _STEPS + 1)[:, :-1]).ravel()
    faces = np.stack([first, first + 1, first + 1 + len(line), first + len(line)], 1)
    keys = {name: np.tile(shares @ offset, (2, 1)) for name, offset in person.keys(part).items()}
    return AvatarMesh("Lashes", vertices, faces, ["Lash"], {"head": np.ones(len(vertices))}, keys)


def _grid(quads: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The band's vertices as a grid (columns along the lid from the inner corner, rows from the lid outwards)."""
    neighbours: dict[int, set[int]] = {}
    for quad in quads.tolist():
        for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
            neighbours.setdefault(a, set()).add(b)
            neighbours.setdefault(b, set()).add(a)
    corners = [vertex for vertex, others in neighbours.items() if len(others) == 2]
    # Start at the inner corner that lies on the lid: of the two corners nearest to the nose the one farther back.
    inner = sorted(corners, key=lambda v: abs(shape[v, 0]))[:2]
    start = min(inner, key=lambda v: shape[v, 2])
    first_row = _walk(start, neighbours, lambda v: abs(shape[v, 0]))
    rows = [first_row]
    seen = set(first_row)
    while True:
        following = [
            next((n for n in neighbours[v] if n not in seen and _next_to(n, v, neighbours)), None) for v in rows[-1]
        ]
        if None in following:
            return np.array(rows).T
        rows.append(following)
        seen |= set(following)


def _walk(start: int, neighbours: dict[int, set[int]], outwardness) -> list[int]:
    """Along the border from a corner to the corner at the far end of the long side."""
    best: list[int] = []
    for direction in neighbours[start]:
        path = [start, direction]
        while len(neighbours[path[-1]]) != 2:
            path.append(next(n for n in neighbours[path[-1]] if n != path[-2] and len(neighbours[n]) < 4))
        if len(path) > len(best):
            best = path
    return best


def _next_to(candidate: int, vertex: int, neighbours: dict[int, set[int]]) -> bool:
    return candidate in neighbours[vertex]


def _share(grid: np.ndarray, u: float, v: float, size: int) -> np.ndarray:
    """Bilinear shares (size,) of the grid's vertices at u, v in 0..1."""
    columns, rows = grid.shape
    x, y = np.clip(u, 0, 1) * (columns - 1), np.clip(v, 0, 1) * (rows - 1)
    i, j = min(int(x), columns - 2), min(int(y), rows - 2)
    share = np.zeros(size)
    for di, wi in ((0, 1 - (x - i)), (1, x - i)):
        for dj, wj in ((0, 1 - (y - j)), (1, y - j)):
            share[grid[i + di, j + dj]] += wi * wj
    return share
