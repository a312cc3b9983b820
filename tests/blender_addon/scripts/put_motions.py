"""Puts motions into a scene that has animation of the artist's own, as the add-on does.

    python put_motions.py FOLDER_WITH_ADDON RIG.blend FOLDER

Each scenario begins with the rig as its file has it. Says RESULT and one JSON: what each scenario found, or the last
line of its traceback. The files that are made lie in FOLDER.
"""

import sys
import time
from array import array

import bpy
from scenarios import play

sys.path.insert(0, sys.argv[1])
RIG, FOLDER = sys.argv[2:4]

import blender_addon  # noqa: E402

blender_addon.register()
from blender_addon import compat  # noqa: E402
from blender_addon.errors import SceneError  # noqa: E402
from blender_addon.live_channels import Channel  # noqa: E402
from blender_addon.scene import onto_rig  # noqa: E402
from blender_addon.scene.rig_objects import rig_objects  # noqa: E402


def a_large_scene(count=2000):
    """Half of the loose meshes lie inside the rig."""
    mesh = bpy.data.meshes.new("piece")
    mesh.from_pydata([(0, 0, 0), (0.1, 0, 0), (0, 0.1, 0)], [], [(0, 1, 2)])
    head = bpy.data.objects["Head"]
    for number in range(count):
        obj = bpy.data.objects.new(f"Piece {number}", mesh)
        obj.location = head.matrix_world.translation
        obj.location.z += 0.0 if number % 2 else 50.0
        bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    begun = time.process_time()
    found = rig_objects(bpy.context.scene, head)
    return {"seconds": time.process_time() - begun, "inside": sum(obj.name.startswith("Piece") for obj in found)}


def motion(name="talk", key="jaw_open", values=(0.0, 1.0), start=1, **other):
    """A motion as `bake.load_motion` gives it; `other` entries take the place of these."""
    found = {"name": name, "start": start, "frame_count": len(values), "fps": 25, "fps_base": 1.0, "rotations": []}
    found["keys"] = [{"object": "Head", "key": key, "values": array("f", values)}]
    return found | other


def a_layer_again():
    """Replace Last beside an empty track of the artist's: the tracks after the first layer, and after the second."""
    keys = keys_of_the_head()
    keys.animation_data_create().nla_tracks.new().name = "Mine"
    found = []
    for _ in range(2):
        onto_rig.put(motion(), bpy.context.scene, layer=True)
        found.append(sorted(track.name for track in keys.animation_data.nla_tracks))
    return found


def a_numbered_clip():
    """The action's names after a bake and after another that replaces it."""
    return [onto_rig.put(motion("shot.010"), bpy.context.scene)["action"] for _ in range(2)]


def another_kind_of_object():
    """Of the motion's name: an empty for keys, a mesh for a bone."""
    bpy.data.objects["Head"].name = "Old"
    empty = bpy.data.objects.new("Head", None)
    bpy.context.scene.collection.objects.link(empty)
    turned = {"object": "Old", "bone": "Neck", "values": array("f", [1, 0, 0, 0] * 2)}
    found = []
    for wrong in (motion(), motion(keys=[], rotations=[turned])):
        try:
            onto_rig.put(wrong, bpy.context.scene)
        except SceneError as error:
            found.append(str(error))
    channels = Channel("key", "Head", "jaw_open"), Channel("turn", "Old", "Neck", "XYZ")
    for channel in (*channels, Channel("key", "Old", "no_key"), Channel("place", "Rig", "NoBone")):
        try:
            channel.datablock()
        except SceneError as error:
            found.append(str(error))
    return found


def keys_of_the_head():
    return bpy.data.objects["Head"].data.shape_keys


def a_photo_between_keys_of_the_artists():
    """Their handles and easings before and after, and the frames that have keys then."""
    keys = keys_of_the_head()
    for frame, value in ((1, 0.1), (10, 0.9), (20, 0.2), (30, 0.6)):
        keys.key_blocks["jaw_open"].value = value
        keys.key_blocks["jaw_open"].keyframe_insert("value", frame=frame)
    action = keys.animation_data.action
    curve = compat.curves_of(action, keys)[0]
    kinds = ("ELASTIC", "BEZIER", "CONSTANT", "BEZIER")
    for point, kind in zip(curve.keyframe_points, kinds, strict=True):
        point.handle_left_type = point.handle_right_type = "FREE"
        point.interpolation = kind
        point.handle_left = (point.co.x - 2.5, point.co.y + 0.3)
        point.handle_right = (point.co.x + 1.5, point.co.y - 0.2)
    curve.update()
    before = shapes(curve)
    bpy.context.scene.frame_set(15)
    onto_rig.pose(motion(values=[0.5]), bpy.context.scene)
    onto_rig.pose(motion(values=[0.7]), bpy.context.scene)  # another photo on the same frame
    after = shapes(curve)
    return {"same": before == [row for row in after if row[0][0] != 15], "keys": [row[0] for row in after]}


def shapes(curve):
    """Place, handles and easing of each key."""
    return [
        [[round(v, 4) for v in place] for place in (p.co, p.handle_left, p.handle_right)]
        + [p.interpolation, p.handle_left_type, p.handle_right_type]
        for p in curve.keyframe_points
    ]


SCENARIOS = (
    a_large_scene,
    a_photo_between_keys_of_the_artists,
    a_layer_again,
    a_numbered_clip,
    another_kind_of_object,
)
play(SCENARIOS, RIG)
