"""Convert MediaPipe's two BlazeFace detectors from TFLite to ONNX, into mmface_core/assets/.

    pip download --no-deps mediapipe==0.10.21 -d WHEELS     # later wheels carry no models
    python tools/convert_blazeface.py WHEELS/mediapipe-0.10.21-*.whl

Needs the extra `detector` (tflite 2.18, onnx 1.17). The weights are stored as the half floats that they are in the
source, with a Cast in front of each, so nothing is lost and the files stay small. The graphs take `image` (N, 3, S, S)
floats in -1..1, RGB, and give `scores` (N, A, 1) logits and `boxes` (N, A, 16) in pixels of the
input, relative to the anchors.

BlazeFace is (c) The MediaPipe Authors, Apache-2.0; see NOTICE.
"""

import argparse
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

FOLDER = "mediapipe/modules/face_detection/"
MODELS = {"face_short": "face_detection_short_range.tflite", "face_full": "face_detection_full_range_sparse.tflite"}
DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
INDEX_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: (tflite.Int32Vector, np.int32),
    tflite.SparseIndexVector.Uint16Vector: (tflite.Uint16Vector, np.uint16),
    tflite.SparseIndexVector.Uint8Vector: (tflite.Uint8Vector, np.uint8),
}
OPERATOR_NAMES = {value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)}


def read_vector(kind: int, table: object) -> np.ndarray:
    """A sparse tensor's segments or indices; their width is chosen tensor by tensor."""
    cls, dtype = INDEX_VECTORS[kind]
    vector = cls()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), dtype=dtype).astype(np.int64)


def densify(values: np.ndarray, shape: tuple[int, ...], sparsity: object) -> np.ndarray:
    """A dense array from TFLite's sparse form where only the last dimension is compressed (row-CSR over the others)."""
    last = sparsity.DimMetadata(len(shape) - 1)
    if list(sparsity.TraversalOrderAsNumpy()) != list(range(len(shape))) or sparsity.BlockMapLength():
        raise SystemExit("a sparse tensor is stored in an order that this script does not know")
    segments = read_vector(last.ArraySegmentsType(), last.ArraySegments())
    indices = read_vector(last.ArrayIndicesType(), last.ArrayIndices())
    dense = np.zeros((int(np.prod(shape[:-1])), shape[-1]), values.dtype)
    rows = np.repeat(np.arange(len(dense)), np.diff(segments))
    dense[rows, indices] = values
    return dense.reshape(shape)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TFLite's SAME padding before and after, asymmetric where the total is odd."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Converter:
    """Walks one TFLite graph and writes its ONNX twin, activations turned from NHWC to NCHW."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAs(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.constants: dict[int, np.ndarray] = {}

    def name(self, tensor: int) -> str:
        return "image" if tensor == int(self.graph.Inputs(0)) else f"t{tensor}"

    def shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(n) for n in self.graph.Tensors(tensor).ShapeAsNumpy())

    def constant(self, tensor: int) -> np.ndarray:
        if tensor not in self.constants:
            entry = self.graph.Tensors(tensor)
            raw = np.asarray(self.model.Buffers(entry.Buffer()).DataAsNumpy(), np.uint8).view(DTYPES[entry.Type()])
            sparsity = entry.Sparsity()
            self.constants[tensor] = (
                raw.reshape(self.shape(tensor)) if sparsity is None else densify(raw, self.shape(tensor), sparsity)
            )
        return self.constants[tensor]

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def store(self, array: np.ndarray, name: str) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, tensor: int, order: tuple[int, ...] | None = None) -> str:
        array = self.constant(tensor)
        stored = self.store(array if order is None else array.transpose(order), f"w{tensor}")
        return self.add("Cast", [stored], f"w{tensor}_f32", to=TensorProto.FLOAT)

    def options(self, operator: object, cls: Callable[[], object]) -> object:
        options = cls()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def convert_operator(self, operator: object) -> None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = OPERATOR_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        output = int(operator.Outputs(0))
        handler = getattr(self, "do_" + kind.lower(), None)
        if handler is None:
            raise SystemExit(f"the operator {kind} is not known to this script")
        handler(operator, inputs, output)

    def do_dequantize(self, _operator: object, inputs: list[int], output: int) -> None:
        self.constants[output] = self.constant(inputs[0])

    do_densify = do_dequantize

    def activated(self, kind: str, inputs: list[str], output: int, activation: int, **attributes: object) -> None:
        if activation == tflite.ActivationFunctionType.RELU:
            raw = self.add(kind, inputs, self.name(output) + "_raw", **attributes)
            self.add("Relu", [raw], self.name(output))
        elif activation == tflite.ActivationFunctionType.NONE:
            self.add(kind, inputs, self.name(output), **attributes)
        else:
            raise SystemExit(f"the fused activation {activation} is not known to this script")

    def window(self, options: object, image: int, kernel: tuple[int, int]) -> dict[str, list[int]]:
        strides = [options.StrideH(), options.StrideW()]
        pads = [0, 0, 0, 0]
        if options.Padding() == tflite.Padding.SAME:
            (top, bottom), (left, right) = (
                same_padding(self.shape(image)[1 + axis], kernel[axis], strides[axis]) for axis in (0, 1)
            )
            pads = [top, left, bottom, right]
        return {"strides": strides, "pads": pads, "kernel_shape": list(kernel)}

    def do_conv_2d(self, operator: object, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.Conv2DOptions)
        kernel = self.constant(inputs[1]).shape[1:3]  # (O, H, W, I)
        names = [self.name(inputs[0]), self.weight(inputs[1], (0, 3, 1, 2)), self.weight(inputs[2])]
        self.activated(
            "Conv", names, output, options.FusedActivationFunction(), **self.window(options, inputs[0], kernel)
        )

    def do_depthwise_conv_2d(self, operator: object, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.DepthwiseConv2DOptions)
        _, height, width, channels = self.constant(inputs[1]).shape  # (1, H, W, I)
        names = [self.name(inputs[0]), self.weight(inputs[1], (3, 0, 1, 2)), self.weight(inputs[2])]
        window = self.window(options, inputs[0], (height, width))
        self.activated("Conv", names, output, options.FusedActivationFunction(), group=channels, **window)

    def do_max_pool_2d(self, operator: object, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.Pool2DOptions)
        window = self.window(options, inputs[0], (options.FilterHeight(), options.FilterWidth()))
        self.activated("MaxPool", [self.name(inputs[0])], output, options.FusedActivationFunction(), **window)

    def do_relu(self, _operator: object, inputs: list[int], output: int) -> None:
        self.add("Relu", [self.name(inputs[0])], self.name(output))

    def do_add(self, operator: object, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.AddOptions)
        self.activated("Add", [self.name(i) for i in inputs], output, options.FusedActivationFunction())

    def do_pad(self, _operator: object, inputs: list[int], output: int) -> None:
        pads = self.constant(inputs[1]).reshape(-1, 2)[[0, 3, 1, 2]]  # NHWC -> NCHW
        name = self.store(pads.T.reshape(-1).astype(np.int64), f"pads{output}")
        self.add("Pad", [self.name(inputs[0]), name], self.name(output), mode="constant")

    def do_resize_bilinear(self, operator: object, inputs: list[int], output: int) -> None:
        options = self.options(operator, tflite.ResizeBilinearOptions)
        if options.AlignCorners() or not options.HalfPixelCenters():
            raise SystemExit("only half-pixel bilinear resizing is known to this script")
        before, after = self.shape(inputs[0]), self.shape(output)
        scales = self.store(np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32), f"scales{output}")
        attributes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self.add("Resize", [self.name(inputs[0]), "", scales], self.name(output), **attributes)

    def do_depth_to_space(self, operator: object, inputs: list[int], output: int) -> None:
        block = self.options(operator, tflite.DepthToSpaceOptions).BlockSize()
        self.add("DepthToSpace", [self.name(inputs[0])], self.name(output), blocksize=block, mode="DCR")

    def do_reshape(self, _operator: object, inputs: list[int], output: int) -> None:
        # The anchors count along rows, columns, then channels: back to NHWC before flattening.
        nhwc = self.add("Transpose", [self.name(inputs[0])], self.name(output) + "_nhwc", perm=[0, 2, 3, 1])
        target = self.store(np.array([0, -1, self.shape(output)[-1]], np.int64), f"shape{output}")
        self.add("Reshape", [nhwc, target], self.name(output))

    def do_concatenation(self, operator: object, inputs: list[int], output: int) -> None:
        axis = self.options(operator, tflite.ConcatenationOptions).Axis()
        self.add("Concat", [self.name(i) for i in inputs], self.name(output), axis=axis)

    def convert(self, name: str) -> onnx.ModelProto:
        """The ONNX model, checked."""
        for index in range(self.graph.OperatorsLength()):
            self.convert_operator(self.graph.Operators(index))
        source = int(self.graph.Inputs(0))
        size = self.shape(source)[1]
        outputs = []
        for tensor in (int(i) for i in self.graph.OutputsAsNumpy()):
            anchors, width = self.shape(tensor)[1:]
            label = {1: "scores", 16: "boxes"}[width]
            self.add("Identity", [self.name(tensor)], label)
            outputs.append(helper.make_tensor_value_info(label, TensorProto.FLOAT, ["N", anchors, width]))
        image = helper.make_tensor_value_info(self.name(source), TensorProto.FLOAT, ["N", 3, size, size])
        graph = helper.make_graph(self.nodes, name, [image], outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        model.doc_string = f"MediaPipe BlazeFace, {MODELS[name]} of mediapipe 0.10.21, Apache-2.0; converted to ONNX"
        onnx.checker.check_model(model, full_check=True)
        return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    default = Path(__file__).resolve().parent.parent / "mmface_core" / "assets"
    parser.add_argument("-o", "--output", type=Path, default=default)
    args = parser.parse_args()
    with zipfile.ZipFile(args.wheel) as wheel:
        for name, source in MODELS.items():
            model = Converter(wheel.read(FOLDER + source)).convert(name)
            path = args.output / f"{name}.onnx"
            path.write_bytes(model.SerializeToString())
            print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
