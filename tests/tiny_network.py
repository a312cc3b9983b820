"""The sizes of a network with a handful of channels, for tests of what does not depend on how well it learns."""

from typing import Any

TINY: dict[str, Any] = {
    "stem_channels": 4,
    "channels": 8,
    "bottleneck": 2,
    "depth": 2,
    "volume_convs": ((2, 4, 4, 0), (4, 2, 2, 0), (4, 4, 2, 1), (8, 3, 1, 1), (8, 4, 1, 0)),
    "map_convs": (4, 4, 4),
    "hidden": 16,
    "mixed": 24,
}
