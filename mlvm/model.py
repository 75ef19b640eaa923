"""Models: their header, their address, and the file that they are kept in (docs/mlvm.md).

A file is the header, the records of the tasks, the blob and the description, one after the other.
The header says what all of them hash to, and the address is the header's hash: so a file from
anywhere is the model that was asked for, or it is refused.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fpvm import json_text
from fpvm.keccak import keccak256
from mlvm import trees
from mlvm.checks import is_valid
from mlvm.tasks import RECORD_SIZE, Task, TaskError, unpack
from mlvm.trees import ByteArray, Data

MAGIC = b"axonum-model-1\0\0"
#: The version of the operators.
OPERATORS = 1
_LAYOUT = struct.Struct(">16s6I2Q32s32s32s")
HEADER_SIZE = _LAYOUT.size
#: A history has at most so many steps, each a task.
MAX_TASKS = 1 << 16
MIN_ARENA, MAX_ARENA = 1 << 10, 1 << 30
#: On the VM, blob and arena lie side by side in an address space of 32 bits.
MAX_BLOB = 7 << 28
MAX_DESCRIPTION = 1 << 26


class ModelError(ValueError):
    """No model, or not the one that was asked for. The message is one line."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a model's address is the hash of. ``macs``: what the model costs."""

    task_count: int
    arena_size: int
    input_size: int
    output_size: int
    macs: int
    blob_size: int
    task_root: bytes
    blob_root: bytes
    description_hash: bytes

    def pack(self) -> bytes:
        sizes = self.task_count, self.arena_size, self.input_size, self.output_size
        amounts = self.macs, self.blob_size
        roots = self.task_root, self.blob_root, self.description_hash
        return _LAYOUT.pack(MAGIC, OPERATORS, *sizes, 0, *amounts, *roots)

    @classmethod
    def parse(cls, data: bytes) -> Header:
        """The header of these bytes. Raises :class:`ModelError`, naming what is wrong."""
        if len(data) != HEADER_SIZE:
            raise ModelError(f"a header has {HEADER_SIZE} bytes, not {len(data)}")
        magic, operators, *fields = _LAYOUT.unpack(data)
        reserved = fields.pop(4)
        if magic != MAGIC:
            raise ModelError("this is no model: it does not begin with axonum-model-1")
        if operators != OPERATORS:
            raise ModelError(f"header: there is no version {operators} of the operators")
        if reserved:
            raise ModelError(f"header: the word after the output size is {reserved}, not 0")
        header = cls(*fields)
        header.check()
        return header

    def check(self) -> None:
        """Raises :class:`ModelError` for a size that no model has."""
        _check_range("tasks", self.task_count, 1, MAX_TASKS)
        _check_range("arena size", self.arena_size, MIN_ARENA, MAX_ARENA)
        if self.arena_size & (self.arena_size - 1):
            raise ModelError(f"header: the arena size {self.arena_size} is no power of two")
        _check_range("input size", self.input_size, 1, self.arena_size)
        _check_range("output size", self.output_size, 1, self.arena_size)
        _check_range("MACs", self.macs, 0, (1 << 64) - 1)
        _check_range("blob size", self.blob_size, 0, MAX_BLOB)

    def address(self) -> bytes:
        return keccak256(self.pack())

    @property
    def tasks_end(self) -> int:
        """Where, in a file, the blob begins."""
        return HEADER_SIZE + self.task_count * RECORD_SIZE

    @property
    def blob_end(self) -> int:
        """Where, in a file, the description begins."""
        return self.tasks_end + self.blob_size


def _check_range(name: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ModelError(f"header: {name} is {value}, not {lowest} to {highest}")


class Model:
    """A header and what it is of: the tasks' ``records``, the ``blob``, and the ``description`` as
    the bytes of its JSON."""

    def __init__(self, header: Header, records: bytes, blob: Data, description: bytes) -> None:
        """Raises :class:`ModelError` if the parts are not those of the header."""
        self.header = header
        self.records = bytes(records)
        self.blob: ByteArray = np.frombuffer(blob, np.uint8)
        self.description = bytes(description)
        self._check_sizes()
        self._check_hashes()

    @classmethod
    def of(
        cls,
        tasks: list[Task],
        blob: bytes,
        about: dict[str, Any],
        *,
        arena_size: int,
        input_size: int,
        output_size: int,
        macs: int,
    ) -> Model:
        """The model of these tasks. Raises :class:`ModelError` for sizes that no model has, and
        :class:`mlvm.tasks.TaskError` for a task without a record."""
        records = b"".join(task.pack() for task in tasks)
        description = json.dumps(about, sort_keys=True, ensure_ascii=False).encode()
        header = Header(
            task_count=len(tasks),
            arena_size=arena_size,
            input_size=input_size,
            output_size=output_size,
            macs=macs,
            blob_size=len(blob),
            task_root=trees.root(records),
            blob_root=trees.root(blob),
            description_hash=keccak256(description),
        )
        header.check()
        return cls(header, records, blob, description)

    def _check_sizes(self) -> None:
        self.header.check()
        expected = self.header.task_count * RECORD_SIZE
        if len(self.records) != expected:
            raise ModelError(f"the tasks have {len(self.records)} bytes, not {expected}")
        if len(self.blob) != self.header.blob_size:
            raise ModelError(f"the blob has {len(self.blob)} bytes, not {self.header.blob_size}")
        if len(self.description) > MAX_DESCRIPTION:
            raise ModelError(f"the description has more than {MAX_DESCRIPTION} bytes")

    def _check_hashes(self) -> None:
        if keccak256(self.description) != self.header.description_hash:
            raise ModelError("the description is not that of the header")
        if self.task_tree.root() != self.header.task_root:
            raise ModelError("the tasks are not those of the header")
        if self.blob_tree.root() != self.header.blob_root:
            raise ModelError("the blob is not that of the header")

    @cached_property
    def task_tree(self) -> trees.ByteTree:
        return trees.ByteTree(self.records)

    @cached_property
    def blob_tree(self) -> trees.ByteTree:
        return trees.ByteTree(self.blob)

    @cached_property
    def address(self) -> bytes:
        """What contracts call the model by."""
        return self.header.address()

    @cached_property
    def tasks(self) -> tuple[Task | None, ...]:
        """The tasks; None is one that is not valid, and so does nothing."""
        return tuple(self._task(index) for index in range(self.header.task_count))

    def record(self, index: int) -> bytes:
        """The record of a task."""
        return self.records[index * RECORD_SIZE : (index + 1) * RECORD_SIZE]

    def _task(self, index: int) -> Task | None:
        try:
            task = unpack(self.record(index))
        except TaskError:
            return None
        sizes = self.header.arena_size, self.header.input_size, self.header.output_size
        return task if is_valid(task, *sizes) else None

    @cached_property
    def about(self) -> dict[str, Any]:
        """The description. Raises :class:`ModelError` if it is not a JSON object."""
        try:
            about = json_text.parse(self.description)
        except ValueError as error:
            raise ModelError(f"the description is no JSON: {error}") from None
        if not isinstance(about, dict):
            raise ModelError("the description is no JSON object")
        return about

    # --- Files ---

    def to_bytes(self) -> bytes:
        """The model's file."""
        parts = self.header.pack(), self.records, self.blob.tobytes(), self.description
        return b"".join(parts)

    @classmethod
    def from_bytes(
        cls, data: bytes | bytearray | memoryview, address: bytes | None = None
    ) -> Model:
        """The model of a file; ``address``: the one that it has to have.

        Raises :class:`ModelError`, naming what is wrong.
        """
        content = memoryview(data)
        header = Header.parse(bytes(content[:HEADER_SIZE]))
        if address is not None and header.address() != address:
            found = header.address().hex()
            raise ModelError(f"this is model 0x{found}, not 0x{address.hex()}")
        if len(content) < header.blob_end:
            raise ModelError(f"{len(content)} bytes of at least {header.blob_end} are there")
        records = bytes(content[HEADER_SIZE : header.tasks_end])
        blob = bytearray(content[header.tasks_end : header.blob_end])
        return cls(header, records, blob, bytes(content[header.blob_end :]))
