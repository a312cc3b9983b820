"""What a training run is: one dataclass for each concept, read from and written to one YAML file a run."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from mmface_core.errors import UserError
from mmface_core.model.dense_points import detail_points
from mmface_core.network.config import NetworkConfig, named_config
from mmface_core.whole_file import write_whole

PARTS = ("joint", "vmn", "pmn", "closer")
PRECISIONS = ("fp32", "bf16")
OPTIMISERS = ("adamw", "muon")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the objective, chosen so that each term weighs a few tenths halfway through training.

    volume: Eq. 3, nats a voxel (per stack). identity: Eq. 5, mm^2. expression: Eq. 6, mm^2. pose: Eq. 7, px^2.
    weights: Eq. 4 on expression, squared weight units; gaze and lids move few vertices, so Eq. 6 hardly sees them.
    codes: Eq. 4 on identity, squared standard deviations. points: direct points, px. point_pairs: lid and lip gaps of
    the direct points, px. first_points, first_pairs: the same for the points before the closer look; second_points,
    second_pairs: before the look at the lips alone. projected: points of the predicted mesh under the predicted pose,
    px (a robust Eq. 8 on few points). projected_pairs: lid and lip gaps of those, px. regressor: the
    points-to-parameters layers on samples of the face model alone.
    """

    volume: float = 2.0
    identity: float = 0.03
    expression: float = 0.15
    pose: float = 0.005
    weights: float = 12.0
    codes: float = 0.02
    points: float = 0.06
    point_pairs: float = 0.08
    first_points: float = 0.05
    first_pairs: float = 0.05
    second_points: float = 0.04
    second_pairs: float = 0.04
    projected: float = 0.02
    projected_pairs: float = 0.06
    regressor: float = 1.0


@dataclass(frozen=True)
class Stage:
    """One leg of a run: which parts learn, at which input, for how long, with the learning rate annealed to its end.

    parts: "joint" (everything), "vmn" (volume alone), "pmn" (parameters, fed the true volume), as the paper's stages;
    "closer": closer look and parameters, while the volumetric part and its points stay as they are, which costs 0.6 of
    a joint step.
    minutes, images or epochs (of the datasets in `data`): the budget; minutes count before images, those before epochs.
    drop_at: share of the budget after which the rate falls to the final one at once, as in the paper; 0 anneals it by a
    cosine.
    """

    name: str
    input_size: int = 256
    parts: str = "joint"
    minutes: float = 0.0
    images: int = 0
    epochs: float = 0.0
    batch: int = 16
    learning_rate: float = 1e-3
    final_learning_rate: float = 2e-5
    warmup_images: int = 4000
    drop_at: float = 0.0


@dataclass(frozen=True)
class RunConfig:
    """One training run.

    network: name of a size, with changed fields in `network_changes`. data: passed on to `train.data`.
    processes: training processes that share each batch (see `train.parallel`), each of `threads` threads and with
    `workers` loaders of its own.
    pool: rendered samples kept for reuse, 0 to use each once and in order (the reproducible mode). reuse: how often a
    sample is used on average before the loop waits for new ones.
    regressor_steps: steps of the points-to-parameters layers alone, before the first picture.
    initial: checkpoint, or exported .safetensors, to start from; layers that it lacks, or has in another size, start
        anew.
    ema_images: length of the moving average of the weights, in pictures.
    model: a face model (.npz) to train for; "" is the bundled one. $VARIABLES are filled in here, in `initial` and in
        the names of datasets.
    paper_units: weigh the losses as the paper prints them (`train.paper`), whatever `losses` says.
    accumulate: a rank's part of a batch goes through the network in so many portions.
    optimiser: "adamw", or "muon": Muon for the matrices between layers and AdamW for the rest (see `train.muon`).
    precision: "fp32", or "bf16": the network in mixed precision, losses and places in full.
    sync_batchnorm: normalise over the batches of all ranks, so that their number changes nothing.
    """

    stages: tuple[Stage, ...]
    network: str = "lite"
    network_changes: dict[str, Any] = field(default_factory=dict)
    losses: LossWeights = field(default_factory=LossWeights)
    data: dict[str, Any] = field(default_factory=dict)
    processes: int = 1
    workers: int = 1
    pool: int = 12000
    reuse: float = 4.0
    regressor_steps: int = 3000
    seed: int = 1
    threads: int = 2
    optimiser: str = "adamw"
    weight_decay: float = 0.02
    clip_norm: float = 2.0
    ema_images: float = 30000.0
    save_minutes: float = 2.0
    validate_minutes: float = 5.0
    validation_samples: int = 160
    initial: str = ""
    model: str = ""
    paper_units: bool = False
    accumulate: int = 1
    precision: str = "fp32"
    sync_batchnorm: bool = False

    @property
    def model_path(self) -> Path | None:
        """The face model's file; None for the bundled one."""
        return Path(os.path.expandvars(self.model)) if self.model else None

    @property
    def datasets(self) -> list[str]:
        """The datasets that the run trains on; none where it draws its own pictures."""
        return [str(root) for root in self.data.get("datasets", ())]

    def network_config(self, point_names: list[str]) -> NetworkConfig:
        """The network's sizes, with the direct points that the face model carries and a closer look at some of them."""
        closer = detail_points(point_names)
        points = {
            "n_points": len(point_names),
            "eye_points": closer.eye_left,
            "eye_points_right": closer.eye_right,
            "mouth_points": closer.mouth,
            "lip_points": closer.lips,
        }
        return named_config(self.network, **(points | self.network_changes))


def read_config(path: Path) -> RunConfig:
    """Read a run's YAML; UserError that names the file and the field where it does not fit."""
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"The training configuration {path} cannot be read ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict) or not values.get("stages"):
        raise UserError(f"{path} names no stages to train; see train/configs/lite.yaml for an example.")
    stages = tuple(_build(Stage, stage, path) for stage in values.pop("stages"))
    for stage in stages:
        if stage.parts not in PARTS:
            raise UserError(f"{path}: stage {stage.name!r} trains {stage.parts!r}; it must be one of {PARTS}.")
        if stage.minutes <= 0 and stage.images <= 0 and stage.epochs <= 0:
            raise UserError(f"{path}: stage {stage.name!r} needs a budget in minutes, images or epochs.")
    losses = _build(LossWeights, values.pop("losses", None) or {}, path)
    config: RunConfig = _build(RunConfig, values | {"stages": stages, "losses": losses}, path)
    if config.precision not in PRECISIONS:
        raise UserError(f"{path}: the precision is {config.precision!r}; give one of {', '.join(PRECISIONS)}.")
    if config.optimiser not in OPTIMISERS:
        raise UserError(f"{path}: the optimiser is {config.optimiser!r}; give one of {', '.join(OPTIMISERS)}.")
    if config.accumulate < 1:
        raise UserError(f"{path}: accumulate is {config.accumulate}; it must be 1 or more.")
    if config.datasets and config.pool:
        raise UserError(f"{path}: a run on datasets reads each picture in its turn; set pool: 0.")
    return config


def write_config(config: RunConfig, path: Path) -> None:
    """Write the run's YAML, every field spelled out, whole or not at all."""
    values = asdict(config)
    values["stages"] = [dict(stage) for stage in values["stages"]]
    write_whole(path, yaml.safe_dump(values, sort_keys=False))


def _build(kind: type, values: dict[str, Any], path: Path) -> Any:
    unknown = set(values) - {f.name for f in fields(kind)}
    if unknown:
        raise UserError(f"{path}: {kind.__name__} has no field {', '.join(sorted(unknown))}.")
    try:
        return kind(**values)
    except TypeError as error:
        raise UserError(f"{path}: {error}") from error
