"""Expression of the default model: the 52 ARKit units as offsets of the mean, and a principal-component mix of them.

The sources' units are kept but for four things: left and right are made exact mirror images, stray movement far from
the eyes is taken out of the eye units, the blink is fitted to this head's eyes, and the eyeballs turn rigidly by a
stated angle.
"""

from __future__ import annotations

import numpy as np

from mmface_core.model.arkit import ARKIT_NAMES, MIRRORED_UNIT
from mmface_core.model.default_source import read_unit
from mmface_core.model.default_topology import HeadTopology

N_PCA = 29
PCA_SEED = 20240602
# Turn of the eyeball at weight 1, degrees: about y (towards the subject's left), about x (downwards), for the LEFT eye.
GAZE_DEGREES = {
    "eyeLookDownLeft": (0.0, 30.0),
    "eyeLookInLeft": (-30.0, 0.0),
    "eyeLookOutLeft": (30.0, 0.0),
    "eyeLookUpLeft": (0.0, -25.0),
}

# The lid margins of the left eye on the base mesh, from the inner to the outer corner: the edges that meet in a blink.
UPPER_LID_LEFT = (6844, 6841, 6838, 6785, 6784, 11467, 11468, 11469, 11470, 11471)
LOWER_LID_LEFT = (6853, 6856, 6837, 11695, 6834, 6831, 6828, 6825, 6820, 11476, 11475, 11474, 11473)


def build_units(head: HeadTopology, mean: np.ndarray) -> np.ndarray:
    """Offsets (52, V, 3) f64 mm of the units in ARKit's order, for a mean (V, 3) f64 mm in the head frame."""
    units = np.stack([read_unit(name)[head.source] for name in ARKIT_NAMES])
    for row, name in enumerate(ARKIT_NAMES):
        if name.startswith("eye"):
            units[row] *= _eye_region(head, mean, left=name.endswith("Left"))[:, None]
        if name == "eyeBlinkLeft":
            units[row] *= _blink_factor(head, mean, units[row])[:, None]
            units[MIRRORED_UNIT[row]] = units[row, head.mirror] * (-1, 1, 1)
    units = (units + units[list(MIRRORED_UNIT)][:, head.mirror] * (-1, 1, 1)) / 2
    eye = head.part("eye_left")
    centre = eye_centre(mean[eye])
    for name, (yaw, pitch) in GAZE_DEGREES.items():
        row = ARKIT_NAMES.index(name)
        units[row, eye] = (mean[eye] - centre) @ (turn(yaw, pitch) - np.eye(3)).T
        units[MIRRORED_UNIT[row]] = units[row, head.mirror] * (-1, 1, 1)
    return units


def _blink_factor(head: HeadTopology, mean: np.ndarray, blink: np.ndarray) -> np.ndarray:
    """By how much to multiply the source's left blink (V, 3) so that the lids of this `mean` just meet; (V,).

    The source closes the larger eyes of its own base mesh: here the upper lid would cut through the lower one. The
    factor depends on x alone, so that lashes and socket follow the lid.
    """
    upper = head.of_base(np.array(UPPER_LID_LEFT))
    lower = mean[head.of_base(np.array(LOWER_LID_LEFT))] + blink[head.of_base(np.array(LOWER_LID_LEFT))]
    factor = np.ones(len(upper))
    for _ in range(20):  # the goal on the lower lid depends a little on where the lid comes down
        closed = mean[upper, :] + factor[:, None] * blink[upper]
        goal = np.interp(closed[:, 0], lower[:, 0], lower[:, 1])
        factor = np.clip((goal - mean[upper, 1]) / blink[upper, 1], 0, 1.1)
    return np.interp(mean[:, 0], mean[upper, 0], factor)


def eye_centre(vertices: np.ndarray) -> np.ndarray:
    """Centre (3,) of the sphere that fits an eyeball's vertices (n, 3) best in least squares."""
    system = np.c_[2 * vertices, np.ones(len(vertices))]
    return np.linalg.lstsq(system, (vertices**2).sum(1), rcond=None)[0][:3]


def turn(yaw: float, pitch: float) -> np.ndarray:
    """Rotation Ry(yaw) Rx(pitch) in degrees: +yaw turns z towards x, +pitch turns z towards -y."""
    a, b = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_y @ about_x


def _eye_region(head: HeadTopology, mean: np.ndarray, left: bool) -> np.ndarray:
    """1 within 45 mm of one eyeball's centre, on its own side of the face, falling to 0; (V,).

    The sources' blink drags along the mouth cavity and the other eye's socket, which shows as soon as the mouth opens.
    """
    centre = eye_centre(mean[head.part("eye_left" if left else "eye_right")])
    distance = np.linalg.norm(mean - centre, axis=1)
    region = np.clip((45 - distance) / 10, 0, 1)
    side = mean[:, 0] * (1 if left else -1)
    region *= np.clip(side / 4, 0, 1)
    region[head.part("mouth")] = 0
    return region


def expression_components(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of plausible expressions in the geometry of the skin.

    Args: units (52, V, 3) offsets of the vertices that count.
    Returns: mixing (29, 52) and mean (52,) f64 so that weights = mean + codes @ mixing, codes with unit variance.
    """
    weights = plausible_weights(4000, np.random.default_rng(PCA_SEED))
    mean = weights.mean(0)
    flat = units.reshape(len(units), -1)
    gram = flat @ flat.T
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.clip(values, 0, None))  # root @ root.T = gram
    points = (weights - mean) @ root
    _, singular, directions = np.linalg.svd(points, full_matrices=False)
    codes = points @ directions[:N_PCA].T / singular[:N_PCA] * np.sqrt(len(points))
    mixing = codes.T @ (weights - mean) / len(points)
    largest = np.abs(mixing).argmax(1)
    return mixing * np.sign(mixing[np.arange(N_PCA), largest])[:, None], mean


def plausible_weights(n: int, rng: np.random.Generator) -> np.ndarray:
    """Random weights (n, 52) 0..1 of expressions that faces make: sparse, mostly the same on both sides.

    mouthClose never exceeds jawOpen, of which it is the correction.
    """
    active = rng.random((n, 52)) < 0.3
    weights = active * rng.beta(1.2, 1.6, (n, 52))
    for row, other in enumerate(MIRRORED_UNIT):
        if row < other and not ARKIT_NAMES[row].startswith(("jaw", "mouthLeft")):
            together = rng.random(n) < 0.8
            weights[together, other] = np.clip(weights[together, row] + rng.normal(0, 0.08, together.sum()), 0, 1)
    close, jaw = ARKIT_NAMES.index("mouthClose"), ARKIT_NAMES.index("jawOpen")
    weights[:, close] *= weights[:, jaw]
    return weights
