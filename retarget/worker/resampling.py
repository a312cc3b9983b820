"""A performance on the scene's own frame rate instead of the clip's."""

from dataclasses import replace

from retarget import timing
from retarget.performance import Performance


def at_frame_rate(performance: Performance, fps: float) -> Performance:
    """The same seconds on frames of `fps`; a still picture stays as it is."""
    if performance.rate is None or abs(performance.rate.value / fps - 1) < 1e-6:
        return performance
    line = timing.at_rate(performance.frame_count, performance.start, performance.rate.value, fps)
    return replace(
        performance,
        rate=timing.frame_rate(fps),
        weights=timing.resample(performance.weights, line),
        rotation=timing.resample_rotations(performance.rotation, line),
        confidence=timing.resample(performance.confidence, line),
        row=performance.row[line.lower + (line.fraction > 0.5)],
    )
