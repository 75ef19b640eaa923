"""JSON from anybody.

Python's reader recurses at each bracket, and other libraries raise its recursion limit so far that
a text which is nested deeply would overflow the stack and end the process.
"""

from __future__ import annotations

import json
import re
from typing import Any

#: Deeper than any document of ours.
DEEPEST = 64
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def parse(data: bytes) -> Any:
    """What a JSON text says. Raises ValueError if it is none, or nested too deeply."""
    text = data.decode()
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
    return json.loads(text)
