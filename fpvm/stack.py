"""The stack that a program starts with: arguments, environment, and the auxiliary vector.

Source: System V ABI, MIPS supplement, "Process Initialization"; the AT_* numbers are Linux's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Where the stack lies: 8 MiB below the kernel, less a page that stays untouched.
STACK_LOW, STACK_HIGH = 0x7F80_0000, 0x7FFF_F000
#: Bytes that strings and vectors may take.
MAX_STACK = 128 * 1024
#: What a program gets for randomness: the same in every run, or runs could not be compared.
RANDOM = b"axonum AT_RANDOM"
_ALIGNMENT = 16

AT_NULL, AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ = 0, 3, 4, 5, 6
AT_ENTRY, AT_UID, AT_EUID, AT_GID, AT_EGID = 9, 11, 12, 13, 14
AT_HWCAP, AT_CLKTCK, AT_SECURE, AT_RANDOM, AT_EXECFN = 16, 17, 23, 25, 31


class ArgumentError(ValueError):
    """Arguments or an environment that no program can be started with."""


@dataclass(frozen=True)
class Stack:
    """The initial stack: ``data`` lies at ``pointer``, and reaches to the stack's end."""

    pointer: int
    data: bytes


def initial_stack(
    argv: Sequence[str],
    env: Sequence[str],
    entry: int,
    program_headers: tuple[int, int],
) -> Stack:
    """The stack of a program that starts at ``entry``.

    From the pointer upwards: argc, the pointers to the arguments, null, the pointers to the
    environment, null, the auxiliary vector, then what they all point to. ``program_headers`` is the
    address of the program's headers in memory and their number; both 0 where they are not loaded.

    :raises ArgumentError: argv is empty, a string holds a null byte, an environment entry has no
        ``=``, or all of it takes more than :data:`MAX_STACK` bytes.
    """
    if not argv:
        raise ArgumentError("argv is empty: argv[0] is the program's name")
    arguments = [_string(f"argv[{i}]", text) for i, text in enumerate(argv)]
    environment = [_string(f"environment entry {i}", text) for i, text in enumerate(env)]
    for i, text in enumerate(env):
        if "=" not in text:
            raise ArgumentError(f"environment entry {i} has no '='")

    strings = RANDOM + b"".join(arguments + environment)
    strings += bytes(-len(strings) % _ALIGNMENT)
    base = STACK_HIGH - len(strings)
    addresses = _addresses(base + len(RANDOM), arguments + environment)
    auxiliary = {
        AT_PHDR: program_headers[0],
        AT_PHENT: 32,
        AT_PHNUM: program_headers[1],
        AT_PAGESZ: 4096,
        AT_ENTRY: entry,
        AT_UID: 0,
        AT_EUID: 0,
        AT_GID: 0,
        AT_EGID: 0,
        AT_HWCAP: 0,
        AT_CLKTCK: 100,
        AT_SECURE: 0,
        AT_RANDOM: base,
        AT_EXECFN: addresses[0],
        AT_NULL: 0,
    }
    words = [len(argv), *addresses[: len(argv)], 0, *addresses[len(argv) :], 0]
    words += [word for pair in auxiliary.items() for word in pair]
    vectors = b"".join(word.to_bytes(4) for word in words)
    size = len(vectors) + len(strings)
    size += -size % _ALIGNMENT
    if size > MAX_STACK:
        raise ArgumentError(
            f"arguments and environment take {size} bytes, the limit is {MAX_STACK}"
        )
    data = vectors + bytes(size - len(vectors) - len(strings)) + strings
    return Stack(STACK_HIGH - size, data)


def _string(what: str, text: str) -> bytes:
    try:
        encoded = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what} is not text: {error.reason}") from error
    if b"\0" in encoded:
        raise ArgumentError(f"{what} holds a null byte")
    return encoded + b"\0"


def _addresses(base: int, strings: Sequence[bytes]) -> list[int]:
    """Where each of ``strings`` lies, one after the other from ``base``."""
    addresses = []
    for string in strings:
        addresses.append(base)
        base += len(string)
    return addresses
