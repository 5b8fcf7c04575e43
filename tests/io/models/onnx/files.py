"""Small ONNX files of PyTorch and of ONNX's own library, each with what the latter reads from it, for files_test.ts.

Debian: apt-get install --no-install-recommends python3-torch python3-onnx
/usr/bin/python3 files.py > files.jsonl
"""

import base64
import io
import json
import warnings

import numpy
import onnx
import torch
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)

KINDS = {TensorProto.BOOL: "bool"}
for code in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE):
    KINDS[code] = "float"


def kind_of(code):
    return KINDS.get(code, "int")


def tensor(proto):
    kind = kind_of(proto.data_type)
    values = numpy_helper.to_array(proto)
    values = values.astype("<f4" if kind == "float" else "<f8")
    return {"kind": kind, "shape": list(proto.dims), "values": base64.b64encode(values.tobytes()).decode()}


def attribute(proto):
    value = helper.get_attribute_value(proto)
    kinds = AttributeProto
    if proto.type == kinds.FLOAT:
        return {"kind": "float", "value": value}
    if proto.type == kinds.INT:
        return {"kind": "int", "value": float(value)}
    if proto.type == kinds.STRING:
        return {"kind": "string", "value": value.decode()}
    if proto.type == kinds.TENSOR:
        return {"kind": "tensor", "value": tensor(value)}
    if proto.type == kinds.FLOATS:
        return {"kind": "floats", "value": list(value)}
    if proto.type == kinds.INTS:
        return {"kind": "ints", "value": [float(number) for number in value]}
    if proto.type == kinds.STRINGS:
        return {"kind": "strings", "value": [text.decode() for text in value]}
    return {"kind": "other"}


def value_info(proto):
    described = proto.type.tensor_type
    shape = None
    if described.HasField("shape"):
        sizes = [(axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None) for axis in described.shape.dim]
        shape = [None if size == -1 else size for size in sizes]
    return {"name": proto.name, "kind": kind_of(described.elem_type), "shape": shape}


def write(name, model, error=None):
    line = {"name": name, "bytes": base64.b64encode(model.SerializeToString()).decode()}
    if error is not None:
        print(json.dumps({**line, "error": error}))
        return
    graph = model.graph
    line["opsets"] = [["" if opset.domain == "ai.onnx" else opset.domain, opset.version] for opset in model.opset_import]
    line["graph"] = graph.name
    line["nodes"] = [
        {
            "name": node.name,
            "operator": node.op_type,
            "domain": "" if node.domain == "ai.onnx" else node.domain,
            "inputs": list(node.input),
            "outputs": list(node.output),
            "attributes": [[member.name, attribute(member)] for member in node.attribute],
        }
        for node in graph.node
    ]
    line["initializers"] = [[proto.name, tensor(proto)] for proto in graph.initializer]
    names = {proto.name for proto in graph.initializer}
    line["inputs"] = [value_info(value) for value in graph.input if value.name not in names]
    line["outputs"] = [value_info(value) for value in graph.output]
    print(json.dumps(line))


# Files of PyTorch.


def export(name, network, *inputs, **options):
    file = io.BytesIO()
    torch.onnx.export(network, inputs, file, input_names=["x"], output_names=["y"], **options)
    write(f"a file of torch.onnx.export(), {name}", onnx.load_model_from_string(file.getvalue()))


class Operators(nn.Module):
    """Slices to the end, shapes that are worked out, constants of every kind."""

    def forward(self, x):
        y = torch.cat([x[:, :, 1:], x[:, :, :-1]], 2)
        y = nn.functional.interpolate(y, scale_factor=2, mode="nearest")
        y = nn.functional.pad(y, (1, 2, 0, 1))
        y = torch.where(y > 0.25, y.clamp(0, 6), y * 0.5)
        return y.reshape(y.shape[0], -1).to(torch.float64)


layers = nn.Sequential(
    nn.Conv2d(2, 3, 3, padding=1, bias=False),
    nn.BatchNorm2d(3),
    nn.LeakyReLU(0.2),
    nn.MaxPool2d(2),
    nn.ConvTranspose2d(3, 2, 2, stride=2),
    nn.Flatten(),
    nn.Linear(2 * 4 * 4, 3),
    nn.Softmax(1),
).eval()
image = torch.randn(1, 2, 4, 4)
batch = {"x": {0: "batch"}, "y": {0: "batch"}}
for opset in (9, 11, 16):
    export(f"opset {opset}", layers, image, opset_version=opset, dynamic_axes=batch)
training = torch.onnx.TrainingMode.TRAINING
export("initializers among the inputs", layers, image, keep_initializers_as_inputs=True, training=training)
export("operators", Operators(), image, opset_version=13, dynamic_axes=batch)


# Files of ONNX's own library.


def value(name, code=TensorProto.FLOAT, shape=(1,)):
    return helper.make_tensor_value_info(name, code, shape)


def model_of(nodes, inputs=None, outputs=None, initializers=(), **options):
    inputs = [value("x")] if inputs is None else inputs
    outputs = [value("y")] if outputs is None else outputs
    graph = helper.make_graph(nodes, "a graph", inputs, outputs, list(initializers))
    return helper.make_model(graph, **{"producer_name": "", "opset_imports": [helper.make_opsetid("", 13)], **options})


def identity(source="x", target="y", **options):
    return helper.make_node("Identity", [source], [target], **options)


NUMBERS = {
    "FLOAT": [0.0, -0.0, 1.5, -2.75, 1e-40, 3.4e38, float("inf"), float("-inf")],
    "DOUBLE": [0.0, -0.0, 1.1, 1e300, -1e-300, float("-inf"), 16777217.0, 0.1],
    "FLOAT16": [0.0, -0.0, 1.5, -65504.0, 6e-8, 6.1e-5, float("inf"), float("-inf")],
    "BFLOAT16": [0.0, -0.0, 1.5, -2.0, 1e-39, 3.3e38, float("inf"), float("-inf")],
    "UINT8": [0, 1, 127, 128, 255, 2, 3, 4],
    "INT8": [0, 1, 127, -128, -1, 2, 3, -4],
    "UINT16": [0, 1, 32767, 32768, 65535, 2, 3, 4],
    "INT16": [0, 1, 32767, -32768, -1, 2, 3, -4],
    "INT32": [0, 1, 2**31 - 1, -(2**31), -1, 2, 300, -4],
    "UINT32": [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2, 300, 4],
    "INT64": [0, -1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**32, -(2**32) - 1],
    "UINT64": [0, 1, 2**53 + 1, 2**63, 2**63 - 1, 2**63 - 513, 2**32, 2**32 + 1],
    "BOOL": [0, 1, 1, 0, 0, 0, 1, 1],
}
DTYPES = {"FLOAT": "<f4", "DOUBLE": "<f8", "FLOAT16": "<f2", "BOOL": "?"}
for size in (8, 16, 32, 64):
    DTYPES |= {f"INT{size}": f"<i{size // 8}", f"UINT{size}": f"<u{size // 8}"}


def raw(name, numbers):
    if name == "BFLOAT16":
        return (numpy.array(numbers, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return numpy.array(numbers, DTYPES[name]).tobytes()


def both(name, numbers):
    """A tensor in the field of its numbers, and one in raw bytes."""
    code = getattr(TensorProto, name)
    field = helper.make_tensor(f"{name} numbers", code, [2, len(numbers) // 2], numbers)
    return field, helper.make_tensor(f"{name} raw", code, [2, len(numbers) // 2], raw(name, numbers), raw=True)


tensors = [both(name, numbers) for name, numbers in NUMBERS.items()]
write("every element type", model_of([identity()], initializers=[one for pair in tensors for one in pair]))

largest = both("UINT64", [2**64 - 1, 2**64 - 1025, 2**63 + 1025, 2**63 + 1])
write("integers beyond those with a sign", model_of([identity()], initializers=largest))

scalar = helper.make_tensor("scalar", TensorProto.FLOAT, [], [2.5])
empty = helper.make_tensor("empty", TensorProto.INT64, [0, 3], [])
write("scalars and empty tensors", model_of([identity()], initializers=[scalar, empty]))

body = helper.make_graph([identity("x", "inner")], "body", [], [value("inner")])
sparse = helper.make_sparse_tensor(
    helper.make_tensor("values", TensorProto.FLOAT, [1], [1.0]), helper.make_tensor("i", TensorProto.INT64, [1], [0]), [3]
)
node = helper.make_node("Anything", ["x", "", "x"], ["y", ""], name="größe 大", doc_string="documented", domain="com.example")
for name, content in {
    "a_float": 0.1,
    "an_int": -(2**63),
    "end": 2**63 - 1,
    "text": "größe",
    "floats": [0.5, -1e-40],
    "ints": [0, -1, 2**63 - 1],
    "texts": ["a", "", "ß"],
    "tensor": helper.make_tensor("t", TensorProto.INT8, [2], [1, -1]),
    "body": body,
    "bodies": [body, body],
    "sparse": sparse,
    "tensors": [scalar, empty],
}.items():
    node.attribute.append(helper.make_attribute(name, content))
node.attribute.append(AttributeProto(name="no_ints", type=AttributeProto.INTS))
domains = [helper.make_opsetid("ai.onnx", 13), helper.make_opsetid("com.example", 3)]
write("every kind of attribute", model_of([node], opset_imports=domains))

described = [
    value("x", TensorProto.FLOAT16, ["batch", 3, None]),
    value("scalar", TensorProto.INT64, []),
    value("open", TensorProto.BOOL, [-1, 0]),
    value("any rank", TensorProto.UINT8, None),
]
write("every kind of shape", model_of([identity()], described, [value("y", TensorProto.DOUBLE, None)]))
write("inputs that are outputs", model_of([], [value("x")], [value("x")]))

refused = {
    "texts as elements": ([helper.make_tensor("w", TensorProto.STRING, [1], [b"a"])], 'initializer[0] "w" has elements of type STRING'),
    "complex numbers": ([helper.make_tensor("w", TensorProto.COMPLEX64, [1], [1j])], '"w" has elements of type COMPLEX64'),
}
for name, (initializers, error) in refused.items():
    write(name, model_of([identity()], initializers=initializers), error)
elsewhere = numpy_helper.from_array(numpy.ones(3, "f4"), "w")
onnx.external_data_helper.set_external_data(elsewhere, "weights.bin")
elsewhere.ClearField("raw_data")
elsewhere.data_location = TensorProto.EXTERNAL
write("data in another file", model_of([identity()], initializers=[elsewhere]), '"w" has its data in another file')
model = model_of([identity()])
model.graph.sparse_initializer.append(sparse)
write("a sparse initializer", model, "has a sparse_initializer")
sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
write("a sequence", model_of([identity()], [sequence]), "graph.input[0].type is a sequence")
write("texts as input", model_of([identity()], [value("x", TensorProto.STRING)]), "has elements of type STRING")
function = helper.make_function(
    "com.example", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 13)]
)
called = helper.make_node("Twice", ["x"], ["y"], name="calls", domain="com.example")
write("a function", model_of([called], functions=[function], opset_imports=domains), 'node "calls" calls "Twice"')
write("a function that nobody calls", model_of([identity()], functions=[function], opset_imports=domains))
