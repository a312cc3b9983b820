"""What is the paper's own in training: the weights of its objective as printed."""

from __future__ import annotations

from train.config import LossWeights

PRINTED_VOLUME, PRINTED_EXPRESSION, PRINTED_POSE = 1e6, 5.0, 5.0
UM_PER_MM = 1000.0


def printed_weights(n_vertices: int, volume_size: int) -> LossWeights:
    """Eq. 9 with the paper's weights and units, for terms that are means in mm^2, px^2 and nats here.

    Eq. 3 is a sum over voxels; Eq. 5 and 6 are sums over vertices of squared micrometres, as the Basel model has them;
    Eq. 7 is a mean over 68 points in px^2. So volume and shape outweigh the pose by many orders of magnitude, which may
    be why the paper's own pose is poor before ICP.
    """
    shape = n_vertices * UM_PER_MM**2
    nothing = dict.fromkeys(LossWeights.__dataclass_fields__, 0.0)
    return LossWeights(
        **nothing
        | {
            "volume": PRINTED_VOLUME * volume_size**3,
            "identity": shape,
            "expression": PRINTED_EXPRESSION * shape,
            "pose": PRINTED_POSE,
        }
    )
