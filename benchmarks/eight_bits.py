"""Whether the network gains from 8-bit arithmetic on this processor: its convolutions quantised, timed and compared.

    python benchmarks/eight_bits.py [CLIP] [--weights FILE.onnx] [--crops 40] [--keep FILE.onnx]

Needs the extra `bench`. Half of the crops that a capture of the clip cuts calibrate the ranges, the other half are read
by both networks in turns, with one thread each. Times are processor time; "apart" is how far the points lie from those
of the network as it is, in pixels of the 256 crop. --keep writes the quantised network, without a card.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from mmface_core.capture.engine import CaptureEngine
from mmface_core.capture.load import load_engine
from mmface_core.capture.sources import open_source
from mmface_core.network.inference import Prediction
from mmface_core.paths import asset

CLIP = Path(__file__).resolve().parent.parent / "examples" / "sample.mp4"
ROUNDS = 3


class Spy:
    """The engine's predictor, and the crops (256, 256, 3) u8 that it was given."""

    def __init__(self, engine: CaptureEngine) -> None:
        self._predictor = engine._predictor
        self.crops: list[np.ndarray] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._predictor, name)

    def predict(self, crops: np.ndarray) -> Prediction:
        self.crops += list(crops)
        return self._predictor.predict(crops)


def crops_of(clip: Path, count: int) -> np.ndarray:
    """`count` crops (count, 256, 256, 3) u8 as a capture cuts them, every other frame one."""
    engine = load_engine(workers=1)
    spy = Spy(engine)
    tracker = CaptureEngine(spy, engine.model, engine._detector).tracker()
    source = open_source(clip)
    for frame in islice(source.frames(), 2 * count):
        tracker.step(frame.image)
    source.close()
    return np.stack(spy.crops)[::2][:count]


def quantised(weights: Path, crops: np.ndarray, out: Path) -> Path:
    """The network with convolutions of 8 bits, a scale for each channel, ranges as these crops have them."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._crops = iter(crops)

        def get_next(self) -> dict[str, np.ndarray] | None:
            crop = next(self._crops, None)
            return None if crop is None else {"crops": crop[None]}

    plain = out.with_name("plain.onnx")
    quant_pre_process(str(weights), str(plain), skip_symbolic_shape=True)
    # 7-bit weights: without VNNI two products are added in 16 bits, which 8-bit ones would overflow.
    kinds = {"activation_type": quantization.QuantType.QUInt8, "weight_type": quantization.QuantType.QInt8}
    quantization.quantize_static(
        str(plain), str(out), Reader(), op_types_to_quantize=["Conv"], per_channel=True, reduce_range=True, **kinds
    )
    plain.unlink()
    return out


def main(arguments: Sequence[str] | None = None) -> str:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, default=CLIP)
    parser.add_argument("--weights", type=Path, default=asset("lite.onnx"))
    parser.add_argument("--crops", type=int, default=40)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args(arguments)
    import onnxruntime

    crops = crops_of(options.clip, options.crops)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.log_severity_level = 1, 3
    with tempfile.TemporaryDirectory() as folder:
        eight = quantised(options.weights, crops[::2], options.keep or Path(folder) / "eight.onnx")
        sessions = {
            name: onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
            for name, path in {"as it is": options.weights, "8 bits": eight}.items()
        }
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    points: dict[str, list[np.ndarray]] = {name: [] for name in sessions}
    for crop in np.concatenate([crops[1::2]] * ROUNDS)[:, None]:
        for name, session in sessions.items():
            start = time.thread_time()
            points[name].append(session.run(["points"], {"crops": crop})[0])
            seconds[name].append(time.thread_time() - start)
    lines = ["| network | CPU ms, least | median | points apart, px |", "| --- | --- | --- | --- |"]
    for name, times in seconds.items():
        apart = np.linalg.norm(np.array(points[name]) - np.array(points["as it is"]), axis=-1).mean()
        lines.append(f"| {name} | {1e3 * min(times):.1f} | {1e3 * np.median(times):.1f} | {apart:.2f} |")
    text = "\n".join(lines)
    print(text)
    return text


if __name__ == "__main__":
    main()
