# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the panel in other languages. Add a language by adding its table; Blender picks it by itself."""

import bpy

# Blender's locale -> English text -> text. A text that is missing is shown in English.
TEXTS = {
    "de_DE": {
        "Capture and Bake": "Aufnehmen und backen",
        "Capture and Pose": "Aufnehmen und Pose setzen",
        "Bake Take": "Take backen",
        "Set Up Engine": "Engine einrichten",
        "Check Engine": "Engine prüfen",
        "Stop Engine": "Engine beenden",
        "Remove Engine": "Engine entfernen",
        "Map Rig": "Rig zuordnen",
        "Start Live": "Live starten",
        "Stop Live": "Live beenden",
        "Stop and Keep": "Beenden und behalten",
        "Calibrate": "Kalibrieren",
        "Copy Details": "Einzelheiten kopieren",
        "Smoothing": "Glättung",
        "When Lost": "Wenn verloren",
        "With Sound": "Mit Ton",
        "No mesh with shape keys here": "Hier ist kein Mesh mit Shape Keys",
    },
}


def register() -> None:
    table = {
        locale: {(context, text): said for text, said in texts.items() for context in ("*", "Operator")}
        for locale, texts in TEXTS.items()
    }
    bpy.app.translations.register(__package__, table)


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
