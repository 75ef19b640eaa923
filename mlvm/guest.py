"""The guest that computes one task on the VM (programs/mlrun), as it is committed: running needs no
compiler, and the same file is the same program for everybody."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from dispute.histories import Program
from fpvm.elf import kernel_image, load
from fpvm.memory import Memory
from fpvm.oracle import Source
from fpvm.symbols import Symbols

GUEST = Path(__file__).parent / "data" / "mlrun.elf"


def guest_program(source: Source) -> Program:
    """The guest, with the preimages that it may ask for."""
    memory, pc, _ = _image()
    return Program(memory, pc, source)


def guest_genesis() -> tuple[bytes, int]:
    """What the guest is on L1: the root of its memory, and where it begins."""
    memory, pc, _ = _image()
    return memory.root(), pc


def guest_symbols() -> Symbols:
    """The names in it."""
    return _image()[2]


@cache
def _image() -> tuple[Memory, int, Symbols]:
    program = load(GUEST.read_bytes(), kernel_image())
    return Memory(program.pages), program.pc, program.symbols
