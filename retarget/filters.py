"""Smoothing in time: zero-phase over whole clips, One Euro for live streams.

To change how blinks are filtered, change SIGMA_FACTOR.

The zero-phase filter is a local quadratic regression with Gaussian weights in real time: at each sample, a parabola is
fitted to its neighbours (weighted by closeness in seconds and by confidence) and its value there taken. It delays
nothing, follows uneven time stamps, bridges nothing across long gaps, and a parabola keeps the peaks that a plain
average would flatten. Lids move from open to shut within two frames, too fast for any such fit: they get a bilateral
filter, whose neighbours count only if their values are close too, so that trembling goes and blinks stay.
"""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget import rotations
from retarget.regions import region_of

Array = NDArray[np.floating]

FULL_SIGMA = 0.18  # seconds: the Gaussian's width at strength 1
DEFAULT_STRENGTH = 0.4

# How much of the width each unit takes, by the start of its name; longest match wins. Lids move within 2 or 3 frames
# and must close, lips close for p, b and m; brows and cheeks are slow.
SIGMA_FACTOR: dict[str, float] = {
    "eyeBlink": 0.6,
    "eyeWide": 0.5,
    "eyeSquint": 0.8,
    "eyeLook": 0.5,
    "jaw": 0.7,
    "mouth": 0.7,
    "mouthClose": 0.6,
    "tongue": 0.7,
    "brow": 1.0,
    "cheek": 1.0,
    "nose": 1.0,
}
ROTATION_FACTOR = 1.0
BILATERAL = ("eyeBlink",)  # units, by the start of their names, that jump
JUMP = 0.12  # weight units: values further apart than a few of these are a movement, not a tremble
_REACH = 3.0  # sigmas; the weight beyond is below 1 %


def sigma_factors(names: tuple[str, ...] = ARKIT_NAMES) -> Array:
    """(n,) the factor of each unit's Gaussian width."""
    return np.array([SIGMA_FACTOR[max((p for p in SIGMA_FACTOR if n.startswith(p)), key=len)] for n in names])


def smooth_regions(
    weights: Array, time: Array, confidence: Array, strength: float, regions: Mapping[str, float]
) -> Array:
    """`smooth_weights` with a strength of its own for each region that `regions` names; `strength` for the others."""
    smoothed = np.asarray(weights, dtype=np.float64).copy()
    wanted = np.array([regions.get(region_of(name), strength) for name in ARKIT_NAMES])
    for value in np.unique(wanted):
        smoothed[:, wanted == value] = smooth_weights(weights, time, confidence, float(value))[:, wanted == value]
    return smoothed


def smooth_weights(weights: Array, time: Array, confidence: Array, strength: float = DEFAULT_STRENGTH) -> Array:
    """Smooth ARKit weights (T, 52) in 0..1; `time` (T,) seconds, `confidence` (T,) 0..1; strength 0..1, 0 = off."""
    _check_strength(strength)
    if strength == 0 or len(time) < 3:
        return weights
    smoothed = np.empty_like(weights, dtype=np.float64)
    factors = sigma_factors()
    jumping = np.array([name.startswith(BILATERAL) for name in ARKIT_NAMES])
    for factor in np.unique(factors):
        for kind, smooth in ((~jumping, local_quadratic), (jumping, bilateral)):
            chosen = kind & (factors == factor)
            if chosen.any():
                smoothed[:, chosen] = smooth(weights[:, chosen], time, confidence, strength * FULL_SIGMA * factor)
    return np.clip(smoothed, 0.0, 1.0)


def smooth_rotation(rotation: Array, time: Array, confidence: Array, strength: float = DEFAULT_STRENGTH) -> Array:
    """Smooth rotations (T, 3, 3) on the rotation group: each in the tangent space at itself."""
    _check_strength(strength)
    if strength == 0 or len(time) < 3:
        return rotation
    sigma = strength * FULL_SIGMA * ROTATION_FACTOR

    def tangent(centre: slice, neighbour: slice) -> Array:
        return rotations.log(np.swapaxes(rotation[centre], -1, -2) @ rotation[neighbour])

    return rotation @ rotations.exp(_regress(3, tangent, time, confidence, sigma))


def local_quadratic(values: Array, time: Array, confidence: Array, sigma: float) -> Array:
    """Zero-phase smoothing of `values` (T, n) with a Gaussian of `sigma` seconds."""

    def difference(centre: slice, neighbour: slice) -> Array:
        return values[neighbour] - values[centre]

    return values + _regress(values.shape[1], difference, time, confidence, sigma)


def bilateral(values: Array, time: Array, confidence: Array, sigma: float, jump: float = JUMP) -> Array:
    """Zero-phase smoothing of `values` (T, n) by neighbours within about `sigma` seconds and `jump` of the value."""
    trust = np.clip(np.asarray(confidence, dtype=np.float64), 1e-3, 1.0)[:, None]
    total = trust * np.ones_like(values, dtype=np.float64)
    moved = np.zeros_like(total)
    for centre, neighbour, u in _neighbours(time, sigma):
        difference = values[neighbour] - values[centre]
        weight = np.exp(-0.5 * (u * u)[:, None] - 0.5 * (difference / jump) ** 2) * trust[neighbour]
        weight[np.abs(u) > _REACH] = 0.0
        total[centre] += weight
        moved[centre] += weight * difference
    return values + moved / total


def _neighbours(time: Array, sigma: float) -> Iterator[tuple[slice, slice, Array]]:
    """Slices of samples and of their neighbours a fixed number of samples away, and how far these are in sigmas."""
    count = len(time)
    for offset in range(1, count):
        early, late = slice(0, count - offset), slice(offset, count)
        if (time[late] - time[early]).min() > _REACH * sigma:
            return
        for centre, neighbour in ((early, late), (late, early)):
            yield centre, neighbour, (time[neighbour] - time[centre]) / sigma


def _regress(
    width: int, difference: Callable[[slice, slice], Array], time: Array, confidence: Array, sigma: float
) -> Array:
    """How far (T, n) each sample must move to lie on the parabola fitted around it.

    difference(centre, neighbour): offsets (k, n) from samples to their neighbours, both given as slices.
    """
    # Samples without confidence still count a little, so that a fit exists where there are no others.
    weight = np.clip(np.asarray(confidence, dtype=np.float64), 1e-3, 1.0)
    count = len(time)
    moments = np.zeros((count, 5))  # sum of w u^k, k = 0..4, u in sigmas
    moments[:, 0] = weight
    sums = np.zeros((count, 3, width))  # sum of w u^k difference, k = 0..2; a sample's own difference is 0
    for centre, neighbour, u in _neighbours(time, sigma):
        w = np.where(np.abs(u) <= _REACH, np.exp(-0.5 * u * u), 0.0) * weight[neighbour]
        if not w.any():
            continue
        d = difference(centre, neighbour)
        power = w
        for k in range(5):
            moments[centre, k] += power
            if k < 3:
                sums[centre, k] += power[:, None] * d
            power = power * u
    hankel = np.stack([moments[:, i : i + 3] for i in range(3)], axis=1)  # (T, 3, 3)
    # A little ridge on slope and curvature alone: near the ends and beside gaps, the fit falls back to the average.
    hankel[:, [1, 2], [1, 2]] += 1e-3 * moments[:, :1] + 1e-9
    return np.linalg.solve(hankel, sums)[:, 0]


def _check_strength(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise UserError(f"The smoothing strength is {strength}; give a number from 0 (off) to 1.")


class OneEuro:
    """The One Euro filter for live streams: smooth at rest, quick in motion (Casiez, Roussel and Vogel, CHI 2012).

    Call it with each new sample; it answers at once and never looks ahead.
    """

    def __init__(self, min_cutoff: Array | float = 1.5, beta: Array | float = 3.0, derivative_cutoff: float = 1.0):
        """min_cutoff: Hz at rest; beta: Hz per unit of speed (units a second); both scalar or (n,)."""
        self.min_cutoff, self.beta, self.derivative_cutoff = min_cutoff, beta, derivative_cutoff
        self._time: float | None = None
        self._value: Array = np.zeros(0)
        self._speed: Array = np.zeros(0)

    def __call__(self, value: Array, time: float) -> Array:
        """Filter one sample `value` (n,) taken at `time` seconds, later than the one before."""
        value = np.asarray(value, dtype=np.float64)
        if self._time is None or time <= self._time:
            self._time, self._value, self._speed = time, value, np.zeros_like(value)
            return value
        dt = time - self._time
        speed = (value - self._value) / dt
        self._speed = self._speed + _one_euro_share(self.derivative_cutoff, dt) * (speed - self._speed)
        cutoff = self.min_cutoff + self.beta * np.abs(self._speed)
        self._value = self._value + _one_euro_share(cutoff, dt) * (value - self._value)
        self._time = time
        return self._value


class OneEuroRotation:
    """The One Euro filter for rotations (3, 3): the step from the last answer is filtered as a rotation vector."""

    def __init__(self, min_cutoff: float = 1.5, beta: float = 1.0, derivative_cutoff: float = 1.0):
        """beta: Hz per radian a second."""
        self.min_cutoff, self.beta, self.derivative_cutoff = min_cutoff, beta, derivative_cutoff
        self._time: float | None = None
        self._value: Array = np.eye(3)
        self._speed = 0.0

    def __call__(self, rotation: Array, time: float) -> Array:
        """Filter one rotation taken at `time` seconds, later than the one before."""
        if self._time is None or time <= self._time:
            self._time, self._value, self._speed = time, rotation, 0.0
            return rotation
        dt = time - self._time
        step = rotations.log(self._value.T @ rotation)
        speed = float(np.linalg.norm(step)) / dt
        self._speed += _one_euro_share(self.derivative_cutoff, dt) * (speed - self._speed)
        share = _one_euro_share(self.min_cutoff + self.beta * self._speed, dt)
        self._value = self._value @ rotations.exp(share * step)
        self._time = time
        return self._value


def live_weights_filter(strength: float = DEFAULT_STRENGTH, regions: Mapping[str, float] | None = None) -> OneEuro:
    """A One Euro filter for ARKit weights (52,), with the lids freer than the rest.

    strength 0..1, and one of its own for each region named in `regions`; the smaller, the higher the cutoff at rest,
    and with 0 everything passes.
    """
    wanted = np.array([(regions or {}).get(region_of(name), strength) for name in ARKIT_NAMES])
    for value in np.unique(wanted):
        _check_strength(float(value))
    factor = sigma_factors() * np.maximum(wanted, 1e-3) / DEFAULT_STRENGTH
    return OneEuro(min_cutoff=np.where(wanted > 0, 1.0 / factor, np.inf), beta=2.0 / factor)


def live_rotation_filter(strength: float = DEFAULT_STRENGTH) -> OneEuroRotation:
    """The same for the head's turn."""
    _check_strength(strength)
    usual = OneEuroRotation()
    usual.min_cutoff = usual.min_cutoff * DEFAULT_STRENGTH / strength if strength else math.inf
    return usual


def _one_euro_share(cutoff, dt):
    """The part of a step that a first-order low pass of `cutoff` Hz lets through in `dt` seconds."""
    return 1.0 / (1.0 + 1.0 / (2 * math.pi * np.asarray(cutoff) * dt))
