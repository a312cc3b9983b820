"""Cleaning of captured curves. Each step is a small function of its own; `steps.py` puts them in order."""

from retarget.cleaning.policy import RAW, Cleaning

__all__ = ["RAW", "Cleaning"]
