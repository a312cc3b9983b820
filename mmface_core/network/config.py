"""Sizes of the network: one frozen dataclass, and the two sizes that the project names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from mmface_core.errors import UserError

_POINTS = ("eye_points", "eye_points_right", "mouth_points", "lip_points")


@dataclass(frozen=True)
class NetworkConfig:
    """Every size of `MMFaceNet`; lengths in pixels are those of the 256-pixel crop.

    name: how files and messages call this size.
    input_size: side of the picture the network is meant for; it also takes half of it (cheap early training).
    map_size: side of the hourglasses' maps: a quarter of the input as in the paper, or an eighth, where a training
        step costs a third; the volume is then interpolated across, while its depth, the channels, stays full.
    channels: width of those maps.
    stem_channels: width after the first convolution, at a quarter of the input.
    bottleneck: a bottleneck's inner width is its outer width divided by this.
    growth: channels that each level of an hourglass adds to the one above it (0: the same width throughout).
    stacks, depth: number of hourglasses, and levels of each.
    volume_size: side of the predicted volume; depth is stored as channels.
    volume_convs: the five 3D convolutions of the parametric part, each (channels, kernel, stride, padding). The first
        has no padding and its kernel is its stride; where the maps are coarser than the volume, it is so much
        narrower across.
    read_volume: whether the parametric part sees the volume at all; without, it shows what the volume is worth.
    map_convs: channels of the strided 2D convolutions that pool the last feature map from 32x32 down to 4x4.
    hidden: width of the fully connected layers.
    mixed: width of the layers that read the expression off everything at once, points included; 0 leaves them out.
    n_identity, n_expression: codes of the face model.
    n_points: points found directly by heat-maps.
    eye_points, eye_points_right, mouth_points: of those, the ones that a closer look at the left eye (with its brow),
        the right eye and the mouth places again; the two eyes' in the same order. Empty: there is no closer look.
    lip_points: of the mouth's points, the ones that a third, tighter look places once more. Empty: there is none.
    detail_width, detail_features: channels of the closer look, and the length of what it hands on for each patch.
    detail_blocks: its residual blocks at a quarter of a patch's resolution.
    mouth_blocks: residual blocks, of the looks at mouth and lips, where a patch is four by four cells.
    fine_width: channels of its heat-maps at half a patch's resolution; 0 leaves them at a quarter.
    fine_blocks: residual blocks there.
    squash_expression: expression passes through a sigmoid to 0..1 (blendshape weights) or stays linear (PCA codes).
    crop: how labelled pictures are cut for this network: "pose", as capture does, or "box", around the true landmarks'
        box as in the paper (Sec. 4).
    read_picture: whether the parametric part sees the last feature map and the direct points besides the volume. The
        paper's sees the volume alone.
    """

    name: str
    input_size: int = 256
    map_size: int = 32
    channels: int = 64
    stem_channels: int = 32
    bottleneck: int = 4
    growth: int = 0
    stacks: int = 2
    depth: int = 4
    volume_size: int = 64
    volume_convs: tuple[tuple[int, int, int, int], ...] = (
        (8, 4, 4, 0),
        (16, 2, 2, 0),
        (32, 4, 2, 1),
        (64, 3, 1, 1),
        (128, 4, 1, 0),
    )
    read_volume: bool = True
    map_convs: tuple[int, ...] = (64, 64, 64)
    hidden: int = 256
    mixed: int = 0
    n_identity: int = 80
    n_expression: int = 52
    n_points: int = 68
    eye_points: tuple[int, ...] = ()
    eye_points_right: tuple[int, ...] = ()
    mouth_points: tuple[int, ...] = ()
    lip_points: tuple[int, ...] = ()
    detail_width: int = 48
    detail_features: int = 128
    detail_blocks: int = 2
    mouth_blocks: int = 0
    fine_width: int = 0
    fine_blocks: int = 0
    squash_expression: bool = True
    crop: Literal["box", "pose"] = "pose"
    read_picture: bool = True

    @property
    def looks_closer(self) -> bool:
        """Whether eyes and mouth have networks of their own."""
        return bool(self.mouth_points)

    @property
    def patches(self) -> int:
        """How many patches a face is looked at in: eyes and mouth, and the lips where these are found."""
        return 3 + bool(self.lip_points) if self.looks_closer else 0

    def to_dict(self) -> dict[str, Any]:
        """A dictionary of plain numbers, strings and lists, as JSON and YAML store it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        """The config that `to_dict` described; UserError where it has fields of another version."""
        try:
            plain = dict(values)
            for key in ("volume_convs", "map_convs", *_POINTS):
                if key in plain:
                    plain[key] = tuple(tuple(v) if isinstance(v, (list, tuple)) else v for v in plain[key])
            return cls(**plain)
        except TypeError as error:
            raise UserError(f"This network description belongs to another version of mmface ({error}).") from error


LITE = NetworkConfig(name="lite", mixed=512, detail_blocks=4, mouth_blocks=2, fine_width=32, fine_blocks=1)
"""Real time on a CPU: 64 channels, a 64^3 volume, 80 identity codes and 52 units."""


def _paper(name: str, volume_size: int) -> NetworkConfig:
    """The paper's size with a volume of 64, 128 or 192: the first 3D convolution always leads to a 32^3 grid."""
    patch = volume_size // 32
    return NetworkConfig(
        name=name,
        map_size=64,
        channels=256,
        stem_channels=64,
        bottleneck=2,
        growth=0,
        volume_size=volume_size,
        volume_convs=((64, patch, patch, 0), (128, 4, 2, 1), (256, 4, 2, 1), (512, 4, 2, 1), (256, 4, 1, 0)),
        map_convs=(256, 256, 256),
        n_identity=199,
        n_expression=29,
        squash_expression=False,
        crop="box",
    )


PAPER = _paper("paper", 192)
"""The paper's size: 256 channels, a 192^3 volume, Basel's 199 identity and FaceWarehouse's 29 expression codes."""

CONFIGS = {config.name: config for config in (LITE, PAPER, _paper("paper-128", 128), _paper("paper-64", 64))}


def named_config(name: str, /, **changes: Any) -> NetworkConfig:
    """The config of that name with some fields changed, for example `named_config("lite", n_points=120)`."""
    if name not in CONFIGS:
        raise UserError(f"There is no network size called {name!r}; choose one of {', '.join(CONFIGS)}.")
    return replace(CONFIGS[name], **changes)
