"""Runs put aside in files: gone on with elsewhere, never half written, never silently damaged."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm.checkpoint import MAGIC, CheckpointError, load, save
from fpvm.fast import FastMachine
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.merkle import PAGE_SIZE, PAGES
from fpvm.state import STATE_SIZE, State
from tests.fpvm.machines import DATA, NOP, PROPERTY, Preimages, addiu, addu, beq, li, program, sw
from tests.fpvm.rights import read_only_folder, without_rights

#: Writes a word into every page from DATA on.
WRITER = program(
    *(li(8, DATA), li(10, PAGE_SIZE), addiu(9, 9, 1), sw(9, 0, 8)),
    *(addu(8, 8, 10), beq(0, 0, -4), NOP),
)
LATER = 3000


def written(folder: Path, machine: Machine | None = None) -> Path:
    """A checkpoint of ``machine``, by default of a small one."""
    if machine is None:
        machine = WRITER.start(Machine)
        machine.run(60)
    path = folder / "small.checkpoint"
    save(path, machine.state(), machine.memory)
    return path


def forged(folder: Path, state: State, content: bytes, compress: bool = True) -> Path:
    """A file in the form of a checkpoint with a good checksum: what a forger would make."""
    body = MAGIC + state.pack() + (zstandard.compress(content) if compress else content)
    path = folder / "forged.checkpoint"
    path.write_bytes(body + hashlib.sha256(body).digest())
    return path


def record(index: int, page: bytes = b"\1" * PAGE_SIZE) -> bytes:
    return index.to_bytes(4, "big") + page


def state_of(pages: dict[int, bytes]) -> State:
    return State(mem_root=Memory(pages).root(), pc=0x1000, next_pc=0x1004)


# --- What was put aside comes back ----------------------------------------------------------------


@pytest.mark.parametrize("engine", [Machine, FastMachine])
@pytest.mark.parametrize("at", [0, 1, 7, 1234])
def test_a_run_goes_on_where_it_was(tmp_path: Path, engine: type[Machine], at: int) -> None:
    whole = WRITER.start(engine)
    whole.run(LATER)
    machine = WRITER.start(engine)
    machine.run(at)
    before = machine.state()
    state, memory = load(written(tmp_path, machine))
    assert state == before
    assert dict(memory.pages()) == dict(machine.memory.pages())
    for other in (Machine, FastMachine):
        _, memory = load(tmp_path / "small.checkpoint")
        resumed = other(state, memory, Preimages())
        resumed.run(LATER)
        assert resumed.state() == whole.state()
    machine.run(LATER)
    assert machine.state() == whole.state()


def test_a_run_goes_on_in_another_process(tmp_path: Path) -> None:
    machine = WRITER.start(FastMachine)
    machine.run(1000)
    path = written(tmp_path, machine)
    code = f"""
import sys
from pathlib import Path
from fpvm.checkpoint import load, save
from fpvm.fast import FastMachine
machine = FastMachine(*load(Path(sys.argv[1])), None)
machine.run({LATER})
save(Path(sys.argv[1]), machine.state(), machine.memory)
print(machine.state().hash().hex())
"""
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
    )
    machine.run(LATER)
    assert result.stdout.split() == [machine.state().hash().hex()]
    state, memory = load(path)
    assert state == machine.state()
    assert memory.root() == state.mem_root


@settings(PROPERTY, max_examples=60)
@given(
    pages=st.dictionaries(
        st.integers(0, PAGES - 1), st.binary(min_size=1, max_size=PAGE_SIZE), max_size=6
    ),
    regs=st.lists(st.integers(0, 2**32 - 1), min_size=31, max_size=31),
    step=st.integers(0, 2**64 - 1),
)
def test_every_state_comes_back(
    tmp_path_factory: pytest.TempPathFactory, pages: dict[int, bytes], regs: list[int], step: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.checkpoint"
    memory = Memory({index: page.ljust(PAGE_SIZE, b"\0") for index, page in pages.items()})
    state = State(memory.root(), 1, 2, step=step, regs=(0, *regs), exited=True, exit_code=255)
    save(path, state, memory)
    loaded, again = load(path)
    assert loaded == state
    assert dict(again.pages()) == dict(memory.pages())


def test_a_checkpoint_is_small(tmp_path: Path) -> None:
    """Pages of zeros are not in it, and the others compressed."""
    memory = Memory({page: bytes(PAGE_SIZE) for page in range(1000)})
    memory.write(5 * PAGE_SIZE, b"x" * PAGE_SIZE * 100)
    path = tmp_path / "small"
    save(path, State(memory.root(), 0, 4), memory)
    assert path.stat().st_size < 4000


def test_a_checkpoint_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    path = written(tmp_path)
    machine = WRITER.start(Machine)
    machine.run(99)
    save(path, machine.state(), machine.memory)
    assert load(path)[0].step == 99
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_others_may_read_a_checkpoint_as_any_file(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        assert written(tmp_path).stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(mask)


# --- No half files --------------------------------------------------------------------------------


class DiskError(Exception):
    """The disk has failed."""


def test_a_checkpoint_that_fails_half_way_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    machine = WRITER.start(Machine)
    machine.run(LATER)
    pages = machine.memory.pages

    def failing() -> object:
        for number, page in enumerate(pages()):
            if number == 100:
                raise DiskError
            yield page

    monkeypatch.setattr(machine.memory, "pages", failing)
    with pytest.raises(DiskError):
        save(path, machine.state(), machine.memory)
    assert path.read_bytes() == before
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    machine = WRITER.start(Machine)
    machine.memory.write(0x2000_0000, random.Random(1).randbytes(1 << 16))
    path = tmp_path / "full.checkpoint"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as refusal:
            save(path, machine.state(), machine.memory)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert refusal.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent/x", "No such file or directory"),
        ("file/x", "Not a directory"),
        ("folder", "Is a directory"),
        (".", "busy"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("folder").mkdir()
    machine = WRITER.start(Machine)
    with pytest.raises(OSError, match=reason) as refusal:
        save(Path(name), machine.state(), machine.memory)
    assert refusal.value.filename == name
    assert sorted(child.name for child in tmp_path.iterdir()) == ["file", "folder"]


def test_missing_rights_are_named(tmp_path: Path) -> None:
    machine = WRITER.start(Machine)
    state = machine.state()
    content = written(tmp_path).read_bytes()
    with read_only_folder(secret=content) as folder:
        secret, new = folder / "secret", folder / "new"
        with without_rights():
            with pytest.raises(PermissionError, match=f"'{secret}'"):
                load(secret)
            for path in (secret, new):
                with pytest.raises(PermissionError) as refusal:
                    save(path, state, machine.memory)
                assert refusal.value.filename == str(path)
        assert list(folder.iterdir()) == [secret]
        secret.chmod(0o400)
        assert secret.read_bytes() == content


# --- Damaged files --------------------------------------------------------------------------------


def test_every_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(CheckpointError, match=f"^{path}: (not a checkpoint|damaged)"):
            load(path)


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        with pytest.raises(CheckpointError, match=f"^{path}: (not a checkpoint|damaged)"):
            load(path)


@pytest.mark.parametrize(
    "content", [b"", b"axonum", MAGIC, MAGIC + bytes(400), b"\x7fELF", MAGIC * 50]
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"^{path}: "):
        load(path)


def test_bytes_too_many_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    for more in (b"\0", data, MAGIC):
        path.write_bytes(data + more)
        with pytest.raises(CheckpointError, match="damaged"):
            load(path)


# --- Forged files, with a good checksum -----------------------------------------------------------


def test_a_good_file_can_be_made_by_hand(tmp_path: Path) -> None:
    """Or the forgeries below would prove nothing."""
    pages = {7: b"\1" * PAGE_SIZE, PAGES - 1: b"\2" * PAGE_SIZE}
    state = state_of(pages)
    path = forged(tmp_path, state, b"".join(record(*page) for page in pages.items()))
    loaded, memory = load(path)
    assert loaded == state
    assert dict(memory.pages()) == pages


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (record(7) + record(7), "out of order"),
        (record(8) + record(7), "out of order"),
        (record(7) + record(PAGES), "out of range"),
        (record(0xFFFF_FFFF), "out of range"),
        (record(7)[:-1], "ends within a page"),
        (record(7) + b"\0", "ends within a page"),
        (record(7) + record(8)[:4], "ends within a page"),
        (b"", "not the memory of its state"),
        (record(8), "not the memory of its state"),
        (record(7, b"\2" * PAGE_SIZE), "not the memory of its state"),
        (record(7) + record(8), "not the memory of its state"),
    ],
)
def test_pages_that_do_not_add_up_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = forged(tmp_path, state_of({7: b"\1" * PAGE_SIZE}), content)
    with pytest.raises(CheckpointError, match=f"^{path}: .*{reason}"):
        load(path)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 100, record(7), b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd" + bytes(99)]
)
def test_what_is_not_compressed_is_refused(tmp_path: Path, content: bytes) -> None:
    path = forged(tmp_path, state_of({7: b"\1" * PAGE_SIZE}), content, compress=False)
    with pytest.raises(CheckpointError, match=f"^{path}: "):
        load(path)


def test_bytes_that_pack_no_state_are_refused(tmp_path: Path) -> None:
    good = state_of({})
    for at, value in ((-137 - 1, 2), (-1 - 4 * 31, 1)):  # exited, register 0
        packed = bytearray(good.pack())
        packed[at] = value
        body = MAGIC + bytes(packed) + zstandard.compress(b"")
        path = tmp_path / "odd"
        path.write_bytes(body + hashlib.sha256(body).digest())
        with pytest.raises(CheckpointError, match=f"^{path}: packed state"):
            load(path)


def test_a_state_of_other_registers_is_another_state(tmp_path: Path) -> None:
    """Whose checkpoint it is, its hash says; a forger may of course put any state in a file."""
    state = replace(state_of({}), hi=5)
    loaded, _ = load(forged(tmp_path, state, b""))
    assert loaded == state


BOMB = """
import resource, sys
from pathlib import Path
from fpvm.checkpoint import CheckpointError, load
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load(Path(sys.argv[1]))
except CheckpointError as error:
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(grown >> 10, error)
"""


def test_a_bomb_does_not_go_off(tmp_path: Path) -> None:
    """A few hundred kilobytes that decompress to gigabytes: the first page that is none ends it."""
    zeros = zstandard.ZstdCompressor(level=1).compressobj()
    pieces = [zeros.compress(record(1)), *(zeros.compress(bytes(1 << 20)) for _ in range(6000))]
    path = forged(tmp_path, state_of({}), b"".join([*pieces, zeros.flush()]), compress=False)
    assert path.stat().st_size < 1 << 20
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BOMB, str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    megabytes, _, message = result.stdout.strip().partition(" ")
    assert message == f"{path}: page numbers out of order or out of range"
    assert int(megabytes) < 100


def test_the_layout_is_what_it_always_was(tmp_path: Path) -> None:
    data = written(tmp_path).read_bytes()
    assert data.startswith(b"axonum checkpoint 1\n")
    assert State.unpack(data[20 : 20 + STATE_SIZE]).step == 60
    content = zstandard.ZstdDecompressor().decompressobj().decompress(data[20 + STATE_SIZE : -32])
    numbers = [int.from_bytes(content[at : at + 4], "big") for at in range(0, len(content), 4100)]
    assert len(content) % 4100 == 0
    assert numbers[0] == 0x400
    assert numbers == sorted(numbers)
    assert data[-32:] == hashlib.sha256(data[:-32]).digest()
