"""The training loop: stages of a run one after the other, resumable at any step.

Read `Trainer.run` first. A run's folder holds `config.yaml`, `checkpoint.pt` (the newest), `log.csv` (loss terms) and
`validation.csv` (figures on held-out renders).
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmface_core.errors import UserError
from mmface_core.model.arkit import ARKIT_NAMES
from mmface_core.model.face_model import FaceModel
from mmface_core.network.config import NetworkConfig
from mmface_core.network.losses import GeometryTerms
from mmface_core.network.mmface import MMFaceNet
from train.average import MovingAverage
from train.checkpoint import load_checkpoint, save_checkpoint, start_from
from train.config import LossWeights, RunConfig, Stage
from train.evaluate import evaluate, picture_tensor
from train.model_samples import ModelSamples
from train.objective import Objective
from train.optimisers import learning_rate, make_optimisers
from train.paper import printed_weights
from train.parallel import Ranks, mean_terms
from train.pool import SamplePool
from train.sync_norm import synchronise
from train.targets import TargetMaker, Targets

Batch = dict[str, Tensor]
LoaderFactory = Callable[[Stage, int], Iterable[Batch]]
"""(stage, number of samples already used) -> batches of the stage's size, in a reproducible order."""

REGRESSOR_BATCH = 128
MODEL_SAMPLES = 12000
LOG_EVERY = 50
LOG_TERMS = (*(term.name for term in fields(LossWeights)), "total", "gradient")
"""Columns of the log; a stage that does not train a term's part leaves its cells empty."""


class Trainer:
    """One run: network, average, optimiser and where it stands."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        model: FaceModel,
        loader: LoaderFactory,
        validation: Callable[[int], Batch] | None = None,
        report: Callable[[str], None] = lambda line: None,
        model_samples: int = MODEL_SAMPLES,
        ranks: Ranks | None = None,
    ) -> None:
        """`loader` and `validation` (side of the picture -> samples) come from `train.data`; `report` gets progress."""
        self.ranks = ranks or Ranks()
        self.config, self.folder, self.loader = config, folder, loader
        self.validation = validation if self.ranks.leads else None
        self.report = report if self.ranks.leads else lambda line: None
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.maker = TargetMaker(model, 64)
        network = config.network_config(self.maker.points.names)
        self._check_codes(network, model)
        self.maker.volume_size = network.volume_size
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = channels_last(MMFaceNet(network)).to(self.device)
        if config.sync_batchnorm and self.ranks.count > 1:
            synchronise(self.net)
        geometry = GeometryTerms(model.identity_basis, model.expression_basis).to(self.device)
        spread = None if model.expression_names == ARKIT_NAMES else model.expression_spread.numpy()
        self.samples = ModelSamples(self.maker.points, model_samples, config.seed, spread)
        losses = printed_weights(model.n_vertices, network.volume_size) if config.paper_units else config.losses
        points, expressions = self.maker.points.to(self.device), self.samples.expression
        self.objective = Objective(losses, geometry, points, expressions.to(self.device))
        self.losses = losses
        self.bad = 0
        self.generator = torch.Generator().manual_seed(config.seed + self.ranks.rank)
        self.optimisers = make_optimisers(self.net, config)
        self.stage = self.step = self.images = self.stage_images = 0
        self.stage_seconds = 0.0
        self.checkpoint = folder / "checkpoint.pt"
        if self.checkpoint.is_file():
            self._resume()
        else:
            if config.initial:
                self.report(start_from(self.net, Path(os.path.expandvars(config.initial))))
            self._train_regressor()
            torch.manual_seed(config.seed + self.ranks.rank)  # networks start alike, what they jitter differs
        self.ranks.share(self.net)
        if not hasattr(self, "average"):
            self.average = MovingAverage(self.net, config.ema_images)

    def run(self, stop_after: int | None = None) -> None:
        """Train what is left of every stage; `stop_after` ends after that many steps of this call (saved)."""
        while self.stage < len(self.config.stages):
            finished = self._run_stage(self.config.stages[self.stage], stop_after)
            if not finished:
                break
            self.save(self.folder / f"{self.config.stages[self.stage].name}.pt", final=True)
            self.stage, self.stage_images, self.stage_seconds = self.stage + 1, 0, 0.0
            self.save(self.checkpoint)

    def train_step(self, stage: Stage, batch: Batch) -> dict[str, float]:
        """One step of the optimiser on `batch`; returns the loss terms."""
        rate = learning_rate(stage, self.progress(stage), self.stage_images)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate
        self.net.train()
        if stage.parts == "closer":
            self.net.vmn.eval()
        self.net.zero_grad(set_to_none=True)
        terms: dict[str, Tensor] = {}
        parts = portions(batch, self.config.accumulate)
        for part in parts:
            for name, term in self._backward(stage, part, len(parts)).items():
                terms[name] = terms.get(name, torch.zeros(())) + term
        self.ranks.average_gradients(self.net)
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip_norm or math.inf)
        if torch.isfinite(norm):
            for optimiser in self.optimisers:
                optimiser.step()
        count = len(batch["crop"]) * self.ranks.count
        self.average.update(self.net, count)
        self.step, self.images, self.stage_images = self.step + 1, self.images + count, self.stage_images + count
        self.bad += int(batch["bad"].sum()) if "bad" in batch else 0
        return mean_terms(terms | {"gradient": norm})

    def _backward(self, stage: Stage, batch: Batch, portions: int) -> dict[str, Tensor]:
        """Add the gradients of one of a step's portions; its share of each term."""
        targets = self.maker(batch).to(self.device)
        batch = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
        terms = self._terms(stage, batch, targets)
        total = self.objective.total(terms)
        if stage.parts != "vmn" and self.losses.regressor > 0 and self.net.config.read_picture:
            alone = self.objective.regressor(self.net, *self._model_batch())
            terms["regressor"] = alone.detach()
            total = total + self.losses.regressor * alone
        total = total / portions
        total.backward()
        shares = {name: term.detach().cpu() / portions for name, term in terms.items()}
        return shares | {"total": total.detach().cpu()}

    def progress(self, stage: Stage) -> float:
        """Share 0..1 of the stage's budget that is spent."""
        if stage.minutes > 0:
            return min(1.0, self.stage_seconds / (60.0 * stage.minutes))
        return min(1.0, self.stage_images / stage.images)

    def save(self, path: Path, final: bool = False) -> None:
        """Write a checkpoint; `final` leaves out what only resuming needs."""
        states = [] if final else self.ranks.gather(torch.cat([self.generator.get_state(), torch.get_rng_state()]))
        if not self.ranks.leads:
            return
        content: dict[str, Any] = {
            "network": self.net.config.to_dict(),
            "average": self.average.state(),
            "images": self.images,
            "step": self.step,
        }
        if not final:
            content |= {
                "model": self.net.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "average_steps": self.average.steps,
                "position": [self.stage, self.stage_images],
                "stage_seconds": self.stage_seconds,
                "random_states": torch.stack(states),  # one row a rank: the generator's, then torch's own
                "bad": self.bad,
            }
        save_checkpoint(path, content)

    def _resume(self) -> None:
        content = load_checkpoint(self.checkpoint)
        self.net.load_state_dict(content["model"])
        self._resume_optimisers(content.get("optimisers", []))
        self.average = MovingAverage(self.net, self.config.ema_images)
        self.average.load(content["average"], content["average_steps"])
        self.stage, self.stage_images = content["position"]
        self.step, self.images, self.stage_seconds = content["step"], content["images"], content["stage_seconds"]
        self.bad = content.get("bad", 0)
        states = content.get("random_states")
        if states is not None and len(states) == self.ranks.count:
            own, common = states[self.ranks.rank].split(self.generator.get_state().numel())
            self.generator.set_state(own.clone())
            torch.set_rng_state(common.clone())
        else:
            self.report("the checkpoint is of another number of processes: their random states begin anew")
        self.report(f"resumed at step {self.step}, {self.images} images")

    def _resume_optimisers(self, states: list[dict[str, Any]]) -> None:
        if len(states) != len(self.optimisers):
            raise UserError(
                f"{self.checkpoint} is of a run with another optimiser; choose another --run-dir, or name the "
                "checkpoint as `initial` of a new run."
            )
        for optimiser, state in zip(self.optimisers, states, strict=True):
            optimiser.load_state_dict(state)

    def _run_stage(self, stage: Stage, stop_after: int | None) -> bool:
        batches, close = self._batches(stage)
        samples = self.validation(stage.input_size) if self.validation else None
        saved = validated = time.monotonic()
        recent: list[dict[str, float]] = []
        left = math.inf if stop_after is None else stop_after
        try:
            while self.progress(stage) < 1.0:
                if left <= 0:
                    self.save(self.checkpoint)
                    return False
                began = time.monotonic()
                terms = self.train_step(stage, next(batches))
                self.stage_seconds = self.ranks.agree(self.stage_seconds + time.monotonic() - began)
                left -= 1
                recent.append(terms)
                if len(recent) == LOG_EVERY:
                    self._log(stage, recent)
                    recent = []
                now = time.monotonic()
                if self.ranks.agree(now - saved) > 60.0 * self.config.save_minutes:
                    self.save(self.checkpoint)
                    saved = now
                if samples is not None and now - validated > 60.0 * self.config.validate_minutes:
                    self._validate(stage, samples)
                    validated = time.monotonic()
            if samples is not None:
                self._validate(stage, samples)
        finally:
            close()
        return True

    def _batches(self, stage: Stage) -> tuple[Iterator[Batch], Callable[[], None]]:
        if self.config.pool == 0:
            return iter(self.loader(stage, self.stage_images)), lambda: None
        loader, mirror = self.loader(stage, self.images), self.maker.points.mirror
        count, seed = self.ranks.part(stage.batch), self.config.seed + self.step + 7919 * self.ranks.rank
        pool = SamplePool(loader, self.config.pool // self.ranks.count, self.config.reuse, seed, mirror)
        return iter(lambda: pool.draw(count), None), pool.close

    def _terms(self, stage: Stage, batch: Batch, targets: Targets) -> dict[str, Tensor]:
        crop = picture_tensor(batch["crop"])
        mixed = torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16")
        if stage.parts == "vmn":
            with mixed:
                logits, features = self.net.vmn(crop)
                first = self.net.point_head(self.net.pooled(features))
                points, second, _ = self.net.look_closer(crop, first)
            logits = [stack.float() for stack in logits]
            direct = self.objective.direct(first, second, points, targets, batch)
            return self.objective.volume(logits, targets, batch) | direct
        if stage.parts == "pmn":
            with mixed:
                if self.net.config.read_picture:
                    output = self.net(crop, volume=targets.volume)
                    identity, expression = output.identity, output.expression
                    pose = (output.rotation, output.scale, output.translation)
                else:
                    identity, expression, *rest = self.net.from_volume(targets.volume)
                    pose = tuple(rest)
            return self.objective.parameters(identity, expression, pose, targets, batch)
        with mixed:
            output = self.net(crop, still=stage.parts == "closer")
        output = output._replace(volume_logits=[stack.float() for stack in output.volume_logits])
        return self.objective.everything(output, targets, batch)

    def _model_batch(self) -> tuple[Batch, Targets, Tensor]:
        samples, targets, noisy = self.samples.draw(REGRESSOR_BATCH, self.generator)
        moved = {name: value.to(self.device) for name, value in samples.items()}
        return moved, targets.to(self.device), noisy.to(self.device)

    def _check_codes(self, network: NetworkConfig, model: FaceModel) -> None:
        """UserError where the network's heads are not as wide as the model's codes."""
        heads, codes = (network.n_identity, network.n_expression), (model.n_identity, model.n_expression)
        if heads != codes:
            raise UserError(
                f"The network gives {heads[0]} identity and {heads[1]} expression codes, and the face model has "
                f"{codes[0]} and {codes[1]}: set network_changes: {{n_identity: {codes[0]}, n_expression: {codes[1]}}}."
            )

    def _train_regressor(self) -> None:
        """The points-to-parameters layers alone, so that the first pictures meet layers that know the face model."""
        steps = self.config.regressor_steps if self.net.config.read_picture else 0
        optimiser = torch.optim.AdamW(self.net.pmn.points.parameters(), lr=2e-3, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=max(steps, 2))
        for step in range(steps):
            loss = self.objective.regressor(self.net, *self._model_batch())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.pmn.points.parameters(), self.config.clip_norm)
            optimiser.step()
            schedule.step()
            if step % 500 == 0 or step == steps - 1:
                self.report(f"points to parameters, step {step}: loss {float(loss.detach()):.3f}")

    def _validate(self, stage: Stage, samples: Batch) -> None:
        trained = {name: value.clone() for name, value in self.net.state_dict().items()}
        self.net.load_state_dict(self.average.state())
        figures = {"images": self.images, "size": stage.input_size} | evaluate(self.net, samples, self.maker)
        self.net.load_state_dict(trained)
        append_row(self.folder / "validation.csv", figures)
        self.report("validation " + "  ".join(f"{name} {value:.4g}" for name, value in figures.items()))

    def _log(self, stage: Stage, recent: list[dict[str, float]]) -> None:
        if not self.ranks.leads:
            return
        sums = {name: sum(terms[name] for terms in recent) / len(recent) for name in recent[0]}
        per_image = 1000.0 * self.stage_seconds / max(1, self.stage_images)
        row = {"stage": stage.name, "step": self.step, "images": self.images, "ms": round(per_image, 2)}
        terms = {name: round(sums[name], 5) if name in sums else "" for name in LOG_TERMS}
        append_row(self.folder / "log.csv", row | terms)
        short = "  ".join(f"{name} {value:.3f}" for name, value in sums.items())
        left_out = f"  ({self.bad} unusable pictures passed over)" if self.bad else ""
        self.report(
            f"{stage.name} {100 * self.progress(stage):.0f}% {self.images} images {per_image:.1f} ms  {short}{left_out}"
        )


def portions(batch: Batch, count: int) -> list[Batch]:
    """A batch in `count` parts of equal size (fewer where it does not divide), so that their means average to its
    own.
    """
    size = len(batch["crop"])
    while size % count:
        count -= 1
    part = size // count
    return [{key: value[start : start + part] for key, value in batch.items()} for start in range(0, size, part)]


def channels_last(net: MMFaceNet) -> MMFaceNet:
    """The same network with its 2D kernels in channels-last memory, which convolves faster on a CPU."""
    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return net


def append_row(path: Path, row: dict[str, Any]) -> None:
    """Add a row to a CSV file, with a header where the file is new; a file that is there keeps its own columns."""
    columns = list(row)
    if path.exists():
        with path.open(newline="") as file:
            columns = next(csv.reader(file), columns)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=columns, restval="", extrasaction="ignore")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
