"""A broken file ends in a sentence that names the file and the line."""

import json

import pytest

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from retarget.exchange.takes import open_take

HEADER = "Timecode,BlendShapeCount,EyeBlinkLeft,JawOpen"
ROW = "00:00:00:{0:02d}.000,61,0.1,0.2"
CAP = "info,1\nbs,jawOpen,eyeBlink_L\n"
FRAME = "k,{0},0,0,0,1,2,3,0,0,0,0,0.5,0.1"
TABLE = "frame,time,jawOpen"


@pytest.fixture
def sentence(tmp_path):
    def of(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(UserError) as caught:
            open_take(path)
        assert name in str(caught.value)
        return str(caught.value)

    return of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEADER}\n{ROW.format(0)}\n00:00:00:01.000,61,0.1,open\n", 'line 3: JawOpen is "open"'),
        (f"{HEADER}\n{ROW.format(0)}\n00:00:00:01.000,61,0.1,nan\n", 'line 3: JawOpen is "nan"'),
        (f"{HEADER}\n{ROW.format(0)}\n00:00:00:01.000,61,0.1,55\n", "line 3: JawOpen is 55, but weights lie"),
        (f"{HEADER}\nhalf past nine,61,0.1,0.2\n", 'line 2: the timecode is "half past nine"'),
        (f"{HEADER}\n{ROW.format(5)}\n{ROW.format(4)}\n", "line 3: the time goes back"),
        (f"{HEADER}\n{ROW.format(0)}\n00:00:00:01.000,61,0.1\n", "line 3: 3 columns where the header has 4"),
        (f"{HEADER}\n", "holds no frames"),
        ("Timecode,BlendShapeCount,Smile\n00:00:00:00.0,1,0.5\n", "line 1: this is no Live Link Face recording"),
        ("", "is empty"),
        (b"\xff\xfe\x00\x01Timecode", "cannot be read as text"),
        ("a,b,c\n1,2,3\n", "line 1: this table cannot be read"),
        (f"{TABLE}\n1,0.0,0.5\n2,0.0,0.5\n", "line 3: the time does not rise"),
        (f"{TABLE}\n1,0.0,0.5\n2,0.1\n", "line 3: 2 columns where the header has 3"),
        (f"{TABLE}\n1,soon,0.5\n", 'line 2: time is "soon"'),
    ],
)
def test_tables(sentence, text, said):
    assert said in sentence("slate.csv", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{FRAME.format(0)}\n", "line 1: a frame comes before the line `bs`"),
        (CAP + FRAME.format(0)[:-8] + "\n", "line 3: 12 values where a frame has 14"),
        (CAP + FRAME.format(0) + "\n" + FRAME.format(40).replace("0.5", "half") + "\n", 'line 4: jawOpen is "half"'),
        (CAP + FRAME.format(40) + "\n" + FRAME.format(0) + "\n", "line 4: the time goes back"),
        ("info,1\nbs,smirk\n", "line 2: none of the shapes"),
        ("just some notes\n", "holds no frames of Face Cap"),
    ],
)
def test_face_cap(sentence, text, said):
    assert said in sentence("rec.txt", text)


WEIGHTS = {"schema": "mmface-weights/1", "names": ["jawOpen"]}
SHOWN = {"time": 0.0, "weights": [0.5], "head": [1, 0, 0, 0]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema":\n "mmface-weights/1",\n oops}', "line 3: this is no JSON"),
        ('{"schema": "mmface-motion/1"}', "has the schema mmface-motion/1"),
        ("[1, 2]", "has the schema None"),
        (json.dumps({**WEIGHTS, "names": ["smirk"], "frames": []}), "no ARKit unit"),
        (json.dumps({**WEIGHTS, "frames": []}), "holds no frames"),
        (json.dumps({**WEIGHTS, "frames": [SHOWN, {**SHOWN, "weights": [1, 2]}]}), "frames[1] is wrong"),
        (json.dumps({**WEIGHTS, "frames": [SHOWN, SHOWN]}), "times that do not rise"),
    ],
)
def test_json(sentence, text, said):
    assert said in sentence("w.json", text)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        open_take(tmp_path / "none.csv")


def test_both_orders_of_columns_are_read_by_name(tmp_path):
    """Two versions of the app: jaw and mouth have left and right exchanged, and one has no tongue."""
    names = [name[0].upper() + name[1:] for name in ARKIT_NAMES]
    values = {name: 0.01 * (i + 1) for i, name in enumerate(names)}
    takes = []
    for number, order in enumerate((names, [*reversed(names[:-1])])):
        cells = [f"{values[name]:.4f}" for name in order]
        rows = [f"00:00:00:{f:02d}.000,61,{','.join(cells)}" for f in range(3)]
        path = tmp_path / f"{number}.csv"
        path.write_text("\n".join([f"Timecode,BlendShapeCount,{','.join(order)}", *rows]))
        takes.append(open_take(path))
    assert (takes[0].weights[:, :-1] == takes[1].weights[:, :-1]).all()
    assert takes[0].weights[0, 17] == pytest.approx(0.18)


def test_rows_of_a_lost_face_midnight_and_doubled_timecodes(tmp_path):
    rows = [
        "23:59:59:58.000,61,0.1,0.1",
        "23:59:59:59.000,0",
        "00:00:00:00.000,61,0.3,0.3",
        "00:00:00:00.000,61,0.4,0.4",
    ]
    path = tmp_path / "night.csv"
    path.write_text("\n".join([HEADER, *rows, "00:00:00:01.000,61,0.5,0.5"]))
    take = open_take(path)
    assert list(take.present) == [True, False, True, True]
    assert take.time == pytest.approx([0, 1 / 60, 2 / 60, 3 / 60]) and take.fps == pytest.approx(60)
    assert take.weights[2, 17] == pytest.approx(0.4)


def test_an_apps_timecode_of_30_frames_a_second_is_understood(tmp_path):
    rows = [f"00:00:{f // 30:02d}:{f % 30:02d}.000,61,0.1,0.1" for f in range(120)]
    path = tmp_path / "thirty.csv"
    path.write_text("\n".join([HEADER, *rows]))
    assert open_take(path).fps == pytest.approx(30)


def test_a_sequence_of_meshes_that_cannot_be_finished_leaves_nothing(lively_take, tmp_path, monkeypatch):
    from retarget.exchange import mesh_sequence
    from retarget.exchange.convert import convert

    lively_take(count=4).save(tmp_path / "in.npz")
    real, written = mesh_sequence._ply, []

    def full(path, *what):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, *what)

    monkeypatch.setattr(mesh_sequence, "_ply", full)
    with pytest.raises(UserError, match="No space left"):
        convert(tmp_path / "in.npz", tmp_path / "face.ply")
    assert [path.name for path in tmp_path.iterdir()] == ["in.npz"]
