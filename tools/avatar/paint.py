"""The avatar's two pictures: skin with brows, lips and cropped hair, and an iris. Procedural, from places on the face.

Fine things (brow hairs, lips) are drawn as seen from the front, in millimetres, and looked up by each texel's own place
on the head, so that the UV layout does not matter to them. Colours are sRGB 0..1.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from tools.avatar.eyes import IRIS_DEGREES, TEXTURE_DEGREES

SKIN = np.array([0.80, 0.615, 0.53])
RED = np.array([0.77, 0.42, 0.37])
LIPS = np.array([0.67, 0.41, 0.37])
HAIR = np.array([0.20, 0.145, 0.11])
_FRONT_PX_PER_MM = 8
_FRONT_SIZE_MM = (160, 260)  # of the drawing seen from the front: width, height, centred on the origin


def skin_texture(uv: np.ndarray, corners: np.ndarray, landmarks: np.ndarray, size: int = 2048) -> np.ndarray:
    """The skin's picture (size, size, 3) u8 RGB.

    Args: uv (m, 4, 2) and corners (m, 4, 3) mm of the skin's quads; landmarks (68, 3) mm.
    """
    place = _texel_places(uv, corners, size // 4)
    place = cv2.resize(place, (size, size), interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(7)
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]

    colour = np.broadcast_to(SKIN, place.shape).copy()
    mottle = _noise(rng, size, 18) * 0.5 + _noise(rng, size, 5) * 0.3
    colour *= (1 + 0.035 * mottle)[..., None]
    colour[..., 0] *= 1 + 0.02 * _noise(rng, size, 30)
    flush = (
        0.50 * _blob(place, (41, -4, 26), 20)
        + 0.55 * _blob(place, (0, -4, 58), 13)
        + 0.3 * _blob(place, (16, -8, 38), 8)
    )
    flush += (
        0.28 * _blob(place, (0, -62, 34), 16)
        + 0.35 * np.clip((x - 76) / 8, 0, 1)
        + 0.25 * _blob(place, (0, 55, 40), 22)
    )
    flush += 0.4 * _blob(place, (22, 33, 24), 5) + 0.22 * _blob(place, (36, 28, 26), 12)
    colour = _mix(colour, RED, np.clip(flush, 0, 1) * 0.42 * (1 + 0.25 * mottle))
    colour = _mix(colour, SKIN * 0.82, 0.5 * _blob(place, (35, 44, 27), 10))  # the lids' hollow
    grain = _noise(rng, size, 1.0)
    colour *= (1 + 0.010 * grain)[..., None]
    freckles = np.clip(_noise(rng, size, 1.6) - 2.3, 0, 1) * _blob(place, (30, 4, 30), 20)
    colour = _mix(colour, SKIN * (0.78, 0.68, 0.60), np.clip(freckles, 0, 0.35))

    front = z > -25
    lips, brows = _front_drawings(landmarks)
    lip_share = _look_up(lips, place) * (z > 15)
    colour = _mix(colour, LIPS * (1 + 0.02 * _noise(rng, size, 3))[..., None], 0.78 * lip_share)

    scalp = _scalp(x, y, z, 0.6 * _noise(rng, size, 2.2) + 0.6 * _noise(rng, size, 9))
    ears = np.clip((x - 75.5) / 2.5, 0, 1) * np.clip((50 - y) / 4, 0, 1) * (z > -105)
    scalp *= 1 - np.maximum(ears, np.clip((x - 82) / 2, 0, 1))
    stubble = np.clip(0.90 + 0.05 * grain + 0.06 * _noise(rng, size, 2.5), 0, 1)
    colour = _mix(colour, HAIR * (1 + 0.10 * grain[..., None]), scalp * stubble)
    colour = _mix(colour, HAIR * 0.9, _look_up(brows, place) * front)
    return (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)


def iris_texture(size: int = 512) -> np.ndarray:
    """The front of an eyeball (size, size, 3) u8 RGB: pupil, iris and sclera to `TEXTURE_DEGREES` at the edge."""
    rng = np.random.default_rng(11)
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    u, v = np.meshgrid(axis, axis)
    radius = np.hypot(u, v) / 0.98 * TEXTURE_DEGREES / IRIS_DEGREES  # 1 at the edge of the iris
    angle = np.arctan2(v, u)
    fibres = sum(
        np.sin(angle * k + rng.uniform(0, 6.28) + 2.5 * np.sin(radius * rng.uniform(2, 6))) for k in range(40, 130, 7)
    )
    fibres = fibres / 4 + 0.4 * _noise(rng, size, 2)
    brown, green = np.array([0.33, 0.21, 0.11]), np.array([0.36, 0.37, 0.27])
    iris = _mix(np.broadcast_to(green, (size, size, 3)).copy(), brown, np.clip(1.7 - 1.6 * radius, 0, 1))
    iris = iris * (1 + 0.16 * np.clip(fibres, -2, 2))[..., None]
    iris *= (1 - 0.75 * np.clip((radius - 0.82) / 0.18, 0, 1) ** 1.5)[..., None]
    pupil = 1 / (1 + np.exp((radius - 0.37) * 60))
    iris = _mix(iris, np.array([0.012, 0.01, 0.01]), pupil)
    sclera = np.array([0.86, 0.83, 0.80]) * (1 - 0.03 * np.abs(_noise(rng, size, 8)))[..., None]
    redness = np.clip((radius - 1.5) / 1.8, 0, 1) * (0.30 + 0.10 * _noise(rng, size, 6))
    sclera = _mix(sclera, np.array([0.80, 0.52, 0.47]), np.clip(redness, 0, 0.6))
    edge = 1 / (1 + np.exp(-(radius - 1.0) * 28))
    return (np.clip(_mix(iris, sclera, edge), 0, 1) * 255 + 0.5).astype(np.uint8)


def _texel_places(uv: np.ndarray, corners: np.ndarray, size: int) -> np.ndarray:
    """For each texel (size, size, 3) the place on the head, mm; picture rows run from v = 1 down to 0."""
    _, first = np.unique(uv.reshape(-1, 2).round(6), axis=0, return_index=True)
    points, places = uv.reshape(-1, 2)[first], corners.reshape(-1, 3)[first]
    axis = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(axis, 1 - axis)
    result = LinearNDInterpolator(points, places)(u, v)
    outside = np.isnan(result[..., 0])
    result[outside] = NearestNDInterpolator(points, places)(u[outside], v[outside])
    return result.astype(np.float32)


def _front_drawings(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage 0..1 of lips and brows in the front view (rows from the top), `_FRONT_PX_PER_MM` fine."""
    width, height = (side * _FRONT_PX_PER_MM for side in _FRONT_SIZE_MM)

    def pixels(points: np.ndarray) -> np.ndarray:
        return np.stack([points[:, 0] * _FRONT_PX_PER_MM + width / 2, height / 2 - points[:, 1] * _FRONT_PX_PER_MM], 1)

    lips = np.zeros((height, width), np.float32)
    outline = _smooth_closed(landmarks[48:60, :2])
    cv2.fillPoly(lips, [np.round(pixels(outline) * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
    lips = cv2.GaussianBlur(lips, (0, 0), 0.55 * _FRONT_PX_PER_MM)

    brows = np.zeros((height, width), np.float32)
    rng = np.random.default_rng(5)
    for side in (-1, 1):
        arch = landmarks[22:27, :2] * (1, 1)
        t = np.linspace(0, 1, len(arch))
        upper = np.stack([np.polyval(np.polyfit(t, arch[:, axis], 3), np.linspace(0, 1, 200)) for axis in range(2)], 1)
        upper[:, 1] -= 0.5
        for _ in range(520):
            s = 0.9 * rng.beta(1.05, 1.25)
            middle = upper[int(s * 199)]
            thick = 8.2 * (1 - 0.70 * max(0.0, s - 0.30) / 0.70) * (0.78 + 0.22 * min(1, s / 0.12))
            root = middle - (0, rng.uniform(0.12, 1.0) * thick)
            tangent = upper[min(199, int(s * 199) + 6)] - upper[max(0, int(s * 199) - 6)]
            lean = np.arctan2(tangent[1], tangent[0]) + np.radians(
                60 * (1 - s) ** 1.3 * (0.5 + 0.5 * rng.random()) + rng.normal(0, 7)
            )
            if root[1] > middle[1] - 0.35 * thick:  # upper hairs lie down towards the lower ones
                lean -= np.radians(18)
            length = rng.uniform(3.0, 5.6) * (1 - 0.35 * s)
            bend = rng.normal(-0.12, 0.05)
            steps = np.linspace(0, 1, 6)[:, None]
            hair = (
                root
                + steps * length * (np.cos(lean), np.sin(lean))
                + steps**2 * bend * length * (np.sin(lean), -np.cos(lean))
            )
            hair = hair * (side, 1)
            line = np.zeros_like(brows)
            box = np.round(pixels(hair) * 16).astype(np.int32)
            cv2.polylines(line, [box], False, 1.0, 2, cv2.LINE_AA, 4)
            brows = 1 - (1 - brows) * (
                1 - rng.uniform(0.18, 0.42) * line * min(1.0, 0.35 + s / 0.10, 0.45 + (1 - s) / 0.25)
            )
        body = np.zeros_like(brows)
        spine = upper - np.stack(
            [np.zeros(200), 4.0 * (1 - 0.7 * np.clip(np.linspace(0, 1, 200) - 0.3, 0, 1) / 0.7)], 1
        )
        cv2.polylines(
            body, [np.round(pixels(spine[14:168] * (side, 1)) * 16).astype(np.int32)], False, 1.0, 36, cv2.LINE_AA, 4
        )
        brows = np.maximum(brows, 0.26 * cv2.GaussianBlur(body, (0, 0), 1.3 * _FRONT_PX_PER_MM))
    return lips, cv2.GaussianBlur(brows, (0, 0), 1.0)


def _smooth_closed(points: np.ndarray) -> np.ndarray:
    """A closed Catmull-Rom curve through points (n, 2), 16 steps a side."""
    t = np.linspace(0, 1, 16, endpoint=False)[:, None]
    before, after, second = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(before, points, after, second, strict=True)
    ]
    return np.concatenate(pieces)


def _scalp(x: np.ndarray, y: np.ndarray, z: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Coverage 0..1 of cropped hair at places |x|, y, z."""
    # Height of the hairline by depth: nape, behind the ear, over the ear, sideburn, temple, forehead.
    depth = [-150, -115, -88, -82, -55, -50, -44, -38, -33, -20, 0, 15, 28, 60]
    height = [-48, -40, -20, 30, 42, 34, 6, 4, 22, 50, 66, 80, 93, 96]
    line = np.interp(z, depth, height)
    edge = (y - line + 2.2 * noise) / 9
    return np.clip(edge, 0, 1) ** 0.9


def _blob(place: np.ndarray, centre: tuple[float, float, float], reach: float) -> np.ndarray:
    """A Gaussian about a place and its mirror image."""
    offset = np.concatenate([np.abs(place[..., :1]), place[..., 1:]], -1) - np.array(centre, np.float32)
    return np.exp(-(offset**2).sum(-1) / (2 * reach**2))


def _noise(rng: np.random.Generator, size: int, grain: float) -> np.ndarray:
    """Smooth noise (size, size) of unit variance with features of `grain` texels (at 1024)."""
    field = cv2.GaussianBlur(rng.normal(size=(size, size)).astype(np.float32), (0, 0), grain * size / 2048)
    return (field - field.mean()) / field.std()


def _mix(colour: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    return colour + (other - colour) * share[..., None]


def _look_up(drawing: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The front drawing's value at each texel's x, y."""
    height, width = drawing.shape
    column = (place[..., 0] * _FRONT_PX_PER_MM + width / 2).astype(np.float32)
    row = (height / 2 - place[..., 1] * _FRONT_PX_PER_MM).astype(np.float32)
    return cv2.remap(drawing, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
