"""Files made to do harm, each in its own way: promises of memory, ways out of a folder, code."""

import io
import json
import pickle
import zipfile

import cv2
import numpy as np
import pytest

from mmface_core.archive import read_arrays, read_json
from mmface_core.capture.sources import read_image
from mmface_core.errors import UserError
from mmface_core.model.readers.find import read_source
from mmface_core.model.readers.obj import read_obj
from mmface_core.model.readers.pickle_safe import unpickle
from mmface_core.take import Take
from retarget.motion import load_motion
from tests.fuzz.readers import seed_motion, seed_take
from tests.fuzz.worker_reader import worker


def entry(shape, descr="<f4", data=b""):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
    return out.getvalue() + data


def archive(path, entries, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def test_a_shape_that_promises_terabytes_is_refused_before_anything_is_allocated(tmp_path):
    path = archive(tmp_path / "t.npz", {"time.npy": entry((10**12,), data=bytes(100))})
    with pytest.raises(UserError, match="declares"):
        Take.load(path)


def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(tmp_path):
    path = archive(tmp_path / "t.npz", {"time.npy": entry((5_000_000,), data=bytes(20_000_000))})
    assert path.stat().st_size < 50_000
    with pytest.raises(ValueError, match="declares"):
        read_arrays(path, limit=1_000_000)


def test_pickled_objects_are_never_loaded(tmp_path):
    class Harm:
        def __reduce__(self):
            return (open, (str(tmp_path / "harm"), "w"))

    data = entry((1,), "|O", pickle.dumps(np.array([Harm()], object)))
    (tmp_path / "harm").unlink(missing_ok=True)
    with pytest.raises(UserError, match="objects"):
        Take.load(archive(tmp_path / "t.npz", {"schema.npy": data}))
    assert not (tmp_path / "harm").exists()


def test_names_in_an_archive_lead_nowhere(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = archive(inner / "t.npz", {"../../escape.npy": entry((0,)), "/tmp/mmface-escape.npy": entry((0,))})
    with pytest.raises(UserError):
        Take.load(path)
    assert [p.name for p in tmp_path.rglob("*")] == ["inner", "t.npz"]


def test_a_take_whose_times_span_a_million_years_is_refused(tmp_path):
    from retarget.performance import Settings, performance_of

    seed_take(tmp_path / "t.npz")
    take = Take.load(tmp_path / "t.npz")
    take.time[-1] = 1e13
    with pytest.raises(UserError, match="timeline"):
        performance_of(take, Settings(smooth=0))


@pytest.mark.parametrize("name", ["../secret.f32", "/etc/hostname", "", ".", "a/b.f32", 7, None])
def test_the_curves_of_a_motion_lie_beside_it_and_nowhere_else(tmp_path, name):
    (tmp_path / "secret.f32").write_bytes(bytes(400))
    inner = tmp_path / "inner"
    inner.mkdir()
    seed_motion(inner / "m.json")
    data = json.loads((inner / "m.json").read_text())
    (inner / "m.json").write_text(json.dumps({**data, "curves_file": name}))
    with pytest.raises(UserError):
        load_motion(inner / "m.json")


def test_json_that_nests_without_end_is_refused(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(UserError, match="not JSON"):
        read_json(tmp_path / "deep.json", "a mapping")


def test_a_picture_that_declares_more_pixels_than_memory_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "p.bmp"), np.zeros((4, 4, 3), np.uint8))
    data = bytearray((tmp_path / "p.bmp").read_bytes())
    data[18:26] = (60_000).to_bytes(4, "little") * 2
    (tmp_path / "p.bmp").write_bytes(data)
    with pytest.raises(UserError, match="not a picture"):
        read_image(tmp_path / "p.bmp")


def test_an_eight_k_still_is_read(tmp_path):
    cv2.imwrite(str(tmp_path / "p.jpg"), np.full((4320, 7680, 3), 90, np.uint8))
    assert read_image(tmp_path / "p.jpg").shape == (4320, 7680, 3)


@pytest.mark.parametrize("line", ['{"id": [1], "do": "hello"}', '{"id": 1, "do": "hello", "to": {}}', "[" * 100_000])
def test_no_line_silences_the_worker(tmp_path, line):
    (tmp_path / "lines.jsonl").write_text(line + '\n{"id": 2, "do": "hello"}')
    with pytest.raises(UserError, match="The engine was sent"):  # and every line had its one answer
        worker(tmp_path / "lines.jsonl")


def test_a_pickle_that_remembers_something_as_number_two_billion_is_refused():
    data = b"\x80\x02Nr" + (2**31 - 1).to_bytes(4, "little") + b"."
    with pytest.raises(UserError, match="remembers something as number 2147483647"):
        unpickle(data, "model.pkl")


def test_an_hdf5_array_that_the_file_cannot_hold_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("shape/model/mean", (600_000_000,), "f4", chunks=(1000,))
    with pytest.raises(UserError, match="declares shape/model/mean with 2400000000 bytes"):
        read_source(tmp_path / "m.h5")


def test_a_coordinate_without_end_takes_no_memory_from_the_others(tmp_path):
    (tmp_path / "m.obj").write_text("v 1 2 " + "3" * 1_000_000 + "\n" + "v 1 2 3\n" * 100_000)
    with pytest.raises(UserError, match="more than 64 characters"):
        read_obj(tmp_path / "m.obj")


@pytest.mark.blender
def test_a_rigs_script_never_runs(tmp_path):
    """The child's own promise; the .blend tries to write a file when it is opened."""
    pytest.importorskip("bpy")
    import subprocess
    import sys

    from retarget.blender import Blender
    from retarget.pipeline import describe_rig

    harm, path = tmp_path / "harm", tmp_path / "script.blend"
    script = f"open({str(harm)!r}, 'w')"
    lines = [
        "import bpy, os",
        "text = bpy.data.texts.new('run.py')",
        f"text.write({script!r})",
        "text.use_module = True",
        f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})",
        "os._exit(0)",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True)
    describe_rig(path, Blender())
    assert path.is_file() and not harm.exists()
