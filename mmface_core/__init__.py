"""Faces from pixels: the face model, the MMFace network, ICP, and capture of takes. Knows no rig and no Blender."""

__version__ = "0.1.0"
