"""The Virtual Motion Capture protocol: what VSeeFace, Warudo, VNyan and others listen to, over OSC.

Each frame is a value for each unit, in the names of VRM's Perfect Sync (ARKit's with a capital first letter), then
Apply, then the head bone's rotation. Unity's space is left-handed: x to the avatar's right, y up, z out of its face.
"""

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget import rotations
from retarget.exchange.osc import Message

Array = NDArray[np.floating]

NAMES = tuple(name[0].upper() + name[1:] for name in ARKIT_NAMES)


def messages(weights: Array, rotation: Array, time: float, seen: bool = True) -> list[Message]:
    """One frame: weights (52,) ARKit, rotation (3, 3) of the head from facing the camera, seconds since the start."""
    w, x, y, z = (float(v) for v in rotations.to_quaternions(rotation[None])[0])
    return [
        # loaded, calibrated (3: done), mode (0: normal), tracking
        ("/VMC/Ext/OK", (1, 3, 0, int(seen))),
        ("/VMC/Ext/T", (float(time),)),
        *(("/VMC/Ext/Blend/Val", (name, float(value))) for name, value in zip(NAMES, weights, strict=True)),
        ("/VMC/Ext/Blend/Apply", ()),
        # Mirroring x turns a quaternion's y and z around.
        ("/VMC/Ext/Bone/Pos", ("Head", 0.0, 0.0, 0.0, x, -y, -z, w)),
    ]
