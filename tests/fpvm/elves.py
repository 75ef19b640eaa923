"""Builds ELF files byte by byte, well-formed or not, for the tests of the loader.

Written against the System V ABI with :mod:`struct`, so that the loader is not tested with itself.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR = 1, 2, 3, 4, 6
PT_ABI_FLAGS = 0x7000_0003
R, W, X = 4, 2, 1
ALLOC, EXEC = 2, 4
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_NOBITS = 1, 2, 3, 8
FUNC, OBJECT, NOTYPE = 2, 1, 0
O32_MIPS32 = 0x5000_1000

HEADER, SEGMENT_HEADER, SECTION_HEADER = 52, 32, 40
NOP = bytes(4)


@dataclass(frozen=True)
class Seg:
    """A program header and its bytes. ``size`` is the memory size, the bytes' length by default;
    ``offset`` and ``file_size`` override where the header says that the bytes are."""

    address: int
    data: bytes = NOP * 4
    size: int | None = None
    flags: int = R | X
    kind: int = PT_LOAD
    offset: int | None = None
    file_size: int | None = None


@dataclass(frozen=True)
class Sec:
    """A section header that describes memory."""

    address: int
    size: int
    flags: int = ALLOC | EXEC
    kind: int = SHT_PROGBITS


@dataclass(frozen=True)
class Sym:
    """A symbol; ``section`` counts the sections from 1, 0 is undefined."""

    name: str
    address: int
    size: int = 0
    kind: int = FUNC
    section: int = 1
    binding: int = 1


@dataclass(frozen=True)
class Elf:
    """An ELF file. Whatever a header says can be overridden: that is what the tests are about."""

    segments: Sequence[Seg] = (Seg(0x20000),)
    sections: Sequence[Sec] = ()
    symbols: Sequence[Sym] = ()
    entry: int = 0x20000
    flags: int = O32_MIPS32
    kind: int = 2
    machine: int = 8
    elf_class: int = 1
    order: int = 2
    overrides: dict[str, int] = field(default_factory=dict)

    def build(self) -> bytes:
        """The file's bytes: header, program headers, segments, tables, section headers."""
        body = bytearray(HEADER + SEGMENT_HEADER * len(self.segments))
        segments = b""
        for seg in self.segments:
            offset = len(body) if seg.offset is None else seg.offset
            file_size = len(seg.data) if seg.file_size is None else seg.file_size
            size = file_size if seg.size is None else seg.size
            body += seg.data
            segments += struct.pack(
                ">8I", seg.kind, offset, seg.address, seg.address, file_size, size, seg.flags, 4
            )
        sections = self._sections(body)
        body[HEADER : HEADER + len(segments)] = segments
        fields = {
            "phoff": HEADER,
            "shoff": len(body) if sections else 0,
            "phentsize": SEGMENT_HEADER,
            "phnum": len(self.segments),
            "shentsize": SECTION_HEADER,
            "shnum": len(sections) // SECTION_HEADER,
        } | self.overrides
        body[:HEADER] = struct.pack(
            ">4sBBBBB7sHHIIIIIHHHHHH",
            b"\x7fELF",
            self.elf_class,
            self.order,
            1,
            0,
            0,
            bytes(7),
            self.kind,
            self.machine,
            1,
            self.entry,
            fields["phoff"],
            fields["shoff"],
            self.flags,
            HEADER,
            fields["phentsize"],
            fields["phnum"],
            fields["shentsize"],
            fields["shnum"],
            0,
        )
        return bytes(body + sections)

    def _sections(self, body: bytearray) -> bytes:
        """Append the symbol table to ``body``; the section headers."""
        if not self.sections and not self.symbols:
            return b""
        headers = bytes(SECTION_HEADER)
        for sec in self.sections:
            headers += struct.pack(
                ">10I", 0, sec.kind, sec.flags, sec.address, 0, sec.size, 0, 0, 4, 0
            )
        names, entries = b"\0", bytes(16)
        for sym in self.symbols:
            entries += struct.pack(
                ">IIIBBH",
                len(names),
                sym.address,
                sym.size,
                sym.binding << 4 | sym.kind,
                0,
                sym.section,
            )
            names += sym.name.encode() + b"\0"
        link = len(self.sections) + 2
        for kind, data, link_to in ((SHT_SYMTAB, entries, link), (SHT_STRTAB, names, 0)):
            offset = self.overrides.get(f"offset{kind}", len(body))
            size = self.overrides.get(f"size{kind}", len(data))
            link_to = self.overrides.get(f"link{kind}", link_to)
            headers += struct.pack(">10I", 0, kind, 0, 0, offset, size, link_to, 0, 4, 0)
            body += data
        return headers


def abi_flags(
    *,
    level: int = 32,
    revision: int = 1,
    registers: int = 1,
    float_abi: int = 3,
    isa_extension: int = 0,
    extensions: int = 0,
) -> bytes:
    """A ``.MIPS.abiflags`` record; by default of a soft-float MIPS32 program."""
    return struct.pack(
        ">HBBBBBBIIII",
        0,
        level,
        revision,
        registers,
        0,
        0,
        float_abi,
        isa_extension,
        extensions,
        0,
        0,
    )


KERNEL_ENTRY = 0x8000_0100
BOOT = 0x8000_2000


def kernel(**changes: object) -> Elf:
    """A kernel of no-ops: vector, entry and boot block where they belong."""
    values: dict[str, object] = {
        "segments": (
            Seg(0x8000_0000, NOP * 0x100),
            Seg(BOOT, bytes(24) + b"kernel data", size=0x100, flags=R | W),
        ),
        "sections": (
            Sec(0x8000_0000, 0x400),
            Sec(BOOT, 0x100, flags=ALLOC),
        ),
        "symbols": (
            Sym("vector", 0x8000_0000, 0x100),
            Sym("start", KERNEL_ENTRY, 0),
            Sym("boot", BOOT, 24, OBJECT, 2),
        ),
        "entry": KERNEL_ENTRY,
    }
    return Elf(**(values | changes))  # type: ignore[arg-type]
