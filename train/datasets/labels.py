"""What a dataset says of one picture, in one form for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Item(NamedTuple):
    """One line of an index, paths relative to the dataset's root. frame: of a video, from 0; -1 for a picture."""

    name: str
    picture: str
    labels: str
    frame: int = -1


class BadItem(Exception):
    """A picture or label file that cannot be used; the text says why. Counted and reported, never fatal."""


@dataclass(frozen=True)
class FilePose:
    """A 300W-LP pose as its file means it: rotation (3, 3); f px per unit of the file's model; translation (3,) px.

    V = f R S + t with x right, y up from the lower edge and z to the camera, pixels counted from 1.
    """

    rotation: np.ndarray
    f: float
    translation: np.ndarray


@dataclass(frozen=True)
class Labels:
    """points (68, 2) px as the file counts them, y down; depth (68,) px towards the camera, where there is one.

    pixel_origin: what the points call the centre of the first pixel, 1 where MATLAB wrote them.
    reannotated (68, 2): a second set, placed by hand. pose, shape_para (K,) and exp_para (M,): parameters of the Basel
    model. yaw_deg: the file's own, positive towards the subject's left. scan and scan_landmarks: Florence's.
    """

    points: np.ndarray | None = None
    depth: np.ndarray | None = None
    reannotated: np.ndarray | None = None
    pose: FilePose | None = None
    shape_para: np.ndarray | None = None
    exp_para: np.ndarray | None = None
    yaw_deg: float | None = None
    pixel_origin: int = 0

    @property
    def pixels(self) -> np.ndarray:
        """The points (68, 2) in 0-based pixels. Raises BadItem where there are none."""
        if self.points is None:
            raise BadItem("no landmarks")
        return self.points - self.pixel_origin
