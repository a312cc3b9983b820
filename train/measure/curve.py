"""The cumulative error curve of several sets, as an SVG picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

COLOURS = ("#1f6fb2", "#d1602a", "#3c9a5f", "#8a5aa8", "#b0912b", "#c2457a", "#4a4a4a")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 420, 56, 20, 16, 46
END = 8.0  # % of sqrt(w*h), the right end of the curve


def write_curves(path: Path, sets: Mapping[str, Sequence[float]], points: int = 51) -> None:
    """Write the share of faces (misses count as failures, NaN) whose NME lies below each value, one curve a set."""
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for share in np.linspace(0.0, 1.0, 6):
        y = TOP + plot_height * (1.0 - share)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * share:.0f} %</text>')
    for value in np.arange(0.0, END + 0.1, 1.0):
        x = LEFT + plot_width * value / END
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:.0f}</text>')
    parts.append(
        f'<text x="{LEFT + plot_width / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"NME of {points} points, % of sqrt(w*h)</text>"
    )
    for number, (name, errors) in enumerate(sets.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(
            f"{LEFT + plot_width * value / END:.1f},{TOP + plot_height * (1.0 - share):.1f}"
            for value, share in cumulative(errors)
        )
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = HEIGHT - BOTTOM - 12 - 16 * (len(sets) - 1 - number)
        parts.append(f'<text x="{WIDTH - RIGHT - 8}" y="{y}" text-anchor="end" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def cumulative(errors: Sequence[float], steps: int = 161) -> list[tuple[float, float]]:
    """(value, share of the errors below it) from 0 to `END`; a NaN is below nothing."""
    values = np.asarray(errors, float)
    return [(float(v), float((values <= v).sum() / max(len(values), 1))) for v in np.linspace(0.0, END, steps)]
