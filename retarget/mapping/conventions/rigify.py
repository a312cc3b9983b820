"""Rigify (and rigs made after it, such as Faceit's) has bones in place of keys. See `retarget.mapping.face_bones`.

ROLES: what a control or a deforming bone of the face does -> its names, the animator's own control first.
"""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROLES: Final = {
    "jaw": ("jaw_master", "jaw", "c_jawbone.x", "DEF-jaw"),
    "eye": ("master_eye.{side}", "eye_master.{side}", "MCH-eye.{side}"),
    "lid_upper": ("lid.T.{side}.002", "lid_top.{side}", "DEF-lid.T.{side}.002"),
    "lid_lower": ("lid.B.{side}.002", "lid_bot.{side}", "DEF-lid.B.{side}.002"),
    "brow_inner": ("brow.T.{side}.003", "DEF-brow.T.{side}.003"),
    "brow_outer": ("brow.T.{side}.001", "DEF-brow.T.{side}.001"),
    "lip_corner": ("lips.{side}", "lip_end.{side}.001"),
}

# As shape keys, rigs baked from Rigify bear ARKit's names.
CONVENTIONS: Final[tuple[Convention, ...]] = ()
