"""The avatar's teeth, gums and tongue. The model's teeth are two plain bands: single teeth are set along them."""

from __future__ import annotations

import numpy as np

from tools.avatar.head import Person
from tools.avatar.parts import AvatarMesh

# Widths of the teeth from the middle outwards, mm, then how far each reaches from the gum, then how thick it is.
_UPPER = ((8.6, 6.6, 7.6, 7.0, 6.8, 9.8), (9.8, 8.8, 9.8, 8.2, 7.6, 7.2), (4.6, 4.6, 6.0, 8.0, 8.5, 9.5))
_LOWER = ((5.4, 5.9, 6.8, 7.0, 7.1, 10.5), (8.6, 8.6, 9.2, 8.2, 7.6, 7.0), (4.2, 4.4, 5.6, 7.5, 8.0, 9.5))
# The bands bulge against the lips: the teeth stand farther back.
_SET_BACK_MM = 2.5
_SQUARENESS = 0.42  # exponent of the superellipsoid: 0 a box, 1 an ellipsoid


def teeth_mesh(person: Person, jaw: str, lip_line: float) -> AvatarMesh:
    """Teeth and gum of a jaw ("upper" or "lower"); they follow the band's movement as one rigid piece.

    lip_line: the height y, mm, at which the lips meet.
    """
    band_slice = person.head.part(f"teeth_{jaw}")
    band = person.shape[band_slice]
    widths, heights, depths = _UPPER if jaw == "upper" else _LOWER
    down = -1.0 if jaw == "upper" else 1.0  # from the gum to the biting edge
    arch = _Arch(band)
    # Closed lips hide the teeth: both rows end a little away from the line between the lips.
    edge = lip_line + 1.4 if jaw == "upper" else lip_line - 2.0
    pieces: list[tuple[np.ndarray, np.ndarray, int]] = []
    for side in (-1, 1):
        start = 0.0
        for width, height, depth in zip(widths, heights, depths, strict=True):
            place, along, outward = arch.at(side * (start + width / 2))
            start += width
            unit, faces = _superellipsoid()
            root = edge - down * height
            # Narrower at the gum, as teeth are.
            taper = 1 - 0.14 * (1 - down * unit[:, 1:2]) / 2
            tooth = (
                place
                + (unit[:, :1] * taper) * along * (width / 2 * 0.985)
                + (unit[:, 2:] - 1) * outward * depth / 2
                + unit[:, 1:2] * np.array([0, height / 2 + 1.0, 0])
            )
            tooth[:, 1] += (edge + root) / 2 - down * 1.0
            pieces.append((tooth, faces, 0))
    pieces.append((*_gum(arch, sum(widths), edge - down * (heights[0] - 1.5), down), 1))
    vertices, faces, materials = _join(pieces)
    keys = {name: _affine(band, offset, vertices) for name, offset in person.keys(band_slice).items()}
    name = f"Teeth {jaw}"
    return AvatarMesh(
        name, vertices, faces, ["Teeth", "Gum"], {"head": np.ones(len(vertices))}, keys, face_material=materials
    )


def tongue_mesh(person: Person) -> AvatarMesh:
    """The model's tongue as it is."""
    part = person.head.part("tongue")
    faces = _quads_of("helper-tongue", person, part)
    return AvatarMesh(
        "Tongue",
        person.shape[part],
        faces,
        ["Tongue"],
        {"head": np.ones(part.stop - part.start)},
        person.keys(part),
        subdivision=(1, 2),
    )


def _quads_of(group: str, person: Person, part: slice) -> np.ndarray:
    from mmface_core.model.default_source import read_base_mesh

    return person.head.of_base(read_base_mesh().groups[group], "tongue") - part.start


class _Arch:
    """The front of a dental band seen from above: a smooth symmetric curve with arc length measured from the middle."""

    def __init__(self, band: np.ndarray) -> None:
        # The outermost points by direction from the inside of the arch.
        inside = np.array([0.0, band[:, 2].mean() - 6])
        flat = band[:, [0, 2]] - inside
        angle = np.arctan2(flat[:, 0], flat[:, 1])
        distance = np.linalg.norm(flat, axis=1)
        centres = np.linspace(-1.9, 1.9, 25)
        reach = np.array([distance[np.abs(angle - a) < 0.22].max(initial=0.0) for a in centres])
        known = reach > 0
        # An even polynomial is smooth and symmetric.
        powers = np.array([0, 2, 4, 6])
        fit = np.linalg.lstsq(centres[known, None] ** powers, reach[known], rcond=None)[0]
        fine = np.linspace(-1.9, 1.9, 801)
        radius = fine[:, None] ** powers @ fit
        self._points = inside + (radius[:, None] - _SET_BACK_MM) * np.stack([np.sin(fine), np.cos(fine)], 1)
        steps = np.linalg.norm(np.diff(self._points, axis=0), axis=1)
        length = np.concatenate([[0], np.cumsum(steps)])
        self._length = length - np.interp(0, fine, length)

    def at(self, length: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Point (x, 0, z), unit vector along the arch and unit vector outward at an arc length (mm, + to the left)."""

        def point(s: float) -> np.ndarray:
            x, z = (np.interp(s, self._length, self._points[:, axis]) for axis in range(2))
            return np.array([x, 0.0, z])

        along = point(length + 1.5) - point(length - 1.5)
        along /= np.linalg.norm(along)
        return point(length), along, np.cross(along, [0.0, 1.0, 0.0])


def _superellipsoid(segments: int = 12, rings: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """A rounded box (n, 3) within -1..1 and its quads."""
    u = np.arange(segments) / segments * 2 * np.pi
    v = (np.arange(rings) + 0.5) / rings * np.pi - np.pi / 2

    def power(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** _SQUARENESS

    x = power(np.cos(v))[:, None] * power(np.cos(u + np.pi / segments))
    z = power(np.cos(v))[:, None] * power(np.sin(u + np.pi / segments))
    y = np.broadcast_to(power(np.sin(v))[:, None], x.shape)
    ring = np.stack([x, y, z], -1).reshape(-1, 3)
    vertices = np.concatenate([ring, [[0, -1, 0], [0, 1, 0]]])
    step = np.arange(segments)
    after = (step + 1) % segments
    faces = []
    for row in range(rings - 1):
        a, b = row * segments, (row + 1) * segments
        faces.append(np.stack([a + step, b + step, b + after, a + after], 1))
    low, high = len(ring), len(ring) + 1
    top = (rings - 1) * segments
    for even in range(0, segments, 2):  # the caps as quads of two triangles each
        faces.append(np.array([[low, even, even + 1, (even + 2) % segments]]))
        faces.append(np.array([[high, top + (even + 2) % segments, top + even + 1, top + even]]))
    return vertices, np.concatenate(faces)


def _gum(arch: _Arch, half_length: float, height: float, down: float) -> tuple[np.ndarray, np.ndarray]:
    """A rounded ridge along the arch in which the teeth stand; quads."""
    stations = np.linspace(-half_length, half_length, 41)
    around = np.arange(10) / 10 * 2 * np.pi
    rows = []
    for s in stations:
        place, _, outward = arch.at(s)
        up = np.array([0, -down, 0])
        centre = place + np.array([0, height, 0]) - outward * 4.0 + up * 4.0
        rows.append(centre + np.cos(around)[:, None] * outward * 4.4 + np.sin(around)[:, None] * up * 5.5)
    vertices = np.concatenate(rows)
    step, after = np.arange(10), (np.arange(10) + 1) % 10
    faces = [np.stack([r * 10 + step, r * 10 + after, (r + 1) * 10 + after, (r + 1) * 10 + step], 1) for r in range(40)]
    if down > 0:
        faces = [face[:, ::-1] for face in faces]
    return vertices, np.concatenate(faces)


def _join(pieces: list[tuple[np.ndarray, np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces and material number of each face of all pieces together."""
    starts = np.cumsum([0] + [len(vertices) for vertices, _, _ in pieces])
    return (
        np.concatenate([vertices for vertices, _, _ in pieces]),
        np.concatenate([faces + start for (_, faces, _), start in zip(pieces, starts, strict=False)]),
        np.concatenate([np.full(len(faces), number) for _, faces, number in pieces]),
    )


def _affine(points: np.ndarray, offsets: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Offsets at `where` (n, 3) by the affine map that fits the offsets (m, 3) at `points` (m, 3) best."""
    if np.abs(offsets).max() < 0.5:
        return np.zeros_like(where)
    system = np.c_[points, np.ones(len(points))]
    return np.c_[where, np.ones(len(where))] @ np.linalg.lstsq(system, offsets, rcond=None)[0]
