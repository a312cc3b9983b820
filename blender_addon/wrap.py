# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in narrow panels: Blender's labels do not wrap by themselves."""

import textwrap

CHARACTER = 6.4  # px of a letter of Blender's font at a scale of 1, on average


def draw(layout, text: str, context, icon: str = "NONE", most: int = 12) -> None:
    """The text in as many labels as the sidebar's width needs."""
    scale = context.preferences.system.ui_scale
    width = context.region.width if context.region is not None else 260
    count = max(18, int((width / scale - 58) / CHARACTER))
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, count)[:most]):
        column.label(text=line, icon=icon if number == 0 else ("BLANK1" if icon != "NONE" else "NONE"), translate=False)
