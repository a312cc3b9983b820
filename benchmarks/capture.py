"""Capture speed: ours by stage, against MediaPipe FaceMesh and OpenSeeFace on the same clips.

    python benchmarks/capture.py [CLIP ...] [--mediapipe-python PYTHON] [--openseeface FOLDER] [--repeat 3]
                                 [--live] [--faces] [--lengths] [--memory MINUTES] [--markdown FILE]

Every program decodes with OpenCV and follows one face; the best of `--repeat` runs counts, and the programs take turns,
so that what else the machine does falls on all. "ms a frame" is wall time from the first frame to the last, start-up
aside; "CPU ms" is the processor time of all threads, which a busy machine hardly changes. MediaPipe runs in the
interpreter named (its packages do not fit ours), OpenSeeFace from a checkout of it; both are left out where not named.

--live reads frame after frame as from a camera: no frame waits for a later one. --faces puts copies of the clip's
picture side by side. --lengths captures the clip once and four times over. --memory loops the clip for 30 seconds and
for MINUTES and compares the peaks of memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmface_core.capture.engine import CaptureEngine, Which
from mmface_core.capture.load import load_engine
from mmface_core.capture.sources import Frame, WebcamSource, open_source
from mmface_core.capture.stages import Stages

ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "examples" / "sample.mp4"

MEDIAPIPE = """
import json, sys, time
import cv2, mediapipe
mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True)
capture = cv2.VideoCapture(sys.argv[1])
stages, frames, seen = {"decode": 0.0, "mediapipe": 0.0}, 0, 0
good, image = capture.read()
mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
wall, cpu = time.perf_counter(), time.process_time()
while good:
    a = time.perf_counter()
    result = mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    b = time.perf_counter()
    frames, seen = frames + 1, seen + bool(result.multi_face_landmarks)
    good, image = capture.read()
    stages["decode"] += time.perf_counter() - b
    stages["mediapipe"] += b - a
print("TIMES " + json.dumps({"frames": frames, "seen": seen, "wall": time.perf_counter() - wall,
                             "cpu": time.process_time() - cpu, "stages": stages}))
"""

OPENSEEFACE = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
import cv2
from tracker import Tracker
capture = cv2.VideoCapture(sys.argv[1])
good, image = capture.read()
tracker = Tracker(image.shape[1], image.shape[0], model_type=3, max_threads=2, max_faces=1, silent=True)
tracker.predict(image)
stages, frames, seen = {"decode": 0.0, "openseeface": 0.0}, 0, 0
wall, cpu = time.perf_counter(), time.process_time()
while good:
    a = time.perf_counter()
    found = tracker.predict(image)
    b = time.perf_counter()
    frames, seen = frames + 1, seen + bool(found)
    good, image = capture.read()
    stages["decode"] += time.perf_counter() - b
    stages["openseeface"] += b - a
print("TIMES " + json.dumps({"frames": frames, "seen": seen, "wall": time.perf_counter() - wall,
                             "cpu": time.process_time() - cpu, "stages": stages}))
"""

MEMORY = """
import resource, sys
sys.path.insert(0, {root!r})
from benchmarks.capture import Looped
from mmface_core.capture.load import load_engine
engine = load_engine()
(take,) = engine.capture(Looped({clip!r}, {frames}))
take.save({out!r})
print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(take))
"""


class Looped:
    """A clip again and again, up to `frames` frames; each round is decoded anew."""

    is_still = is_live = False

    def __init__(self, clip: str | Path, frames: int, copies: int = 1) -> None:
        """copies: how often the picture is put side by side."""
        first = open_source(clip)
        self.name, self.fps, self.expected = f"{clip} looped", first.fps, frames
        first.close()
        self._clip, self._frames, self._copies = clip, frames, copies

    def frames(self) -> Iterator[Frame]:
        index = 0
        while True:
            source = open_source(self._clip)
            try:
                for frame in source.frames():
                    if index == self._frames:
                        return
                    image = frame.image if self._copies == 1 else np.tile(frame.image, (1, self._copies, 1))
                    yield Frame(image, index, index / self.fps)
                    index += 1
            finally:
                source.close()

    def close(self) -> None: ...


class AsCamera(WebcamSource):
    """A clip as a camera would give it: capture then reads frame after frame."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.name, self.fps, self.expected = self._source.name, self._source.fps, self._source.expected

    def frames(self) -> Iterator[Frame]:
        return self._source.frames()

    def close(self) -> None:
        self._source.close()


def ours(engine: CaptureEngine, source: Any, which: Which = "largest") -> dict[str, Any]:
    """One capture: frames, frames with a face, wall and CPU seconds, seconds by stage, faces."""
    stages = engine.stages
    stages.clear()
    wall, cpu = time.perf_counter(), time.process_time()
    takes = engine.capture(source, which)
    return {
        "frames": len(takes[0]),
        "seen": int(takes[0].present.sum()),
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "stages": {name: stages[name][0] for name in stages.names()},
        "faces": len(takes),
    }


def child(python: str, program: str, *arguments: str) -> dict[str, Any]:
    """What a program in another interpreter measured."""
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, timeout=1800)
    line = next((line for line in done.stdout.splitlines() if line.startswith("TIMES ")), None)
    if line is None:
        raise RuntimeError(f"{python} failed: {done.stderr[-2000:]}")
    return json.loads(line.removeprefix("TIMES "))


def best(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The fastest run, with the least CPU time of all."""
    return min(runs, key=lambda run: run["wall"]) | {"cpu": min(run["cpu"] for run in runs)}


def row(clip: str, name: str, run: dict[str, Any]) -> str:
    frames = run["frames"]
    stages = ", ".join(f"{k} {1e3 * v / frames:.1f}" for k, v in sorted(run["stages"].items(), key=lambda kv: -kv[1]))
    return (
        f"| {clip} | {name} | {1e3 * run['wall'] / frames:.1f} | {frames / run['wall']:.0f} | "
        f"{1e3 * run['cpu'] / frames:.1f} | {100 * run['seen'] / frames:.0f} | {stages} |"
    )


HEAD = "| clip | program | ms a frame | frames/s | CPU ms | seen % | stages, ms of wall time (they overlap) |\n" + (
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def memory(clip: Path, minutes: float) -> str:
    """Peaks of memory, MB, of a capture of half a minute and of `minutes`, each in a process of its own."""
    source = open_source(clip)
    rate = source.fps
    source.close()
    peaks = []
    for seconds in (30.0, 60.0 * minutes):
        out = f"/tmp/mmface-bench-{time.time_ns()}.npz"
        program = MEMORY.format(root=str(ROOT), clip=str(clip), frames=int(seconds * rate), out=out)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        Path(out).unlink(missing_ok=True)
        line = next((line for line in done.stdout.splitlines() if line.startswith("PEAK ")), None)
        if line is None:
            raise RuntimeError(f"capture failed: {done.stderr[-2000:]}")
        peaks.append(float(line.split()[1]))
    return (
        f"Peak memory of {clip.name} looped: 30 s {peaks[0]:.0f} MB, {minutes:g} min {peaks[1]:.0f} MB: "
        f"{peaks[1] - peaks[0]:+.0f} MB"
    )


def main(arguments: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", type=Path, default=[CLIP])
    parser.add_argument("--mediapipe-python", help="an interpreter that has mediapipe")
    parser.add_argument("--openseeface", help="a checkout of OpenSeeFace; run by this interpreter")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--frames", type=int, help="only so many frames of each clip (looped where it is shorter)")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--faces", action="store_true")
    parser.add_argument("--lengths", action="store_true")
    parser.add_argument("--memory", type=float, metavar="MINUTES")
    parser.add_argument("--markdown", type=Path, help="also write the tables here")
    options = parser.parse_args(arguments)
    engine = load_engine(stages=Stages())
    lines = [HEAD]
    print(HEAD, flush=True)

    def tell(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    for clip in options.clips:
        picture = cv2.VideoCapture(str(clip)).read()[1]
        name = f"{clip.stem}, {picture.shape[1]} x {picture.shape[0]}"
        programs = {"mmface": lambda clip=clip: ours(engine, source_of(clip, options.frames))}
        if options.live:
            programs["mmface, live"] = lambda clip=clip: ours(engine, AsCamera(source_of(clip, options.frames)))
        if options.mediapipe_python:
            programs["MediaPipe"] = lambda clip=clip: child(options.mediapipe_python, MEDIAPIPE, str(clip))
        if options.openseeface:
            programs["OpenSeeFace"] = lambda clip=clip: child(
                sys.executable, OPENSEEFACE, str(clip), options.openseeface
            )
        runs: dict[str, list[dict[str, Any]]] = {program: [] for program in programs}
        for _ in range(options.repeat):
            for program, run in programs.items():
                runs[program].append(run())
        for program, results in runs.items():
            tell(row(name, program, best(results)))
        if options.faces:
            for copies in (1, 2, 3):
                results = [ours(engine, Looped(clip, 100, copies), "all") for _ in range(options.repeat)]
                tell(row(name, f"mmface, {best(results)['faces']} faces", best(results)))
        if options.lengths:
            for times in (1, 4):
                results = [ours(engine, Looped(clip, 100 * times)) for _ in range(options.repeat)]
                tell(row(name, f"mmface, {100 * times} frames", best(results)))
    if options.memory:
        tell("\n" + memory(options.clips[0], options.memory))
    text = "\n".join(lines)
    if options.markdown:
        options.markdown.write_text(text + "\n")
    return text


def source_of(clip: Path, frames: int | None) -> Any:
    return open_source(clip) if frames is None else Looped(clip, frames)


if __name__ == "__main__":
    main()
