"""Table 1 as text, JSON and LaTeX: the paper's rows, then ours."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from train.measure.paper_rows import LATER, PAPER, Row
from train.measure.protocol import BandSummary, by_bands
from train.measure.table1 import TableResult
from train.measure.variants import GT, ROWS

WIDTH = 28


def summaries(result: TableResult) -> dict[str, tuple[BandSummary, float, float]]:
    """For each variant: its bands, the mean NME2D by the diagonal, and the mean NME3D (NaN where there is none)."""
    yaw = np.array(result.yaw_deg)
    made = {}
    for name in ROWS:
        faces = result.rows.get(name)
        if faces:
            flat = np.array([face.nme68 for face in faces])
            diagonal = np.array([face.nme68 * face.diagonal for face in faces])
            made[name] = by_bands(flat, yaw), float(diagonal.mean()), float(np.mean([face.nme3d for face in faces]))
    return made


def text(result: TableResult, title: str) -> list[str]:
    """The table as lines: the paper's rows where it is the paper's dataset, then ours."""
    ours = summaries(result)
    head = f"{'':{WIDTH}} {'0-30':>7} {'30-60':>7} {'60-90':>7} {'mean':>7} {'std':>6} {'all':>7} {'diag':>6} {'3D':>6}"
    lines = [f"{result.dataset}, {result.labels} labels: {len(result.names)} faces. {title}", head]
    if result.dataset == "AFLW2000-3D" and result.labels == "original":
        lines += [_published(row) for row in PAPER] + [_published(row) for row in LATER]
    for name, (bands, diagonal, deep) in ours.items():
        figures = [*bands.bands, bands.mean] if result.banded else [math.nan] * 4
        std = bands.std if result.banded else math.nan
        numbers = " ".join(_cell(value, 7) for value in figures)
        lines.append(
            f"{'ours, ' + name:{WIDTH}} {numbers} {_cell(std, 6)} {_cell(bands.over_all, 7)} {_cell(diagonal, 6)} "
            f"{_cell(deep, 6)}"
        )
    lines += [f"  {note}" for note in notes(result)]
    return lines


def notes(result: TableResult) -> list[str]:
    """What the reader of the figures must know."""
    said = ["NME of 68 points in % of sqrt(w h) of the true box; mean and std over the bands; all and diag over faces"]
    if result.banded:
        counts = next(iter(summaries(result).values()))[0].counts
        said.append(f"faces by |yaw|: {' / '.join(map(str, counts))}")
    said.append(
        f"3D: {'the whole mesh' if result.dense else 'the 68 points where labels have depth'}, shifted in depth"
    )
    if not result.exact_pose:
        said.append(f"{GT}: the labels are not this model's parameters, so it is the best fit to the true points")
    missing = [name for name in ROWS if name not in result.rows]
    if missing:
        said.append(f"{', '.join(missing)}: the network's volume is coarser, so there is nothing to align with")
    said += [f"{count} pictures left out: {reason}" for reason, count in sorted(result.bad.items())]
    return said


def as_json(results: list[TableResult], title: str) -> str:
    """All figures, also of each face."""
    content: dict[str, Any] = {"title": title, "unit": "% of sqrt(w h) of the true 68 points' box", "datasets": []}
    for result in results:
        rows = {
            name: {
                "bands": bands.bands,
                "counts": bands.counts,
                "mean": bands.mean,
                "std": bands.std,
                "all": bands.over_all,
                "all_by_diagonal": diagonal,
                "nme3d": deep,
                "faces": [face.nme68 for face in result.rows[name]],
                "faces_3d": [face.nme3d for face in result.rows[name]],
            }
            for name, (bands, diagonal, deep) in summaries(result).items()
        }
        content["datasets"].append(
            {
                "dataset": result.dataset,
                "labels": result.labels,
                "names": result.names,
                "yaw_deg": result.yaw_deg,
                "nme3d_over": "mesh" if result.dense else "68 points",
                "exact_pose": result.exact_pose,
                "left_out": dict(result.bad),
                "rows": rows,
            }
        )
    content["paper"] = [row._asdict() for row in (*PAPER, *LATER)]
    return json.dumps(_finite(content), indent=1) + "\n"


def as_latex(results: list[TableResult], title: str) -> str:
    """A LaTeX tabular (booktabs) of the paper's rows and ours."""
    lines = [
        f"% {title}",
        r"\begin{tabular}{lrrrrrr}",
        r"\toprule",
        r"& \multicolumn{5}{c}{$\mathrm{NME}_{2D}^{68}$ (\%)} & $\mathrm{NME}_{3D}$ \\",
        r"Method & 0--30 & 30--60 & 60--90 & Mean & Std. & Mean \\",
    ]
    for result in results:
        lines += [r"\midrule", rf"\multicolumn{{7}}{{l}}{{{_escaped(result.dataset)}, {result.labels} labels}} \\"]
        if result.dataset == "AFLW2000-3D" and result.labels == "original":
            for row in (*PAPER, *LATER):
                lines.append(_latex_row(row.method, [*row.bands, row.mean, _band_std(row), row.nme3d or math.nan]))
            lines.append(r"\midrule")
        for name, (bands, _, deep) in summaries(result).items():
            mean = bands.mean if result.banded else bands.over_all
            lines.append(_latex_row(f"ours, {name}", [*bands.bands, mean, bands.std, deep]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _published(row: Row) -> str:
    numbers = " ".join(_cell(value, 7) for value in (*row.bands, row.mean))
    deep = math.nan if row.nme3d is None else row.nme3d
    return f"{row.method:{WIDTH}} {numbers} {_cell(_band_std(row), 6)} {'':>7} {'':>6} {_cell(deep, 6)}"


def _band_std(row: Row) -> float:
    """The printed column mixes variance and deviation, so it is computed here for all rows alike."""
    return float(np.std(row.bands, ddof=1))


def _cell(value: float, width: int) -> str:
    return f"{'-' if math.isnan(value) else f'{value:.2f}':>{width}}"


def _latex_row(name: str, values: list[float]) -> str:
    return f"{_escaped(name)} & {' & '.join('--' if math.isnan(v) else f'{v:.2f}' for v in values)} " + r"\\"


def _escaped(text: str) -> str:
    return text.replace("_", r"\_").replace("%", r"\%").replace("&", r"\&")


def _finite(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
