"""Names for addresses: what a listing, a trace or a console message calls a piece of code.

Symbols are for people. Nothing that is hashed or proved depends on them.

Source: System V ABI, chapter 4, "Symbol Table".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

#: The longest name kept, in bytes; Go's names of generic functions run to kilobytes.
MAX_NAME = 4096
#: Bytes of names kept in total: many symbols may share one long name.
MAX_NAMES = 64 * 1024 * 1024

_ENTRY = np.dtype(
    [
        ("name", ">u4"),
        ("value", ">u4"),
        ("size", ">u4"),
        ("info", "u1"),
        ("other", "u1"),
        ("section", ">u2"),
    ]
)
SYMBOL_SIZE = _ENTRY.itemsize
_UNDEFINED, _FIRST_RESERVED_SECTION = 0, 0xFF00
_NO_TYPE, _FUNCTION = 0, 2
_LOCAL = 0


class SymbolError(ValueError):
    """A symbol table that cannot be read."""


class Symbol(NamedTuple):
    """A named stretch of code, from ``address`` up to but not including ``end``."""

    address: int
    end: int
    name: str


class Symbols:
    """The functions of a program and its kernel, in order of address; one name for each address."""

    def __init__(self, symbols: Iterable[Symbol] = ()) -> None:
        by_address: dict[int, Symbol] = {}
        for symbol in symbols:
            by_address.setdefault(symbol.address, symbol)
        self._symbols = tuple(by_address[address] for address in sorted(by_address))
        self._starts = [symbol.address for symbol in self._symbols]

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self._symbols)

    def __len__(self) -> int:
        return len(self._symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbols) and self._symbols == other._symbols

    def __hash__(self) -> int:
        return hash(self._symbols)

    def find(self, address: int) -> Symbol | None:
        """The function that ``address`` lies in."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._symbols[index].end:
            return None
        return self._symbols[index]

    def at(self, address: int) -> str | None:
        """``address`` as people write it: ``main.main``, ``main.main+0x10``."""
        symbol = self.find(address)
        if symbol is None:
            return None
        offset = address - symbol.address
        return f"{symbol.name}+{offset:#x}" if offset else symbol.name

    def address(self, name: str) -> int | None:
        """Where the function ``name`` starts; the lowest address, if several have that name."""
        return next((symbol.address for symbol in self._symbols if symbol.name == name), None)


@dataclass(frozen=True)
class Definition:
    """A name that the program defines, of code or of data: its address and its size in bytes."""

    address: int
    size: int


class SymbolTable:
    """A symbol table section with its strings.

    :raises SymbolError: the entries are cut off.
    """

    def __init__(self, entries: bytes = b"", strings: bytes = b"") -> None:
        if len(entries) % SYMBOL_SIZE:
            raise SymbolError(f"{len(entries)} bytes are not a whole number of symbols")
        self._entries = np.frombuffer(entries, _ENTRY)
        self._strings = strings

    def definition(self, name: str) -> Definition | None:
        """What the table says about ``name``, if it defines it.

        :raises SymbolError: a name lies outside the strings.
        """
        wanted = name.encode()
        section = self._entries["section"]
        for entry in self._entries[(section != _UNDEFINED) & (section < _FIRST_RESERVED_SECTION)]:
            if self._name(int(entry["name"])) == wanted:
                return Definition(int(entry["value"]), int(entry["size"]))
        return None

    def functions(self, code: Mapping[int, range]) -> Symbols:
        """The functions; ``code`` says where each section of code lies, by section number.

        Labels of assembly code, which have neither type nor size, count as functions and reach to
        the next one.

        :raises SymbolError: a name lies outside the strings, or the names do not fit into memory.
        """
        entries = self._entries[np.isin(self._entries["section"], list(code))]
        kind = entries["info"] & 15
        entries = entries[(kind == _FUNCTION) | (kind == _NO_TYPE)]
        # Of several names for one address the first wins: one that has a size, then a global one.
        order = np.lexsort((entries["info"] >> 4 == _LOCAL, entries["size"] == 0, entries["value"]))
        entries = entries[order]
        starts = np.unique(entries["value"].astype(np.int64))
        following = np.append(starts, 1 << 32)[
            np.searchsorted(starts, entries["value"].astype(np.int64), side="right")
        ]
        found, budget = [], MAX_NAMES
        for entry, limit in zip(entries.tolist(), following.tolist(), strict=True):
            name_offset, address, size, _, _, section = entry
            name = self._name(name_offset)
            budget -= len(name)
            if budget < 0:
                raise SymbolError(f"more than {MAX_NAMES} bytes of names")
            if name and address in code[section]:
                end = min(address + size if size else limit, code[section].stop)
                found.append(Symbol(address, end, printable(name)))
        return Symbols(found)

    def _name(self, offset: int) -> bytes:
        if offset >= max(1, len(self._strings)):
            raise SymbolError(f"a name at {offset:#x}, outside the {len(self._strings)} bytes")
        end = self._strings.find(b"\0", offset, offset + MAX_NAME)
        return self._strings[offset : end if end >= 0 else offset + MAX_NAME]


def printable(name: bytes) -> str:
    """A name for the screen: what could drive a terminal is escaped."""
    text = name.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
