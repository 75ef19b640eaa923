"""Sources of preimages: a dictionary, a folder, an SQLite database, and combinations of sources.

A source is not trusted: files and databases come from strangers, and what they hold is verified by
:class:`fpvm.oracle.Oracle`. What is refused here is what verification comes too late for: links out
of the folder, pipes that block, values that do not fit into memory, queries that do not end.
"""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import sqlite3
import stat
import threading
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from fpvm.oracle import (
    MAX_PREIMAGE,
    OracleError,
    PreimageCorrupt,
    PreimageMissing,
    PreimageTooLarge,
    Source,
    SourceFailed,
    verify,
)
from fpvm.preimage_process import ProcessSource

#: What :func:`open_source` takes for a database, and for a command line.
DATABASE_SUFFIXES = (".sqlite", ".db")
COMMAND_PREFIX = "cmd:"

SCHEMA = "CREATE TABLE IF NOT EXISTS preimages (key BLOB PRIMARY KEY, preimage BLOB NOT NULL)"
# The database checks type and length, so that neither a gigabyte nor a number reaches Python.
_SELECT = """
    SELECT CASE WHEN typeof(preimage) = 'blob' AND length(preimage) <= ? THEN preimage END,
           typeof(preimage), length(preimage)
    FROM preimages WHERE key = ?
"""
_INSERT = "INSERT OR REPLACE INTO preimages VALUES (?, ?)"
#: Virtual instructions that a query may take. A look-up takes dozens; a view that somebody has put
#: in the table's place may never end.
_QUERY_LIMIT = 1_000_000
#: Bytes of a value that SQLite may handle at all.
_VALUE_LIMIT = 1024 * 1024


class DictSource:
    """Preimages in a dictionary, keyed by key. It stays the caller's, who may add to it."""

    def __init__(self, preimages: MutableMapping[bytes, bytes] | None = None) -> None:
        self._preimages = {} if preimages is None else preimages

    def __str__(self) -> str:
        return "memory"

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`."""
        try:
            return self._preimages[key]
        except KeyError:
            raise PreimageMissing(key, self) from None

    def hint(self, hint: bytes) -> None:
        """Ignored."""

    def put(self, key: bytes, preimage: bytes) -> None:
        """Add a preimage.

        :raises OracleError: it does not belong to the key.
        """
        verify(key, preimage, self)
        self._preimages[key] = preimage


class FolderSource:
    """Preimages in the files of a folder, each named by its key: hex, lower case, 0x or not.

    Only regular files count: a symbolic link could lead anywhere, a pipe would block.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)

    def __str__(self) -> str:
        return f"folder '{self._folder}'"

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`."""
        for name in (f"0x{key.hex()}", key.hex()):
            try:
                preimage = self._read(key, name)
            except FileNotFoundError:
                continue
            except OSError as error:
                # O_NOFOLLOW reports a link as a loop.
                reason = "a symbolic link" if error.errno == errno.ELOOP else error.strerror
                raise SourceFailed(key, self, f"{name}: {reason}") from error
            if len(preimage) > MAX_PREIMAGE:
                raise PreimageTooLarge(key, self)
            return preimage
        raise PreimageMissing(key, self)

    def hint(self, hint: bytes) -> None:
        """Ignored."""

    def _read(self, key: bytes, name: str) -> bytes:
        """The file's bytes, or as many of them as show that they are too many."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self._folder / name, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SourceFailed(key, self, f"{name}: not a regular file")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_PREIMAGE + 1)
        finally:
            os.close(descriptor)

    def put(self, key: bytes, preimage: bytes) -> None:
        """Add a preimage; a reader sees the whole file or none.

        :raises OracleError: it does not belong to the key, or cannot be written.
        """
        verify(key, preimage, self)
        name = f"0x{key.hex()}"
        unfinished = self._folder / f".{name}.{secrets.token_hex(8)}"
        try:
            try:
                unfinished.write_bytes(preimage)
                unfinished.replace(self._folder / name)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise SourceFailed(key, self, f"{name}: {error.strerror}") from error


class SqliteSource:
    """Preimages in an SQLite database, in a table ``preimages (key, preimage)``, both blobs.

    Can be used from several threads. ``create`` makes the file and the table where they are absent;
    ``timeout`` is how long, in seconds, to wait for a process that has locked the database.

    :raises SourceFailed: the file is not such a database.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = False, timeout: float = 5.0
    ) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        mode = "rwc" if create else "rw" if os.access(self._path, os.W_OK) else "ro"
        address = f"{self._path.absolute().as_uri()}?mode={mode}"
        try:
            self._database = sqlite3.connect(
                address, timeout, uri=True, check_same_thread=False, isolation_level=None
            )
        except sqlite3.Error as error:
            raise SourceFailed(b"", self, str(error)) from error
        try:
            self._prepare(create)
        except sqlite3.Error as error:
            self._database.close()
            raise SourceFailed(b"", self, str(error)) from error

    def __str__(self) -> str:
        return f"database '{self._path}'"

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`."""
        row = self._execute(key, _SELECT, (MAX_PREIMAGE, key))
        if row is None:
            raise PreimageMissing(key, self)
        preimage, kind, length = row
        if kind != "blob":
            raise PreimageCorrupt(key, self, f"the value is of type {kind}, not blob")
        if preimage is None:
            raise PreimageTooLarge(key, self, f"{length} bytes, the limit is {MAX_PREIMAGE}")
        return bytes(preimage)

    def hint(self, hint: bytes) -> None:
        """Ignored."""

    def put(self, key: bytes, preimage: bytes) -> None:
        """Add a preimage.

        :raises OracleError: it does not belong to the key, or the database refuses it.
        """
        verify(key, preimage, self)
        self._execute(key, _INSERT, (key, preimage))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def _prepare(self, create: bool) -> None:
        """Fence in what a strange database may do, and find out whether it is one of ours."""
        self._database.execute("PRAGMA trusted_schema = OFF")
        self._database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_LIMIT)
        self._database.set_progress_handler(lambda: 1, _QUERY_LIMIT)
        if create:
            self._database.execute(SCHEMA)
        self._database.execute(_SELECT, (MAX_PREIMAGE, b"")).fetchone()

    def _execute(
        self, key: bytes, statement: str, values: tuple[int | bytes, ...]
    ) -> tuple[bytes | None, str, int] | None:
        """Run a statement; its first row, if any."""
        try:
            with self._lock:
                row: tuple[bytes | None, str, int] | None
                row = self._database.execute(statement, values).fetchone()
                return row
        except sqlite3.Error as error:
            raise SourceFailed(key, self, str(error)) from error


class ChainSource:
    """Several sources in one: the first good preimage that one of them has."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)

    def __str__(self) -> str:
        return ", then ".join(map(str, self._sources))

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`; verified, so that no bad copy hides a good one.

        :raises OracleError: nobody has it; if a source failed or had a bad copy, that is the error.
        """
        failure: OracleError | None = None
        for source in self._sources:
            try:
                preimage = source.get(key)
                verify(key, preimage, source)
                return preimage
            except PreimageMissing:
                continue
            except OracleError as error:
                failure = failure or error
        raise failure or PreimageMissing(key, self)

    def hint(self, hint: bytes) -> None:
        """Pass the hint to every source."""
        for source in self._sources:
            try:
                source.hint(hint)
            except OracleError:
                # Another source may have what this one now fails to prepare; if none has, get says
                # so.
                continue


class RecordingSource:
    """A source that remembers which preimages it served: those are what a run needs, no more."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._served: dict[bytes, None] = {}

    def __str__(self) -> str:
        return str(self._source)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys served so far, each once, in the order in which they were first asked for."""
        return tuple(self._served)

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`."""
        preimage = self._source.get(key)
        self._served[key] = None
        return preimage

    def hint(self, hint: bytes) -> None:
        """Pass the hint on."""
        self._source.hint(hint)


def open_source(spec: str) -> Source:
    """The source that a user names: a folder, a database (``*.sqlite``, ``*.db``), or
    ``cmd:`` followed by the command line of a server that speaks the OP preimage protocol.

    :raises SourceFailed: there is no such source.
    """
    if spec.startswith(COMMAND_PREFIX):
        return ProcessSource(_command(spec))
    if os.path.isdir(spec):
        return FolderSource(spec)
    if os.path.isfile(spec) and spec.endswith(DATABASE_SUFFIXES):
        return SqliteSource(spec)
    raise SourceFailed(b"", f"'{spec}'", "neither a folder, nor a .sqlite or .db file, nor cmd:…")


def _command(spec: str) -> list[str]:
    try:
        command = shlex.split(spec.removeprefix(COMMAND_PREFIX))
    except ValueError as error:
        raise SourceFailed(b"", f"'{spec}'", f"not a command line: {error}") from error
    if not command:
        raise SourceFailed(b"", f"'{spec}'", "an empty command line")
    return command
