# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys for a curve, with a bound on how far it then differs. Plain Python: it also runs without Blender.

From a key the next one is put as far away as possible such that the straight lines between stay within the tolerance of
every value skipped. Each skipped value narrows the cone of directions that still pass it closely enough (Imai and Iri's
range of visibility), so that the work grows with the number of frames only.
"""


def kept(frames, curves, tolerances) -> list:
    """Indices of the frames to key, shared by `curves`: sequences of numbers, one for each of `frames`, which rise.

    Straight lines between the kept values differ from curve k by at most tolerances[k] at every frame. The first and
    the last frame are always kept; all of them are where every tolerance is 0 and no value lies on a line.
    """
    last = len(frames) - 1
    if last < 1:
        return list(range(last + 1))
    indices = [0]
    anchor = 0
    while anchor < last:
        anchor = _farthest(frames, curves, tolerances, anchor, last)
        indices.append(anchor)
    return indices


def _farthest(frames, curves, tolerances, anchor: int, last: int) -> int:
    """The last frame that a straight line from `anchor` may lead to."""
    origin = frames[anchor]
    starts = [curve[anchor] for curve in curves]
    low = [float("-inf")] * len(curves)
    high = [float("inf")] * len(curves)
    reached = anchor + 1
    for index in range(anchor + 1, last + 1):
        length = frames[index] - origin
        fits = True
        for k, curve in enumerate(curves):
            rise = curve[index] - starts[k]
            slope = rise / length
            if slope < low[k] or slope > high[k]:
                fits = False
            slack = tolerances[k] / length
            low[k] = max(low[k], slope - slack)
            high[k] = min(high[k], slope + slack)
            if low[k] > high[k]:
                return reached
        if fits:
            reached = index
    return reached
