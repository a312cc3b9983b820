"""Faces onto rigs: from a take to an animated .blend. Knows rigs as descriptions; only a child knows Blender."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retarget.performance import Settings
    from retarget.pipeline import retarget_video

__all__ = ["Settings", "retarget_video"]


def __getattr__(name: str) -> Any:
    # Imported at first use: torch and scipy take seconds, which `mmface-retarget --help` should not cost.
    if name == "retarget_video":
        from retarget.pipeline import retarget_video

        return retarget_video
    if name == "Settings":
        from retarget.performance import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
