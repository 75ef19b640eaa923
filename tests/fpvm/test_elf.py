"""The loader: what honest programs become, and every way in which a file is refused."""

import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fpvm import elf, isa
from fpvm.elf import ElfError, Program, kernel_image, load
from fpvm.elf_file import MAX_SECTIONS, MAX_SEGMENTS, MAX_SYMBOLS
from tests.fpvm.elves import (
    ALLOC,
    BOOT,
    EXEC,
    FUNC,
    HEADER,
    KERNEL_ENTRY,
    NOP,
    O32_MIPS32,
    OBJECT,
    PT_ABI_FLAGS,
    PT_DYNAMIC,
    PT_INTERP,
    PT_NOTE,
    SEGMENT_HEADER,
    SHT_STRTAB,
    SHT_SYMTAB,
    Elf,
    R,
    Sec,
    Seg,
    Sym,
    W,
    abi_flags,
    kernel,
)

KERNEL = kernel().build()
MTC0 = 0x4080_6000  # mtc0 zero, Status: legal in Unicorn's kernel mode, RI in the specification.
CACHE = 0xBC00_0000


def word(program: Program, address: int) -> int:
    page = program.pages.get(address // 4096, bytes(4096))
    return int.from_bytes(page[address % 4096 : address % 4096 + 4])


def memory(program: Program, address: int, size: int) -> bytes:
    return b"".join(
        program.pages.get(a // 4096, bytes(4096))[a % 4096 : a % 4096 + 1]
        for a in range(address, address + size)
    )


def refuse(program: Elf | bytes, message: str, of_kernel: Elf | bytes = KERNEL) -> None:
    """Check that loading fails with one line that matches ``message``."""
    program = program.build() if isinstance(program, Elf) else program
    of_kernel = of_kernel.build() if isinstance(of_kernel, Elf) else of_kernel
    with pytest.raises(ElfError, match=message) as caught:
        load(program, of_kernel)
    assert "\n" not in str(caught.value)


# --- what a program becomes -----------------------------------------------------------------------


def test_segments_lie_where_they_belong_and_the_rest_is_zero() -> None:
    code, data = bytes(range(1, 17)), b"\x01" * 5000
    program = load(
        Elf((Seg(0x20000, code), Seg(0x30FF0, data, size=1 << 24, flags=R | W))).build(), KERNEL
    )
    assert memory(program, 0x20000, 20) == code + bytes(4)
    assert memory(program, 0x30FEF, 5002) == b"\0" + data + b"\0"
    assert program.entry == 0x20000
    assert program.pc == KERNEL_ENTRY


def test_no_page_is_zero_and_none_is_made_for_zeros() -> None:
    program = load(
        Elf((Seg(0x20000, NOP + b"x" + bytes(8191), size=0x4000_0000 - 4096),)).build(), KERNEL
    )
    assert all(len(page) == 4096 and any(page) for page in program.pages.values())
    image = [page for page in program.pages if page < 0x60000]
    assert image == [0x20]
    assert list(program.pages) == sorted(program.pages)


def test_segments_may_share_a_page() -> None:
    segments = (Seg(0x20000, b"\x11" * 100), Seg(0x20064, b"\x22" * 100, flags=R | W))
    program = load(Elf(segments).build(), KERNEL)
    assert memory(program, 0x20000, 201) == b"\x11" * 100 + b"\x22" * 100 + b"\0"


def test_the_boot_block_says_where_everything_lies() -> None:
    segments = (Seg(0x40000, b"\x01", size=0x1001, flags=R | W), Seg(0x20FF0))
    program = load(Elf(segments, entry=0x20FF4).build(), KERNEL, argv=["prog", "x"])
    entry, sp, *ranges = (word(program, BOOT + 4 * i) for i in range(6))
    assert entry == 0x20FF4
    assert ranges == [0x20000, 0x42000, 0x7F80_0000, 0x7FFF_F000]
    assert sp % 16 == 0
    assert word(program, sp) == 2
    assert word(program, word(program, sp + 4)) == int.from_bytes(b"prog")
    assert memory(program, BOOT + 24, 12) == b"kernel data\0"


def test_a_program_finds_its_own_headers_if_they_are_loaded() -> None:
    without = Elf()
    size = HEADER + SEGMENT_HEADER + 16
    with_headers = Elf(
        (Seg(0x20000, NOP * 4, offset=0, file_size=size, size=size),), entry=0x20000 + size - 16
    )
    for program_elf, expected in ((without, (0, 0)), (with_headers, (0x20000 + HEADER, 1))):
        program = load(program_elf.build(), KERNEL)
        sp = word(program, BOOT + 4)
        auxiliary = {}
        at = sp + 4 * 4  # argc, argv[0], null, null
        while word(program, at):
            auxiliary[word(program, at)] = word(program, at + 4)
            at += 8
        assert (auxiliary[3], auxiliary[5]) == expected
        assert auxiliary[9] == program.entry


def test_the_same_files_and_arguments_give_the_same_program() -> None:
    program = Elf(symbols=[Sym("main", 0x20000)], sections=[Sec(0x20000, 16)]).build()
    assert load(program, KERNEL) == load(program, KERNEL)
    assert load(program, KERNEL).pages != load(program, KERNEL, argv=["other"]).pages
    assert load(program, KERNEL).pages != load(program, KERNEL, env=["A=1"]).pages


def test_symbols_name_program_and_kernel() -> None:
    program = load(
        Elf(sections=[Sec(0x20000, 16)], symbols=[Sym("main", 0x20004, 8)]).build(), KERNEL
    )
    assert program.symbols.at(0x20008) == "main+0x4"
    assert program.symbols.at(0x20000) is None
    assert program.symbols.at(0x8000_0000) == "vector"
    assert program.symbols.address("start") == KERNEL_ENTRY


def test_a_program_cannot_put_names_on_the_kernel() -> None:
    sections = [Sec(0x20000, 16), Sec(0x8000_0000, 0x400)]
    symbols = [Sym("liar", 0x8000_0000, 64, section=2)]
    program = load(Elf(sections=sections, symbols=symbols).build(), KERNEL)
    assert program.symbols.at(0x8000_0000) == "vector"


def test_segments_without_memory_are_ignored() -> None:
    segments = (Seg(0x20000), Seg(0, b"", size=0), Seg(0x7FFF_FFFF, b"", size=0))
    assert load(Elf(segments).build(), KERNEL).pages == load(Elf().build(), KERNEL).pages


@pytest.mark.parametrize("flags", [0x5000_1000, 0x5000_1007, 0x0000_1001, 0x1000_1000, 0x5000_0000])
def test_code_for_mips32_and_its_ancestors_is_accepted(flags: int) -> None:
    load(Elf(flags=flags).build(), KERNEL)


# --- what is refused: the kind of file ------------------------------------------------------------


@pytest.mark.parametrize("contents", [b"", b"\x7fEL", b"#!/bin/sh\n", bytes(1000), b"\x7fFLE" * 99])
def test_what_is_no_elf_file_is_refused(contents: bytes) -> None:
    refuse(contents, "^program: not an ELF file$")


@pytest.mark.parametrize("size", [4, 5, 6, 16, 51])
def test_a_header_that_is_cut_off_is_refused(size: int) -> None:
    refuse(Elf().build()[:size], f"^program: the ELF header is cut off: {size} of 52 bytes$")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (Elf(elf_class=2), "64-bit"),
        (Elf(elf_class=0), "unknown class 0"),
        (Elf(order=1), "little-endian"),
        (Elf(order=3), "unknown byte order 3"),
        (Elf(machine=3), r"another machine \(EM_386\)"),
        (Elf(machine=0xABCD), r"another machine \(43981\)"),
        (Elf(kind=3), r"position-independent .* \(ET_DYN\)"),
        (Elf(kind=1), r"not an executable \(ET_REL\)"),
        (Elf(kind=4), r"not an executable \(ET_CORE\)"),
        (Elf(kind=0xFE00), "not an executable"),
        (Elf((Seg(0x20000), Seg(0, kind=PT_INTERP))), r"dynamically linked \(PT_INTERP\)"),
        (Elf((Seg(0x20000), Seg(0, kind=PT_DYNAMIC))), r"dynamically linked \(PT_DYNAMIC\)"),
    ],
)
def test_files_of_another_kind_are_refused(program: Elf, message: str) -> None:
    refuse(program, f"^program: .*{message}")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        *(
            (arch << 28 | 0x1000, "above MIPS32 release 1")
            for arch in (2, 3, 4, 6, 7, 8, 9, 10, 15)
        ),
        (O32_MIPS32 | 0x0200_0000, "microMIPS"),
        (O32_MIPS32 | 0x0400_0000, "MIPS16"),
        (O32_MIPS32 | 0x0800_0000, "MDMX"),
        (O32_MIPS32 | 0x008B_0000, "vendor"),
        (O32_MIPS32 | 0x400, "NaN"),
        (O32_MIPS32 | 0x200, "64-bit floating-point"),
        (0x5000_0020, "n32"),
        (0x5000_2000, "another ABI than o32"),
        (0x5000_3000, "another ABI than o32"),
        (0x5000_4000, "another ABI than o32"),
    ],
)
def test_code_for_another_processor_or_abi_is_refused(flags: int, message: str) -> None:
    refuse(Elf(flags=flags), f"^program: compiled for .*{message}.*{flags:#010x}")


def _abi(**changes: int) -> Elf:
    return Elf((Seg(0x20000), Seg(0, abi_flags(**changes), kind=PT_ABI_FLAGS)))


def test_abi_flags_of_a_soft_float_program_are_accepted() -> None:
    load(_abi().build(), KERNEL)
    load(_abi(float_abi=0, revision=0).build(), KERNEL)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (_abi(revision=2), "MIPS32 release 2"),
        (_abi(revision=6), "MIPS32 release 6"),
        (_abi(level=64), "MIPS64"),
        (_abi(level=3), "MIPS3"),
        (_abi(registers=2), "64-bit registers"),
        (_abi(isa_extension=5), "extensions"),
        (_abi(extensions=0x400), "extensions"),
        *((_abi(float_abi=abi), "floating-point hardware") for abi in (1, 2, 4, 5, 6, 7, 255)),
        (Elf((Seg(0x20000), Seg(0, bytes(23), kind=PT_ABI_FLAGS))), "ABI flags of 23 bytes"),
        (
            Elf((Seg(0x20000), Seg(0, bytes(24), kind=PT_ABI_FLAGS, offset=0x7FFF_FFFF))),
            "ABI flags is cut off|ABI flags.* cut off",
        ),
    ],
)
def test_abi_flags_of_another_processor_are_refused(program: Elf, message: str) -> None:
    refuse(program, f"^program: .*{message}")


# --- what is refused: segments --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        (Seg(0xFFFC, flags=R), "outside 0x10000 to 0x60000000, in the range of null pointers"),
        (Seg(0, flags=R), "null pointers"),
        (Seg(0x5FFF_FFFC, size=20, flags=R), "outside 0x10000 to 0x60000000$"),
        (Seg(0x7000_0000, flags=R), "outside"),
        (Seg(0x7F80_0000, flags=R), "in the range of the stack"),
        (Seg(0x7FFF_FFF8, size=16, flags=R), "in the range of the stack"),
        (Seg(0x8000_0000, flags=R), "in the range of the kernel"),
        (Seg(0x80FF_FFFC, size=100, flags=R), "in the range of the kernel"),
        (Seg(0x9000_0000, flags=R), "outside"),
        (Seg(0xFFFF_FFF0, size=16, flags=R), "outside"),
        (Seg(0xFFFF_FFF0, size=17, flags=R), "wraps around"),
        (Seg(0x30000, size=0xFFFF_FFFF, flags=R), "wraps around"),
    ],
)
def test_segments_outside_the_programs_range_are_refused(segment: Seg, message: str) -> None:
    refuse(Elf((Seg(0x20000), segment)), f"^program: segment .*{message}")


def test_the_programs_range_can_be_used_to_its_ends() -> None:
    segments = (Seg(0x10000), Seg(0x5FFF_FFF0, flags=R))
    load(Elf(segments, entry=0x10000).build(), KERNEL)


@pytest.mark.parametrize(
    "other",
    [
        Seg(0x20000),
        Seg(0x1FFF4),
        Seg(0x2000F, b"\0"),
        Seg(0x18000, size=0x10000),
        Seg(0x18000, size=0x8001),
    ],
)
def test_overlapping_segments_are_refused(other: Seg) -> None:
    for segments in ((Seg(0x20000), other), (other, Seg(0x20000))):
        refuse(Elf(segments), "^program: the segments at 0x.* and 0x.* overlap$")


def test_zeros_at_a_segments_end_overlap_too() -> None:
    refuse(Elf((Seg(0x20000, size=0x2000), Seg(0x21000))), "overlap")


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        (Seg(0x30000, size=15), "segment 1 has 0x10 bytes for 0xf bytes of memory"),
        (Seg(0x30000, offset=0x1000), "segment 1 is cut off: it ends at 0x1010, the file at"),
        (Seg(0x30000, offset=0xFFFF_FFFF), "segment 1 is cut off"),
        (Seg(0x30000, file_size=0x1000), "more bytes than the file has"),
        (Seg(0x30000, file_size=0xFFFF_FFFF), "more bytes than the file has"),
    ],
)
def test_segments_whose_bytes_are_not_there_are_refused(segment: Seg, message: str) -> None:
    refuse(Elf((Seg(0x20000), segment)), f"^program: .*{message}")


def test_the_bytes_of_a_file_cannot_be_loaded_again_and_again() -> None:
    data = bytes(100_000)
    again = tuple(
        Seg(0x100_0000 + 0x10_0000 * i, b"", offset=200, file_size=len(data)) for i in range(20)
    )
    refuse(Elf((Seg(0x20000, data), *again)), "more bytes than the file has")


def test_memory_is_limited() -> None:
    load(Elf((Seg(0x20000, size=1 << 30),)).build(), KERNEL)
    refuse(Elf((Seg(0x20000, size=(1 << 30) + 1),)), "1073741825 bytes of memory, the limit is")
    halves = (Seg(0x20000, size=1 << 29), Seg(0x3000_0000, size=(1 << 29) + 1))
    refuse(Elf(halves), "1073741825 bytes of memory, the limit is")


def test_a_file_without_segments_is_refused() -> None:
    refuse(Elf(()), "^program: no segment to load$")
    refuse(Elf((Seg(0x20000, kind=PT_NOTE),)), "^program: no segment to load$")


def test_segments_are_limited() -> None:
    many = tuple(Seg(0x20000 + 0x1000 * i) for i in range(MAX_SEGMENTS + 1))
    load(Elf(many[:-1]).build(), KERNEL)
    refuse(Elf(many), f"{MAX_SEGMENTS + 1} program headers, the limit is {MAX_SEGMENTS}")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"phnum": 0xFFFF}, "65535 program headers"),
        ({"phnum": 2}, ""),
        ({"phoff": 0x7FFF_FFFF}, "the table of program headers is cut off"),
        ({"phentsize": 31}, "program headers of 31 bytes instead of 32"),
        ({"phentsize": 0}, "program headers of 0 bytes"),
        ({"shnum": 0xFFFF, "shoff": 52}, "65535 section headers"),
        ({"shnum": MAX_SECTIONS, "shoff": 52}, "the table of section headers is cut off"),
        ({"shnum": 1, "shoff": 0xFFFF_FFFF}, "the table of section headers is cut off"),
        ({"shnum": 1, "shoff": 52, "shentsize": 39}, "section headers of 39 bytes instead of 40"),
    ],
)
def test_tables_of_headers_that_lie_are_refused(overrides: dict[str, int], message: str) -> None:
    refuse(Elf(overrides=overrides), f"^program: .*{message}")


# --- what is refused: entry, symbols, code --------------------------------------------------------


@pytest.mark.parametrize("entry", [0x20001, 0x20002, 0x20003])
def test_an_unaligned_entry_is_refused(entry: int) -> None:
    refuse(Elf(entry=entry), f"^program: the entry {entry:#x} is not a multiple of 4$")


@pytest.mark.parametrize("entry", [0, 0x1FFFC, 0x20010, 0x30000, 0x8000_0000, 0xFFFF_FFFC])
def test_an_entry_outside_the_code_is_refused(entry: int) -> None:
    segments = (Seg(0x20000), Seg(0x30000, flags=R | W))
    refuse(Elf(segments, entry=entry), f"^program: the entry {entry:#x} is not in an executable")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({f"offset{SHT_SYMTAB}": 0x7FFF_FFFF}, "the symbol table is cut off"),
        ({f"size{SHT_SYMTAB}": 0x4000}, "the symbol table is cut off"),
        ({f"size{SHT_SYMTAB}": 17}, "symbol table: 17 bytes are not a whole number"),
        ({f"size{SHT_SYMTAB}": 16 * MAX_SYMBOLS + 16}, "the limit is"),
        ({f"link{SHT_SYMTAB}": 1}, "its names in section 1: not strings"),
        ({f"link{SHT_SYMTAB}": 0xFFFF_FFFF}, "its names in section 4294967295: not strings"),
        ({f"offset{SHT_STRTAB}": 0x7FFF_FFFF}, "the symbols' names is cut off|names.* cut off"),
        ({f"size{SHT_STRTAB}": 1}, "symbol table: a name at 0x1, outside the 1 bytes"),
    ],
)
def test_symbol_tables_that_lie_are_refused(overrides: dict[str, int], message: str) -> None:
    program = Elf(
        sections=[Sec(0x20000, 16)], symbols=[Sym("main", 0x20000, 4)], overrides=overrides
    )
    refuse(program, f"^program: .*{message}")


@pytest.mark.parametrize("instruction", [MTC0, CACHE, 0x4000_0000, 0x43FF_FFFF, 0xBFFF_FFFF])
@pytest.mark.parametrize("index", [0, 1, 3])
def test_an_encoding_on_which_the_engines_differ_is_refused(instruction: int, index: int) -> None:
    code = NOP * index + instruction.to_bytes(4) + NOP * (3 - index)
    address = 0x20000 + 4 * index
    refuse(
        Elf((Seg(0x20000, code),)),
        rf"^program: the engines differ on the instruction {instruction:#010x} at {address:#x} "
        r"\(no symbol\)$",
    )


def test_the_refused_encoding_is_named_by_its_function() -> None:
    code = NOP * 3 + MTC0.to_bytes(4)
    refuse(
        Elf((Seg(0x20000, code),), [Sec(0x20000, 16)], [Sym("main.main", 0x20004, 12)]),
        r"at 0x2000c \(main\.main\+0x8\)$",
    )


def test_encodings_are_looked_for_in_code_only() -> None:
    bad = MTC0.to_bytes(4)
    load(Elf((Seg(0x20000), Seg(0x30000, bad * 4, flags=R | W))).build(), KERNEL)
    # A note between headers and code, as Go's linker puts one.
    code = NOP + bad + NOP + NOP
    sections = [Sec(0x20004, 4, flags=ALLOC), Sec(0x20008, 8)]
    load(Elf((Seg(0x20000, code),), sections, entry=0x20008).build(), KERNEL)


def test_headers_that_are_loaded_with_the_code_are_not_taken_for_code() -> None:
    # A section of 0x105 bytes: the word is one on which the engines differ.
    assert isa.engines_differ(0x105)
    sections = [Sec(0x50000, 0x105, flags=ALLOC)]
    size = len(Elf(sections=sections).build())
    whole = Seg(0x20000, NOP * 4, offset=0, file_size=size)
    entry = 0x20000 + HEADER + SEGMENT_HEADER
    load(Elf((whole,), sections, entry=entry).build(), KERNEL)
    # Where no header lies, the same word is code.
    code = (0x105).to_bytes(4) + NOP * 3
    refuse(Elf((replace(whole, data=code),), sections, entry=entry), "the engines differ")


@pytest.mark.parametrize(
    "sections",
    [
        [],
        [Sec(0x20000, 8), Sec(0x2000C, 4, flags=ALLOC)],
        [Sec(0x20000, 16)],
        [Sec(0x20000, 16, flags=EXEC)],
        [Sec(0x20000, 16, flags=0)],
        [Sec(0x20008, 0, flags=ALLOC), Sec(0x20000, 4)],
        [Sec(0x40000, 16, flags=ALLOC)],
        [Sec(0x1FFF0, 12, flags=ALLOC)],
        [Sec(0, 0x20000, flags=ALLOC), Sec(0x2000C, 0xFFFF_FFFF, flags=ALLOC)],
    ],
    ids=[
        "none",
        "a gap",
        "code",
        "code not loaded",
        "data not loaded",
        "empty data",
        "above",
        "below",
        "around it",
    ],
)
def test_code_that_no_section_calls_data_is_looked_at(sections: list[Sec]) -> None:
    code = NOP * 2 + MTC0.to_bytes(4) + NOP
    refuse(Elf((Seg(0x20000, code),), sections), "the engines differ .* at 0x20008")


def test_an_unfinished_last_word_is_completed_with_zeros() -> None:
    refuse(Elf((Seg(0x20000, NOP + b"\x40"),)), "the engines differ .* 0x40000000 at 0x20004")


def test_code_that_starts_within_a_word_is_looked_at_from_the_next() -> None:
    refuse(Elf((Seg(0x20002, bytes(6) + CACHE.to_bytes(4)),), entry=0x20004), "at 0x20008")


# --- arguments, and the kernel --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "env", "message"),
    [
        ([], [], "argv is empty"),
        (["a\0"], [], "null byte"),
        (["a"], ["novalue"], "no '='"),
        (["a" * 200_000], [], "limit"),
    ],
)
def test_arguments_that_cannot_be_passed_are_refused(
    argv: list[str], env: list[str], message: str
) -> None:
    with pytest.raises(ElfError, match=f"^arguments: .*{message}"):
        load(Elf().build(), KERNEL, argv=argv, env=env)


VECTOR, DATA = kernel().segments
CODE_SECTION, DATA_SECTION = kernel().sections
START = kernel().symbols[1]


@pytest.mark.parametrize(
    ("of_kernel", "message"),
    [
        (b"", "not an ELF file"),
        (kernel(order=1), "little-endian"),
        (kernel(kind=3), "ET_DYN"),
        (kernel(flags=0x7000_1000), "above MIPS32 release 1"),
        (kernel(segments=(VECTOR, DATA, Seg(0x20000))), "outside 0x80000000 to 0x81000000, in the"),
        (kernel(segments=(VECTOR, DATA, Seg(0x8100_0000))), "outside 0x80000000"),
        (kernel(segments=(VECTOR, DATA, Seg(0x80FF_FFFC))), "outside 0x80000000"),
        (kernel(segments=(VECTOR, DATA, VECTOR)), "overlap"),
        (kernel(entry=BOOT), "the entry 0x80002000 is not in an executable segment"),
        (kernel(entry=KERNEL_ENTRY + 2), "not a multiple of 4"),
        (kernel(segments=(replace(VECTOR, address=0x8000_0004), DATA)), "no code at the exception"),
        (
            kernel(segments=(replace(VECTOR, data=NOP * 70 + MTC0.to_bytes(4)), DATA)),
            r"0x40806000 at 0x80000118 \(start\+0x18\)",
        ),
        (kernel(symbols=[START]), "no symbol 'boot'"),
        (kernel(symbols=[START, Sym("boot", BOOT, 24, OBJECT, 0)]), "no symbol 'boot'"),
        (kernel(symbols=[START, Sym("boot", BOOT, 20, OBJECT, 2)]), "'boot' is 20 bytes"),
        (kernel(symbols=[START, Sym("boot", BOOT + 2, 24, OBJECT, 2)]), "'boot' is 24 bytes at"),
        (kernel(symbols=[START, Sym("boot", BOOT + 0xEC, 24, OBJECT, 2)]), "not in a segment"),
        (kernel(symbols=[START, Sym("boot", 0x20000, 24, OBJECT, 2)]), "not in a segment"),
    ],
)
def test_a_kernel_that_is_none_is_refused(of_kernel: Elf | bytes, message: str) -> None:
    refuse(Elf(), f"^kernel: .*{message}", of_kernel)


def test_a_boot_block_among_the_kernels_zeros_is_filled_in() -> None:
    boot = BOOT + 0x80
    of_kernel = kernel(symbols=[Sym("boot", boot, 0, OBJECT, 2)]).build()
    assert word(load(Elf().build(), of_kernel), boot) == 0x20000


def test_a_package_without_kernel_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fpvm.elf.resources.files", lambda package: tmp_path)
    with pytest.raises(ElfError, match=r"^kernel: no data/kernel\.elf in the package"):
        kernel_image()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kernel.elf").write_bytes(b"kernel")
    assert kernel_image() == b"kernel"


# --- hostile files at random ----------------------------------------------------------------------

HONEST = Elf(
    (
        Seg(0x20000, NOP * 64),
        Seg(0x30000, b"data", size=0x5000, flags=R | W),
        Seg(0, abi_flags(), kind=PT_ABI_FLAGS),
    ),
    [Sec(0x20000, 256), Sec(0x30000, 0x5000, flags=ALLOC)],
    [Sym("main", 0x20000, 64), Sym("label", 0x20040), Sym("data", 0x30000, 4, OBJECT, 2)],
).build()


def load_or_refuse(program: bytes, of_kernel: bytes = KERNEL) -> None:
    """The only two outcomes allowed."""
    try:
        loaded = load(program, of_kernel)
    except ElfError:
        return
    assert loaded.entry % 4 == 0
    for page, data in loaded.pages.items():
        assert len(data) == 4096
        address = page * 4096
        assert (
            elf.PROGRAM_LOW <= address < elf.PROGRAM_HIGH
            or 0x7F80_0000 <= address < 0x7FFF_F000
            or elf.KERNEL_LOW <= address < elf.KERNEL_HIGH
        )


@settings(deadline=None)
@given(st.binary(max_size=400))
@example(b"\x7fELF\x01\x02\x01" + bytes(45))
def test_any_bytes_are_loaded_or_refused(contents: bytes) -> None:
    load_or_refuse(contents)
    load_or_refuse(HONEST[:7] + contents)
    load_or_refuse(HONEST, contents)


@pytest.mark.parametrize("size", range(0, len(HONEST), 7))
def test_a_file_cut_off_anywhere_is_loaded_or_refused(size: int) -> None:
    load_or_refuse(HONEST[:size])
    with pytest.raises(ElfError):
        load(HONEST[:size], KERNEL)  # The section headers are last: something is missing always.


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(HONEST) // 4 - 1),
            st.sampled_from([0, 1, 2, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_0000])
            | st.integers(0, 0xFFFF_FFFF),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_file_with_words_overwritten_is_loaded_or_refused(changes: list[tuple[int, int]]) -> None:
    contents = bytearray(HONEST)
    for index, value in changes:
        contents[4 * index : 4 * index + 4] = value.to_bytes(4)
    load_or_refuse(bytes(contents))


def test_a_bit_of_any_header_or_table_may_flip() -> None:
    for changed, file in ((HONEST, "program"), (KERNEL, "kernel")):
        headers = [*range(HEADER + 3 * SEGMENT_HEADER), *range(len(changed) - 500, len(changed))]
        for position in headers:
            for bit in (0, 3, 7):
                contents = bytearray(changed)
                contents[position] ^= 1 << bit
                if file == "program":
                    load_or_refuse(bytes(contents))
                else:
                    load_or_refuse(HONEST, bytes(contents))


def test_a_hostile_file_does_not_fill_the_memory() -> None:
    # A gigabyte of zeros, a symbol table of the largest size, names without an end.
    strings = b"x" * 100_000
    entries = np.zeros(
        200_000,
        np.dtype(
            [("n", ">u4"), ("v", ">u4"), ("s", ">u4"), ("i", "u1"), ("o", "u1"), ("x", ">u2")]
        ),
    )
    entries["v"] = 0x20000 + np.arange(len(entries)) % 16
    entries["i"], entries["x"] = FUNC, 1
    blob = entries.tobytes() + strings
    offset = HEADER + 2 * SEGMENT_HEADER + 16
    program = Elf(
        (Seg(0x20000, size=1 << 30), Seg(0, blob, kind=PT_NOTE)),
        [Sec(0x20000, 1 << 30)],
        overrides={
            f"offset{SHT_SYMTAB}": offset,
            f"size{SHT_SYMTAB}": entries.nbytes,
            f"offset{SHT_STRTAB}": offset + entries.nbytes,
            f"size{SHT_STRTAB}": len(strings),
        },
        symbols=[Sym("x", 0x20000)],
    ).build()
    tracemalloc.start()
    try:
        refuse(program, "bytes of names")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 400 * 1024 * 1024


# --- a real compiler's files ----------------------------------------------------------------------

SOURCE = """
unsigned zeros[100000] = {0};
unsigned numbers[4] = {1, 2, 3, 4};
unsigned sum(unsigned count) {
    unsigned total = 0;
    for (unsigned i = 0; i < count; i++) total += numbers[i & 3];
    return total;
}
void start(void) { zeros[99999] = sum(10); for (;;) ; }
"""

Compile = Callable[..., bytes]


@pytest.fixture(scope="module")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compiles SOURCE with Zig's C compiler."""
    folder = tmp_path_factory.mktemp("compiled")

    def compiled(*options: str, target: str = "mips-freestanding-eabi") -> bytes:
        (folder / "program.c").write_text(SOURCE)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-O2"]
        command += ["-ffreestanding", "-nostdlib", "-fno-sanitize=all", "-Wl,-e,start", *options]
        command += ["-o", "program", "program.c"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return (folder / "program").read_bytes()

    return compiled


STATIC = ("-mcpu=mips32", "-msoft-float", "-static", "-fno-pic", "-mno-abicalls")


def test_a_compiled_program_is_loaded_with_its_symbols(compile_c: Compile) -> None:
    program = load(compile_c(*STATIC), KERNEL)
    assert program.symbols.at(program.entry) == "start"
    total = program.symbols.address("sum")
    assert total is not None
    assert program.symbols.at(total + 4) == "sum+0x4"
    assert word(program, total) != 0
    numbers = b"".join(number.to_bytes(4) for number in (1, 2, 3, 4))
    assert any(numbers in page for page in program.pages.values())


@pytest.mark.parametrize(
    ("options", "target", "message"),
    [
        (("-mcpu=mips32r2", *STATIC[1:]), "mips-freestanding-eabi", "above MIPS32 release 1"),
        (STATIC, "mipsel-freestanding-eabi", "little-endian"),
        ((), "x86_64-freestanding", "64-bit"),
        (("-mcpu=mips32", "-static"), "mips-freestanding-eabihf", "floating-point hardware"),
        (("-mcpu=mips32", "-msoft-float", "-shared", "-fPIC"), "mips-linux-musleabi", "ET_DYN"),
    ],
    ids=["mips32r2", "little-endian", "x86-64", "hard float", "shared"],
)
def test_a_program_compiled_for_something_else_is_refused(
    compile_c: Compile, options: tuple[str, ...], target: str, message: str
) -> None:
    refuse(compile_c(*options, target=target), f"^program: .*{message}")


def test_a_compiled_program_that_is_damaged_is_loaded_or_refused(compile_c: Compile) -> None:
    honest = compile_c(*STATIC)
    pick = random.Random(7)
    for _ in range(300):
        contents = bytearray(honest)
        for _ in range(pick.randint(1, 8)):
            contents[pick.randrange(len(contents))] = pick.randrange(256)
        load_or_refuse(
            bytes(contents[: pick.choice([len(contents), pick.randrange(len(contents))])])
        )
