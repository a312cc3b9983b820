# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to a scene: open it, describe its rig, bake motion into it, render it."""
