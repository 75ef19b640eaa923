"""Files that may not be read and folders that may not be written, for root as well."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def without_rights() -> Iterator[None]:
    """A while without the rights of root, for whom no file is closed."""
    if os.geteuid():
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def read_only_folder(mode: int = 0o000, **files: bytes) -> Iterator[Path]:
    """A folder that nobody may write to, with files that by default nobody may read.

    Not in pytest's own folder, to which others have no way.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in files.items():
            (folder / file).write_bytes(content)
            (folder / file).chmod(mode)
        folder.chmod(0o555)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
