"""Faces onto rigs: from a take to an animated .blend. Knows rigs as descriptions; only a child knows Blender."""

from retarget.performance import Settings
from retarget.pipeline import retarget_video

__all__ = ["Settings", "retarget_video"]
