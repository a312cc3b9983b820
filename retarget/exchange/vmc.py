"""The Virtual Motion Capture protocol: what VSeeFace, Warudo, VNyan and others listen to, over OSC.

Each frame is a value for each unit, in the names of VRM's Perfect Sync (ARKit's with a capital first letter), or for
each key of an avatar's mapping, then Apply, then the head bone's rotation. Unity's space is left-handed: x to the
avatar's right, y up, z out of its face.
"""

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from retarget import rotations
from retarget.exchange.osc import Message
from retarget.mapping.schema import Mapping

Array = NDArray[np.floating]

NAMES = tuple(name[0].upper() + name[1:] for name in ARKIT_NAMES)


def unit_values(weights: Array) -> dict[str, float]:
    """The units' weights (52,) under Perfect Sync's names."""
    return dict(zip(NAMES, map(float, weights), strict=True))


def key_values(mapping: Mapping, weights: Array) -> dict[str, float]:
    """What a mapping makes of the units' weights (52,): a value for each key by its name.

    VMC knows no meshes: of a key that several have, the value farthest from rest is sent.
    """
    values: dict[str, float] = {}
    for curve in mapping.key_curves(weights[None]):
        value = float(curve.values[0])
        if abs(value) >= abs(values.get(curve.key, 0.0)):
            values[curve.key] = value
    return values


def messages(values: dict[str, float], rotation: Array, time: float, seen: bool = True) -> list[Message]:
    """One frame: values by name, rotation (3, 3) of the head from facing the camera, seconds since a start."""
    w, x, y, z = (float(v) for v in rotations.to_quaternions(rotation[None])[0])
    return [
        # loaded, calibrated (3: done), mode (0: normal), tracking
        ("/VMC/Ext/OK", (1, 3, 0, int(seen))),
        ("/VMC/Ext/T", (float(time),)),
        *(("/VMC/Ext/Blend/Val", (name, value)) for name, value in values.items()),
        ("/VMC/Ext/Blend/Apply", ()),
        # Mirroring x turns a quaternion's y and z around.
        ("/VMC/Ext/Bone/Pos", ("Head", 0.0, 0.0, 0.0, x, -y, -z, w)),
    ]
