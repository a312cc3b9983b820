"""Stand-ins for licensed face models: the published file names, keys, dtypes, units, index bases and windings, at any
size. The faces in them are the bundled CC0 head, refined to the wanted number of vertices."""

from __future__ import annotations

import json
import pickle
import sys
import types
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.sparse
from scipy.io import savemat

from mmface_core.model.face_model import FaceModel
from mmface_core.model.readers.facewarehouse import FACEWAREHOUSE_NAMES
from mmface_core.model.readers.source import LANDMARKS_53215
from mmface_core.model.subdivision import apply_operator, subdivide

SMALL = 3400


@dataclass(frozen=True)
class Face:
    """vertices (V, 3) mm; triangles (F, 3) outward; landmarks (68,) vertices; offsets (52, V, 3) mm of ARKit's units;
    identities (80, V, 3) mm."""

    vertices: np.ndarray
    triangles: np.ndarray
    landmarks: np.ndarray
    offsets: np.ndarray
    identities: np.ndarray


@lru_cache(maxsize=4)
def face(count: int = SMALL, landmark_vertices: tuple[int, ...] = ()) -> Face:
    """The bundled head's skin with `count` vertices; the landmarks at the given numbers where there are any."""
    model = FaceModel.load(parts=["skin"])
    fields = np.concatenate(
        [model.mean[None].numpy(), model.expression_basis.numpy(), model.identity_basis.numpy()]
    ).astype(np.float32)  # (1 + 52 + 80, V, 3)
    triangles = model.triangles.numpy()
    landmarks = model.landmark_vertices.gather(1, model.landmark_weights.argmax(1, keepdim=True))[:, 0].numpy().copy()
    for number in range(68):  # no two landmarks on one vertex
        while landmarks[number] in landmarks[:number]:
            landmarks[number] += 1
    while True:
        operator, finer = subdivide(triangles, fields.shape[1], smooth=False)
        if operator.shape[0] > count:
            break
        fields, triangles = apply_operator(operator, fields), finer
    missing = count - fields.shape[1]
    assert 0 <= missing <= len(triangles), count
    split, rest = triangles[:missing], triangles[missing:]
    middle = np.arange(fields.shape[1], count)
    fields = np.concatenate([fields, fields[:, split].mean(axis=2)], axis=1)
    a, b, c = split.T
    fans = [np.stack(part, 1) for part in ((a, b, middle), (b, c, middle), (c, a, middle))]
    triangles = np.concatenate([rest, *fans])
    if landmark_vertices:
        wanted = np.array(landmark_vertices)
        order = np.full(count, -1)
        order[wanted] = landmarks
        order[order < 0] = np.setdiff1d(np.arange(count), landmarks)
        new = np.empty(count, np.int64)
        new[order] = np.arange(count)
        fields, triangles, landmarks = fields[:, order], new[triangles], wanted
    return Face(fields[0].astype(np.float64), triangles, landmarks, fields[1:53], fields[53:])


def unit_columns(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal columns (3V, count) f32 spanned by offsets (n, V, 3), and falling deviations (count,)."""
    flat = rows.reshape(len(rows), -1).T.astype(np.float64)
    if count > flat.shape[1]:
        rng = np.random.default_rng(0)
        flat = np.concatenate([flat, rng.normal(size=(len(flat), count - flat.shape[1]))], axis=1)
    columns = np.linalg.qr(flat[:, :count])[0]
    # Millimetres: a first component that moves the vertices by 2.6 mm on average, as published ones do.
    return columns.astype(np.float32), 2.6 * np.sqrt(rows.shape[1]) * 0.97 ** np.arange(count)


def basel_2009(
    folder: Path,
    *,
    trimmed: int = SMALL,
    whole: int = SMALL + 90,
    identities: int = 6,
    expressions: int = 4,
    binary: bool = False,
    table: bool = False,
) -> Face:
    """`01_MorphableModel.mat`, `model_info.mat` and the expressions; um, 1-based, wound inwards. Returns the cut face.

    table: without keypoints in model_info, so that the known table must serve (53,215 vertices).
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth = face(trimmed, tuple(LANDMARKS_53215) if table else ())
    rng = np.random.default_rng(1)
    extra = whole - trimmed
    kept = np.sort(rng.permutation(whole)[:trimmed])
    place = np.full(whole, -1)
    place[kept] = np.arange(trimmed)

    def widened(rows: np.ndarray) -> np.ndarray:  # (3 * trimmed, k) -> (3 * whole, k), the others 0
        out = np.zeros((whole, 3, rows.shape[1]), np.float32)
        out[kept] = rows.reshape(trimmed, 3, -1)
        return out.reshape(3 * whole, -1)

    columns, std = unit_columns(truth.identities, identities)
    mean = widened(1000.0 * truth.vertices.reshape(-1, 1).astype(np.float32))
    tl = kept[truth.triangles][:, [0, 2, 1]] + 1
    savemat(
        folder / "01_MorphableModel.mat",
        {
            "shapeMU": mean,
            "shapePC": widened(columns),
            "shapeEV": (1000.0 * std).astype(np.float32)[:, None],
            "texMU": np.full((3 * whole, 1), 120, np.float32),
            "texEV": np.ones((identities, 1), np.float32),
            "tl": tl.astype(np.float64),
        },
    )
    info = {"trimIndex": (kept + 1)[:, None].astype(np.float64), "segbin": np.zeros((whole if extra else 1, 1))}
    if not table:
        info["keypoints"] = (truth.landmarks + 1)[None].astype(np.float64)
    savemat(folder / "model_info.mat", info)
    expression_files(folder, truth, expressions, binary)
    return truth


def expression_files(folder: Path, truth: Face, count: int, binary: bool, name: str = "Model_Exp.mat") -> None:
    """The expressions of a Basel folder: 300W-LP's .mat (components of any length), or Exp_Pca.bin and std_exp.txt."""
    columns, std = unit_columns(truth.offsets, count)
    mean = 1000.0 * 0.05 * truth.offsets[17].reshape(-1)
    if binary:
        with (folder / "Exp_Pca.bin").open("wb") as file:
            file.write(np.array([count], "<i4").tobytes())
            file.write(mean.astype("<f4").tobytes())
            file.write(np.ascontiguousarray(columns.T, "<f4").tobytes())
        (folder / "std_exp.txt").write_text(" ".join(f"{1000 * value:.6f}" for value in 0.2 * std) + "\n")
        return
    savemat(
        folder / name,
        {
            "mu_exp": mean.astype(np.float32)[:, None],
            "w_exp": (200.0 * columns * std).astype(np.float32),
            "sigma_exp": np.linspace(1.3, 0.4, count, dtype=np.float32)[:, None],
        },
    )


def model_shape(folder: Path, *, vertices: int = SMALL, identities: int = 6, expressions: int = 4) -> Face:
    """300W-LP's own `Model_Shape.mat` and `Model_Expression.mat`."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = face(vertices)
    columns, std = unit_columns(truth.identities, identities)
    savemat(
        folder / "Model_Shape.mat",
        {
            "mu_shape": (1000.0 * truth.vertices).astype(np.float32).reshape(-1, 1),
            "w": columns,
            "sigma": (1000.0 * std)[:, None],
            "tri": (truth.triangles[:, [0, 2, 1]] + 1).T.astype(np.int32),
            "keypoints": (truth.landmarks + 1)[None],
        },
    )
    expression_files(folder, truth, expressions, False, "Model_Expression.mat")
    return truth


def face3d(path: Path, *, vertices: int = SMALL, identities: int = 6, expressions: int = 4) -> Face:
    """face3d's `BFM.mat`: one struct `model`."""
    truth = face(vertices)
    columns, std = unit_columns(truth.identities, identities)
    moves, spread = unit_columns(truth.offsets, expressions)
    fields = {
        "shapeMU": (1000.0 * truth.vertices).astype(np.float32).reshape(-1, 1),
        "shapePC": columns,
        "shapeEV": (1000.0 * std).astype(np.float32)[:, None],
        "expMU": np.zeros((3 * vertices, 1), np.float32),
        "expPC": (200.0 * moves * spread).astype(np.float32),
        "expEV": np.ones((expressions, 1), np.float32),
        "tri": (truth.triangles[:, [0, 2, 1]] + 1).astype(np.int32),
        "tri_mouth": np.ones((114, 3), np.int32),
        "kpt_ind": (truth.landmarks + 1)[None].astype(np.int32),
    }
    savemat(path, {"model": fields})
    return truth


def deep3d(path: Path, *, vertices: int = SMALL, identities: int = 6, expressions: int = 4) -> Face:
    """Deep3D's `BFM_model_front.mat`: decimetres, deviations inside."""
    truth = face(vertices)
    columns, std = unit_columns(truth.identities, identities)
    moves, spread = unit_columns(truth.offsets, expressions)
    savemat(
        path,
        {
            "meanshape": (0.01 * truth.vertices).astype(np.float32).reshape(1, -1),
            "idBase": (0.01 * columns * std).astype(np.float32),
            "exBase": (0.002 * moves * spread).astype(np.float32),
            "tri": (truth.triangles + 1).astype(np.float64),
            "keypoints": (truth.landmarks + 1)[None].astype(np.float64),
        },
    )
    return truth


def bfm_h5(path: Path, *, vertices: int = SMALL, identities: int = 6, expressions: int = 4, mm: float = 1.0) -> Face:
    """Basel 2017's layout: variances, cells (3, F), no 68 landmarks; expressions 0 for the layout of 2009."""
    import h5py

    truth = face(vertices)
    columns, std = unit_columns(truth.identities, identities)
    with h5py.File(path, "w") as file:
        parts = [("shape", truth.vertices, columns, std)]
        if expressions:
            moves, spread = unit_columns(truth.offsets, expressions)
            parts.append(("expression", 0.0 * truth.vertices, moves, 0.2 * spread))
        for name, mean, basis, deviation in parts:
            file[f"{name}/model/mean"] = (mean / mm).astype(np.float32).reshape(-1)
            file[f"{name}/model/pcaBasis"] = basis
            file[f"{name}/model/pcaVariance"] = ((deviation / mm) ** 2).astype(np.float32)
        file["shape/representer/cells"] = truth.triangles.T.astype(np.int32)
        file["metadata/landmarks/json"] = "[]"
    return truth


def flame(path: Path, *, vertices: int = SMALL, expressions: int = 100, embedding: bool = True) -> Face:
    """`generic_model.pkl`: metres, Chumpy arrays and a sparse matrix inside; DECA's embedding beside it."""
    truth = face(vertices)
    identity, std = unit_columns(truth.identities, 300)
    moves, spread = unit_columns(truth.offsets, expressions)
    both = np.concatenate([identity * std, 0.2 * moves * spread], axis=1).reshape(vertices, 3, -1)
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch  # type: ignore[attr-defined]
    sys.modules |= {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    try:
        content = {
            "v_template": 0.001 * truth.vertices,
            "shapedirs": Ch(0.001 * both.astype(np.float64)),
            "posedirs": np.zeros((vertices, 3, 36)),
            "J_regressor": scipy.sparse.csc_matrix(np.eye(5, vertices)),
            "weights": np.zeros((vertices, 5)),
            "kintree_table": np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
            "f": truth.triangles.astype(np.uint32),
            "bs_type": "lrotmin",
        }
        path.write_bytes(pickle.dumps(content, protocol=2))
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]
    if embedding:
        first = np.array([int(np.flatnonzero((truth.triangles == v).any(axis=1))[0]) for v in truth.landmarks])
        weights = (truth.triangles[first] == truth.landmarks[:, None]).astype(np.float64)
        table = {"full_lmk_faces_idx": first[None], "full_lmk_bary_coords": weights[None]}
        np.save(path.parent / "landmark_embedding.npy", np.array(table, dtype=object), allow_pickle=True)
    return truth


ICT_SIDED = (
    *("browDown", "browInnerUp", "browOuterUp", "cheekPuff", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn"),
    *("eyeLookOut", "eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress"),
    *("mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer"),
)
ICT_WHOLE = (
    *("jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel", "mouthLeft", "mouthPucker"),
    *("mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
)


def ict_facekit(folder: Path, *, vertices: int = SMALL, identities: int = 3) -> Face:
    """The folder `FaceXModel`: cm, the neutral with quads where two triangles allow, 53 expressions."""
    from mmface_core.model.arkit import ARKIT_INDEX
    from mmface_core.model.readers.ict_facekit import arkit_name

    folder.mkdir(parents=True, exist_ok=True)
    truth = face(vertices)
    write_obj(folder / "generic_neutral_mesh.obj", 0.1 * truth.vertices, truth.triangles)
    for number in range(identities):
        write_obj(folder / f"identity{number:03d}.obj", 0.1 * (truth.vertices + truth.identities[number]))
    for name in [f"{stem}_{side}" for stem in ICT_SIDED for side in "LR"] + list(ICT_WHOLE):
        unit = arkit_name(name)
        half = 0.5 if unit == name.partition("_")[0] and "_" in name else 1.0
        write_obj(folder / f"{name}.obj", 0.1 * (truth.vertices + half * truth.offsets[ARKIT_INDEX[unit]]))
    indices = {"expressions": [], "idx_to_landmark_verts": [int(v) for v in truth.landmarks]}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return truth


def facewarehouse(folder: Path, *, vertices: int = SMALL, testers: int = 3) -> Face:
    """`Tester_<n>/Blendshape/shape.bs` and one training pose with the faces; the landmarks must be given."""
    truth = face(vertices)
    for number in range(1, testers + 1):
        person = truth.vertices + truth.identities[number] - truth.identities[number + 1]
        shapes = np.concatenate([person[None], person + truth.offsets[: len(FACEWAREHOUSE_NAMES)]]) / 100.0
        place = folder / f"Tester_{number}" / "Blendshape"
        place.mkdir(parents=True)
        head = np.array([len(FACEWAREHOUSE_NAMES), vertices, len(truth.triangles)], "<i4")
        (place / "shape.bs").write_bytes(head.tobytes() + shapes.astype("<f4").tobytes())
    pose = folder / "Tester_1" / "TrainingPose"
    pose.mkdir()
    write_obj(pose / "pose_0.obj", truth.vertices / 100.0, truth.triangles)
    return truth


def write_landmarks(path: Path, truth: Face) -> Path:
    """The user's file for `--landmarks`."""
    path.write_text("\n".join(str(v) for v in truth.landmarks) + "\n")
    return path


def write_obj(path: Path, vertices: np.ndarray, triangles: np.ndarray | None = None) -> None:
    """An OBJ with texture coordinates in its faces, as scanners and modelling programs write them."""
    lines = ["# stand-in", *(f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in vertices)]
    if triangles is not None:
        lines += ["vt 0 0", *(f"f {a}/1 {b}/1 {c}/1" for a, b, c in triangles + 1)]
    path.write_text("\n".join(lines) + "\n")
