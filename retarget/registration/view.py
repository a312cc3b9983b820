"""A parallel camera that takes pictures of a rig, and the way from its pixels to the world and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

PIXELS = 512  # side of the rendered pictures: the network looks at 256 of them


@dataclass(frozen=True)
class View:
    """A parallel camera: looks against `front` at `centre` (3,), `height` world units fill the picture."""

    name: str
    centre: Array
    front: Array
    up: Array
    height: float

    @property
    def axes(self) -> Array:
        """(3, 3) columns: right in the picture, up in it, towards the camera; world."""
        side = np.cross(self.up, self.front)
        side /= np.linalg.norm(side)
        return np.stack([side, np.cross(self.front, side), self.front], axis=1)

    def to_json(self) -> dict[str, Any]:
        """The view as the child's step `portraits` takes it."""
        vectors = {name: [float(x) for x in getattr(self, name)] for name in ("centre", "front", "up")}
        return {"name": self.name, **vectors, "height": float(self.height)}

    def to_picture(self, points: Array, pixels: int = PIXELS) -> Array:
        """World points (N, 3) as pixel x, pixel y (down) and depth towards the camera in pixels."""
        local = (points - self.centre) @ self.axes * (pixels / self.height)
        middle = (pixels - 1) / 2
        return np.stack([middle + local[:, 0], middle - local[:, 1], local[:, 2]], axis=1)

    def to_world(self, picture: Array, pixels: int = PIXELS) -> Array:
        """The inverse of `to_picture`."""
        middle = (pixels - 1) / 2
        local = np.stack([picture[:, 0] - middle, middle - picture[:, 1], picture[:, 2]], axis=1)
        return self.centre + local @ self.axes.T * (self.height / pixels)
