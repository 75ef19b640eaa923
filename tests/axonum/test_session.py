"""Where a machine starts, and what is shown while it runs."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonum import session
from axonum.session import Kept, UsageError, explain, printable, show, start
from fpvm import checkpoint
from fpvm.checkpoint import CheckpointError
from fpvm.elf import ElfError, kernel_image, load
from fpvm.fast import FastMachine
from fpvm.machine import SLICE, STDERR, STDOUT, Machine
from fpvm.memory import Memory
from fpvm.oracle import PreimageMissing, SourceFailed, keccak_key
from fpvm.sources import FolderSource
from fpvm.state import genesis
from tests.fpvm.guests import ECHO, ENDLESS, PREIMAGE, READER, SAYING
from tests.fpvm.machines import PROPERTY

WORD = bytes(range(32))


def saved(folder: Path, content: bytes, name: str = "guest.elf") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def started(folder: Path, content: bytes, console: Kept | None = None) -> Machine:
    at = start(saved(folder, content), word=WORD)
    return session.machine(at, None, "fast", console or Kept())


# --- Starting -------------------------------------------------------------------------------------


def test_a_program_starts_at_its_genesis(tmp_path: Path) -> None:
    at = start(saved(tmp_path, ECHO), ["one", "two"], ["A=b"], WORD)
    program = load(ECHO, kernel_image(), argv=["guest.elf", "one", "two"], env=["A=b"])
    assert at.state == genesis(Memory(program.pages).root(), program.pc, WORD)
    assert at.memory.root() == at.state.mem_root
    assert at.symbols == program.symbols
    assert at.symbols.address("main") is not None


def test_no_input_is_an_input_of_zeros(tmp_path: Path) -> None:
    path = saved(tmp_path, ECHO)
    assert start(path).state == start(path, word=bytes(32)).state


def test_a_checkpoint_starts_where_it_was_made(tmp_path: Path) -> None:
    machine = started(tmp_path, ECHO)
    machine.run(10)
    path = tmp_path / "checkpoint"
    checkpoint.save(path, machine.state(), machine.memory)
    for word in (None, WORD):
        at = start(path, word=word)
        assert at.state == machine.state()
        assert at.memory.root() == at.state.mem_root


def test_a_checkpoint_cannot_be_started_otherwise(tmp_path: Path) -> None:
    machine = started(tmp_path, ECHO)
    path = tmp_path / "checkpoint"
    checkpoint.save(path, machine.state(), machine.memory)
    with pytest.raises(UsageError, match=f"^{path}: .*takes no arguments"):
        start(path, ["argument"])
    with pytest.raises(UsageError, match=f"^{path}: .*no environment"):
        start(path, [], ["A=b"])
    with pytest.raises(UsageError, match=f"^{path}: the input .* is 0x{WORD.hex()}"):
        start(path, word=bytes(32))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", ElfError),
        (b"#!/bin/sh\n", ElfError),
        (ECHO[:100], ElfError),
        (checkpoint.MAGIC, CheckpointError),
        (checkpoint.MAGIC + bytes(1000), CheckpointError),
    ],
)
def test_a_file_that_is_refused_is_named(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(error, match=f"^{path}: "):
        start(path)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(OSError, match="Not a regular file") as refusal:
            start(path)
        assert explain(refusal.value) == f"{path}: Not a regular file"
    with pytest.raises(IsADirectoryError):
        start(tmp_path)
    with pytest.raises(FileNotFoundError):
        start(tmp_path / "absent")


def test_a_link_to_a_program_is_a_program(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(saved(tmp_path, ECHO))
    assert start(link, word=WORD).symbols.address("main") is not None


@pytest.mark.parametrize(("engine", "kind"), [("fast", FastMachine), ("spec", Machine)])
def test_a_machine_is_what_was_asked_for(tmp_path: Path, engine: str, kind: type[Machine]) -> None:
    at = start(saved(tmp_path, ECHO))
    assert type(session.machine(at, None, engine, Kept())) is kind


def test_a_machine_has_the_preimages_it_was_given(tmp_path: Path) -> None:
    folder = tmp_path / "preimages"
    folder.mkdir()
    path = saved(tmp_path, READER)
    machine = session.machine(start(path), str(folder), "fast", Kept())
    with pytest.raises(PreimageMissing):
        session.run(machine, session.FOREVER)
    FolderSource(folder).put(keccak_key(PREIMAGE), PREIMAGE)
    session.run(machine, session.FOREVER)
    assert machine.state().output == PREIMAGE
    with pytest.raises(SourceFailed, match="absent"):
        session.machine(start(path), str(tmp_path / "absent"), "fast", Kept())
    without = session.machine(start(path), None, "fast", Kept())
    with pytest.raises(PreimageMissing):
        session.run(without, session.FOREVER)


# --- Consoles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\n\ttext", "plain\n\ttext"),
        ("ünïcode ✓".encode(), "ünïcode ✓"),
        (b"\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        (b"a\rb\x08c\x00\x7f", r"a\x0db\x08c\x00\x7f"),
        ("\x9b2J".encode(), r"\x9b2J"),
        ("\u202egpj.exe".encode(), r"\x202egpj.exe"),
        (b"\xff\xc3", "\ufffd\ufffd"),
    ],
)
def test_what_could_drive_a_terminal_is_escaped(data: bytes, text: str) -> None:
    assert printable(data) == text


@PROPERTY
@given(data=st.binary())
def test_nothing_unprintable_is_left(data: bytes) -> None:
    assert printable(data).replace("\n", "").replace("\t", "").isprintable()


class Terminal(io.TextIOWrapper):
    """A stream that says whether it is a terminal."""

    def __init__(self, is_terminal: bool) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, "utf-8", write_through=True)
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(("is_terminal", "seen"), [(True, rb"\x1b[2J"), (False, b"\x1b[2J")])
def test_output_goes_out_as_it_is_but_not_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, seen: bytes
) -> None:
    out, err = Terminal(is_terminal), Terminal(is_terminal)
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    print("ours first")
    show(STDOUT, b"\x1b[2J")
    show(STDERR, b"\x1b[2J\xff")
    assert out.bytes.getvalue() == b"ours first\n" + seen
    assert err.bytes.getvalue() == seen + ("\ufffd".encode() if is_terminal else b"\xff")


def test_a_report_keeps_what_was_said_by_channel() -> None:
    kept = Kept()
    kept(STDOUT, b"one ")
    kept(STDERR, b"\xff")
    kept(STDOUT, b"two")
    assert kept.text(STDOUT) == "one two"
    assert kept.text(STDERR) == "\ufffd"
    assert Kept().text(STDOUT) == ""


def test_a_report_has_a_largest_size() -> None:
    kept = Kept()
    for _ in range(3):
        kept(STDOUT, b"x" * (session.MAX_KEPT - 5))
    kept(STDERR, b"y" * 2 * session.MAX_KEPT)
    assert len(kept.text(STDOUT)) == len(kept.text(STDERR)) == session.MAX_KEPT


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "a/b"), "a/b: No such file"),
        (OSError(errno.EIO, "I/O error", b"a/\xff"), "a/\udcff: I/O error"),
        (OSError(errno.ENOSPC, "No space left"), "input or output: No space left"),
        (OSError("odd"), "input or output: odd"),
    ],
)
def test_errors_of_the_system_name_the_file(error: OSError, line: str) -> None:
    assert explain(error) == line


# --- Running --------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 7, 10, 1000])
def test_checkpoints_are_made_at_multiples(tmp_path: Path, every: int) -> None:
    machine = started(tmp_path, ENDLESS)
    seen: list[int] = []
    session.run(machine, 105, every=every, at_checkpoint=lambda: seen.append(machine.step))
    assert seen == [step for step in range(1, 106) if step % every == 0]
    # From somewhere in between, the same multiples.
    session.run(machine, 205, every=every, at_checkpoint=lambda: seen.append(machine.step))
    assert seen == [step for step in range(1, 206) if step % every == 0]
    assert machine.step == 205


def test_no_checkpoint_is_made_of_the_end(tmp_path: Path) -> None:
    """A halted program has nothing to go on with."""
    machine = started(tmp_path, ECHO)
    machine.run(1 << 40)
    end = machine.step
    again = started(tmp_path, ECHO)
    seen: list[int] = []
    session.run(again, session.FOREVER, every=end, at_checkpoint=lambda: seen.append(again.step))
    assert again.exited
    assert seen == []


def test_a_run_ends_at_its_step_or_with_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for slice_ in (SLICE, 9):
        monkeypatch.setattr(session, "SLICE", slice_)
        machine = started(tmp_path, ECHO)
        ran = session.run(machine, 50)
        assert (machine.step, ran.preimage) == (50, None)
        ran = session.run(machine, session.FOREVER, quiet=True)
        assert machine.exited
        assert machine.state().output == WORD
        assert ran.seconds >= 0


def test_a_run_ends_before_a_preimage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keccak_key(PREIMAGE)
    whole = started(tmp_path, READER)
    with pytest.raises(PreimageMissing):
        session.run(whole, session.FOREVER)
    for slice_ in (SLICE, 9):
        monkeypatch.setattr(session, "SLICE", slice_)
        for wanted in (b"", key):
            machine = started(tmp_path, READER)
            ran = session.run(machine, session.FOREVER, preimage=wanted)
            assert ran.preimage == key
            assert machine.state() == whole.state()
            assert session.run(machine, session.FOREVER, preimage=wanted).preimage == key
        earlier = started(tmp_path, READER)
        assert session.run(earlier, whole.step, preimage=b"").preimage is None
        assert earlier.step == whole.step


def test_a_program_says_its_piece_once(tmp_path: Path) -> None:
    kept = Kept()
    machine = started(tmp_path, ECHO, kept)
    for until in (1, 100, 101, session.FOREVER):
        session.run(machine, until)
    assert kept.text(STDOUT) == SAYING.decode()
    assert kept.text(STDERR) == SAYING.decode()[:5]
