"""The ELF file format, as far as a loader needs it: from bytes to headers with bounded numbers.

The file is a stranger's. Every offset is checked before it is used, every count before it is
counted to, and nothing is copied until all segments together fit into the file. What the numbers
mean to the machine is for :mod:`fpvm.elf` to judge.

Source: System V ABI, chapters 4 and 5, and its MIPS supplement. The layouts are pyelftools'.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from elftools.common.exceptions import ELFParseError
from elftools.common.utils import struct_parse
from elftools.elf.constants import P_FLAGS, SH_FLAGS
from elftools.elf.structs import ELFStructs

from fpvm.symbols import SYMBOL_SIZE, SymbolTable

#: More than any linker makes.
MAX_SEGMENTS, MAX_SECTIONS, MAX_SYMBOLS = 64, 1024, 1 << 20
HEADER_SIZE, SEGMENT_HEADER_SIZE, SECTION_HEADER_SIZE = 52, 32, 40
ABI_FLAGS_SIZE = 24

_MAGIC = b"\x7fELF"
_CLASS, _CLASS_32, _CLASS_64 = 4, 1, 2
_DATA, _BIG_ENDIAN, _LITTLE_ENDIAN = 5, 2, 1


class ElfError(ValueError):
    """A file that cannot be loaded; the message says which and why, in one line."""


@dataclass(frozen=True)
class Segment:
    """A stretch of memory to be filled: ``data``, then zeros up to ``end``."""

    address: int
    end: int
    data: bytes
    executable: bool


@dataclass(frozen=True)
class Section:
    """A part of the memory that has a purpose: ``executable`` is code, the rest is data."""

    number: int
    address: int
    end: int
    executable: bool


@dataclass(frozen=True)
class AbiFlags:
    """The ``.MIPS.abiflags`` record: what the code needs of a processor.

    ``level`` and ``revision`` of the instruction set, ``registers`` (1: 32 bits wide), the
    ``float_abi`` (0 none in particular, 3 soft), and the ``extensions`` it uses.
    """

    level: int
    revision: int
    registers: int
    float_abi: int
    extensions: int


@dataclass(frozen=True)
class ElfFile:
    """An ELF file that is well-formed; its segments lie in the file and are sorted by address.

    ``program_headers`` is the address that these headers are loaded at and their number, or (0, 0);
    ``headers`` are the addresses of all headers that are loaded. ``sections`` are those that are in
    memory; a stripped file has none.
    """

    kind: str
    machine: str
    flags: int
    entry: int
    segment_kinds: frozenset[str]
    segments: tuple[Segment, ...]
    program_headers: tuple[int, int]
    headers: tuple[range, ...]
    abi_flags: AbiFlags | None
    sections: tuple[Section, ...]
    symbols: SymbolTable


def read(contents: bytes) -> ElfFile:
    """Read an ELF file of 32-bit class and big-endian order.

    :raises ElfError: it is not one, or is malformed.
    :raises SymbolError: its symbol table is malformed.
    """
    _check_identity(contents)
    header = _parse(contents, _STRUCTS.Elf_Ehdr, 0, "the ELF header")
    raw_segments = _headers(
        contents,
        "program",
        _STRUCTS.Elf_Phdr,
        header.e_phoff,
        header.e_phnum,
        header.e_phentsize,
        SEGMENT_HEADER_SIZE,
        MAX_SEGMENTS,
    )
    raw_sections = _headers(
        contents,
        "section",
        _STRUCTS.Elf_Shdr,
        header.e_shoff,
        header.e_shnum if header.e_shoff else 0,
        header.e_shentsize,
        SECTION_HEADER_SIZE,
        MAX_SECTIONS,
    )
    table = _loaded(raw_segments, header.e_phoff, len(raw_segments) * SEGMENT_HEADER_SIZE)
    return ElfFile(
        kind=str(header.e_type),
        machine=str(header.e_machine),
        flags=header.e_flags,
        entry=header.e_entry,
        segment_kinds=frozenset(str(raw.p_type) for raw in raw_segments),
        segments=_segments(contents, raw_segments),
        program_headers=(table[0].start, len(raw_segments)) if table else (0, 0),
        headers=(
            *_loaded(raw_segments, 0, HEADER_SIZE),
            *table,
            # Go's linker puts these where they are loaded, too.
            *_loaded(raw_segments, header.e_shoff, len(raw_sections) * SECTION_HEADER_SIZE),
        ),
        abi_flags=_abi_flags(contents, raw_segments),
        sections=_sections(raw_sections),
        symbols=_symbol_table(contents, raw_sections),
    )


def _structs() -> ELFStructs:
    structs = ELFStructs(little_endian=False, elfclass=32)
    structs.create_basic_structs()
    structs.create_advanced_structs("ET_EXEC", "EM_MIPS")
    return structs


_STRUCTS = _structs()


def _check_identity(contents: bytes) -> None:
    if contents[:4] != _MAGIC:
        raise ElfError("not an ELF file")
    if len(contents) < HEADER_SIZE:
        raise ElfError(f"the ELF header is cut off: {len(contents)} of {HEADER_SIZE} bytes")
    if contents[_CLASS] == _CLASS_64:
        raise ElfError("a 64-bit ELF file; the machine is 32-bit")
    if contents[_CLASS] != _CLASS_32:
        raise ElfError(f"an ELF file of unknown class {contents[_CLASS]}")
    if contents[_DATA] == _LITTLE_ENDIAN:
        raise ElfError("a little-endian ELF file; the machine is big-endian")
    if contents[_DATA] != _BIG_ENDIAN:
        raise ElfError(f"an ELF file of unknown byte order {contents[_DATA]}")


def _parse(contents: bytes, layout: Any, offset: int, what: str) -> Any:
    try:
        return struct_parse(layout, io.BytesIO(contents), offset)
    except ELFParseError as error:
        raise ElfError(f"{what} cannot be read: {error}") from error


def _headers(
    contents: bytes,
    what: str,
    layout: Any,
    offset: int,
    count: int,
    entry_size: int,
    expected_size: int,
    limit: int,
) -> list[Any]:
    """A table of headers. Counts above 0xff00 have an encoding of their own; limits are below."""
    if count > limit:
        raise ElfError(f"{count} {what} headers, the limit is {limit}")
    if count and entry_size != expected_size:
        raise ElfError(f"{what} headers of {entry_size} bytes instead of {expected_size}")
    table = _slice(contents, offset, count * expected_size, f"the table of {what} headers")
    return [_parse(table, layout, i * expected_size, f"{what} header {i}") for i in range(count)]


def _slice(contents: bytes, offset: int, size: int, what: str) -> bytes:
    if offset + size > len(contents):
        raise ElfError(
            f"{what} is cut off: it ends at {offset + size:#x}, the file at {len(contents):#x}"
        )
    return contents[offset : offset + size]


def _segments(contents: bytes, headers: list[Any]) -> tuple[Segment, ...]:
    loaded = [(i, raw) for i, raw in enumerate(headers) if raw.p_type == "PT_LOAD"]
    if sum(raw.p_filesz for _, raw in loaded) > len(contents):
        # Otherwise a small file could name its bytes again and again, and fill the memory.
        raise ElfError("the segments take more bytes than the file has")
    segments = []
    for i, raw in loaded:
        if raw.p_filesz > raw.p_memsz:
            raise ElfError(
                f"segment {i} has {raw.p_filesz:#x} bytes for {raw.p_memsz:#x} bytes of memory"
            )
        data = _slice(contents, raw.p_offset, raw.p_filesz, f"segment {i}")
        if raw.p_memsz:
            executable = bool(raw.p_flags & P_FLAGS.PF_X)
            segments.append(Segment(raw.p_vaddr, raw.p_vaddr + raw.p_memsz, data, executable))
    return tuple(sorted(segments, key=lambda segment: (segment.address, segment.end)))


def _loaded(headers: list[Any], offset: int, size: int) -> tuple[range, ...]:
    """The addresses that ``size`` bytes of the file are loaded at: a range, or none."""
    for raw in headers:
        inside = raw.p_offset <= offset and offset + size <= raw.p_offset + raw.p_filesz
        if raw.p_type == "PT_LOAD" and inside:
            start = raw.p_vaddr + offset - raw.p_offset
            return (range(start, start + size),)
    return ()


def _abi_flags(contents: bytes, headers: list[Any]) -> AbiFlags | None:
    for raw in headers:
        if raw.p_type == "PT_MIPS_ABIFLAGS":
            record = _slice(contents, raw.p_offset, raw.p_filesz, "the MIPS ABI flags")
            if len(record) != ABI_FLAGS_SIZE:
                raise ElfError(f"MIPS ABI flags of {len(record)} bytes instead of {ABI_FLAGS_SIZE}")
            # version 2, level, revision, registers, two coprocessors', float ABI; then words:
            # processor-specific extension, application-specific ones, two words of other flags.
            extensions = int.from_bytes(record[8:12]) | int.from_bytes(record[12:16])
            return AbiFlags(record[2], record[3], record[4], record[7], extensions)
    return None


def _sections(headers: list[Any]) -> tuple[Section, ...]:
    return tuple(
        Section(
            i, raw.sh_addr, raw.sh_addr + raw.sh_size, bool(raw.sh_flags & SH_FLAGS.SHF_EXECINSTR)
        )
        for i, raw in enumerate(headers)
        if raw.sh_flags & SH_FLAGS.SHF_ALLOC and raw.sh_size
    )


def _symbol_table(contents: bytes, headers: list[Any]) -> SymbolTable:
    table = next((raw for raw in headers if raw.sh_type == "SHT_SYMTAB"), None)
    if table is None:
        return SymbolTable()
    if table.sh_size > MAX_SYMBOLS * SYMBOL_SIZE:
        raise ElfError(
            f"a symbol table of {table.sh_size} bytes, the limit is {MAX_SYMBOLS} symbols"
        )
    if table.sh_link >= len(headers) or headers[table.sh_link].sh_type != "SHT_STRTAB":
        raise ElfError(f"the symbol table has its names in section {table.sh_link}: not strings")
    strings = headers[table.sh_link]
    return SymbolTable(
        _slice(contents, table.sh_offset, table.sh_size, "the symbol table"),
        _slice(contents, strings.sh_offset, strings.sh_size, "the symbols' names"),
    )
