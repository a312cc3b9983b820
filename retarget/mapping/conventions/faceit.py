"""Faceit makes ARKit's units and Oculus' visemes under their own names, and can mark the sides with _L and _R.

Its rig of bones is Rigify's face rig.
"""

from typing import Final

from retarget.mapping.conventions import facecap, visemes_oculus
from retarget.mapping.conventions.table import Convention

CONVENTIONS: Final = (
    Convention("faceit", "Faceit", "units", facecap.ROWS, least=1),
    Convention("faceit", "Faceit visemes", "visemes", visemes_oculus.ROWS),
)
