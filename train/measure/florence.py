"""Florence/MICC: the predicted face against the scan of the same person (Fig. 4).

The scan is cropped at 95 mm around the tip of the nose; five landmarks start a rigid ICP; the error is the mean
point-to-plane distance of the crop's points, in mm and in % of the crop's own diagonal. Pose plays no part.

The scans carry no landmarks. They are read from `landmarks.txt` beside the scan (or NAME.landmarks.txt): five lines of
x y z in the scan's unit, in the order right eye, left eye, tip of the nose, right and left corner of the mouth; sides
are the subject's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from mmface_core.capture.detect import FaceDetector
from mmface_core.capture.engine import CaptureConfig, CaptureEngine, NoFaceError
from mmface_core.capture.load import reconstruct_config
from mmface_core.capture.sources import open_source
from mmface_core.errors import UserError
from mmface_core.geometry.normals import normals_of
from mmface_core.model.face_model import FaceModel
from mmface_core.model.readers.obj import read_obj
from mmface_core.network.inference import Predictor
from train.datasets.index import Index
from train.datasets.labels import BadItem
from train.measure.scan_fit import from_pairs, icp_to_scan, point_to_plane
from train.measure.table1 import Request, chosen

CROP_MM = 95.0
EYES_MM = (45.0, 80.0)  # between the middles of the eyes; decides whether a scan is in mm


@dataclass
class FlorenceResult:
    """Errors of the faces, mm and % of the crop's diagonal, with their pictures' names; bad: reason -> count."""

    dataset: str = "Florence"
    mm: list[float] = field(default_factory=list)
    nme3d: list[float] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    bad: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """The figures as text."""
        head = f"{self.dataset}: {len(self.names)} pictures against their scans, cropped at {CROP_MM:.0f} mm, rigid ICP"
        row = (
            f"ours: point to plane {np.mean(self.mm):.2f} mm (median {np.median(self.mm):.2f}), "
            f"NME3D {np.mean(self.nme3d):.2f} % of the crop's diagonal"
        )
        return [head, row, *(f"  {count} left out: {reason}" for reason, count in sorted(self.bad.items()))]


def five_landmarks(points: np.ndarray) -> np.ndarray:
    """Eyes, nose tip, corners of the mouth (5, 3) of the 68 points."""
    return np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]])


def read_scan_landmarks(scan: Path) -> np.ndarray:
    """(5, 3) from the file beside a scan. Raises BadItem."""
    for path in (scan.with_name(f"{scan.stem}.landmarks.txt"), scan.with_name("landmarks.txt")):
        if path.is_file():
            try:
                values = np.array([line.replace(",", " ").split() for line in path.read_text().splitlines() if line])
                points = values.astype(float)
            except ValueError as error:
                raise BadItem(f"{path.name} does not hold numbers") from error
            if points.shape != (5, 3):
                raise BadItem(f"{path.name} holds {points.shape} numbers; five lines of x y z are needed")
            return points
    raise BadItem("no landmarks.txt beside the scan")


def scan_error(mesh: np.ndarray, triangles: np.ndarray, marks: np.ndarray, scan: np.ndarray, five: np.ndarray) -> tuple:
    """(mm, %) of a predicted mesh (V, 3) mm and its points (68, 3) on a scan (n, 3) with its landmarks (5, 3)."""
    unit = scan_unit(five)
    scan, five = scan * unit, five * unit
    cropped = scan[np.linalg.norm(scan - five[2], axis=1) < CROP_MM]
    if len(cropped) < 100:
        raise BadItem(f"fewer than 100 points of the scan lie within {CROP_MM:.0f} mm of the nose")
    motion = icp_to_scan(mesh, triangles, cropped, from_pairs(five_landmarks(marks), five))
    moved = motion(mesh)
    apart = point_to_plane(cropped, moved, normals_of(moved, triangles))
    return float(apart.mean()), 100.0 * float(apart.mean() / np.linalg.norm(np.ptp(cropped, axis=0)))


def scan_unit(five: np.ndarray) -> float:
    """Millimetres per unit of a scan, by the distance of its eyes. Raises BadItem where no unit makes it a face."""
    apart = float(np.linalg.norm(five[0] - five[1]))
    for unit in (1.0, 10.0, 1000.0, 1e-3):
        if EYES_MM[0] <= apart * unit <= EYES_MM[1]:
            return unit
    raise BadItem(f"the eyes of the scan lie {apart:.4g} apart, which is no face in mm, cm, m or um")


def measure_florence(
    predictor: Predictor,
    model: FaceModel,
    index: Index,
    request: Request,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> FlorenceResult:
    """Every picture of an index: captured as capture does, then laid on its scan. UserError where none can be."""
    predictor.check_model(model)
    engine = CaptureEngine(
        predictor, model, FaceDetector(), CaptureConfig(reconstruct=reconstruct_config(model, "points"))
    )
    result = FlorenceResult()
    result.bad.update(index.bad)
    numbers = chosen(index, request.limit)
    skin = model.part_triangles("skin").numpy()
    scans: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for done, number in enumerate(numbers, start=1):
        item = index.items[number]
        root = index.dataset.root
        try:
            if item.labels not in scans:
                scans = {item.labels: (read_obj(root / item.labels).vertices, read_scan_landmarks(root / item.labels))}
            take = engine.capture(open_source(root / item.picture))[0]
            codes = torch.from_numpy(take.identity)[None], torch.from_numpy(take.expression[:1])
            shape = model.shape(*codes)
            mesh = shape[0, model.skin].numpy().astype(np.float64)
            marks = model.landmarks_of(shape)[0].numpy().astype(np.float64)
            mm, share = scan_error(mesh, skin, marks, *scans[item.labels])
        except (BadItem, NoFaceError, UserError) as error:
            result.bad[str(error) if isinstance(error, BadItem) else type(error).__name__] += 1
            continue
        result.mm.append(mm)
        result.nme3d.append(share)
        result.names.append(item.name)
        progress(done, len(numbers))
    if not result.names:
        raise UserError(f"No picture of Florence could be measured ({dict(result.bad)}).")
    return result
