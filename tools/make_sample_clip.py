"""Render the bundled sample clip: a painted head that talks, blinks and turns, with the weights that moved it.

    python tools/make_sample_clip.py examples/sample.mp4

writes the clip (H.264, encoded by Blender's FFmpeg, so bpy must be installed) and, beside it, `sample_truth.npz` with
`fps`, `weights` (T, 52), `weight_names`, `rotation` (T, 3, 3) head to camera and `landmarks` (T, 68, 2) pixels.
No picture of a person goes into it: skin, hair and eyes are procedural.
"""

import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mmface_core.conventions import CROP_SIZE, euler_to_rotation
from train.data.head import default_head
from train.data.render.body import make_body
from train.data.render.face import FaceRenderer, SkinColours, sample_mouth_colours
from train.data.render.paint import Paint, paint_skin, sample_noise_texture
from train.data.sampling import INDEX, Pose, make_plausible

SIZE, FPS, SECONDS = 480, 25, 6.0
SEED = 11
LIGHT = {
    "ambient": (0.62, 0.60, 0.60),
    "hemisphere": (0.0, 0.95, 0.3, 0.35),
    "lamp": (0.48, 0.52, 0.71, 0.25),
    "lamp_colour": (0.46, 0.43, 0.40),
    "gloss": (0.16, 22.0),
}
EYES = {
    "iris_colour": (0.23, 0.13, 0.06),
    "iris_shape": (np.cos(np.radians(28)), np.cos(np.radians(11)), 0.6, 3.0),
    "sclera": (0.86, 0.84, 0.82, 0.45),
    "glint": (0.3, 0.4, 0.866),
    "glint_strength": 0.8,
}
TONE = (0.80, 0.58, 0.47)
HAIR = (0.13, 0.085, 0.06)


def main(target: Path) -> None:
    """Render the frames, encode them, write the truth beside the clip."""
    time = np.arange(round(SECONDS * FPS)) / FPS
    weights, angles = expressions(time), head_angles(time)
    with tempfile.TemporaryDirectory() as folder:
        rotation, landmarks = render_frames(Path(folder), weights, angles)
        encode(Path(folder), len(time), target)
    truth = target.with_name(f"{target.stem}_truth.npz")
    names = np.array(default_head().names)
    np.savez_compressed(truth, fps=FPS, weights=weights, weight_names=names, rotation=rotation, landmarks=landmarks)
    print(f"wrote {target} ({target.stat().st_size / 1000:.0f} kB) and {truth}")


def expressions(time: np.ndarray) -> np.ndarray:
    """Weights (T, 52) f32: speech with pauses, blinks, a smile, raised brows, a wink, wandering eyes."""
    weights = np.zeros((len(time), len(INDEX)), np.float32)
    rng = np.random.default_rng(SEED)
    talking = smooth_step(time, 0.4, 0.6) - smooth_step(time, 2.5, 2.7)
    talking += smooth_step(time, 3.3, 3.5) - smooth_step(time, 5.2, 5.4)
    # Syllables at about four a second, each with a size and a lip shape of its own.
    edges = np.cumsum(rng.uniform(0.17, 0.32, 40))
    shapes = ("open", "wide", "round", "closed")
    for start, stop in pairwise(edges):
        bump = np.sin(np.pi * np.clip((time - start) / (stop - start), 0, 1)) ** 1.5 * talking
        size, shape = rng.uniform(0.25, 0.75), shapes[rng.choice(4, p=[0.4, 0.25, 0.22, 0.13])]
        if shape == "closed":
            add(weights, bump, mouthPressLeft=0.5, mouthPressRight=0.5, mouthRollLower=0.25, mouthRollUpper=0.2)
            continue
        add(weights, bump, jawOpen=size, mouthLowerDownLeft=0.35 * size, mouthLowerDownRight=0.35 * size)
        if shape == "wide":
            add(
                weights,
                bump,
                mouthStretchLeft=0.3,
                mouthStretchRight=0.3,
                mouthUpperUpLeft=0.25,
                mouthUpperUpRight=0.25,
            )
        if shape == "round":
            add(weights, bump, mouthFunnel=0.5, mouthPucker=0.35, jawOpen=-0.5 * size)
    for blink in (0.85, 2.15, 3.1, 4.35):
        closed = np.clip(1.15 - np.abs(time - blink - 0.08) / 0.11, 0, 1)
        add(weights, closed, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    wink = smooth_step(time, 5.35, 5.45) - smooth_step(time, 5.7, 5.85)
    add(weights, wink, eyeBlinkLeft=0.95, cheekSquintLeft=0.5, mouthSmileLeft=0.25)
    smile = smooth_step(time, 2.5, 2.8) - smooth_step(time, 3.2, 3.5) + smooth_step(time, 5.2, 5.5)
    add(weights, smile, mouthSmileLeft=0.7, mouthSmileRight=0.7, cheekSquintLeft=0.35, cheekSquintRight=0.35)
    brows = smooth_step(time, 1.4, 1.6) - smooth_step(time, 2.0, 2.3)
    add(weights, brows, browInnerUp=0.7, browOuterUpLeft=0.7, browOuterUpRight=0.7, eyeWideLeft=0.3, eyeWideRight=0.3)
    frown = smooth_step(time, 3.7, 3.9) - smooth_step(time, 4.6, 4.9)
    add(weights, frown, browDownLeft=0.6, browDownRight=0.6)
    # The eyes stay on the camera while the head turns, within reach.
    look = np.clip(-np.degrees(head_angles(time)[:, 0]) / 30.0, -0.8, 0.8)
    left, right = np.clip(look, 0, 1), np.clip(-look, 0, 1)
    add(weights, left, eyeLookOutLeft=1.0, eyeLookInRight=1.0)
    add(weights, right, eyeLookInLeft=1.0, eyeLookOutRight=1.0)
    return np.stack([make_plausible(row) for row in weights])


def head_angles(time: np.ndarray) -> np.ndarray:
    """Yaw, pitch, roll (T, 3) in radians."""
    ease = smooth_step(time, 0.2, 1.2)
    yaw = 28.0 * np.sin(2 * np.pi * (time - 0.3) / 4.6) * ease
    pitch = 6.0 * np.sin(2 * np.pi * time / 2.3) * ease + 2.0
    roll = 5.0 * np.sin(2 * np.pi * (time + 0.5) / 3.7) * ease
    return np.radians(np.stack((yaw, pitch, roll), 1))


def render_frames(folder: Path, weights: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write the frames as PNG; returns rotations (T, 3, 3) and landmarks (T, 68, 2) px."""
    head, rng = default_head(), np.random.default_rng(SEED)
    renderer = FaceRenderer(SIZE, oversample=2.0)
    uv = head.uv[head.parts["skin"]].astype(np.float32)
    tone = np.array(TONE)
    colours = paint_skin(Paint(tone, np.array(HAIR), tone * [0.84, 0.66, 0.66], beard=0.12, hair_line_mm=46.0))
    skin = SkinColours(sample_noise_texture(rng), uv, uv, np.zeros(len(uv), np.float32), colours)
    mouth = sample_mouth_colours(rng)
    identity = np.clip(0.6 * rng.standard_normal(head.n_identity), -2, 2).astype(np.float32)
    behind = backdrop(rng)
    rotations, landmarks = [], []
    for number, (row, angle) in enumerate(zip(weights, angles, strict=True)):
        rotation = euler_to_rotation(*angle)
        sway = np.array([8.0 * np.sin(angle[0]), 3.0 * np.sin(angle[1])])
        pose = Pose(rotation, 0.72, np.array([127.5, 112.0]) + sway, 1100.0)
        body = make_body(pose, 0.92 * tone, np.array([0.16, 0.24, 0.34]))
        vertices = head.shape(identity, row)
        rgba, projected = renderer.render(vertices, pose, skin, mouth, LIGHT | EYES, (body,))
        rgba = cv2.resize(rgba, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.float32)
        alpha = rgba[..., 3:] / 255.0
        frame = rgba[..., :3] + behind * (1 - alpha) + rng.normal(0, 1.2, (SIZE, SIZE, 1))
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.clip(frame, 0, 255).astype(np.uint8)[..., ::-1])
        rotations.append(rotation)
        landmarks.append((head.landmarks(projected)[:, :2] + 0.5) * SIZE / CROP_SIZE - 0.5)
    return np.stack(rotations).astype(np.float32), np.stack(landmarks).astype(np.float32)


def backdrop(rng: np.random.Generator) -> np.ndarray:
    """A blurred room (SIZE, SIZE, 3) f32: a gradient, a window's light, some soft shapes."""
    corners = np.array([[[150, 148, 142], [108, 112, 118]], [[92, 84, 78], [70, 66, 66]]], np.float32)
    room = cv2.resize(corners, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    for _ in range(7):
        centre = tuple(map(int, rng.uniform(0, SIZE, 2)))
        half = rng.uniform(0.06, 0.22, 2) * SIZE
        corner = (int(centre[0] - half[0]), int(centre[1] - half[1]))
        opposite = (int(centre[0] + half[0]), int(centre[1] + half[1]))
        colour = room.mean((0, 1)) + rng.normal(0, 22) + rng.normal(0, 7, 3)
        cv2.rectangle(room, corner, opposite, tuple(map(float, colour)), -1)
    return cv2.GaussianBlur(room, (0, 0), 14)


def encode(folder: Path, count: int, target: Path) -> None:
    """PNG frames to H.264 with Blender's sequencer, in a child process because bpy holds global state."""
    script = ENCODE.format(folder=str(folder), count=count, target=str(target.resolve()), size=SIZE, fps=FPS)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        raise SystemExit(f"bpy could not encode the clip: {done.stderr.strip()[-400:]}")


ENCODE = """
import bpy
scene = bpy.context.scene
editor = scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
strip = strips.new_image(name="frames", filepath={folder!r} + "/0000.png", channel=1, frame_start=1)
for number in range(1, {count}):
    strip.elements.append(f"{{number:04d}}.png")
scene.frame_start, scene.frame_end = 1, {count}
scene.view_settings.view_transform = "Standard"
render = scene.render
render.resolution_x = render.resolution_y = {size}
render.resolution_percentage = 100
render.fps, render.fps_base = {fps}, 1.0
render.filepath = {target!r}
render.use_file_extension = False
render.image_settings.file_format = "FFMPEG"
render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
render.ffmpeg.constant_rate_factor, render.ffmpeg.ffmpeg_preset = "MEDIUM", "GOOD"
render.ffmpeg.gopsize = {fps}
bpy.ops.render.render(animation=True)
"""


def smooth_step(time: np.ndarray, start: float, stop: float) -> np.ndarray:
    """0 before `start`, 1 after `stop` (seconds), smooth between; (T,)."""
    x = np.clip((time - start) / (stop - start), 0, 1)
    return x * x * (3 - 2 * x)


def add(weights: np.ndarray, curve: np.ndarray, **units: float) -> None:
    """Add `curve` (T,) times a factor to the named units' columns of the weights (T, 52), in place."""
    for name, factor in units.items():
        weights[:, INDEX[name]] += factor * curve


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: make_sample_clip.py OUT.mp4")
    main(Path(sys.argv[1]))
