"""The loader: a program and the kernel, two static ELF files, become the memory of a genesis state.

It refuses what the machine cannot run, with one line that says what and why. Its look at the code
is a courtesy to honest files: a program that passes may still write instructions at run time, or
jump into data, and then the engines decide.

Source: System V ABI and its MIPS supplement; docs/vm.md for the machine; docs/kernel.md for the
memory map and the boot block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

import numpy as np
from elftools.elf.constants import E_FLAGS

from fpvm import elf_file, isa
from fpvm.elf_file import AbiFlags, ElfError, ElfFile, Segment
from fpvm.stack import STACK_HIGH, STACK_LOW, ArgumentError, initial_stack
from fpvm.symbols import SymbolError, Symbols

__all__ = ["ElfError", "Program", "kernel_image", "load"]

PAGE = 4096
#: Where a program may lie, and where the kernel does.
PROGRAM_LOW, PROGRAM_HIGH = 0x0001_0000, 0x6000_0000
KERNEL_LOW, KERNEL_HIGH = isa.KERNEL, isa.KERNEL + 0x0100_0000
#: Bytes of memory that an image may ask for, zeros included.
MAX_MEMORY = 1 << 30

#: The kernel's data that the loader fills in: entry, sp, image_low, image_high, stack_low,
#: stack_high, each a big-endian word.
BOOT_SYMBOL, BOOT_SIZE = "boot", 24

_ARCHITECTURES = {E_FLAGS.EF_MIPS_ARCH_1, E_FLAGS.EF_MIPS_ARCH_2, E_FLAGS.EF_MIPS_ARCH_32}
_ABI, _ABI_NONE, _ABI_O32 = 0xF000, 0x0000, 0x1000
_COMPRESSED, _VENDOR, _FLOAT_64 = 0x0E00_0000, 0x00FF_0000, 0x200
_MIPS1, _MIPS2, _MIPS32 = 1, 2, 32
_REGISTERS_32 = (0, 1)
_FLOAT_ANY, _FLOAT_SOFT = 0, 3


@dataclass(frozen=True)
class Program:
    """What a genesis state is made of.

    ``pages`` maps page numbers (address // 4096) to 4096 bytes each; absent pages are zero. They
    hold the program, its initial stack and the kernel, whose boot block is filled in. ``pc`` is
    where the machine starts, in the kernel; ``entry`` where the kernel then starts the program.
    """

    pages: Mapping[int, bytes]
    pc: int
    entry: int
    symbols: Symbols


def load(
    program: bytes,
    kernel: bytes,
    *,
    argv: Sequence[str] = ("program",),
    env: Sequence[str] = (),
) -> Program:
    """Load the ELF files ``program`` and ``kernel``; start the program with ``argv`` and ``env``.

    :raises ElfError: either is not a static big-endian MIPS32 executable that the machine can run,
        or the arguments are not what a program can be started with.
    """
    with _naming("program"):
        image = elf_file.read(program)
        symbols = _check(image, PROGRAM_LOW, PROGRAM_HIGH)
    with _naming("kernel"):
        kernel_file = elf_file.read(kernel)
        kernel_symbols = _check(kernel_file, KERNEL_LOW, KERNEL_HIGH)
        boot = _boot_block(kernel_file)
    with _naming("arguments"):
        stack = initial_stack(argv, env, image.entry, image.program_headers)

    image_low = image.segments[0].address // PAGE * PAGE
    image_high = -(-image.segments[-1].end // PAGE) * PAGE
    words = (image.entry, stack.pointer, image_low, image_high, STACK_LOW, STACK_HIGH)
    return Program(
        pages=_pages(
            [
                *((segment.address, segment.data) for segment in image.segments),
                *((segment.address, segment.data) for segment in kernel_file.segments),
                (stack.pointer, stack.data),
                (boot, b"".join(word.to_bytes(4) for word in words)),
            ]
        ),
        pc=kernel_file.entry,
        entry=image.entry,
        symbols=Symbols([*symbols, *kernel_symbols]),
    )


def kernel_image() -> bytes:
    """The ELF file of the kernel that comes with this package.

    :raises ElfError: it is not there.
    """
    try:
        return resources.files("fpvm").joinpath("data", "kernel.elf").read_bytes()
    except OSError as error:
        raise ElfError(f"kernel: no data/kernel.elf in the package ({error.strerror})") from error


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Say in every error which part of the input it is about."""
    try:
        yield
    except SymbolError as error:
        raise ElfError(f"{part}: the symbol table: {error}") from error
    except (ElfError, ArgumentError) as error:
        raise ElfError(f"{part}: {error}") from error


def _check(file: ElfFile, low: int, high: int) -> Symbols:
    """Check that the machine can run ``file`` between ``low`` and ``high``; its functions."""
    _check_kind(file)
    _check_flags(file.flags)
    if file.abi_flags is not None:
        _check_abi_flags(file.abi_flags)
    _check_segments(file.segments, low, high)
    _check_entry(file)
    # Only code of its own: a program must not put its names on the kernel.
    code = {
        section.number: range(section.address, section.end)
        for section in file.sections
        if section.executable and low <= section.address and section.end <= high
    }
    symbols = file.symbols.functions(code)
    for segment in file.segments:
        if segment.executable:
            _check_encodings(segment, file, symbols)
    return symbols


def _check_kind(file: ElfFile) -> None:
    if file.machine != "EM_MIPS":
        raise ElfError(f"an ELF file for another machine ({file.machine}), not MIPS")
    if file.kind == "ET_DYN":
        raise ElfError("position-independent or a shared library (ET_DYN); link it statically")
    if file.kind != "ET_EXEC":
        raise ElfError(f"not an executable ({file.kind})")
    for kind in ("PT_INTERP", "PT_DYNAMIC"):
        if kind in file.segment_kinds:
            raise ElfError(f"dynamically linked ({kind}); link it statically")


def _check_flags(flags: int) -> None:
    """Refuse code for other processors than MIPS32 release 1, by the flags of the ELF header."""
    if flags & E_FLAGS.EF_MIPS_ARCH not in _ARCHITECTURES:
        raise ElfError(f"compiled for a processor above MIPS32 release 1 (e_flags {flags:#010x})")
    refused = {
        _COMPRESSED: "compiled for MIPS16, microMIPS or MDMX",
        _VENDOR: "compiled for a vendor's extended processor",
        E_FLAGS.EF_MIPS_ABI2: "compiled for the n32 ABI, not o32",
        E_FLAGS.EF_MIPS_NAN2008: "compiled for IEEE 754-2008 NaNs",
        _FLOAT_64: "compiled for 64-bit floating-point registers",
    }
    for mask, reason in refused.items():
        if flags & mask:
            raise ElfError(f"{reason} (e_flags {flags:#010x})")
    if flags & _ABI not in (_ABI_NONE, _ABI_O32):
        raise ElfError(f"compiled for another ABI than o32 (e_flags {flags:#010x})")


def _check_abi_flags(flags: AbiFlags) -> None:
    """The same by the ABI flags, which say more than the header."""
    level = flags.level
    if level not in (_MIPS1, _MIPS2, _MIPS32) or (level == _MIPS32 and flags.revision > 1):
        raise ElfError(f"compiled for MIPS{level} release {flags.revision}, above MIPS32 release 1")
    if flags.registers not in _REGISTERS_32:
        raise ElfError("compiled for 64-bit registers")
    if flags.extensions:
        raise ElfError(f"compiled for instruction set extensions ({flags.extensions:#x})")
    if flags.float_abi not in (_FLOAT_ANY, _FLOAT_SOFT):
        raise ElfError("compiled for floating-point hardware; compile it for soft float")


def _check_segments(segments: Sequence[Segment], low: int, high: int) -> None:
    if not segments:
        raise ElfError("no segment to load")
    for segment in segments:
        span = f"segment {segment.address:#x} to {segment.end:#x}"
        if segment.end > 1 << 32:
            raise ElfError(f"{span} wraps around the address space")
        if segment.address < low or segment.end > high:
            raise ElfError(f"{span} lies outside {low:#x} to {high:#x}{_whose(segment, low)}")
    for below, above in pairwise(segments):
        if below.end > above.address:
            raise ElfError(f"the segments at {below.address:#x} and {above.address:#x} overlap")
    memory = sum(segment.end - segment.address for segment in segments)
    if memory > MAX_MEMORY:
        raise ElfError(f"{memory} bytes of memory, the limit is {MAX_MEMORY}")


def _whose(segment: Segment, low: int) -> str:
    """In whose range a segment lies that must not be there."""
    ranges = {
        "null pointers": (0, PROGRAM_LOW),
        "the program": (PROGRAM_LOW, PROGRAM_HIGH),
        "the stack": (STACK_LOW, KERNEL_LOW),
        "the kernel": (KERNEL_LOW, KERNEL_HIGH),
    }
    for owner, (start, end) in ranges.items():
        if start != low and segment.address < end and start < segment.end:
            return f", in the range of {owner}"
    return ""


def _check_entry(file: ElfFile) -> None:
    if file.entry % 4:
        raise ElfError(f"the entry {file.entry:#x} is not a multiple of 4")
    if not _is_code(file, file.entry):
        raise ElfError(f"the entry {file.entry:#x} is not in an executable segment")


def _is_code(file: ElfFile, address: int) -> bool:
    return any(s.executable and s.address <= address < s.end for s in file.segments)


def _check_encodings(segment: Segment, file: ElfFile, symbols: Symbols) -> None:
    """Refuse code on which the engines differ.

    Linkers put headers, notes and constants into executable segments: they are not taken for code.
    """
    start = segment.address // 4 * 4
    padded = bytes(segment.address - start) + segment.data
    words = np.frombuffer(padded + bytes(-len(padded) % 4), ">u4").astype(np.uint32)
    suspect = isa.differing(words)
    data = [range(s.address, s.end) for s in file.sections if not s.executable]
    for span in (*data, *file.headers):
        if span.start < segment.end and span.stop > start:
            suspect[max(0, span.start - start) // 4 : -(-(span.stop - start) // 4)] = False
    if suspect.any():
        index = int(suspect.argmax())
        address = start + 4 * index
        where = symbols.at(address) or "no symbol"
        raise ElfError(
            f"the engines differ on the instruction {words[index]:#010x} at {address:#x} ({where})"
        )


def _boot_block(kernel: ElfFile) -> int:
    """The address of the kernel's boot block."""
    if not _is_code(kernel, isa.KERNEL):
        raise ElfError(f"no code at the exception vector {isa.KERNEL:#x}")
    boot = kernel.symbols.definition(BOOT_SYMBOL)
    if boot is None:
        raise ElfError(f"no symbol '{BOOT_SYMBOL}'")
    end = boot.address + BOOT_SIZE
    if boot.address % 4 or boot.size not in (0, BOOT_SIZE):
        raise ElfError(
            f"'{BOOT_SYMBOL}' is {boot.size} bytes at {boot.address:#x}, not {BOOT_SIZE} at a word"
        )
    if not any(s.address <= boot.address and end <= s.end for s in kernel.segments):
        raise ElfError(f"'{BOOT_SYMBOL}' at {boot.address:#x} is not in a segment")
    return boot.address


def _pages(contents: Sequence[tuple[int, bytes]]) -> dict[int, bytes]:
    """Lay out bytes at addresses, the later ones over the earlier; zero pages are left out."""
    pages: dict[int, bytearray] = {}
    for address, data in contents:
        offset = 0
        while offset < len(data):
            page, start = divmod(address + offset, PAGE)
            piece = data[offset : offset + PAGE - start]
            pages.setdefault(page, bytearray(PAGE))[start : start + len(piece)] = piece
            offset += len(piece)
    return {page: bytes(data) for page, data in sorted(pages.items()) if any(data)}
