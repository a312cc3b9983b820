"""The tests with a window run where `make test-gui` asks for them: they need Debian's Blender and a virtual screen."""

import os

collect_ignore = [] if os.environ.get("MMFACE_GUI") else ["test_gui.py"]
