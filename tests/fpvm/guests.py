"""Small programs as ELF files, for what starts with a file: they run on the kernel, and do their
VM calls by themselves."""

from __future__ import annotations

from fpvm.isa import A0, A1, A2, Call
from fpvm.machine import STDERR, STDOUT
from fpvm.oracle import keccak_key
from tests.fpvm.elves import Elf, R, Sec, Seg, Sym, W
from tests.fpvm.machines import addiu, assemble, li, loop, syscall

CODE, DATA = 0x0002_0000, 0x0003_0000
#: In the data of every guest: a leaf to work in, a leaf with a key, and what it has to say.
BUFFER, KEY, TEXT = DATA, DATA + 32, DATA + 64

PREIMAGE = b"what was asked for, all 32 bytes"
SAYING = "hello, world; ¡hola!\n".encode()


def guest(
    *words: int | list[int], text: bytes = SAYING, key: bytes = keccak_key(PREIMAGE)
) -> bytes:
    """An ELF file whose function ``main`` is ``words``."""
    code = assemble(*words)
    return Elf(
        segments=(Seg(CODE, code), Seg(DATA, bytes(32) + key + text, flags=R | W)),
        sections=(Sec(CODE, len(code)),),
        symbols=(Sym("main", CODE, len(code)),),
        entry=CODE,
    ).build()


def say(channel: int, length: int) -> list[int]:
    """Show the first ``length`` bytes of the text."""
    return [addiu(A0, 0, channel), *li(A1, TEXT), addiu(A2, 0, length), syscall(Call.WRITE)]


def halt(code: int = 0) -> list[int]:
    """The end, with the buffer as output."""
    return [addiu(A0, 0, code), *li(A1, BUFFER), syscall(Call.HALT)]


TAKE_INPUT = [*li(A0, BUFFER), syscall(Call.INPUT)]
READ_PREIMAGE = [
    *(*li(A0, KEY), syscall(Call.ORACLE_KEY)),
    *(*li(A0, BUFFER), addiu(A1, 0, 0), syscall(Call.ORACLE_READ)),
]

#: Says something on both channels; its output is its input.
ECHO = guest(say(STDOUT, len(SAYING)), say(STDERR, 5), TAKE_INPUT, halt())
#: The same, but it fails.
FAIL = guest(say(STDOUT, 5), TAKE_INPUT, halt(3))
#: Its output is a preimage.
READER = guest(say(STDOUT, 5), READ_PREIMAGE, halt())
#: Never ends.
ENDLESS = guest(loop())
