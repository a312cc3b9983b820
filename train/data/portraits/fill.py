"""Colours for skin that the portrait does not show: spread smoothly over the mesh from where it does.

Borrowed texture coordinates alone leave cracks where neighbours borrow from different places.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from train.data.head import default_head

KNOWN_FROM = 0.30  # how well a vertex must be seen for its colour to spread
FILL_BELOW = 0.45  # below this the fill colour mixes in


def fill_colours(
    picture: np.ndarray, uv_a: np.ndarray, uv_b: np.ndarray, mix: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fill colours (n_skin, 3) f32 0..255 and their weight (n_skin,) f32 0..1 against the texture.

    picture (S, S, 3) u8; uv_a, uv_b (n_skin, 2), mix (n_skin,) as `texture_coordinates` gives them; seen (n_skin,) how
    well each vertex or its mirror vertex is seen, 0..1.
    """
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.5).astype(np.float32)
    colours = _look_up(smooth, uv_a) * (1 - mix[:, None]) + _look_up(smooth, uv_b) * mix[:, None]
    known = seen > KNOWN_FROM
    unknown = np.flatnonzero(~known)
    laplacian = _laplacian()
    inside = laplacian[unknown][:, unknown].tocsc()
    border = laplacian[unknown][:, np.flatnonzero(known)]
    # A trace of the identity keeps islands without any known neighbour solvable.
    solve = splu(inside + 1e-6 * sparse.identity(len(unknown), format="csc"))
    colours[unknown] = solve.solve(-(border @ colours[known]))
    weight = np.clip(1.0 - seen / FILL_BELOW, 0.0, 1.0)
    return np.clip(colours, 0, 255), weight.astype(np.float32)


def _look_up(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear colours (n, 3) at texture coordinates (n, 2)."""
    at = (uv * picture.shape[0] - 0.5).astype(np.float32)
    return cv2.remap(picture, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]


@lru_cache(maxsize=1)
def _laplacian() -> sparse.csr_matrix:
    """Graph Laplacian (n_skin, n_skin) of the skin's mesh."""
    head = default_head()
    count = head.parts["skin"].stop
    triangles = head.triangles[(head.triangles < count).all(1)]
    rows = triangles[:, [0, 1, 2, 1, 2, 0]].ravel()
    columns = triangles[:, [1, 2, 0, 0, 1, 2]].ravel()
    edges = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    edges.data[:] = 1.0
    return (sparse.diags(np.asarray(edges.sum(1)).ravel()) - edges).tocsr()
