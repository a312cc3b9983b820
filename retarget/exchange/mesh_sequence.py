"""The face itself, as one mesh a frame: .obj or .ply, numbered by Blender's frames.

The mesh is the bundled face model in the person's shape, in its head frame: millimetres, x to the subject's left, y up,
z out of the face. The head's rotation is left out, as a sequence is put onto a head that moves by itself. Vertices keep
their order from frame to frame.
"""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from retarget.performance import Performance

Array = NDArray[np.floating]

KINDS = (".obj", ".ply")
# All that is seen of a face.
PARTS = ("skin", "eye_left", "eye_right", "teeth_upper", "teeth_lower", "tongue", "mouth", "lashes", "sockets")


def paths(pattern: Path, performance: Performance) -> list[Path]:
    """face.obj -> face.0001.obj, face.0002.obj, ... for the performance's frames."""
    numbers = range(performance.start, performance.start + performance.frame_count)
    return [pattern.with_name(f"{pattern.stem}.{number:04d}{pattern.suffix}") for number in numbers]


def write(performance: Performance, identity: Array, pattern: Path, model: FaceModel | None = None) -> list[Path]:
    """Write the sequence, all of it or nothing; return its files. Raises OSError.

    identity (n,) codes; another model's, or none, give the mean face.
    """
    model = model or FaceModel.load(parts=PARTS)
    codes: Array = identity if len(identity) == model.n_identity else np.zeros(model.n_identity)
    rest = model.mean.numpy() + np.tensordot(codes, model.identity_basis.numpy(), axes=1)  # (V, 3)
    basis = model.expression_basis.numpy()[[model.expression_names.index(name) for name in ARKIT_NAMES]]
    triangles: NDArray[np.integer] = model.triangles.numpy()
    save = _obj if pattern.suffix.lower() == ".obj" else _ply
    files = paths(pattern, performance)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=pattern.resolve().parent) as folder:
        for path, weights, seconds in zip(files, performance.weights, performance.time, strict=True):
            shape = rest + np.einsum("k,kvc->vc", weights, basis)
            save(Path(folder, path.name), shape, triangles, float(seconds))
        for path in files:
            Path(folder, path.name).replace(path)
    return files


def _obj(path: Path, vertices: Array, triangles: NDArray[np.integer], time: float) -> None:
    lines = [f"# time {time:.9g} s, millimetres"]
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in triangles + 1]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _ply(path: Path, vertices: Array, triangles: NDArray[np.integer], time: float) -> None:
    header = (
        f"ply\nformat binary_little_endian 1.0\ncomment time {time:.9g} s, millimetres\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.zeros(len(triangles), dtype=[("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    path.write_bytes(header.encode("ascii") + vertices.astype("<f4").tobytes() + faces.tobytes())
