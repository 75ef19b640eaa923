"""Reads ONNX files: :func:`read` makes a float graph of one, or says in one line what is wrong.

Nothing of the file is trusted: it may be cut off, claim shapes that no memory holds, or want to be
shown files that are none of its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from mlvm.importers.graph import (
    MAX_NUMBERS,
    Array,
    FloatGraph,
    Input,
    ModelError,
    Node,
    ordered,
    pruned,
)
from mlvm.importers.modern import modernised
from mlvm.importers.operators import OPERATORS

#: protobuf reads no more.
MAX_FILE = (1 << 31) - 1
MAX_NODES = 100_000
MAX_RANK = 8
#: Versions of the operators: before 7, broadcasting was different.
OLDEST = 7
_DTYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.FLOAT16: np.float16,
    TensorProto.INT64: np.int64,
    TensorProto.INT32: np.int32,
    TensorProto.INT8: np.int8,
    TensorProto.UINT8: np.uint8,
    TensorProto.BOOL: np.bool_,
}


def read(path: Path, dimensions: Mapping[str, int] | None = None) -> FloatGraph:
    """The graph of a file. ``dimensions``: how long the dimensions are that only have a name.

    Raises :class:`ModelError`, and OSError if the file cannot be read.
    """
    if path.stat().st_size > MAX_FILE:
        raise ModelError(f"{path}: larger than the 2 GiB that an ONNX file can have")
    try:
        return parsed(path.read_bytes(), path.parent, dimensions)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def parsed(
    data: bytes, folder: Path | None = None, dimensions: Mapping[str, int] | None = None
) -> FloatGraph:
    """The graph of a file's bytes; ``folder``: where external data may lie. Raises ModelError."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise ModelError("not an ONNX file, or damaged") from None
    if not model.graph.node or not model.graph.output:
        raise ModelError("not an ONNX file, or one without a graph")
    if len(model.graph.node) > MAX_NODES:
        raise ModelError(f"has {len(model.graph.node):,} nodes; {MAX_NODES:,} are the most")
    _check_operators(model)
    return _graph(model, folder, dimensions or {})


def _clean(text: str | bytes) -> str:
    """A name as one that can be printed in a line. Bytes are what protobuf gives that is no
    UTF-8."""
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return text if text.isprintable() else repr(text)[1:-1]


def _check_operators(model: ModelProto) -> None:
    """Refuse versions and operators that are not known: all operators at once."""
    versions = {entry.domain: entry.version for entry in model.opset_import}
    version = versions.get("", versions.get("ai.onnx", 0))
    if version < OLDEST:
        raise ModelError(f"version {version} of the operators; {OLDEST} is the oldest known")
    unknown: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
            op = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            name = node.name or next(iter(node.output), "?")
            unknown.setdefault(_clean(op), []).append(_clean(name))
    if unknown:
        listed = (f"{op} ({', '.join(names)})" for op, names in sorted(unknown.items()))
        raise ModelError(f"operators that are not supported: {'; '.join(listed)}")


def _graph(model: ModelProto, folder: Path | None, dimensions: Mapping[str, int]) -> FloatGraph:
    graph = model.graph
    version = next(e.version for e in model.opset_import if e.domain in ("", "ai.onnx"))
    if graph.sparse_initializer:
        raise ModelError("sparse tensors are not supported")
    constants = {_clean(tensor.name): _array(tensor, folder) for tensor in graph.initializer}
    inputs = tuple(
        _input(value, dimensions) for value in graph.input if _clean(value.name) not in constants
    )
    nodes, more = modernised((_node(node, folder) for node in graph.node), version)
    constants |= more
    known = [*constants, *(entry.name for entry in inputs)]
    if len(known) != len(set(known)):
        raise ModelError("two inputs have the same name")
    order = ordered(nodes, known)
    outputs = tuple(_clean(value.name) for value in graph.output)
    written = {name for node in order for name in node.outputs}
    for name in outputs:
        if name not in written:
            raise ModelError(f"nothing computes the output {name!r}")
    return pruned(FloatGraph(order, constants, inputs, outputs))


# --- Inputs and nodes -----------------------------------------------------------------------------


def _input(value: ValueInfoProto, dimensions: Mapping[str, int]) -> Input:
    """An input with its shape; a batch of which nothing is known is one of 1."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type not in _DTYPES:
        raise ModelError(f"input {value.name!r} is no tensor of numbers of a known type")
    if not tensor.HasField("shape"):
        raise ModelError(f"input {value.name!r} has no shape")
    shape = []
    for place, dim in enumerate(tensor.shape.dim):
        size = dimensions.get(dim.dim_param, dim.dim_value) if dim.dim_param else dim.dim_value
        if size == 0 and place == 0:
            size = 1
        if size <= 0:
            name = _clean(dim.dim_param) or "not given"
            raise ModelError(
                f"input {value.name!r}: the length of dimension {place} is {name}; give --dim"
            )
        shape.append(size)
    _check_shape(f"input {value.name!r}", shape)
    return Input(_clean(value.name), tuple(shape), np.dtype(_DTYPES[tensor.elem_type]))


def _check_shape(what: str, shape: list[int]) -> None:
    if len(shape) > MAX_RANK or any(size < 0 for size in shape) or prod(shape) > MAX_NUMBERS:
        raise ModelError(f"{what} has the shape {shape}, of more numbers than are possible")


def _node(node: NodeProto, folder: Path | None) -> Node:
    attributes = {entry.name: _attribute(node, entry, folder) for entry in node.attribute}
    name = _clean(node.name)
    if not any(node.output):
        raise ModelError(f"{node.op_type} {name}: writes nothing")
    inputs, outputs = (tuple(map(_clean, names)) for names in (node.input, node.output))
    return Node(node.op_type, name, inputs, outputs, attributes)


def _attribute(node: NodeProto, entry: AttributeProto, folder: Path | None) -> Any:
    kinds = AttributeProto
    if entry.type == kinds.FLOAT:
        return entry.f
    if entry.type == kinds.INT:
        return entry.i
    if entry.type == kinds.STRING:
        return entry.s.decode(errors="replace")
    if entry.type == kinds.FLOATS:
        return tuple(entry.floats)
    if entry.type == kinds.INTS:
        return tuple(entry.ints)
    if entry.type == kinds.TENSOR:
        return _array(entry.t, folder)
    raise ModelError(f"{node.op_type} {_clean(node.name)}: attribute {entry.name!r} is of no type")


# --- Tensors --------------------------------------------------------------------------------------


def _array(tensor: TensorProto, folder: Path | None) -> Array:
    """A constant, float32 where it is a float. Raises ModelError."""
    what = f"constant {tensor.name!r}"
    if tensor.data_type not in _DTYPES:
        raise ModelError(f"{what} is of no known type")
    shape = list(tensor.dims)
    _check_shape(what, shape)
    dtype = np.dtype(_DTYPES[tensor.data_type])
    if tensor.data_location == TensorProto.EXTERNAL:
        data = _external(tensor, what, folder, prod(shape) * dtype.itemsize)
        array = np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape)
    else:
        try:
            array = numpy_helper.to_array(tensor)
        except (ValueError, TypeError):
            raise ModelError(f"{what} has not as many numbers as its shape {shape}") from None
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
        if np.isnan(array).any():
            raise ModelError(f"{what} is not a number in places")
    return array


def _external(tensor: TensorProto, what: str, folder: Path | None, size: int) -> bytes:
    """The bytes of a tensor that is in a file of its own, in the model's folder or below."""
    fields = {entry.key: entry.value for entry in tensor.external_data}
    location = fields.get("location", "")
    if folder is None:
        raise ModelError(f"{what} is in another file")
    root = folder.resolve()
    try:
        path = (root / location).resolve()
        offset = int(fields.get("offset", "0"))
        if not path.is_relative_to(root) or not path.is_file():
            raise ModelError(f"{what}: {location!r} is no file in the model's folder")
        with path.open("rb") as file:
            file.seek(offset)
            data: bytes = file.read(size)
    except ModelError:
        raise
    except (ValueError, OSError):  # a NUL in the path, a negative or absurd offset
        raise ModelError(f"{what}: {location!r} is not readable") from None
    if len(data) != size:
        raise ModelError(f"{what}: {location!r} ends before it")
    return data
