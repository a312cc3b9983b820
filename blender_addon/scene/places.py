# SPDX-License-Identifier: GPL-3.0-or-later
"""Where vertices and boxes lie in the world."""

from array import array

from mathutils import Vector


def world_positions(points, matrix) -> array:
    """Vertices, or a shape key's points, in the world: 3 N floats. matrix: the object's `matrix_world`."""
    local = array("f", bytes(12 * len(points)))
    points.foreach_get("co", local)
    (a, b, c, d), (e, f, g, h), (i, j, k, m) = (tuple(row) for row in matrix[:3])
    xs, ys, zs = local[0::3], local[1::3], local[2::3]
    world = array("f", bytes(4 * len(local)))
    world[0::3] = array("f", [a * x + b * y + c * z + d for x, y, z in zip(xs, ys, zs, strict=True)])
    world[1::3] = array("f", [e * x + f * y + g * z + h for x, y, z in zip(xs, ys, zs, strict=True)])
    world[2::3] = array("f", [i * x + j * y + k * z + m for x, y, z in zip(xs, ys, zs, strict=True)])
    return world


def box_around(objects):
    """Lowest and highest corner of the objects' boxes in the world; None where there are no objects."""
    corners = [obj.matrix_world @ Vector(corner) for obj in objects for corner in obj.bound_box]
    if not corners:
        return None
    return [min(c[i] for c in corners) for i in range(3)], [max(c[i] for c in corners) for i in range(3)]


def middle_of(obj):
    """The middle of an object's box in the world."""
    first, opposite = Vector(obj.bound_box[0]), Vector(obj.bound_box[6])
    return obj.matrix_world @ ((first + opposite) / 2)
