"""The store of models: one file for each, named by the model's address.

Where files come from is not trusted: what is read is the model that was asked for, or is refused.
A folder is the store; other places, of which anything that fsspec can open is one, are fetched
from. A download that was cut off goes on where it ended; one that turns out wrong is thrown away.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Any

from mlvm.model import HEADER_SIZE, MAX_DESCRIPTION, Header, Model, ModelError

#: What files of models end in, and unfinished downloads.
SUFFIX, PARTIAL = ".axm", ".partial"
#: Bytes that are fetched at once.
PIECE = 1 << 20


class StoreError(Exception):
    """A model cannot be had. The message is one line that names it and says why."""


class ModelStore:
    """Models in ``folder``, and behind it in ``sources``: folders, or URLs of them."""

    def __init__(self, folder: str | os.PathLike[str], sources: Sequence[str] = ()) -> None:
        self._folder = Path(folder)
        self._sources = tuple(sources)

    def path(self, address: bytes) -> Path:
        """Where the folder has, or would have, a model."""
        return self._folder / file_name(address)

    def put(self, model: Model) -> Path:
        """Add a model; a reader sees the whole file or none. Raises :class:`StoreError`."""
        path = self.path(model.address)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                unfinished.write_bytes(model.to_bytes())
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        return path

    def get(self, address: bytes) -> Model:
        """The model of this address; from a source, if the folder has none that is whole.

        Raises :class:`StoreError` if nobody has it.
        """
        faults = []
        if self.path(address).is_file():
            try:
                return self._read(self.path(address), address)
            except StoreError as error:
                faults.append(str(error))
        for source in self._sources:
            try:
                return self._fetch(source, address)
            except StoreError as error:
                faults.append(str(error))
        reasons = "; ".join(faults) or "it is not in the store"
        raise StoreError(f"model 0x{address.hex()}: {reasons}")

    def addresses(self) -> list[bytes]:
        """The models that the folder has files of, whole or not, sorted."""
        found = []
        for path in sorted(self._folder.glob(f"0x*{SUFFIX}")):
            with suppress(ValueError):
                address = bytes.fromhex(path.name.removeprefix("0x").removesuffix(SUFFIX))
                found.append(address)
        return [address for address in found if len(address) == 32]

    # --- Reading and fetching ---

    def _read(self, path: Path, address: bytes) -> Model:
        try:
            with path.open("rb") as file:
                size = _size(file.read(HEADER_SIZE), address)
                file.seek(0)
                return Model.from_bytes(file.read(size + 1), address)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        except ModelError as error:
            raise StoreError(f"{path}: {error}") from error

    def _fetch(self, source: str, address: bytes) -> Model:
        """A model from a source, into the folder."""
        place = f"{source.rstrip('/')}/{file_name(address)}"
        path = self.path(address)
        partial = path.with_name(path.name + PARTIAL)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            _download(place, partial, address)
            model = self._read(partial, address)
            partial.replace(path)
        except StoreError:
            partial.unlink(missing_ok=True)
            raise
        except ModelError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(f"{place}: {error}") from error
        except Exception as error:  # what sources raise is theirs; the part that is here stays
            raise StoreError(f"{place}: {_reason(error)}") from error
        return model


def _reason(error: Exception) -> str:
    """One line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines()
    return f"{type(error).__name__} {lines[0]}" if lines else type(error).__name__


def file_name(address: bytes) -> str:
    """Raises ValueError for what is no address."""
    if len(address) != 32:
        raise ValueError(f"the address of a model has 32 bytes, not {len(address)}")
    return f"0x{address.hex()}{SUFFIX}"


def _size(header: bytes, address: bytes) -> int:
    """The largest size of the file with this header. Raises :class:`mlvm.model.ModelError`."""
    parsed = Header.parse(header)
    if parsed.address() != address:
        raise ModelError(f"this is model 0x{parsed.address().hex()}")
    return parsed.blob_end + MAX_DESCRIPTION


def _download(place: str, partial: Path, address: bytes) -> None:
    """Append to ``partial`` what is missing, up to what the header allows."""
    with _opened(place) as remote:
        if not partial.is_file() or partial.stat().st_size < HEADER_SIZE:
            partial.write_bytes(_exactly(remote, HEADER_SIZE))
        with partial.open("rb") as begun:
            largest = _size(begun.read(HEADER_SIZE), address)
        with partial.open("ab") as local:
            remote.seek(local.tell())
            while piece := remote.read(PIECE):
                local.write(piece)
                if local.tell() > largest:
                    raise ModelError("the file is longer than its header allows")


def _exactly(remote: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := remote.read(size - len(data))):
        data += piece
    return data


def _opened(place: str) -> AbstractContextManager[Any]:
    """A file to read; by fsspec, where the place is a URL."""
    if "://" not in place:
        return Path(place).open("rb")
    try:
        import fsspec
    except ImportError:
        raise ModelError("fetching from a URL needs the package fsspec") from None
    opened: AbstractContextManager[Any] = fsspec.open(place, "rb")
    return opened
