"""Face Cap (the iPhone app) and its example heads: ARKit's units with _L and _R."""

from typing import Final

from retarget.mapping.conventions import arkit
from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    name.replace("{side}", "_{side}").replace("{way}", "_{way}"): units for name, units in arkit.ROWS.items()
}

CONVENTIONS: Final = (Convention("facecap", "Face Cap", "units", ROWS, least=1),)
