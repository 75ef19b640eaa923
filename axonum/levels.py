"""Level tables on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from axonum.session import UsageError
from dispute.table import MAX_HEIGHT, MAX_LEVELS

#: For programs of up to 2^28 steps. Two levels of the VM, as each more costs a move, and one of
#: 2^28 states could not be held.
LEVELS = "1,14,14"

Levels = Annotated[
    str,
    typer.Option(help="Heights, from the words of level 0 down to single steps."),
]


def heights(text: str) -> tuple[int, ...]:
    """The heights in ``6,16,10,10``. Raises :class:`UsageError`."""
    parts = text.replace("|", ",").split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) < 3 for part in parts):
        raise UsageError(f"--levels {text[:80]!r}: heights look like {LEVELS}")
    found = tuple(map(int, parts))
    if not 2 <= len(found) <= MAX_LEVELS:
        raise UsageError(f"--levels {text[:80]!r}: 2 to {MAX_LEVELS} levels, not {len(found)}")
    if not all(1 <= height <= MAX_HEIGHT for height in found):
        raise UsageError(f"--levels {text[:80]!r}: a height is 1 to {MAX_HEIGHT}")
    return found
