"""From a graph to a model: where everything lies, and what the tasks are.

Constants go into the blob, each once. Tensors go into the arena, where those share bytes that are
never needed at the same time. The input is at 0; the output has a subtree of its own, which is
zero behind it. The same graph always gives the same model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlvm.checks import InvalidTaskError
from mlvm.ir.base import Base, Result
from mlvm.ir.graph import Graph
from mlvm.ir.tensor import Buffer, Draft, GraphError, Tensor
from mlvm.model import MAX_BLOB, Model
from mlvm.tasks import Input, Output, Source, Task
from mlvm.tiles import sized, split
from mlvm.trees import LEAF_SIZE, leaf_count

#: Offsets are multiples of this.
ALIGNMENT = 32
#: Fields of tasks that say whether an operand is in blob or arena are called as the operand, and:
_SOURCE = "_source"


def plan(graph: Graph, about: dict[str, Any] | None = None) -> Model:
    """The model of a graph. ``about``: what its description has besides inputs and outputs.

    Raises :class:`mlvm.ir.GraphError`, beginning with the node's name, for an operator that cannot
    be cut into tasks, and :class:`mlvm.model.ModelError` for a model that is too large.
    """
    if not graph.inputs or not graph.outputs:
        raise GraphError(f"{graph.name}: a graph without input or without output")
    output, copies = _output(graph)
    drafts = [*graph.drafts, *copies]
    blob, constants = _blob(drafts)
    arena = _Arena(graph, drafts, output)
    places = constants | arena.places
    tasks: list[Task] = [Input(0, graph.input_size)]
    for draft in drafts:
        tasks.extend(_tasks(draft, places))
    tasks.append(Output(places[output], output.size))
    return Model.of(
        tasks,
        blob,
        {**(about or {}), **_ends(graph)},
        arena_size=arena.size,
        input_size=graph.input_size,
        output_size=output.size,
        macs=graph.macs,
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.size * tensor.dtype.size


def _ends(graph: Base) -> dict[str, Any]:
    """Inputs and outputs, for the description."""
    return {
        "name": graph.name,
        "inputs": [_described(tensor) for tensor in graph.inputs],
        "outputs": [_described(tensor) for tensor in graph.outputs],
    }


def _described(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "type": tensor.dtype.name,
        "zero": tensor.zero,
        "scale": tensor.scale,
    }


def _output(graph: Graph) -> tuple[Buffer, list[Draft]]:
    """Where the output is: in the buffer of the only one, if it is just that; else in one of its
    own, with the copies of all outputs to there."""
    only = graph.outputs[0]
    is_computed = only.buffer.constant is None and only.buffer is not graph.inputs[0].buffer
    is_whole = only.is_contiguous and _bytes(only) == only.buffer.size
    if len(graph.outputs) == 1 and is_computed and is_whole:
        return only.buffer, []
    output = Buffer("output", sum(_bytes(tensor) for tensor in graph.outputs))
    return output, _copies(graph, output)


def _copies(graph: Graph, output: Buffer) -> list[Draft]:
    copies = Graph(graph.name)
    at = 0
    for tensor in graph.outputs:
        place = copies._new(tensor.name, tensor.shape, Result(tensor.dtype))
        copies._copy(tensor.name, tensor, replace(place, buffer=output, offset=at))
        at += _bytes(tensor)
    return copies.drafts


# --- Tasks ----------------------------------------------------------------------------------------


def _tasks(draft: Draft, places: dict[Buffer, int]) -> Iterable[Task]:
    moved = {
        name: getattr(draft.task, name) + places[buffer] for name, buffer in draft.fields.items()
    }
    try:
        yield from split(sized(replace(draft.task, **moved)))
    except InvalidTaskError as error:
        raise GraphError(f"{draft.name}: {error}") from None


# --- The blob -------------------------------------------------------------------------------------


def _blob(drafts: Sequence[Draft]) -> tuple[bytes, dict[Buffer, int]]:
    """All constants, in the order in which they are first used, and where each is."""
    blob, places = bytearray(), dict[Buffer, int]()
    found: dict[bytes, int] = {}
    for buffer in _buffers(drafts, Source.BLOB):
        content = buffer.constant or b""
        if content not in found:
            blob += bytes(-len(blob) % ALIGNMENT)
            found[content] = len(blob)
            blob += content
        places[buffer] = found[content]
        if len(blob) > MAX_BLOB:
            raise GraphError(f"{buffer.name}: the constants have more than {MAX_BLOB} bytes")
    return bytes(blob), places


def _buffers(drafts: Sequence[Draft], source: Source) -> list[Buffer]:
    """Those of one source, each once, in the order of their first use."""
    used = (buffer for draft in drafts for buffer in draft.fields.values())
    return list(dict.fromkeys(buffer for buffer in used if buffer.source is source))


# --- The arena ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Need:
    """Bytes that have to be kept from one draft to another."""

    buffer: Buffer
    size: int
    alignment: int
    first: int
    last: int


class _Arena:
    """``places``: the offset of every buffer; ``size``: a power of two that all fit into."""

    def __init__(self, graph: Graph, drafts: Sequence[Draft], output: Buffer) -> None:
        self.places: dict[Buffer, int] = {}
        needs = _needs(graph, drafts, output)
        count = len(needs)
        self._starts, self._ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._firsts, self._lasts = np.zeros(count, np.int64), np.zeros(count, np.int64)
        fixed = [need for need in needs if need.buffer is graph.inputs[0].buffer]
        rest = [need for need in needs if need.buffer is not graph.inputs[0].buffer]
        # Large ones first: what is small fits into the gaps. The sort keeps the order of equals.
        for need in [*fixed, *sorted(rest, key=lambda need: -need.size)]:
            self._place(need)
        end = int(self._ends.max())
        self.size = leaf_count(end) * LEAF_SIZE

    def _place(self, need: _Need) -> None:
        """At the lowest offset that is free all the time that the buffer is needed."""
        count = len(self.places)
        overlaps = (self._firsts[:count] <= need.last) & (self._lasts[:count] >= need.first)
        starts, ends = self._starts[:count][overlaps], self._ends[:count][overlaps]
        offset = 0
        for place in np.argsort(starts, kind="stable"):
            if offset + need.size <= starts[place]:
                break
            behind = max(offset, int(ends[place]))
            offset = -(-behind // need.alignment) * need.alignment
        self.places[need.buffer] = offset
        self._starts[count], self._ends[count] = offset, offset + need.size
        self._firsts[count], self._lasts[count] = need.first, need.last


def _needs(graph: Graph, drafts: Sequence[Draft], output: Buffer) -> list[_Need]:
    """Of every buffer in the arena, in the order of their first use."""
    first: dict[Buffer, int] = {graph.inputs[0].buffer: -1}
    last: dict[Buffer, int] = {graph.inputs[0].buffer: -1}
    for index, draft in enumerate(drafts):
        for buffer in draft.fields.values():
            if buffer.source is Source.ARENA:
                first.setdefault(buffer, index)
                last[buffer] = index
    needs = []
    for buffer in first:
        size, alignment = -(-buffer.size // ALIGNMENT) * ALIGNMENT, ALIGNMENT
        begin, end = first[buffer], last[buffer]
        if buffer is graph.inputs[0].buffer:
            size = -(-graph.input_size // ALIGNMENT) * ALIGNMENT
        if buffer is output:
            size = alignment = leaf_count(output.size) * LEAF_SIZE
            begin, end = -1, len(drafts)
        needs.append(_Need(buffer, size, alignment, begin, end))
    return needs
