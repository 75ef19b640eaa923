"""What all operators of a graph share: inputs, constants, outputs, and the making of drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlvm.ir.tensor import (
    Buffer,
    Draft,
    GraphError,
    Tensor,
    check_shape,
    dense_strides,
    packed_array,
    row_strides,
)
from mlvm.tasks import DType, Task

#: The name of the buffer that all inputs are in, one after the other, without gaps.
INPUT = "input"


@dataclass(frozen=True)
class Result:
    """What an operator makes: its type, zero point, scale, and limits (those of its type, if
    None)."""

    dtype: DType
    zero: int = 0
    scale: float | None = None
    lowest: int | None = None
    highest: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        """The fields of tasks that end in a zero point and limits."""
        lowest = self.dtype.lowest if self.lowest is None else self.lowest
        highest = self.dtype.highest if self.highest is None else self.highest
        return {
            "out_type": self.dtype,
            "out_zero": self.zero,
            "out_lowest": lowest,
            "out_highest": highest,
        }


class Base:
    """``macs`` is what the model will cost."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.drafts: list[Draft] = []
        self.macs = 0
        self._input_size = 0

    # --- Ends ---

    def input(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DType,
        *,
        zero: int = 0,
        scale: float | None = None,
    ) -> Tensor:
        """A part of the model's input, which is all of them in the order of the calls, numbers
        big-endian, without gaps."""
        lengths = check_shape(name, shape)
        strides = dense_strides(lengths, dtype.size)
        buffer = Buffer(INPUT, 0)
        if self.inputs:
            buffer = self.inputs[0].buffer
        offset, size = self._input_size, dtype.size
        for length in lengths:
            size *= length
        self._input_size += size
        tensor = Tensor(name, buffer, lengths, dtype, zero, scale, False, offset, strides)
        self.inputs.append(tensor)
        return tensor

    @property
    def input_size(self) -> int:
        """Bytes of all inputs."""
        return self._input_size

    def output(self, tensor: Tensor) -> None:
        """Make a tensor a part of the model's output, which is all of them in the order of the
        calls, numbers big-endian, without gaps."""
        if tensor.has_exponents:
            raise GraphError(f"{tensor.name}: rows with exponents cannot be an output")
        self.outputs.append(tensor)

    def constant(
        self, name: str, values: object, dtype: DType, *, zero: int = 0, scale: float | None = None
    ) -> Tensor:
        """A tensor of the blob, from an array of integers."""
        shape = check_shape(name, getattr(values, "shape", ()))
        data = packed_array(name, values, dtype)
        buffer = Buffer(name, len(data), data)
        strides = dense_strides(shape, dtype.size)
        return Tensor(name, buffer, shape, dtype, zero, scale, False, 0, strides)

    # --- Rooms ---

    def room(
        self, name: str, shape: Sequence[int], result: Result, *, has_exponents: bool = False
    ) -> Tensor:
        """A tensor that is computed in parts: :meth:`put` says what they are. What is read before
        it is there is anything."""
        return self._new(name, shape, result, has_exponents=has_exponents)

    def put(self, name: str, x: Tensor, part: Tensor) -> Tensor:
        """Computes x, which the last operator has made, in a part of a room: slices of its first
        dimension. Returns the part."""
        kinds = [(t.shape, t.strides, t.dtype, t.zero, t.has_exponents) for t in (x, part)]
        self._check(name, kinds[0] == kinds[1], f"{x.name} does not fit into {part.name}")
        found = False
        for index in reversed(range(len(self.drafts))):
            draft = self.drafts[index]
            if draft.fields["out"] is not x.buffer:
                break
            task = replace(draft.task, out=draft.task.out + part.offset - x.offset)
            fields = {**draft.fields, "out": part.buffer}
            self.drafts[index] = replace(draft, task=task, fields=fields)
            found = True
        self._check(name, found, f"{x.name} is not what the last operator has made")
        return part

    # --- Drafts ---

    def _words(self, name: str, values: object, size: int = 4) -> Buffer:
        """A table of words of 4 bytes, or of 8, in the blob."""
        if size == 8:
            data = np.asarray(values, np.int64).astype(">i8").tobytes()
        else:
            data = packed_array(name, values, DType.I32)
        return Buffer(name, len(data), data)

    def _new(
        self, name: str, shape: Sequence[int], result: Result, *, has_exponents: bool = False
    ) -> Tensor:
        """A tensor in a buffer of its own."""
        lengths = check_shape(name, shape)
        if has_exponents:
            strides, offset = row_strides(lengths), 4
        else:
            strides, offset = dense_strides(lengths, result.dtype.size), 0
        size = lengths[0] * strides[0] if lengths else result.dtype.size
        if has_exponents and len(lengths) == 1:
            size = row_strides((1, *lengths))[0]
        buffer = Buffer(name, size)
        kind = (result.dtype, result.zero, result.scale)
        return Tensor(name, buffer, lengths, *kind, has_exponents, offset, strides)

    def _add(self, name: str, task: Task, buffers: Mapping[str, Buffer]) -> None:
        self.drafts.append(Draft(name, task, dict(buffers)))

    def _check(self, name: str, condition: bool, fault: str) -> None:
        if not condition:
            raise GraphError(f"{name}: {fault}")

    def _check_plain(self, name: str, *tensors: Tensor) -> None:
        """None of them has exponents."""
        for tensor in tensors:
            self._check(name, not tensor.has_exponents, f"{tensor.name} has exponents")

    def _check_words(self, name: str, *tensors: Tensor) -> None:
        """All are of 32-bit numbers."""
        self._check_plain(name, *tensors)
        for tensor in tensors:
            self._check(
                name, tensor.dtype is DType.I32, f"{tensor.name} is {tensor.dtype.name}, not I32"
            )
