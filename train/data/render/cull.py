"""Leave out triangles that cannot be seen before the rasteriser spends time on them."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def facing(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles (f, 3) that face the camera and touch the picture.

    vertices (V, >= 2) f32 whose first two columns are clip x and y, y down, so that outside faces turn clockwise.
    """
    out = np.empty_like(triangles)
    count = 0
    for i in range(len(triangles)):
        a, b, c = triangles[i]
        ax, ay, bx, by, cx, cy = (
            vertices[a, 0],
            vertices[a, 1],
            vertices[b, 0],
            vertices[b, 1],
            vertices[c, 0],
            vertices[c, 1],
        )
        beside = (ax > 1 and bx > 1 and cx > 1) or (ax < -1 and bx < -1 and cx < -1)
        above = (ay > 1 and by > 1 and cy > 1) or (ay < -1 and by < -1 and cy < -1)
        if not beside and not above and (bx - ax) * (cy - ay) - (cx - ax) * (by - ay) < 0:
            out[count] = triangles[i]
            count += 1
    return out[:count]
