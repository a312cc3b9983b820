"""From a clip or a take and a rig to rendered frames, and to an .mp4 if one is wanted: the whole of `mmface render`."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mmface_core.errors import UserError
from mmface_core.take import Take
from retarget.batch.plan import engine_key, fingerprint_of, key_of
from retarget.blender import Blender
from retarget.capturing import capture_one, face_choice
from retarget.exchange.takes import is_take, open_take
from retarget.mapping.map_rig import MapOptions
from retarget.performance import Settings, clip_name, performance_of
from retarget.pipeline import check_request, motion_for, read_and_map
from retarget.rendering import RenderOptions, Submit, begin, encode_frames, missing, plan_render, render_all


@dataclass(frozen=True)
class RenderRequest:
    """What to render. output: an .mp4 or a folder. mapping: how to map the rig. only: these of Blender's frames, None
    for all."""

    source: Path
    rig: Path
    output: Path
    options: RenderOptions = field(default_factory=RenderOptions)
    settings: Settings = field(default_factory=Settings)
    head: str = "absolute"
    mapping: MapOptions = field(default_factory=MapOptions)
    face: str | int = "largest"
    sound: bool = True
    only: range | None = None

    @property
    def is_video(self) -> bool:
        return self.output.suffix.lower() == ".mp4"

    @property
    def folder(self) -> Path:
        """Where the frames lie."""
        return self.output.with_suffix(".frames") if self.is_video else self.output


def run_render(
    request: RenderRequest,
    blender: Blender,
    workers: int = 1,
    scheduler: str | None = None,
    chunk: int = 25,
    say: Callable[[str], None] = lambda _text: None,
) -> str:
    """Render what is missing; return one line about the result. workers: children at a time on this machine.

    scheduler: address of a Dask cluster whose workers see the same files. Raises UserError.
    """
    check_request(request.source, request.rig, {".mp4": request.output if request.is_video else None}, request.head)
    if not request.is_video and request.output.is_file():
        raise UserError(f"{request.output} is a file; name a folder for the frames, or an .mp4.")
    face_choice(request.face)
    request.mapping.check()
    take = _take(request, say)
    name = clip_name(str(request.source))
    performance = performance_of(take, request.settings, name)
    mapped = read_and_map(request.rig, request.head, blender, request.mapping)
    folder = request.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        motions = folder / ".mmface"
        motions.mkdir(exist_ok=True)
        # Chunks on other machines write the same files at the same time, so each has its own.
        own = motions / f"motion{'' if request.only is None else f'_{request.only.start}_{request.only.stop}'}.json"
        plan = plan_render(
            request.rig,
            mapped,
            motion_for(mapped, performance, request.head, request.settings.layer),
            own,
            request.options,
        )
    except OSError as error:
        raise UserError(f"Nothing can be written in {folder} ({error.strerror or error}).") from error
    begin(folder, plan)
    wanted = range(*plan.frames) if request.only is None else request.only
    outside = [frame for frame in wanted if not plan.frames[0] <= frame < plan.frames[1]]
    if outside:
        raise UserError(
            f"There is no frame {outside[0]}: the clip has frames {plan.frames[0]} to {plan.frames[1] - 1}."
        )
    before = len(missing(folder, wanted))
    say(f"{len(wanted)} frames, {len(wanted) - before} of them there already")
    done = 0

    def count(frames: int) -> None:
        nonlocal done
        done += frames
        say(f"rendered {done} of {before} frames")

    with ExitStack() as stack:
        submit = stack.enter_context(_submitting(workers, scheduler))
        render_all(plan, folder, blender, submit, chunk, count, wanted)
    if not request.is_video or request.only is not None:
        return f"Wrote {before} frames to {folder}"
    footage = Path(take.source) if is_take(request.source) else request.source
    sound = footage if request.sound and len(take) > 1 and footage.is_file() else None
    heard = encode_frames(plan, folder, request.output, blender, sound, 1 + request.settings.start - performance.start)
    return f"Wrote {request.output} ({len(wanted)} frames, {'with' if heard else 'without'} sound)"


def _take(request: RenderRequest, say: Callable[[str], None]) -> Take:
    """The take given, or one captured now and kept with the frames, so that a second call need not capture again."""
    if is_take(request.source):
        return open_take(request.source)
    if request.only is not None:
        raise UserError(
            "Chunks are rendered from a take, or each would capture the clip anew: run mmface capture first."
        )
    if not request.source.exists():
        raise UserError(f"{request.source} is a webcam: capture it first (mmface capture), and render from the take.")
    stamp = key_of("capture", fingerprint_of(request.source), engine_key(), request.face)[:24]
    kept = request.folder / ".mmface" / f"take_{stamp}.npz"
    if kept.is_file():
        return Take.load(kept)
    say("capturing")
    take = capture_one(request.source, request.face)
    take.save(kept)
    return take


@contextmanager
def _submitting(workers: int, scheduler: str | None) -> Iterator[Submit]:
    """Who takes chunks to render: a cluster, or threads of ours that wait for a child each, and end it at Ctrl-C."""
    if scheduler is not None:
        from retarget.batch.cluster import connected

        with connected(scheduler) as client, client.get_executor() as executor:
            yield executor.submit
        return
    stop = threading.Event()

    def go_on(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt

    with ThreadPoolExecutor(workers) as threads:
        try:
            yield lambda render, *what: threads.submit(render, *what, progress=go_on)
        except BaseException:
            stop.set()  # at the child's next frame
            threads.shutdown(wait=False, cancel_futures=True)
            raise
