"""Line charts as SVG or PNG: the cumulative error curve of several sets, and the progress of a run."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmface_core.errors import UserError

COLOURS = ("#1f6fb2", "#d1602a", "#3c9a5f", "#8a5aa8", "#b0912b", "#c2457a", "#4a4a4a", "#2aa7a7", "#8f5a2b", "#7d9a1f")
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 420, 56, 20, 16, 46
TICKS = 8
END = 8.0  # % of sqrt(w*h), the right end of the cumulative curve
PROGRESS = {
    "r": "mean over units",
    "r_jaw": "jawOpen",
    "r_blink": "eyeBlink",
    "r_smile": "mouthSmile",
    "r_gaze": "gaze",
}

Line = Sequence[tuple[float, float]]


def write_curves(path: Path, sets: Mapping[str, Sequence[float]], points: int = 51) -> None:
    """Write the share of faces (misses count as failures, NaN) whose NME lies below each value, one curve a set."""
    lines = {name: cumulative(errors) for name, errors in sets.items()}
    write_chart(path, lines, f"NME of {points} points, % of sqrt(w*h); upwards the share of faces", END)


def write_progress(path: Path, run: Path) -> None:
    """Write how r of weights on held-out renders rose over a run's pictures. UserError where the run has none.

    A run for a converted face model has none: its expression has no units to name.
    """
    file = run / "validation.csv"
    if not file.is_file():
        raise UserError(f"{run} holds no validation.csv: it is no run, or none that has come to its first validation.")
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    lines = {
        label: [(float(row["images"]) / 1000.0, float(row[key])) for row in rows]
        for key, label in PROGRESS.items()
        if rows and key in rows[0]
    }
    if not lines:
        raise UserError(
            f"{file} holds no figures of ARKit's units to draw: it is empty, or the run trains another face model."
        )
    end = max(x for line in lines.values() for x, _ in line)
    write_chart(path, lines, "thousand pictures; upwards r with the true weights of held-out renders", end)


def cumulative(errors: Sequence[float], steps: int = 161, end: float = END) -> list[tuple[float, float]]:
    """(value, share of the errors below it) from 0 to `end`; a NaN is below nothing."""
    values = np.asarray(errors, float)
    return [(float(v), float((values <= v).sum() / max(len(values), 1))) for v in np.linspace(0.0, end, steps)]


def write_chart(path: Path, lines: Mapping[str, Line], caption: str, end: float) -> None:
    """Write lines of (x, y), x from 0 to `end` and y from 0 to 1, each with its name at the lower right.

    A path that ends in .png gets pixels, twice as many as the .svg has units. UserError for other endings.
    """
    if path.suffix.lower() == ".png":
        _write_png(path, lines, caption, end)
        return
    if path.suffix.lower() != ".svg":
        raise UserError(f"{path} should end in .svg or .png.")
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 8}" text-anchor="middle">{caption}</text>',
    ]
    for share in np.linspace(0.0, 1.0, 6):
        y = TOP + high * (1.0 - share)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.1f}</text>')
    for value in np.linspace(0.0, end, TICKS + 1):
        x = LEFT + wide * value / end
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:.3g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join(f"{LEFT + wide * x / end:.1f},{TOP + high * (1.0 - max(y, 0.0)):.1f}" for x, y in line)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = HEIGHT - BOTTOM - 12 - 16 * (len(lines) - 1 - number)
        parts.append(f'<text x="{WIDTH - RIGHT - 8}" y="{y}" text-anchor="end" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _write_png(path: Path, lines: Mapping[str, Line], caption: str, end: float) -> None:
    import cv2

    from train.picture_file import write_picture

    zoom, wide, high = 2, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    image = np.full((zoom * HEIGHT, zoom * WIDTH, 3), 255, np.uint8)

    def write(text: str, x: float, y: float, anchor: float, colour: tuple[int, int, int] = (0, 0, 0)) -> None:
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.75, 1)[0][0]
        at = (int(zoom * x - anchor * width), int(zoom * y))
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.75, colour, 1, cv2.LINE_AA)

    write(caption.replace("²", "2"), LEFT + wide / 2, HEIGHT - 8, 0.5)
    for share in np.linspace(0.0, 1.0, 6):
        y = TOP + high * (1.0 - share)
        cv2.line(image, (zoom * LEFT, int(zoom * y)), (zoom * (WIDTH - RIGHT), int(zoom * y)), (221, 221, 221), 1)
        write(f"{share:.1f}", LEFT - 6, y + 4, 1.0)
    for value in np.linspace(0.0, end, TICKS + 1):
        write(f"{value:.3g}", LEFT + wide * value / end, HEIGHT - BOTTOM + 16, 0.5)
    for number, (name, line) in enumerate(lines.items()):
        code = COLOURS[number % len(COLOURS)]
        colour = (int(code[5:7], 16), int(code[3:5], 16), int(code[1:3], 16))
        places = [(zoom * (LEFT + wide * x / end), zoom * (TOP + high * (1.0 - max(y, 0.0)))) for x, y in line]
        cv2.polylines(image, [np.array(places).round().astype(np.int32)], False, colour, 3, cv2.LINE_AA)
        write(name, WIDTH - RIGHT - 8, HEIGHT - BOTTOM - 12 - 16 * (len(lines) - 1 - number), 1.0, colour)
    write_picture(path, image[..., ::-1])
