"""Stand-ins for the paper's datasets: the published folders, names, keys, dtypes and conventions, at small counts.

Labels are true to a stand-in of the Basel model, by the files' own equation; pictures are noise, since no licensed
picture may be here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from mmface_core.conventions import rotation_from_300wlp
from tests.mmface_core.model import stand_ins as models
from train.datasets.t7 import write_t7_tensor

SIDE = 450


@dataclass(frozen=True)
class Basel:
    """A Basel stand-in as the files' equation needs it: um."""

    face: models.Face
    columns: np.ndarray
    std: np.ndarray
    mean_expression: np.ndarray
    expressions: np.ndarray

    @classmethod
    def of(cls, face: models.Face, identities: int = 6, expressions: int = 4) -> Basel:
        columns, std = models.unit_columns(face.identities, identities)
        moves, spread = models.unit_columns(face.offsets, expressions)
        return cls(face, columns, 1000 * std, 50.0 * face.offsets[17], 200.0 * moves * spread)

    def shape(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """S (V, 3) in um: mu + w Shape_Para + mu_exp + w_exp Exp_Para."""
        offsets = self.columns @ identity + self.expressions @ expression
        return 1000.0 * self.face.vertices + self.mean_expression + offsets.reshape(-1, 3)


def labelled(basel: Basel, seed: int, yaw: float) -> dict[str, np.ndarray]:
    """A 300W-LP label with points from V = f R S + t; `marks` (3, 68) with y down, as MATLAB counts."""
    rng = np.random.default_rng(seed)
    identity = basel.std * rng.normal(size=len(basel.std)) * 0.7
    expression = rng.normal(size=basel.expressions.shape[1]) * 0.5
    angles = np.array([rng.normal() * 0.1, -np.radians(yaw), rng.normal() * 0.1])
    f = 1.2e-3 * rng.uniform(0.9, 1.1)
    shape = basel.shape(identity, expression)
    middle = f * rotation_from_300wlp(*angles) @ shape.mean(axis=0)
    t = np.array([SIDE / 2, SIDE / 2, 0.0]) + rng.normal(size=3) * 5 - middle
    points = f * (rotation_from_300wlp(*angles) @ shape[basel.face.landmarks].T) + t[:, None]
    points[1] = SIDE + 1 - points[1]
    return {
        "Pose_Para": np.concatenate([angles, t, [f]])[None].astype(np.float32),
        "Shape_Para": identity[:, None],
        "Exp_Para": expression[:, None],
        "Tex_Para": np.zeros((199, 1)),
        "Illum_Para": np.zeros((1, 10)),
        "Color_Para": np.ones((1, 7), np.float32),
        "roi": np.array([[0, 0, SIDE, SIDE]], np.int16),
        "marks": points,
    }


def picture(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 255, (30, 30, 3), dtype=np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (SIDE, SIDE)))


def lp300w(root: Path, basel: Basel, each: int = 2) -> Path:
    """300W-LP with all eight folders."""
    for number, folder in enumerate(
        f"{name}{flip}" for name in ("AFW", "HELEN", "IBUG", "LFPW") for flip in ("", "_Flip")
    ):
        (root / folder).mkdir(parents=True)
        for k in range(each):
            stem = f"{folder.split('_')[0]}_{k}_0"
            label = labelled(basel, 10 * number + k, yaw=40.0 * (k - 0.5))
            marks = label.pop("marks")
            savemat(root / folder / f"{stem}.mat", label | {"pt2d": marks[:2]})
            picture(root / folder / f"{stem}.jpg", k)
    return root


def aflw2000(root: Path, basel: Basel, count: int = 6) -> Path:
    """AFLW2000-3D with yaw over all bands, and 3DDFA's one file of hand-made points."""
    root.mkdir(parents=True)
    again = []
    for k in range(count):
        stem = f"image{k + 2:05d}"
        label = labelled(basel, 100 + k, yaw=85.0 * k / (count - 1) * (-1) ** k)
        marks = label.pop("marks")
        savemat(root / f"{stem}.mat", label | {"pt3d_68": marks.astype(np.float32), "pt2d": -np.ones((2, 21))})
        picture(root / f"{stem}.jpg", k)
        again.append(marks + np.array([[0.5], [0.5], [0.0]]))
    np.save(root / "AFLW2000-3D-Reannotated.pts68.npy", np.stack(again).astype(np.float32))
    return root


def vw300(root: Path, basel: Basel, videos: int = 2, frames: int = 5) -> Path:
    """300-VW: MJPG in an AVI, .pts from 1."""
    for v in range(videos):
        (root / f"{v + 1:03d}" / "annot").mkdir(parents=True)
        out = cv2.VideoWriter(str(root / f"{v + 1:03d}" / "vid.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (SIDE, SIDE))
        for k in range(frames):
            out.write(np.full((SIDE, SIDE, 3), 30 + 20 * k, np.uint8))
            marks = labelled(basel, 200 + v, yaw=3.0 * k)["marks"]
            rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in marks[:2].T)
            text = f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n"
            (root / f"{v + 1:03d}" / "annot" / f"{k + 1:06d}.pts").write_text(text)
        out.release()
    return root


def ls3d_w(root: Path, basel: Basel, count: int = 3) -> Path:
    """LS3D-W: a picture and a .t7 in subfolders."""
    for k in range(count):
        folder = root / ("300W-Testset-3D" if k % 2 else "Menpo-3D")
        folder.mkdir(parents=True, exist_ok=True)
        write_t7_tensor(folder / f"face{k}.t7", labelled(basel, 300 + k, yaw=10.0 * k)["marks"][:2].T)
        picture(folder / f"face{k}.jpg", k)
    return root


def florence(root: Path, frame: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, five: np.ndarray) -> Path:
    """One subject: the scan in mm with its texture and material, landmarks, and an RGB picture."""
    folder = root / "subject_01"
    folder.mkdir(parents=True)
    models.write_obj(folder / "scan.obj", vertices, triangles)
    (folder / "scan.mtl").write_text("newmtl skin\nmap_Kd texture.jpg\n")
    picture(folder / "texture.jpg", 0)
    np.savetxt(folder / "landmarks.txt", five)
    cv2.imwrite(str(folder / "view_01.png"), frame[..., ::-1])
    return root
