# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bug report needs: the message, and the versions of everything that took part."""

import platform
import sys

import bpy

from .session import session


def details() -> str:
    """The last problem in full, as text for the clipboard."""
    found = session.found()
    greeting = session.greeting or {}
    lines = [
        session.problem.sentence if session.problem else "No error.",
        "",
        f"System: {platform.platform()}",
        f"Blender: {bpy.app.version_string} ({bpy.app.build_hash.decode('ascii', 'replace')})",
        f"Blender's Python: {sys.version.split()[0]}",
        f"Add-on: {version()}",
        f"Engine's Python: {found.python + ' (from ' + found.by + ')' if found else 'none'}",
        f"Engine: mmface {greeting.get('mmface', '?')}, Python {greeting.get('python', '?')}",
    ]
    if session.problem and session.problem.details:
        lines += ["", session.problem.details.strip()]
    return "\n".join(lines)


def version() -> str:
    """The add-on's version."""
    return ".".join(map(str, sys.modules[__package__].VERSION))
