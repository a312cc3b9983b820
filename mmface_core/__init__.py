"""Faces from pixels: the face model, the MMFace network, ICP, and capture of takes. Knows no rig and no Blender."""

import os as _os

__version__ = "0.1.0"

MOST_PIXELS = 1 << 28  # of one picture: twice a 16k still

# OpenCV reads its limit when it is imported, which is after this.
_os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
