"""The parts of a face that are filtered, kept or left out together: mouth, eyes, brows, head."""

from typing import Final

from mmface_core.errors import UserError

REGIONS: Final = ("mouth", "eyes", "brows", "head")

# By the start of an ARKit unit's name. Nose and cheeks move with the mouth, but cheekSquint lifts the lower lid.
_STARTS: Final = {"eye": "eyes", "brow": "brows", "cheekSquint": "eyes"}


def region_of(unit: str) -> str:
    """The region of an ARKit unit; the head's rotation is a region of its own."""
    return next((region for start, region in _STARTS.items() if unit.startswith(start)), "mouth")


def check_regions(regions: tuple[str, ...]) -> tuple[str, ...]:
    """The regions as they are. Raises UserError for a word that names none."""
    for region in regions:
        if region not in REGIONS:
            raise UserError(f"{region} is no part of a face here; give {', '.join(REGIONS[:-1])} or {REGIONS[-1]}.")
    return regions
