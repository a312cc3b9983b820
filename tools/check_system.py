"""Names, in one sentence, the Debian packages missing for Blender's module and OpenGL. Exit status 2 if any."""

import ctypes
import sys

# Shared library -> Debian package. bpy links to the first group; the second draws without a display.
LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libEGL_mesa.so.0": "libegl-mesa0",
}


def missing() -> list[str]:
    packages = []
    for library, package in LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            packages.append(package)
    return packages


def main() -> int:
    if not sys.platform.startswith("linux"):
        return 0
    packages = missing()
    # A machine with its own graphics driver has no need of Mesa's.
    if packages == ["libegl-mesa0"]:
        return 0
    if packages:
        print(
            "Blender's module and OpenGL need system libraries that are missing; on Debian or Ubuntu run: "
            f"sudo apt-get install {' '.join(packages)} libgl1-mesa-dri",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
