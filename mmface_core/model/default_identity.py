"""Identity of the default model: a population sampled from MakeHuman's morph targets, and its principal components.

Each person draws the macros (gender, age, ancestry, muscle, weight, proportions) and a weight for every pair of
opposite face targets, the same on the left and on the right, so that every identity is symmetric. Sizes are taken out
by a similarity alignment; ears, skull and neck vary less than the face, because large weights there make caricatures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse.linalg

from mmface_core.model.default_source import read_base_mesh, read_target, target_names, target_path

N_PEOPLE = 3000
N_COMPONENTS = 80
SEED = 20240601

# Standard deviation of the target weights by folder; 0.33 gives caricatures, 0.2-0.25 is plausible.
_FOLDER_SD = {
    "cheek": 0.22,
    "chin": 0.22,
    "eyebrows": 0.25,
    "eyes": 0.22,
    "forehead": 0.18,
    "head": 0.14,
    "mouth": 0.18,
    "nose": 0.22,
    "ears": 0.10,
    "neck": 0.10,
}
_MAX_WEIGHT = 0.7
# Targets that move the whole head, or repeat a macro.
_LEFT_OUT = ("head/head-trans", "head/head-age", "neck/neck-trans", "neck/measure")
_OPPOSITES = (
    ("decr", "incr"),
    ("down", "up"),
    ("in", "out"),
    ("backward", "forward"),
    ("concave", "convex"),
    ("compress", "uncompress"),
)
# Always applied. The plain average of the targets has eyes too close together, a flat nose and a protruding mouth when
# it is held against real faces.
_CORRECTION = {
    "eyes/l-eye-trans-out": 0.30,
    "eyes/r-eye-trans-out": 0.30,
    "nose/nose-scale-depth-incr": 0.30,
    "nose/nose-trans-forward": 0.20,
    "mouth/mouth-trans-backward": 0.40,
    "mouth/mouth-scale-depth-decr": 0.20,
}
# Components turned against the rule for signs: codes and weights made with the first file of this model stay valid.
_TURNED_COMPONENTS = (24, 48, 54, 58, 67, 71, 72, 76)
_AGE_ANCHORS = {"child": 1 / 3, "young": 2 / 3, "old": 1.0}
_THREE_ANCHORS = {"min": 0.0, "average": 0.5, "max": 1.0}


@dataclass(frozen=True)
class IdentitySpace:
    """mean (V, 3) f64 mm and basis (K, V, 3) f64 mm per standard deviation, still about the source's origin."""

    mean: np.ndarray
    basis: np.ndarray


def build_identity(source: np.ndarray, mirror: np.ndarray, alignment_weight: np.ndarray) -> IdentitySpace:
    """Sample people and reduce them to components.

    Args: source (V,) base vertex of each vertex; mirror (V,); alignment_weight (V,) >= 0: how much a vertex counts in
    the alignment and in the components.
    """
    rng = np.random.default_rng(SEED)
    shapes = _macro_shapes(source, rng) + _detail_shapes(source, rng)  # (N, V, 3)
    shapes += read_base_mesh().vertices[source]
    mirrored = shapes[:, mirror]
    mirrored[:, :, 0] *= -1
    shapes += mirrored  # the files are symmetric to 3 decimals only
    shapes /= 2
    shapes = _aligned(shapes, alignment_weight)
    mean = shapes.mean(0)
    offsets = shapes.reshape(N_PEOPLE, -1)
    offsets -= mean.ravel()
    # Components from the Gram matrix in the weighted metric; all vertices then follow by regression on the codes.
    counting = np.repeat(alignment_weight > 0, 3)
    share = np.repeat(alignment_weight / alignment_weight.sum(), 3)[counting]
    weighted = offsets[:, counting] * np.sqrt(share)
    values, vectors = scipy.sparse.linalg.eigsh(weighted @ weighted.T, N_COMPONENTS, v0=np.ones(N_PEOPLE))
    vectors = vectors[:, values.argsort()]
    codes = vectors[:, ::-1] * np.sqrt(N_PEOPLE)  # (N, K), unit variance
    basis = (codes.T @ offsets / N_PEOPLE).reshape(N_COMPONENTS, -1, 3)
    # The sign of an eigenvector is arbitrary: let the largest entry be positive. Only on the right side of the face,
    # for on the left the same entry comes again with the other sign in x.
    right = basis[:, mean[:, 0] < 0].reshape(N_COMPONENTS, -1)
    basis *= np.sign(right[np.arange(N_COMPONENTS), np.abs(right).argmax(1)])[:, None, None]
    basis[list(_TURNED_COMPONENTS)] *= -1
    return IdentitySpace(mean + 0.0, basis + 0.0)  # + 0.0 turns -0.0 into 0.0


def _detail_shapes(source: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Offsets (N, V, 3) mm of the face targets under random weights, and of the corrections."""
    columns: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    for folder, sd in _FOLDER_SD.items():
        names = [name for name in target_names(folder) if not name.startswith(_LEFT_OUT)]
        for group in _coupled_targets(names):
            weights = np.clip(rng.normal(0, sd, N_PEOPLE), -_MAX_WEIGHT, _MAX_WEIGHT)
            for name, sign in group:
                columns.append(np.maximum(weights * sign, 0))
                offsets.append(read_target(target_path(name))[source].ravel())
    for name, weight in _CORRECTION.items():
        columns.append(np.full(N_PEOPLE, weight))
        offsets.append(read_target(target_path(name))[source].ravel())
    return (np.stack(columns, 1) @ np.stack(offsets)).reshape(N_PEOPLE, len(source), 3)


def _coupled_targets(names: list[str]) -> list[list[tuple[str, int]]]:
    """Group targets that share one weight: the two signs of a pair, on the left and on the right.

    Returns a list of groups of (name, sign); sign -1 is for the first word of `_OPPOSITES`.
    """
    groups: dict[str, list[tuple[str, int]]] = {}
    for name in names:
        folder, _, target = name.partition("/")
        stem = target.removeprefix("l-").removeprefix("r-")
        key, sign = stem, 1
        for low, high in _OPPOSITES:
            if stem.endswith(f"-{low}"):
                key, sign = stem.removesuffix(low) + high, -1
        groups.setdefault(f"{folder}/{key}", []).append((name, sign))
    return list(groups.values())


def _macro_shapes(source: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Offsets (N, V, 3) mm of the macro targets: each is weighted by the product of the factors in its file name."""
    factors = _macro_factors(rng)
    weights: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    for folder in ("macrodetails", "macrodetails/height", "macrodetails/proportions"):
        for name in target_names(folder):
            words = name.rsplit("/", 1)[1].split("-")
            if "baby" in words:
                continue  # nobody here is that young
            weight = np.prod([factors[word] for word in words if word != "universal"], axis=0)
            weights.append(weight)
            offsets.append(read_target(target_path(name))[source].ravel())
    return (np.stack(weights, 1) @ np.stack(offsets)).reshape(N_PEOPLE, len(source), 3)


def _macro_factors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """For each word of a macro target's file name the factor (N,) 0..1 of each person."""
    gender = rng.uniform(0, 1, N_PEOPLE)
    factors: dict[str, np.ndarray] = {"female": 1 - gender, "male": gender}
    factors |= _interpolation(rng.triangular(0.5, 0.66, 1.0, N_PEOPLE), _AGE_ANCHORS)
    for word in ("muscle", "weight"):
        value = np.clip(rng.normal(0.5, 0.17, N_PEOPLE), 0, 1)
        factors |= {size + word: factor for size, factor in _interpolation(value, _THREE_ANCHORS).items()}
    height = np.clip(rng.normal(0.5, 0.1, N_PEOPLE), 0, 1)
    factors |= {"minheight": 1 - height, "maxheight": height}
    proportions = rng.uniform(0.2, 0.8, N_PEOPLE)
    factors |= {"uncommonproportions": 1 - proportions, "idealproportions": proportions}
    ancestry = rng.dirichlet((0.7, 0.7, 0.7), N_PEOPLE)
    return factors | dict(zip(("african", "asian", "caucasian"), ancestry.T, strict=True))


def _interpolation(values: np.ndarray, anchors: dict[str, float]) -> dict[str, np.ndarray]:
    """Piecewise linear weights (N,) of each anchor at `values`; they sum to 1."""
    places = list(anchors.values())
    return {name: np.interp(values, places, np.eye(len(places))[row]) for row, name in enumerate(anchors)}


def _aligned(shapes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Shapes (N, V, 3) moved by similarities onto their common weighted mean (three rounds of Procrustes).

    All shapes are symmetric, so the rotations are about x and the plane x = 0 stays where it is. The mean size and the
    mean attitude are kept. Works in place, because the shapes of a population fill a third of a gigabyte.
    """
    w = weight / weight.sum()
    shapes -= np.einsum("nvc,v->nc", shapes, w)[:, None]
    x, y, z = (np.ascontiguousarray(shapes[:, :, axis]) for axis in range(3))
    sizes = np.sqrt((x**2 + y**2 + z**2) @ w)
    reference = np.stack([x[0], y[0], z[0]], 1) / sizes[0]
    for _ in range(3):
        # The best rotation about x in closed form from the y-z moments, the best scale from the overlap.
        wx, wy, wz = (reference * w[:, None]).T
        along, cosine, sine = x @ wx, y @ wy + z @ wz, y @ wz - z @ wy
        angle = np.arctan2(sine, cosine)
        factor = (along + np.hypot(cosine, sine)) / sizes**2  # least squares of the reference by the shape
        c, s = factor * np.cos(angle), factor * np.sin(angle)
        reference = np.stack([factor @ x, c @ y - s @ z, s @ y + c @ z], 1)
        reference /= np.sqrt((reference**2).sum(1) @ w)
    # The first reference was one person, whose attitude is as good as another's: take the mean turn out again.
    angle -= angle.mean()
    factor *= sizes.mean()
    c, s = (factor * np.cos(angle))[:, None], (factor * np.sin(angle))[:, None]
    shapes[:, :, 0] = factor[:, None] * x
    shapes[:, :, 1] = c * y - s * z
    shapes[:, :, 2] = s * y + c * z
    return shapes
