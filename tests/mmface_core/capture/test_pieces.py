"""A clip captured in pieces is the clip captured in one go, bit for bit."""

from dataclasses import fields, replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from mmface_core.capture.engine import CaptureEngine
from mmface_core.capture.pieces import CapturedPiece, Piece, capture_piece, join_pieces, plan_pieces
from mmface_core.capture.sources import open_source
from mmface_core.errors import UserError
from mmface_core.model.face_model import FaceModel
from mmface_core.take import Take
from tests.mmface_core.capture.stand_in import DiscDetector, DiscPredictor, disc

SIZE = (320, 240)
COUNT = 90


@pytest.fixture(scope="module")
def engine() -> CaptureEngine:
    model = FaceModel.load()
    return CaptureEngine(DiscPredictor(model), model, DiscDetector(model))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A face that moves, two faces, nobody, one that comes back elsewhere, and a cut."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, SIZE)
    blank = np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)
    for i in range(COUNT):
        first = disc(SIZE, 90 + 30 * np.sin(i / 7), 120, 35, jaw=0.5 + 0.4 * np.sin(i / 3))
        second = disc(SIZE, 240, 120 + 20 * np.cos(i / 5), 28)
        image = first if i < 20 else np.maximum(first, second) if i < 50 else blank if i < 58 else second
        if i >= 70:
            image = 255 - disc(SIZE, 300, 30, 5)  # another scene
            image[:, 160:] = disc((160, 240), 70, 100, 40, jaw=0.2)
        writer.write(image[:, :, ::-1])
    writer.release()
    return path


def in_pieces(engine, path, which, length, warm, exact=False, spoil=None):
    pieces = plan_pieces(COUNT, length, warm)
    captured = []
    for piece in pieces:
        source = open_source(path, start=piece.first, exact=exact)
        captured.append(capture_piece(engine, source, piece, which))
    if spoil:
        spoil(captured)
    joined = join_pieces(engine, captured, lambda start, exact: open_source(path, start=start, exact=exact), which)
    return engine.takes(joined.recorder, open_source(path), which), joined.mended, captured


def assert_same(takes: list[Take], others: list[Take]) -> None:
    assert len(takes) == len(others)
    for a, b in zip(takes, others, strict=True):
        for field in fields(Take):
            assert np.array_equal(getattr(a, field.name), getattr(b, field.name)), field.name


@pytest.mark.parametrize(("which", "length", "warm"), [("largest", 30, 10), ("all", 22, 6), ("largest", 13, 3)])
def test_pieces_join_to_the_serial_capture_bit_for_bit(engine, clip, which, length, warm):
    serial = engine.capture(open_source(clip), which)
    takes, mended, _ = in_pieces(engine, clip, which, length, warm)
    assert_same(takes, serial)
    assert mended < COUNT / 2


def test_where_a_seek_lands_on_other_frames_the_piece_is_tracked_again(engine, clip):
    def shifted(captured):
        captured[1].checksum[:] += 1

    serial = engine.capture(open_source(clip))
    takes, mended, captured = in_pieces(engine, clip, "largest", 30, 10, spoil=shifted)
    assert_same(takes, serial)
    assert mended == 30 and len(captured) == 3


class Missed:
    """A file that is sought badly: the frames that come are those `late` further on, under the wanted numbers."""

    def __init__(self, path, start: int, exact: bool, late: int) -> None:
        late = 0 if exact else late
        self._source, self._late = open_source(path, start=start + late), late
        self.name, self.fps, self.expected = "clip", self._source.fps, self._source.expected
        self.is_still = self.is_live = False

    def frames(self):
        for frame in self._source.frames():
            yield replace(frame, index=frame.index - self._late)

    def close(self) -> None:
        self._source.close()


@pytest.mark.parametrize("late", [40, COUNT])
def test_a_seek_that_misses_never_cuts_the_clip_short(engine, clip, late):
    serial = engine.capture(open_source(clip))

    def opened(start: int, exact: bool) -> Missed:
        return Missed(clip, start, exact or start == 0, late)

    captured = [capture_piece(engine, opened(p.first, False), p) for p in plan_pieces(COUNT, 30, 10)]
    assert [piece.ended for piece in captured] == [False, True, True]
    joined = join_pieces(engine, captured, opened)
    assert_same(engine.takes(joined.recorder, open_source(clip)), serial)


def test_without_any_warm_up_the_join_tracks_on_until_both_agree(engine, clip):
    serial = engine.capture(open_source(clip))
    takes, mended, _ = in_pieces(engine, clip, "largest", 30, 0)
    assert_same(takes, serial)
    assert mended > 0


def test_a_clip_shorter_than_it_claims_ends_where_its_frames_end(engine, clip):
    serial = engine.capture(open_source(clip))
    pieces = plan_pieces(400, 30, 10)
    captured = [capture_piece(engine, open_source(clip, start=p.first, exact=True), p) for p in pieces[:5]]
    joined = join_pieces(engine, captured, lambda start, exact: open_source(clip, start=start, exact=exact))
    assert_same(engine.takes(joined.recorder, open_source(clip)), serial)


def test_a_piece_survives_its_file(engine, clip, tmp_path):
    piece = capture_piece(engine, open_source(clip, start=20), Piece(1, 30, 45, 10), "all")
    piece.save(tmp_path / "p.npz")
    again = CapturedPiece.load(tmp_path / "p.npz")
    for field in fields(CapturedPiece):
        assert np.array_equal(getattr(piece, field.name), getattr(again, field.name)), field.name
    (tmp_path / "p.npz").write_bytes((tmp_path / "p.npz").read_bytes()[:200])
    with pytest.raises(UserError, match="no piece of a capture"):
        CapturedPiece.load(tmp_path / "p.npz")


def test_seeking_gives_the_frames_that_reading_gives(clip):
    whole = [(f.index, f.time, f.image.tobytes()) for f in open_source(clip).frames()]
    for start in (1, 37, 88):
        for exact in (True, False):
            part = [(f.index, f.time, f.image.tobytes()) for f in open_source(clip, start=start, exact=exact).frames()]
            assert part == whole[start:]


def test_plans_cover_the_clip_without_a_gap_and_leave_the_end_open():
    for expected in (None, 0, 1, 59, 60, 1000):
        pieces = plan_pieces(expected, 60, 10)
        assert pieces[0].start == 0 and pieces[-1].stop is None
        assert all(a.stop == b.start for a, b in pairwise(pieces))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["3ddfa_obama.mp4", "fera_multi_face.avi", "fera_default.wmv", "intel_asl_sister.mkv", "smirk_dafoe.mp4"]
)
@pytest.mark.parametrize("which", ["largest", "all"])
def test_real_clips_in_pieces_are_the_serial_capture(shared, name, which):
    from mmface_core.capture.load import load_engine

    engine = load_engine(workers=1)  # strictly one frame after another
    path = shared / "data" / "videos" / name
    (serial, *others) = engine.capture(open_source(path), which)
    pieces = plan_pieces(len(serial), 40)
    captured = [capture_piece(engine, open_source(path, start=p.first, exact=False), p, which) for p in pieces]
    joined = join_pieces(engine, captured, lambda start, exact: open_source(path, start=start, exact=exact), which)
    assert_same(engine.takes(joined.recorder, open_source(path), which), [serial, *others])
