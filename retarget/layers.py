"""How an action comes onto a rig: which parts of the face it moves, over what, and with how many keys."""

from dataclasses import dataclass

from retarget.regions import check_regions


@dataclass(frozen=True)
class Layer:
    """only: regions that get curves ("mouth", "eyes", "brows", "head"); none named: all of them.

    additive: a strip on an NLA track of its own, added to what the artist has animated, in place of the active action.
    tolerance: weight units by which curves may differ from the frames' values, so that they need fewer keys; 0 keys
    every frame. Rotations may differ by as many thirds of a radian.
    """

    only: tuple[str, ...] = ()
    additive: bool = False
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        check_regions(self.only)

    def has(self, region: str) -> bool:
        """Whether a region gets curves."""
        return not self.only or region in self.only
