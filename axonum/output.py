"""How commands say what they have found: for people, or as JSON; and how they read hexadecimal."""

from __future__ import annotations

import json
import string
from typing import Annotated, Any

import typer

from axonum.session import UsageError

#: The exit code of a command that has refuted something.
REFUTED = 1

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def show(document: dict[str, Any], as_json: bool) -> None:
    """Print a document: a line for each field, or one JSON object."""
    if as_json:
        print(json.dumps(document))
        return
    width = max(map(len, document))
    for name, value in document.items():
        if isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:,}"
        print(f"{name:{width}}  {value}")


def in_line(value: object) -> str:
    """What a file says, for one line of a terminal."""
    text = str(value)[:200]
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def hexadecimal(data: bytes) -> str:
    return "0x" + data.hex()


def parse_hex(option: str, text: str, size: int = 32) -> bytes:
    """The bytes of a hexadecimal number, of at most ``size`` bytes; ``option`` is what it is."""
    digits = text.removeprefix("0x")
    if not digits or not set(digits) <= set(string.hexdigits):
        raise UsageError(f"{option} {text[:80]!r} is not hexadecimal")
    if len(digits) > 2 * size:
        raise UsageError(f"{option} {text[:80]!r} is longer than {size} bytes")
    return bytes.fromhex("0" * (len(digits) % 2) + digits)
