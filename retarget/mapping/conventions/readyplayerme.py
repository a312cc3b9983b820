"""Ready Player Me: avatars without ARKit's units have these few keys; with them, they add Oculus' visemes."""

from typing import Final

from retarget.mapping.conventions.table import Convention

ROWS: Final = {
    "mouthOpen": {"jawOpen": 1.0, "mouthClose": -1.0},
    "mouthSmile": {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5},
    "eyesClosed": {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5},
    "eyesLookUp": {"eyeLookUpLeft": 0.5, "eyeLookUpRight": 0.5},
    "eyesLookDown": {"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5},
}

CONVENTIONS: Final = (Convention("readyplayerme", "Ready Player Me", "units", ROWS, least=1),)
