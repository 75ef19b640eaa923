"""Reads GGUF files: :func:`read` gives metadata and tensors of one, or says in one line what is
wrong.

Nothing of the file is trusted: it may be cut off, claim strings, arrays and tensors that no memory
holds, or tensors that lie over one another. The numbers of a tensor are read when they are asked
for, and come as 32-bit floats whatever they were quantised to.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.model import ModelError

Floats = NDArray[np.float32]
Blocks = NDArray[np.uint8]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_FILE = 1 << 34
MAX_TENSORS = MAX_FIELDS = 1 << 16
MAX_DIMENSIONS = 4
#: Numbers of a tensor.
MAX_NUMBERS = 1 << 32
#: Strings and arrays: what a vocabulary needs, and far more.
MAX_STRING = 1 << 24
MAX_ITEMS = 1 << 22
DEFAULT_ALIGNMENT = 32

#: Types of metadata: how they are packed, little-endian.
_INTEGERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 10: "<Q", 11: "<q"}
_SCALARS = _INTEGERS | {6: "<f", 7: "<?", 12: "<d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Format:
    """How numbers are packed: blocks of so many numbers and bytes, and what makes floats of them,
    a row for each block."""

    name: str
    numbers: int
    size: int
    decode: Callable[[Blocks], Floats]


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor: its shape, the outermost dimension first, and where its bytes begin."""

    name: str
    shape: tuple[int, ...]
    format: Format
    offset: int
    size: int


@dataclass(frozen=True)
class GgufFile:
    """``fields``: the metadata, by key; ``entries``: the tensors, by name."""

    fields: dict[str, Any]
    entries: dict[str, Entry]
    data: Blocks

    def tensor(self, name: str, shape: tuple[int, ...]) -> Floats:
        """The numbers of a tensor, which has to have this shape. Raises :class:`ModelError` if it
        has not, is not there, or has numbers that are infinite or none."""
        entry = self.entries.get(name)
        if entry is None:
            raise ModelError(f"there is no tensor {name!r}")
        if entry.shape != shape:
            raise ModelError(f"tensor {name!r} has the shape {entry.shape}, not {shape}")
        data = self.data[entry.offset : entry.offset + entry.size]
        with np.errstate(all="ignore"):
            numbers = entry.format.decode(data.reshape(-1, entry.format.size))
        if not np.isfinite(numbers).all():
            raise ModelError(f"tensor {name!r} is infinite or not a number in places")
        return numbers.reshape(shape)

    def integer(self, key: str, lowest: int, highest: int, default: int | None = None) -> int:
        """A field that is an integer. Raises :class:`ModelError` unless it is one in this range."""
        value = self.fields.get(key, default)
        if type(value) is not int or not lowest <= value <= highest:
            raise ModelError(f"{key} is {_shown(value)}, not an integer {lowest} to {highest}")
        return value

    def real(self, key: str, lowest: float, highest: float, default: float | None = None) -> float:
        """A field that is a number. Raises :class:`ModelError` unless it is one in this range."""
        value = self.fields.get(key, default)
        if not isinstance(value, float | int) or not lowest <= value <= highest:
            raise ModelError(f"{key} is {_shown(value)}, not a number {lowest} to {highest}")
        return float(value)

    def strings(self, key: str) -> list[str]:
        """A field that is an array of strings. Raises :class:`ModelError` for another."""
        value = self.fields.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ModelError(f"{key} is {_shown(value)}, not an array of strings")
        return value


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)[:60]


def read(path: Path) -> GgufFile:
    """The file at ``path``. Raises :class:`ModelError`, and OSError if it cannot be read."""
    size = path.stat().st_size
    if not 0 < size <= MAX_FILE:
        raise ModelError(f"{path}: {size} bytes are no GGUF file")
    try:
        return parsed(np.memmap(path, np.uint8, "r"))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def parsed(data: Blocks | bytes) -> GgufFile:
    """The file of these bytes. Raises :class:`ModelError`."""
    array = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    cursor = _Cursor(array)
    if cursor.take(4, "the beginning") != MAGIC:
        raise ModelError("not a GGUF file: it does not begin with GGUF")
    version = cursor.number("<I", "the version")
    if version not in VERSIONS:
        raise ModelError(f"version {version} of GGUF is not supported, only {VERSIONS}")
    tensors = cursor.count("tensors", MAX_TENSORS)
    fields = _fields(cursor, cursor.count("fields", MAX_FIELDS))
    entries = [_entry(cursor) for _ in range(tensors)]
    alignment = fields.get("general.alignment", DEFAULT_ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= 1 << 16:
        raise ModelError(f"general.alignment is {_shown(alignment)}, not 1 to {1 << 16}")
    base = -(-cursor.at // alignment) * alignment
    return GgufFile(fields, _placed(entries, base, len(array), alignment), array)


class _Cursor:
    """Reads from a place on; every reading says what for."""

    def __init__(self, data: Blocks) -> None:
        self.data = data.data
        self.at = 0

    def take(self, size: int, what: str) -> bytes:
        if size > len(self.data) - self.at:
            raise ModelError(f"cut off within {what}")
        self.at += size
        return bytes(self.data[self.at - size : self.at])

    def number(self, layout: str, what: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))[0]

    def count(self, what: str, most: int) -> int:
        count: int = self.number("<Q", f"the number of {what}")
        if count > most:
            raise ModelError(f"{count} {what}; {most} are the most")
        return count

    def string(self, what: str) -> str:
        data = self.take(self.count(f"bytes of {what}", MAX_STRING), what)
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ModelError(f"{what} is not UTF-8") from None


def _fields(cursor: _Cursor, count: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for _ in range(count):
        key = cursor.string("a field's key")
        if key in fields:
            raise ModelError(f"two fields {key[:60]!r}")
        kind = cursor.number("<I", f"the type of field {key[:60]!r}")
        fields[key] = _value(cursor, kind, f"field {key[:60]!r}")
    return fields


def _value(cursor: _Cursor, kind: int, what: str) -> Any:
    if kind == _STRING:
        return cursor.string(what)
    if kind == _ARRAY:
        return _array(cursor, what)
    if kind not in _SCALARS:
        raise ModelError(f"{what} is of type {kind}, which there is not")
    return cursor.number(_SCALARS[kind], what)


def _array(cursor: _Cursor, what: str) -> list[Any]:
    kind = cursor.number("<I", f"the type of the items of {what}")
    count = cursor.count(f"items of {what}", MAX_ITEMS)
    if kind == _STRING:
        return [cursor.string(what) for _ in range(count)]
    if kind not in _SCALARS:
        raise ModelError(f"the items of {what} are of type {kind}, which is not supported")
    layout = np.dtype(_SCALARS[kind])
    items: list[Any] = np.frombuffer(cursor.take(count * layout.itemsize, what), layout).tolist()
    return items


def _entry(cursor: _Cursor) -> Entry:
    """A tensor; its offset counts from where all of them begin."""
    name = cursor.string("a tensor's name")
    what = f"tensor {name[:60]!r}"
    dimensions = cursor.number("<I", what)
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise ModelError(f"{what} has {dimensions} dimensions, not 1 to {MAX_DIMENSIONS}")
    lengths = [cursor.number("<Q", what) for _ in range(dimensions)]
    if min(lengths) == 0 or prod(lengths) > MAX_NUMBERS:
        raise ModelError(f"{what} has the shape {lengths}: no numbers, or too many")
    kind, offset = cursor.number("<I", what), cursor.number("<Q", what)
    packing = FORMATS.get(kind)
    if packing is None:
        known = ", ".join(packing.name for packing in FORMATS.values())
        raise ModelError(f"{what} is of type {kind}; supported are {known}")
    if lengths[0] % packing.numbers:
        raise ModelError(f"{what}: rows of {lengths[0]} are no whole blocks of {packing.name}")
    size = prod(lengths) // packing.numbers * packing.size
    return Entry(name, tuple(reversed(lengths)), packing, offset, size)


def _placed(entries: list[Entry], base: int, end: int, alignment: int) -> dict[str, Entry]:
    """The tensors where they are in the file, none over another."""
    placed: dict[str, Entry] = {}
    for entry in entries:
        what = f"tensor {entry.name[:60]!r}"
        if entry.name in placed:
            raise ModelError(f"two tensors {entry.name[:60]!r}")
        if entry.offset % alignment:
            raise ModelError(f"{what} begins at {entry.offset}, no multiple of {alignment}")
        offset = base + entry.offset
        if offset + entry.size > end:
            raise ModelError(f"{what} ends at {offset + entry.size}, behind the file's end {end}")
        placed[entry.name] = Entry(entry.name, entry.shape, entry.format, offset, entry.size)
    last = None
    for entry in sorted(placed.values(), key=lambda entry: entry.offset):
        if last is not None and last.offset + last.size > entry.offset:
            raise ModelError(f"tensors {last.name[:60]!r} and {entry.name[:60]!r} overlap")
        last = entry
    return placed


# --- Formats --------------------------------------------------------------------------------------


def _halves(blocks: Blocks, at: int) -> Floats:
    """The 16-bit float at a place of every block, as a column."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _nibbles(packed: Blocks) -> Floats:
    """Numbers of 4 bits: the low halves of the bytes, then the high ones."""
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)


def _f32(blocks: Blocks) -> Floats:
    return np.ascontiguousarray(blocks).view("<f4").astype(np.float32)


def _f16(blocks: Blocks) -> Floats:
    return _halves(blocks, 0)


def _q4_0(blocks: Blocks) -> Floats:
    return _halves(blocks, 0) * (_nibbles(blocks[:, 2:]) - 8)


def _q4_1(blocks: Blocks) -> Floats:
    return _halves(blocks, 0) * _nibbles(blocks[:, 4:]) + _halves(blocks, 2)


def _q8_0(blocks: Blocks) -> Floats:
    return _halves(blocks, 0) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8)


def _q6_k(blocks: Blocks) -> Floats:
    """256 numbers of 6 bits, 4 of them in one array and 2 in another; a scale for each 16."""
    count = len(blocks)
    low = blocks[:, :128].reshape(count, 2, 1, 64) >> np.array([0, 4], np.uint8)[:, None] & 15
    shifts = np.array([0, 2, 4, 6], np.uint8)[:, None]
    high = blocks[:, 128:192].reshape(count, 2, 1, 32) >> shifts & 3
    numbers = (low.reshape(count, 2, 4, 32) | high << 4).astype(np.int8) - 32
    scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float32)
    scaled = numbers.reshape(count, 16, 16) * (scales * _halves(blocks, 208))[:, :, None]
    return scaled.reshape(count, 256).astype(np.float32)


#: By their numbers in a file.
FORMATS = {
    0: Format("F32", 1, 4, _f32),
    1: Format("F16", 1, 2, _f16),
    2: Format("Q4_0", 32, 18, _q4_0),
    3: Format("Q4_1", 32, 20, _q4_1),
    8: Format("Q8_0", 32, 34, _q8_0),
    14: Format("Q6_K", 256, 210, _q6_k),
}
