"""A calibration kept in a take: what `mmface calibrate` does, for programs."""

from dataclasses import replace

import numpy as np

from mmface_core.model.arkit import ARKIT_INDEX, ARKIT_NAMES
from mmface_core.take import Take
from retarget.calibration import Calibration, CalibrationPolicy, calibrate
from retarget.cleaning import Cleaning
from retarget.cleaning.steps import before_filters, believable
from retarget.gaps import GapPolicy, seen
from retarget.performance import arkit_weights, stored_calibration


def calibration_for(take: Take, policy: CalibrationPolicy) -> Calibration:
    """The calibration that a policy finds in a take, or that the take stores, where the policy leaves it open.

    Raises UserError where the take has no weights to calibrate.
    """
    weights = arkit_weights(take)
    good = seen(take.present, take.confidence, GapPolicy())
    good = believable(take.rotation, take.scale, take.confidence, good, Cleaning())
    weights = before_filters(weights, good, Cleaning())
    return calibrate(weights, take.time, take.frame, good, policy, stored_calibration(take))


def calibrated(take: Take, calibration: Calibration) -> Take:
    """The take with a calibration stored; its weights stay as they were captured."""
    order = [ARKIT_INDEX.get(str(name), -1) for name in take.weight_names]
    neutral = [calibration.neutral[i] if i >= 0 else 0.0 for i in order]
    full = [calibration.full[i] if i >= 0 else 1.0 for i in order]
    return replace(
        take,
        neutral=np.array(neutral, np.float32),
        full=np.array(full, np.float32),
        calibrated_by=calibration.by,
    )


def without_calibration(take: Take) -> Take:
    """The take as it was captured."""
    return replace(take, neutral=None, full=None, calibrated_by="")


def describe(calibration: Calibration) -> str:
    """What a calibration does, in a line."""
    offsets = sorted(zip(calibration.neutral, ARKIT_NAMES, strict=True), reverse=True)
    shown = [f"{name} {value:.2f}" for value, name in offsets[:6] if value >= 0.05]
    rest = f"at rest {', '.join(shown)}" if shown else "the rest is the model's own, within 0.05"
    stretched = [f"{n} {f:.2f}" for n, f in zip(ARKIT_NAMES, calibration.full, strict=True) if f < 0.99]
    full = f"; full at {', '.join(stretched)}" if stretched else ""
    return f"neutral by {calibration.by}: {rest}{full}."
