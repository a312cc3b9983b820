"""What the avatar does while the face is not seen: bridge short gaps; in long ones hold, ease to rest, or cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retarget import rotations

Array = NDArray[np.floating]


@dataclass(frozen=True)
class GapPolicy:
    """Times in seconds.

    bridge: gaps up to this long are interpolated from both sides. hold: in longer ones, and after the last sight, the
    last pose stays this long, then eases to rest within `ease` ("ease"), or stays to the end ("hold"). Before the face
    comes back it eases within `ease` into the first pose seen again. With "cut" long gaps get no keys at all, so that
    an animator can fill them; the curve runs straight across. min_confidence: samples below it count as not seen.
    """

    lost: str = "ease"
    bridge: float = 0.35
    hold: float = 0.3
    ease: float = 0.6
    min_confidence: float = 0.15


LOST_MODES = ("ease", "hold", "cut")


def seen(present: NDArray[np.bool_], confidence: Array, policy: GapPolicy) -> NDArray[np.bool_]:
    """(T,) which samples to believe."""
    return np.asarray(present, dtype=bool) & (np.asarray(confidence) >= policy.min_confidence)


def fill_gaps(
    weights: Array, rotation: Array, time: Array, good: NDArray[np.bool_], policy: GapPolicy
) -> tuple[Array, Array]:
    """Fill samples that are not `good` (T,) in weights (T, n) and rotation (T, 3, 3); the good ones stay as they are.

    Rest is weights 0 and no rotation. Where nothing is good, everything rests.
    """
    weights, rotation = weights.astype(np.float64), rotation.astype(np.float64)
    known = np.flatnonzero(good)
    if len(known) == 0:
        return np.zeros_like(weights), np.broadcast_to(np.eye(3), rotation.shape).copy()
    missing = np.flatnonzero(~good)
    place = np.searchsorted(known, missing)
    before = np.where(place > 0, known[np.maximum(place - 1, 0)], -1)  # -1: nothing seen yet
    after = np.where(place < len(known), known[np.minimum(place, len(known) - 1)], -1)
    a, b = _blend(time, missing, before, after, policy)
    weights[missing] = a[:, None] * weights[before] + b[:, None] * weights[after]
    # On the rotation group: towards rest from each side, then the two meet.
    held = rotations.exp(a[:, None] * rotations.log(rotation[before]))
    coming = rotations.exp(b[:, None] * rotations.log(rotation[after]))
    bridged = (a > 0) & (b > 0)
    filled = np.where((b > a)[:, None, None], coming, held)
    if bridged.any():
        start, end = rotation[before[bridged]], rotation[after[bridged]]
        share = b[bridged] / (a + b)[bridged]
        whole = (a + b)[bridged]
        middle = start @ rotations.exp(share[:, None] * rotations.log(np.swapaxes(start, -1, -2) @ end))
        filled[bridged] = rotations.exp(np.minimum(whole, 1.0)[:, None] * rotations.log(middle))
    rotation[missing] = filled
    return weights, rotation


def keyless(time: Array, good: NDArray[np.bool_], policy: GapPolicy) -> NDArray[np.bool_]:
    """(T,) the samples that get no key: with "cut", those in gaps too long to bridge; otherwise none."""
    result = np.zeros(len(good), dtype=bool)
    known = np.flatnonzero(good)
    if policy.lost != "cut" or len(known) == 0:
        return result
    missing = np.flatnonzero(~good)
    place = np.searchsorted(known, missing)
    inside = (place > 0) & (place < len(known))
    length = np.full(len(missing), np.inf)
    length[inside] = time[known[place[inside]]] - time[known[place[inside] - 1]]
    result[missing] = length > policy.bridge
    return result


def _blend(
    time: Array, missing: NDArray[np.intp], before: NDArray[np.intp], after: NDArray[np.intp], policy: GapPolicy
) -> tuple[Array, Array]:
    """Shares (M,) of the pose before and the pose after the gap; what is left of 1 is rest."""
    since = np.where(before >= 0, time[missing] - time[before], np.inf)
    until = np.where(after >= 0, time[after] - time[missing], np.inf)
    length = since + until
    bridged = _smooth_step(np.divide(since, length, out=np.zeros_like(since), where=np.isfinite(length)))
    if policy.lost == "cut":
        straight = np.divide(since, length, out=np.zeros_like(since), where=np.isfinite(length))
        b = np.where(before < 0, 1.0, np.where(after < 0, 0.0, straight))
        a = 1 - b
    elif policy.lost == "hold":
        # The last pose stays; the return takes the end of the gap. Before the first sight the first pose waits.
        back = np.where(after >= 0, 1 - _smooth_step(until / policy.ease), 0.0)
        back = np.where(before < 0, 1.0, back)
        a, b = 1 - back, back
    else:
        a = np.where(before >= 0, kept_share(since, policy), 0.0)
        b = np.where(after >= 0, 1 - _smooth_step(until / policy.ease), 0.0)
        # In a gap of middling length both sides reach in; they share.
        total = np.maximum(a + b, 1.0)
        a, b = a / total, b / total
    short = length <= policy.bridge
    return np.where(short, 1 - bridged, a), np.where(short, bridged, b)


def kept_share(since: Array | float, policy: GapPolicy) -> Array:
    """How much of the last pose is left `since` seconds after it: all while it is held, then ever less towards rest."""
    return 1 - _smooth_step((np.asarray(since) - policy.hold) / policy.ease)


def _smooth_step(x: Array) -> Array:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)
