"""`report.html`: one self-contained page about a batch. Only the previews and results are links to files beside it."""

import html
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mmface_core import __version__
from retarget.batch.report.facts import SHOWN
from retarget.batch.run import JobOutcome, Outcome
from retarget.batch.store import Store

TEMPLATE = Path(__file__).with_name("page.html")
COLOURS = ("#4e9af1", "#f1884e", "#e2b93b", "#5fbf77", "#3fa7a0", "#c678dd")
WIDTH, TALL = 960, 120  # px of the curves


def write_report(outcome: Outcome, store: Store) -> Path:
    """Write the page into the batch's folder, whole; return its path."""
    path = store.out / "report.html"
    rows = [_row(number, job, store) for number, job in enumerate(outcome.jobs)]
    sections: list[str] = []
    seen: set[str] = set()
    for number, job in enumerate(outcome.jobs):
        sections.append(_section(number, job, store, seen))
    failed = len(outcome.failed)
    good = len(outcome.jobs) - failed
    verdict = f"{good} of {len(outcome.jobs)} jobs done" + (f", {failed} failed" if failed else "")
    text = TEMPLATE.read_text(encoding="utf-8")
    filled = {
        "TITLE": html.escape(store.out.resolve().name),
        "VERDICT": html.escape(verdict),
        "VERSION": __version__,
        "ROWS": "\n".join(rows),
        "SECTIONS": "\n".join(sections),
    }
    for name, value in filled.items():
        text = text.replace(f"<!--{name}-->", value)
    store.write(path.name, text)
    return path


def _capture_of(job: JobOutcome) -> dict[str, Any] | None:
    return next((r for r in job.records if r["stage"] in ("capture", "join")), None)


def _retarget_of(job: JobOutcome) -> dict[str, Any] | None:
    return next((r for r in job.records if r["stage"] == "retarget"), None)


def _warnings(job: JobOutcome) -> list[str]:
    return list(dict.fromkeys(warning for record in job.records for warning in record.get("warnings", [])))


def _row(number: int, job: JobOutcome, store: Store) -> str:
    capture, made = _capture_of(job), _retarget_of(job)
    state = "failed" if job.failure else "done"
    seconds = sum(float(record.get("seconds", 0)) for record in job.records)
    cells = [
        (f'<a href="#job{number}">{html.escape(job.job.clip.name)}</a>', job.job.clip.name),
        (html.escape(job.job.rig.name if job.job.rig else "(capture only)"), job.job.rig.name if job.job.rig else ""),
        (f'<span class="{state}">{state}</span>', state),
        _number(capture and capture["frames"]),
        _number(capture and 100 * capture["present"], "{:.0f} %"),
        _number(capture and capture["confidence"], "{:.2f}"),
        _number(made and made["driven"]),
        _number(len(_warnings(job))),
        _number(seconds, "{:.1f}"),
    ]
    return "<tr>" + "".join(f'<td data-sort="{html.escape(str(key))}">{text}</td>' for text, key in cells) + "</tr>"


def _number(value: Any, how: str = "{}") -> tuple[str, Any]:
    return (how.format(value), value) if value is not None else ("", -1)


def _section(number: int, job: JobOutcome, store: Store, seen: set[str]) -> str:
    """A job's own part; what its clip shows comes once, with the clip's first job."""
    parts = [f'<section id="job{number}"><h2>{html.escape(job.name)}</h2>']
    if job.failure:
        parts.append(f'<p class="failed">{html.escape(job.failure.sentence)}</p>')
        if job.failure.trace:
            parts.append(f"<details><summary>details</summary><pre>{html.escape(job.failure.trace)}</pre></details>")
    capture = _capture_of(job)
    if capture and capture["id"] not in seen:
        seen.add(capture["id"])
        parts.append(_clip(capture, store))
    made = _retarget_of(job)
    if made:
        missing = made["keys"]["missing"]
        words = f"drives {made['driven']} of 52 channels; action “{html.escape(made['action'])}”"
        if missing:
            words += f"; no key for {html.escape(', '.join(missing))}"
        parts.append(f"<p>{words}</p>")
    parts += [f'<p class="warning">{html.escape(warning)}</p>' for warning in _warnings(job)]
    parts.append(_files(job, store))
    return "\n".join(parts) + "</section>"


def _files(job: JobOutcome, store: Store) -> str:
    names = [entry["path"] for record in job.records for entry in record["outputs"]]
    names = [name for name in dict.fromkeys(names) if not name.startswith(".mmface/")]
    videos = [name for name in names if name.endswith(".mp4")]
    films = "".join(f'<video controls preload="metadata" src="{_link(name)}"></video>' for name in videos)
    links = ", ".join(f'<a href="{_link(name)}">{html.escape(_shown(store.out / name))}</a>' for name in names)
    return films + (f'<p class="files">{links}</p>' if links else "")


def _link(name: str) -> str:
    return quote(os.fsencode(name))  # a name of any bytes


def _shown(path: Path) -> str:
    """A file's name, or a folder's with the number of its files."""
    return f"{path.name} ({sum(1 for _ in path.iterdir())} files)" if path.is_dir() else path.name


def _clip(capture: dict[str, Any], store: Store) -> str:
    try:
        path = store.inner / "report" / f"{capture['key'][:24]}.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return '<p class="warning">What the clip shows is not there any more; remove its take to have it again.</p>'
    pictures = "".join(f'<img alt="" src="{html.escape(picture)}">' for picture in facts["pictures"])
    words = (
        f"{capture['frames']} frames at {capture['fps']:.6g} fps; face in {100 * capture['present']:.0f} %, "
        f"confidence {capture['confidence']:.2f}"
    )
    lost = facts["lost"]
    if lost:
        spans = ", ".join(f"{a:.2f}-{b:.2f} s" for a, b in lost[:12]) + (", ..." if len(lost) > 12 else "")
        words += f"; not seen {spans}"
    return f'<div class="strip">{pictures}</div><p>{html.escape(words)}</p>{_curves(facts)}'


def _curves(facts: dict[str, Any]) -> str:
    """Weights over time as lines, the confidence as a band below, lost stretches shaded."""
    count = len(facts["confidence"])
    if count < 2:
        return ""
    step = WIDTH / (count - 1)
    lines = []
    shown = [(name, facts["names"].index(name)) for name in SHOWN if name in facts["names"]]
    for (_, index), colour in zip(shown, COLOURS, strict=False):
        points = " ".join(f"{i * step:.1f},{TALL - 1.2 * v:.1f}" for i, v in enumerate(facts["weights"][index]))
        lines.append(f'<polyline points="{points}" stroke="{colour}"/>')
    sure = " ".join(f"{i * step:.1f},{TALL + 34 - 0.3 * v:.1f}" for i, v in enumerate(facts["confidence"]))
    band = f'<polygon class="sure" points="0,{TALL + 34} {sure} {WIDTH},{TALL + 34}"/>'
    whole = facts["seconds"] or 1.0
    shades = "".join(
        f'<rect class="lost" x="{WIDTH * a / whole:.1f}" width="{max(1.0, WIDTH * (b - a) / whole):.1f}" y="0" '
        f'height="{TALL + 34}"/>'
        for a, b in facts["lost"]
    )
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{name}</span>'
        for (name, _), colour in zip(shown, COLOURS, strict=False)
    )
    picture = f'<svg viewBox="0 0 {WIDTH} {TALL + 36}" preserveAspectRatio="none">{shades}{band}{"".join(lines)}</svg>'
    return (
        f'<figure>{picture}<figcaption><b>0 - {whole:.1f} s</b> {legend}<span><i class="sure"></i>confidence</span>'
        f"</figcaption></figure>"
    )
