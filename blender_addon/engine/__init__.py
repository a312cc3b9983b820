# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is another process with its own Python: found, set up, started and watched here, without bpy."""
