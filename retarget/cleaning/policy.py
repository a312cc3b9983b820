"""Which cleaning steps run, and how strongly."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cleaning:
    """The steps of `retarget.cleaning.steps`, each of which can be switched off.

    outliers: single frames in which tracking jumped away are bridged. pairs: opposite units never show together.
    symmetry: 0 (off) to 1, how readily small differences of left and right are evened out. blinks: closed lids close
    fully and quickly. lips: closures of p, b and m reach closed.
    """

    outliers: bool = True
    pairs: bool = True
    symmetry: float = 0.5
    blinks: bool = True
    lips: bool = True


RAW = Cleaning(outliers=False, pairs=False, symmetry=0.0, blinks=False, lips=False)
