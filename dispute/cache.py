"""What has been computed, kept in a folder, so that a restarted agent need not compute it again.

The folder belongs to the agent, but disks fail, processes die while they write, and people mix up
folders. So every file says what it is of and ends in a digest, and one that is damaged, cut off, or
of something else counts as absent: it is computed again and written anew. A folder that cannot be
written costs time, and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fpvm import checkpoint
from fpvm.checkpoint import CheckpointError
from fpvm.keccak import keccak256
from fpvm.memory import Memory
from fpvm.state import State

MAGIC = b"axonum cache 1\n"
_DIGEST_SIZE = 32
#: Characters of a hash in a file's name.
_NAME_SIZE = 16
#: Checkpoints that are kept of one run; then the oldest goes.
MAX_CHECKPOINTS = 64
_CHECKPOINT = ".checkpoint"


class Cache:
    """The files of one run: contents by name, and checkpoints by step.

    ``identity`` is what the run is of: a file written under another one is never read.
    """

    def __init__(self, folder: Path, identity: bytes) -> None:
        self._identity = keccak256(identity)
        self._folder = folder / self._identity.hex()[:_NAME_SIZE]

    # --- Contents ---

    def read(self, name: str) -> bytes | None:
        """What was written as ``name``, or None if nothing whole is there."""
        try:
            data = self._path(name).read_bytes()
        except OSError:
            return None
        head = self._head(name)
        content, digest = data[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
        if not content.startswith(head) or hashlib.sha256(content).digest() != digest:
            return None
        return content[len(head) :]

    def write(self, name: str, content: bytes) -> None:
        """Keep ``content`` as ``name``. A reader sees all of it, or what was there before."""
        data = self._head(name) + content
        path = self._path(name)
        unfinished = path.with_name(f".{name}.{secrets.token_hex(8)}")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                unfinished.write_bytes(data + hashlib.sha256(data).digest())
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        with suppress(OSError):
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / name

    def _head(self, name: str) -> bytes:
        return MAGIC + keccak256(self._identity + name.encode())

    # --- Checkpoints ---

    def put_aside(self, state: State, memory: Memory) -> None:
        """Keep a state of the run with its memory."""
        path = self._path(self._checkpoint_name(state))
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                checkpoint.save(path, state, memory)
            for old in sorted(self._checkpoints(), key=_age)[:-MAX_CHECKPOINTS]:
                old.unlink(missing_ok=True)

    def nearest(self, step: int) -> tuple[State, Memory] | None:
        """The last state that was put aside at ``step`` or before it, with its memory."""
        for path in sorted(self._checkpoints(), reverse=True):  # by step, as it is padded
            if _step(path) > step:
                continue
            try:
                state, memory = checkpoint.load(path)
            except (OSError, CheckpointError):
                continue
            if path.name == self._checkpoint_name(state):
                return state, memory
        return None

    def _checkpoints(self) -> Iterator[Path]:
        return (path for path in self._folder.glob(f"*{_CHECKPOINT}") if _step(path) >= 0)

    def _checkpoint_name(self, state: State) -> str:
        """Names the step, and ties the state to the run that it is of."""
        tie = keccak256(self._identity + state.hash()).hex()[:_NAME_SIZE]
        return f"{state.step:020}-{tie}{_CHECKPOINT}"


def _step(path: Path) -> int:
    """The step in a checkpoint's name; -1 if there is none."""
    number = path.name.partition("-")[0]
    return int(number) if len(number) == 20 and number.isdecimal() else -1


def _age(path: Path) -> float:
    """When the file was written. One that has gone meanwhile counts as old."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
