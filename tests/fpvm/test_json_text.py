"""JSON from anybody ends in a document or in a ValueError, and never ends the process."""

from __future__ import annotations

import sys

import pytest

from fpvm.json_text import DEEPEST, parse


def test_documents_are_read() -> None:
    assert parse(b'{"a": [1, "x"], "b": null}') == {"a": [1, "x"], "b": None}
    assert parse(b"[" * DEEPEST + b"]" * DEEPEST)


def test_brackets_in_strings_and_side_by_side_are_not_nesting() -> None:
    text = b'["' + b"[{" * 1000 + b'\\"[", ' + b"[], " * 1000 + b"0]"
    assert len(parse(text)) == 1002


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b'"["[['])
def test_what_is_no_document_is_refused(text: bytes) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # as other libraries do
    try:
        with pytest.raises(ValueError, match=r"."):
            parse(text)
    finally:
        sys.setrecursionlimit(limit)
