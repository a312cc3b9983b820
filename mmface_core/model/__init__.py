"""The face as numbers: the linear model, its landmarks, its subdivision, and how the bundled default is built."""

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel

__all__ = ["ARKIT_NAMES", "FaceModel"]
