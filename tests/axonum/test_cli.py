"""``axonum vm …``: what each command does, and how it says that it cannot."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from axonum import session
from axonum.cli import main
from contracts import clients
from contracts.artifacts import load as load_artifact
from fpvm import checkpoint, proof_file
from fpvm.elf import kernel_image, load
from fpvm.history import History
from fpvm.isa import PMON
from fpvm.keccak import keccak256
from fpvm.machine import Machine
from fpvm.oracle import keccak_key
from fpvm.proof import PROOF_SIZE, prove
from fpvm.proof_file import Claim, check, loads
from fpvm.sources import FolderSource, SqliteSource
from fpvm.state import State
from programs.build import build
from programs.examples.tree import build_tree
from tests.fpvm.elves import Elf, Seg
from tests.fpvm.guests import (
    BUFFER,
    CODE,
    ECHO,
    ENDLESS,
    FAIL,
    PREIMAGE,
    READER,
    SAYING,
    guest,
    halt,
)
from tests.fpvm.kinds import started
from tests.fpvm.machines import special
from tests.fpvm.rights import read_only_folder, without_rights

COMMANDS = ("load", "run", "trace", "prove", "disasm")
PROVED = ("--step", "5")
WORD = bytes(range(32))


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The one object that is all of the output."""
        assert self.err == ""
        assert self.out.endswith("}\n")
        document: dict[str, Any] = json.loads(self.out)
        return document

    def report(self) -> dict[str, str]:
        """The report for people, by name: the last lines of the output."""
        return dict(line.split(maxsplit=1) for line in self.out.splitlines() if "  " in line)

    def line(self) -> str:
        """The one line that says why the command was refused."""
        assert self.code == 2
        assert self.err.startswith("axonum: ")
        assert self.err.count("\n") == 1
        assert self.err.endswith("\n")
        return self.err.removeprefix("axonum: ").rstrip("\n")


Axonum = Callable[..., Result]


@pytest.fixture
def axonum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Axonum:
    """Runs ``axonum vm`` with arguments, in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["axonum", "vm", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Result(exit_.value.code, out, err)

    return call


@pytest.fixture
def guests(tmp_path: Path) -> Path:
    """A folder with the small programs."""
    folder = tmp_path / "guests"
    folder.mkdir()
    programs = {"echo": ECHO, "fail": FAIL, "reader": READER, "endless": ENDLESS}
    for name, content in programs.items():
        (folder / name).write_bytes(content)
    return folder


def machine(path: Path, *arguments: str, word: bytes = bytes(32)) -> Machine:
    """The machine that a command runs, by other means."""
    at = session.start(path, arguments, word=word)
    return session.machine(at, None, "spec", session.Kept())


def to_the_end(path: Path, *arguments: str, word: bytes = bytes(32)) -> Machine:
    running = machine(path, *arguments, word=word)
    running.run(1 << 40)
    return running


def hexadecimal(data: bytes) -> str:
    return "0x" + data.hex()


# --- load -----------------------------------------------------------------------------------------


def test_load_prints_the_genesis_state(axonum: Axonum, guests: Path) -> None:
    state = machine(guests / "echo", word=WORD).state()
    program = load(ECHO, kernel_image(), argv=["echo"])
    result = axonum("load", guests / "echo", "--input", WORD.hex(), "--json")
    assert (result.code, result.json()) == (
        0,
        {
            "memRoot": hexadecimal(state.mem_root),
            "pc": f"0x{state.pc:08x}",
            "input": hexadecimal(WORD),
            "stateHash": hexadecimal(state.hash()),
            "pages": len(program.pages),
            "symbols": len(program.symbols),
        },
    )
    report = axonum("load", guests / "echo", "--input", WORD.hex()).report()
    assert report["stateHash"] == hexadecimal(state.hash())


def test_arguments_and_environment_are_part_of_the_genesis(axonum: Axonum, guests: Path) -> None:
    def root(*arguments: str) -> str:
        return str(axonum("load", guests / "echo", "--json", *arguments).json()["memRoot"])

    starts = [
        root(),
        root("one"),
        root("one", "two"),
        root("one two"),
        root("--", "--one"),
        root("--env", "A=b"),
        root("--env", "A=b", "--env", "C=d"),
        root("--env", "C=d", "--env", "A=b"),
    ]
    assert len(set(starts)) == len(starts)
    assert root("one") == hexadecimal(machine(guests / "echo", "one").state().mem_root)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("5", 5),
        ("0x5", 5),
        ("0xABC", 0xABC),
        ("00ff", 0xFF),
        ("f" * 64, (1 << 256) - 1),
        ("0x" + "0" * 63 + "1", 1),
    ],
)
def test_an_input_is_a_number(axonum: Axonum, guests: Path, text: str, value: int) -> None:
    result = axonum("run", guests / "echo", "--json", "--input", text)
    assert result.json()["output"] == f"0x{value:064x}"


@pytest.mark.parametrize(
    "text", ["", "0x", "g", "0xg", "1 2", " 1", "1\n", "-1", "0X1", "1_0", "٣"]
)
def test_what_is_no_number_is_no_input(axonum: Axonum, guests: Path, text: str) -> None:
    line = axonum("load", guests / "echo", f"--input={text}").line()
    assert line == f"--input {text!r} is not hexadecimal".replace("\n", "\\n")


def test_an_input_has_32_bytes(axonum: Axonum, guests: Path) -> None:
    line = axonum("load", guests / "echo", "--input", "0" * 65).line()
    assert line == f"--input {'0' * 65!r} is longer than 32 bytes"


def test_load_writes_the_start(axonum: Axonum, guests: Path) -> None:
    loaded = axonum("load", guests / "echo", "arg", "--input", "7", "-o", "start", "--json").json()
    ran = axonum("run", "start", "--json").json()
    assert ran == axonum("run", guests / "echo", "arg", "--input", "7", "--json").json() | {
        name: ran[name] for name in ("seconds", "stepsPerSecond", "pc")
    }
    assert axonum("load", "start", "--json").json()["stateHash"] == loaded["stateHash"]


# --- run ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["fast", "spec"])
def test_run_prints_what_the_program_says_and_then_how_it_ended(
    axonum: Axonum, guests: Path, engine: str
) -> None:
    end = to_the_end(guests / "echo", word=WORD).state()
    result = axonum("run", guests / "echo", "--input", WORD.hex(), "--engine", engine)
    assert result.code == 0
    assert result.out.startswith(SAYING.decode())
    assert result.err == SAYING.decode()[:5]
    lines = result.report()
    assert lines["outcome"] == lines["output"] == hexadecimal(WORD)
    assert lines["stateHash"] == hexadecimal(end.hash())
    assert (lines["exited"], lines["exitCode"]) == ("True", "0")
    assert lines["step"] == f"{end.step:,}"
    assert "stepsPerSecond" in lines


@pytest.mark.parametrize("engine", ["fast", "spec"])
def test_run_prints_one_object_and_nothing_else(axonum: Axonum, guests: Path, engine: str) -> None:
    end = to_the_end(guests / "echo", word=WORD).state()
    result = axonum("run", guests / "echo", "--input", WORD.hex(), "--engine", engine, "--json")
    document = result.json()
    seconds, rate = document.pop("seconds"), document.pop("stepsPerSecond")
    assert isinstance(seconds, float)
    assert isinstance(rate, int)
    assert document.pop("pc").startswith(f"0x{end.pc:08x}")
    assert document == {
        "outcome": hexadecimal(WORD),
        "exited": True,
        "exitCode": 0,
        "output": hexadecimal(WORD),
        "step": end.step,
        "stateHash": hexadecimal(end.hash()),
        "stdout": SAYING.decode(),
        "stderr": SAYING.decode()[:5],
    }


def test_a_program_that_fails_is_exit_code_1(axonum: Axonum, guests: Path) -> None:
    result = axonum("run", guests / "fail", "--input", "9", "--json")
    assert result.code == 1
    document = result.json()
    assert (document["exitCode"], document["exited"]) == (3, True)
    assert document["outcome"] == hexadecimal(keccak256(b"failed\x03" + (9).to_bytes(32)))
    assert axonum("run", guests / "fail").code == 1


def test_a_program_that_has_not_ended_does_not_fail(axonum: Axonum, guests: Path) -> None:
    for step in (0, 1, 1000):
        result = axonum("run", guests / "endless", "--stop-at", step, "--json")
        assert result.code == 0
        document = result.json()
        assert (document["step"], document["exited"]) == (step, False)
        assert document["outcome"] == hexadecimal(keccak256(b"running"))


def test_a_step_after_the_end_is_the_end(axonum: Axonum, guests: Path) -> None:
    end = to_the_end(guests / "echo").state()
    for step in (end.step, end.step + 1, (1 << 64) - 1):
        document = axonum("run", guests / "echo", "--stop-at", step, "--json").json()
        assert document["stateHash"] == hexadecimal(end.hash())


@pytest.mark.parametrize(
    "stop",
    [
        "preimage",
        f"preimage:{keccak_key(PREIMAGE).hex()}",
        f"preimage:0x{keccak_key(PREIMAGE).hex()}",
    ],
)
def test_run_stops_before_a_preimage(axonum: Axonum, guests: Path, stop: str) -> None:
    """Without having it."""
    result = axonum("run", guests / "reader", "--stop-at", stop, "--json", "--save", "stopped")
    assert result.code == 0
    document = result.json()
    assert document["preimage"] == hexadecimal(keccak_key(PREIMAGE))
    assert document["exited"] is False
    state, _ = checkpoint.load(Path("stopped"))
    assert hexadecimal(state.hash()) == document["stateHash"]
    again = axonum("run", "stopped", "--stop-at", "preimage", "--json").json()
    assert again["step"] == document["step"]


def test_run_does_not_stop_before_another_preimage(
    axonum: Axonum, guests: Path, tmp_path: Path
) -> None:
    FolderSource(tmp_path).put(keccak_key(PREIMAGE), PREIMAGE)
    other = f"preimage:{keccak_key(b'other').hex()}"
    document = axonum(
        "run", guests / "reader", "--stop-at", other, "--preimages", tmp_path, "--json"
    ).json()
    assert document["exited"] is True
    assert "preimage" not in document


@pytest.mark.parametrize(
    "stop",
    [
        *("", "-1", "x", "1.5", "1e3", "0x10", "1,000", "preimages", "preimage:", "preimage:0x"),
        *("preimage:xyz", "preimage:1234", f"preimage:{'00' * 32}", f"preimage:02{'00' * 32}"),
        *(str(1 << 64), "9" * 5000, "preimage:" + "0" * 5000),
    ],
)
def test_where_no_run_can_stop_is_refused(axonum: Axonum, guests: Path, stop: str) -> None:
    line = axonum("run", guests / "echo", f"--stop-at={stop}").line()
    assert line.startswith("--stop-at ")
    assert len(line) < 200


@pytest.mark.parametrize("engine", ["fast", "spec"])
def test_a_run_goes_on_from_each_of_its_checkpoints(
    axonum: Axonum, guests: Path, engine: str
) -> None:
    whole = axonum(
        *("run", guests / "echo", "--input", "5", "--json", "--engine", engine),
        *("--checkpoint-every", 40, "--checkpoints", "some/where"),
    ).json()
    made = sorted(Path("some/where").iterdir())
    assert [path.name for path in made] == [
        f"step-{step:020}.checkpoint" for step in range(40, whole["step"], 40)
    ]
    assert len(made) >= 2
    for path in made:
        resumed = axonum("run", path, "--json").json()
        assert resumed["stateHash"] == whole["stateHash"]
        assert resumed["step"] == whole["step"]
        assert whole["stdout"].endswith(resumed["stdout"])


def test_checkpoints_go_to_a_folder_of_their_own(axonum: Axonum, guests: Path) -> None:
    end = axonum("run", guests / "echo", "--checkpoint-every", 100, "--json").json()["step"]
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == [
        f"step-{step:020}.checkpoint" for step in range(100, end, 100)
    ]


def test_a_run_is_saved_where_it_ends(axonum: Axonum, guests: Path) -> None:
    whole = axonum("run", guests / "echo", "--json").json()
    for step in (10, 20, 60):
        source = guests / "echo" if step == 10 else "saved"
        axonum("run", source, "--stop-at", step, "--save", "saved")
        assert checkpoint.load(Path("saved"))[0].step == step
    assert (
        axonum("run", "saved", "--json", "--save", "end").json()["stateHash"] == whole["stateHash"]
    )
    # The end is a state like any other: it can be gone on with, and stays.
    again = axonum("run", "end", "--json")
    assert (again.code, again.json()["stateHash"]) == (0, whole["stateHash"])


def test_a_checkpoint_is_not_run_on_another_input(axonum: Axonum, guests: Path) -> None:
    axonum("run", guests / "echo", "--input", "5", "--stop-at", 10, "--save", "saved")
    for arguments in (["--input", "6"], ["argument"], ["--env", "A=b"]):
        assert axonum("run", "saved", *arguments).line().startswith("saved: ")
    assert axonum("run", "saved", "--input", "5").code == 0


# --- preimages ------------------------------------------------------------------------------------


def test_a_run_that_lacks_a_preimage_goes_on_once_it_is_there(
    axonum: Axonum, guests: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "preimages"
    folder.mkdir()
    for save in ([], ["--save", "here"]):
        result = axonum("run", guests / "reader", "--preimages", folder, *save)
        assert result.out == SAYING.decode()[:5]
        at = machine(guests / "reader")
        at.run_to_preimage()
        name = "here" if save else f"reader-at-{at.step}.checkpoint"
        assert result.line() == (
            f"preimage 0x{keccak_key(PREIMAGE).hex()} from folder '{folder}': missing; "
            f"saved step {at.step:,} to {name}"
        )
        assert checkpoint.load(Path(name))[0] == at.state()
        assert "missing" in axonum("run", name, "--preimages", folder, "--save", "again").line()

    FolderSource(folder).put(keccak_key(PREIMAGE), PREIMAGE)
    resumed = axonum("run", "here", "--preimages", folder, "--json").json()
    whole = axonum("run", guests / "reader", "--preimages", folder, "--json").json()
    assert resumed["output"] == hexadecimal(PREIMAGE)
    assert resumed["stateHash"] == whole["stateHash"]
    assert resumed["step"] == whole["step"]


def test_a_real_program_gets_its_preimages_one_by_one(axonum: Axonum, tmp_path: Path) -> None:
    """From nothing to the end: whenever one is missing, it is added and the run gone on with."""
    tree = build_tree(b"chunk of data" * 10_000)
    folder = FolderSource(tmp_path / "preimages")
    (tmp_path / "preimages").mkdir()
    program: object = build("preimage_c")
    arguments = ["--preimages", tmp_path / "preimages", "--save", "stopped"]
    word = ["--input", tree.root.hex()]
    for _ in tree.preimages:
        line = axonum("run", program, *word, *arguments).line()
        [key] = [key for key in tree.preimages if key.hex() in line]
        folder.put(key, tree.preimages[key])
        program = "stopped"
    resumed = axonum("run", program, *arguments, "--json").json()
    whole = axonum("run", build("preimage_c"), *word, *arguments, "--json").json()
    assert resumed["exitCode"] == 0
    assert resumed["stateHash"] == whole["stateHash"]


def test_a_state_that_cannot_be_saved_is_said_so_and_the_key_as_well(
    axonum: Axonum, guests: Path
) -> None:
    line = axonum("run", guests / "reader", "--save", "absent/folder").line()
    assert keccak_key(PREIMAGE).hex() in line
    assert line.endswith("not saved: absent/folder: No such file or directory")


def test_a_corrupt_preimage_is_named(axonum: Axonum, guests: Path, tmp_path: Path) -> None:
    key = keccak_key(PREIMAGE)
    (tmp_path / key.hex()).write_bytes(PREIMAGE[:-1])
    line = axonum("run", guests / "reader", "--preimages", tmp_path, "--save", "stopped").line()
    assert f"preimage 0x{key.hex()} from folder '{tmp_path}': corrupt" in line
    (tmp_path / key.hex()).write_bytes(bytes(1 << 20))
    assert "larger than 32768" in axonum("run", "stopped", "--preimages", tmp_path).line()
    (tmp_path / key.hex()).write_bytes(PREIMAGE)
    assert axonum("run", "stopped", "--preimages", tmp_path).code == 0


@pytest.mark.parametrize("command", ["trace", "prove", "disasm"])
def test_every_command_names_a_missing_preimage(axonum: Axonum, guests: Path, command: str) -> None:
    options = {"trace": ["--stride", "7"]}.get(command, ["--step", "100000"])
    line = axonum(command, guests / "reader", *options).line()
    assert line == f"preimage 0x{keccak_key(PREIMAGE).hex()} from memory: missing"


def test_preimages_come_from_a_database(axonum: Axonum, guests: Path, tmp_path: Path) -> None:
    for name in ("preimages.sqlite", "preimages.db"):
        source = SqliteSource(tmp_path / name, create=True)
        source.put(keccak_key(PREIMAGE), PREIMAGE)
        source.close()
        document = axonum("run", guests / "reader", "--preimages", tmp_path / name, "--json").json()
        assert document["output"] == hexadecimal(PREIMAGE)


SERVER = """
import os, sys
while True:
    key = os.read(5, 32)
    if not key:
        sys.exit(0)
    preimage = bytes.fromhex(sys.argv[1])
    os.write(6, len(preimage).to_bytes(8) + preimage)
"""


def test_preimages_come_from_a_server(axonum: Axonum, guests: Path, tmp_path: Path) -> None:
    script = tmp_path / "a server.py"
    script.write_text(SERVER)
    for preimage, said in ((PREIMAGE, None), (b"something else", "corrupt")):
        command = f"cmd:{sys.executable} -S '{script}' {preimage.hex()}"
        result = axonum("run", guests / "reader", "--preimages", command, "--json", "--save", "x")
        if said:
            assert said in result.line()
        else:
            assert result.json()["output"] == hexadecimal(PREIMAGE)


def test_sources_that_are_none_are_refused(axonum: Axonum, guests: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.sqlite"
    sqlite3.connect(empty).close()
    for source in ("absent", guests / "echo", empty, "cmd:", "cmd:'", "cmd:/absent/server"):
        line = axonum("run", guests / "reader", "--preimages", source, "--save", "x").line()
        assert str(source).removeprefix("cmd:") in line


# --- trace ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["fast", "spec"])
def test_trace_lists_states(axonum: Axonum, guests: Path, engine: str) -> None:
    single = machine(guests / "echo", word=WORD)
    hashes = []
    while not single.exited:
        hashes.append(hexadecimal(single.state().hash()))
        single.run(single.step + 10)
    hashes.append(hexadecimal(single.state().hash()))
    arguments = ["trace", guests / "echo", "--input", WORD.hex(), "--engine", engine]

    every = axonum(*arguments, "--stride", 10, "--json")
    assert every.json() == {"from": 0, "stride": 10, "stateHashes": hashes}
    some = axonum(*arguments, "--from", 30, "--stride", 20, "--count", 2, "--json")
    assert some.json() == {"from": 30, "stride": 20, "stateHashes": hashes[3:8:2]}
    listed = axonum(*arguments, "--stride", 10)
    assert (listed.code, listed.err) == (0, "")
    assert [line.split() for line in listed.out.splitlines()] == [
        [f"{10 * i:,}", state_hash] for i, state_hash in enumerate(hashes)
    ]


def test_trace_commits_to_states(axonum: Axonum, guests: Path) -> None:
    single = machine(guests / "echo")
    hashes = [single.state().hash()]
    for step in range(1, 257):
        single.run(step)
        hashes.append(single.state().hash())
    for height in (0, 3, 8):
        root = History(hashes[0], hashes[1 : (1 << height) + 1], height).root()
        arguments = ["trace", guests / "echo", "--stride", 1, "--height", height]
        document = axonum(*arguments, "--json").json()
        assert (document["root"], document["height"]) == (hexadecimal(root), height)
        listed = document["stateHashes"]
        assert listed == [hexadecimal(h) for h in hashes[: len(listed)]]
        assert len(listed) == min(1 << height, to_the_end(guests / "echo").step) + 1
        assert axonum(*arguments).out.splitlines()[-1].split() == ["root", hexadecimal(root)]


def test_a_trace_starts_at_a_checkpoint_or_after(axonum: Axonum, guests: Path) -> None:
    axonum("run", guests / "echo", "--stop-at", 30, "--save", "saved")
    from_start = axonum("trace", guests / "echo", "--from", 30, "--stride", 1, "--count", 5)
    assert axonum("trace", "saved", "--from", 30, "--stride", 1, "--count", 5).out == from_start.out
    assert axonum("trace", "saved").line() == "--from 0 is before the checkpoint, which is at 30"


def test_a_trace_has_one_length(axonum: Axonum, guests: Path) -> None:
    line = axonum("trace", guests / "echo", "--count", 2, "--height", 1).line()
    assert "--count and --height" in line


# --- prove and verify -----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["fast", "spec"])
@pytest.mark.parametrize("step", [0, 1, 50, 77])
def test_a_step_is_proved_and_verified(
    axonum: Axonum, guests: Path, engine: str, step: int
) -> None:
    single = machine(guests / "echo", word=WORD)
    single.run(step)
    pre = single.state()
    single.run(step + 1)
    post = single.state()
    proved = axonum(
        *("prove", guests / "echo", "--input", WORD.hex(), "--step", step, "--engine", engine),
        *("-o", "p.json", "--json"),
    )
    assert proved.code == 0
    document = proved.json()
    assert document.pop("instruction")
    assert document.pop("pc").startswith(f"0x{pre.pc:08x}")
    assert document == {
        "step": step,
        "preStateHash": hexadecimal(pre.hash()),
        "postStateHash": hexadecimal(post.hash()),
        "proof": "p.json",
    }
    assert check(loads(Path("p.json").read_text())) == post
    verified = axonum("verify", "p.json", "--json")
    assert (verified.code, verified.json()) == (
        0,
        {
            "valid": True,
            "preStateHash": hexadecimal(pre.hash()),
            "postStateHash": hexadecimal(post.hash()),
            "step": step + 1,
        },
    )


def test_a_proof_says_what_it_proves(axonum: Axonum, guests: Path) -> None:
    start = machine(guests / "echo")
    while start.core.pc != CODE:
        start.run(start.step + 1)
    proved = axonum("prove", guests / "echo", "--step", start.step)
    assert "proof          proof.json\n" in proved.out
    assert f"pc             0x{CODE:08x} main\n" in proved.out
    assert "instruction    addiu   $a0, $zero, 1\n" in proved.out
    assert proved.err == ""
    verified = axonum("verify", "proof.json")
    assert verified.code == 0
    assert "valid          True\n" in verified.out


def test_a_console_does_not_get_into_a_proof(axonum: Axonum, guests: Path) -> None:
    end = to_the_end(guests / "echo").step
    proved = axonum("prove", guests / "echo", "--step", end - 1, "--json")
    assert proved.json()["step"] == end - 1


def test_the_end_is_proved_at_every_later_step(axonum: Axonum, guests: Path) -> None:
    end = to_the_end(guests / "echo").state()
    for step in (end.step, end.step + 1, (1 << 64) - 1):
        document = axonum("prove", guests / "echo", "--step", step, "--json").json()
        assert document["step"] == end.step
        assert document["preStateHash"] == document["postStateHash"] == hexadecimal(end.hash())
        assert document["instruction"] == "none, the program has halted"
        assert axonum("verify", "proof.json").code == 0


def test_a_proof_starts_at_a_checkpoint_or_after(axonum: Axonum, guests: Path) -> None:
    axonum("run", guests / "echo", "--stop-at", 30, "--save", "saved")
    for step in (30, 31, 60):
        axonum("prove", "saved", "--step", step, "-o", "one.json")
        axonum("prove", guests / "echo", "--step", step, "-o", "other.json")
        assert Path("one.json").read_text() == Path("other.json").read_text()
    line = axonum("prove", "saved", "--step", 29).line()
    assert line == "--step 29 is before the checkpoint, which is at 30"
    assert not Path("proof.json").exists()


def test_a_step_that_reads_a_preimage_is_proved_with_it(
    axonum: Axonum, guests: Path, tmp_path: Path
) -> None:
    FolderSource(tmp_path).put(keccak_key(PREIMAGE), PREIMAGE)
    at = machine(guests / "reader")
    at.run_to_preimage()
    arguments = ["prove", guests / "reader", "--step", at.step]
    axonum(*arguments, "--preimages", tmp_path)
    part = json.loads(Path("proof.json").read_text())["part"]
    assert part == {"offset": 0, "preimage": hexadecimal(PREIMAGE)}
    assert axonum("verify", "proof.json").code == 0
    assert "missing" in axonum(*arguments).line()


def forgeries(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Proof files in good form that prove nothing, or something else than they say."""

    def flipped(text: str) -> str:
        return text[:-1] + ("0" if text[-1] != "0" else "1")

    for name in ("preStateHash", "postStateHash", "state"):
        yield document | {name: flipped(document[name])}
    yield document | {"preStateHash": document["postStateHash"]}
    yield document | {"part": {"offset": 0, "preimage": "0x"}}
    yield document | {"code": None, "data": None, "proofCalldata": "0x"}
    code = document["code"] | {"leaf": flipped(document["code"]["leaf"])}
    calldata = document["proofCalldata"]
    yield document | {"code": code, "proofCalldata": code["leaf"] + calldata[66:]}


def test_a_forged_proof_is_exit_code_1(axonum: Axonum, guests: Path) -> None:
    axonum("prove", guests / "echo", "--step", 50)
    document = json.loads(Path("proof.json").read_text())
    forged = list(forgeries(document))
    assert len(forged) == 7
    for forgery in forged:
        Path("forged.json").write_text(json.dumps(forgery))
        result = axonum("verify", "forged.json", "--json")
        assert result.code == 1
        refuted = result.json()
        assert refuted.keys() == {"valid", "preStateHash", "reason"}
        assert refuted["valid"] is False
        assert refuted["reason"]
        result = axonum("verify", "forged.json")
        assert (result.code, result.err) == (1, "")
        assert f"reason        {refuted['reason']}\n" in result.out


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 100_000, ECHO, b"\x1b[2J\n"])
def test_what_is_no_proof_file_is_exit_code_2(axonum: Axonum, content: bytes) -> None:
    Path("odd.json").write_bytes(content)
    result = axonum("verify", "odd.json", "--json")
    assert result.line().startswith("odd.json: ")
    assert result.out == ""


def test_a_proof_file_with_a_field_too_many_is_exit_code_2(axonum: Axonum, guests: Path) -> None:
    axonum("prove", guests / "echo", "--step", 50)
    document = json.loads(Path("proof.json").read_text())
    for name in ("\x1b[2J", "a\nb", "\ud800", "state\0"):
        Path("odd.json").write_text(json.dumps(document | {name: 1}))
        assert "no field of a proof file" in axonum("verify", "odd.json").line()


# --- verify --evm ---------------------------------------------------------------------------------


def proof_of(name: str) -> Claim:
    """The claim of a step of this kind, which is in p.json now."""
    claim = proof_file.claim(prove(started(name)))
    proof_file.save(Path("p.json"), claim)
    return claim


@pytest.mark.parametrize(
    "name",
    ["addu", "lw", "sw", "ORACLE_READ", "ORACLE_READ by sha256", "system call", "HALT", "halted"],
)
def test_a_proof_is_executed_by_the_step_contract(axonum: Axonum, name: str) -> None:
    claim = proof_of(name)
    alone = axonum("verify", "p.json", "--json").json()
    result = axonum("verify", "p.json", "--evm", "--json")
    assert result.code == 0
    assert result.json() == alone | {"evmPostStateHash": hexadecimal(claim.post)}
    result = axonum("verify", "p.json", "--evm")
    assert (result.code, result.err) == (0, "")
    assert result.report()["valid"] == "True"
    assert result.report()["evmPostStateHash"] == hexadecimal(claim.post)


def test_a_proof_that_axonum_wrote_is_executed_by_the_step_contract(
    axonum: Axonum, guests: Path, tmp_path: Path
) -> None:
    FolderSource(tmp_path).put(keccak_key(PREIMAGE), PREIMAGE)
    at = machine(guests / "reader")
    at.run_to_preimage()
    for step in (0, at.step, at.step + 1):
        axonum("prove", guests / "reader", "--step", step, "--preimages", tmp_path)
        result = axonum("verify", "proof.json", "--evm", "--json")
        assert result.code == 0
        assert result.json()["evmPostStateHash"] == result.json()["postStateHash"]


def test_a_forged_proof_is_exit_code_1_by_the_step_contract_too(axonum: Axonum) -> None:
    proof_of("lw")
    document = json.loads(Path("p.json").read_text())
    for forgery in forgeries(document):
        Path("forged.json").write_text(json.dumps(forgery))
        alone = axonum("verify", "forged.json", "--json")
        result = axonum("verify", "forged.json", "--evm", "--json")
        assert (result.code, result.json()) == (1, alone.json())


def refuted_by_the_contract(axonum: Axonum, forgery: dict[str, Any]) -> str:
    """Why the contract refutes a forged proof."""
    Path("forged.json").write_text(json.dumps(forgery))
    result = axonum("verify", "forged.json", "--evm", "--json")
    assert result.code == 1
    assert result.json()["valid"] is False
    assert "evmPostStateHash" not in result.json()
    return str(result.json()["reason"])


def test_the_step_contract_refutes_what_the_specification_lets_pass(
    axonum: Axonum, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its word counts: it is what L1 will say."""
    claim = proof_of("lw")
    good = json.loads(Path("p.json").read_text())
    state = State.unpack(claim.witness.state)
    monkeypatch.setattr(proof_file, "check", lambda claim: state)
    assert axonum("verify", "p.json", "--evm").code == 0
    elsewhere = good | {"postStateHash": good["preStateHash"]}
    assert refuted_by_the_contract(axonum, elsewhere) == (
        f"the step contract leads to {good['postStateHash']}, not to postStateHash"
    )
    calldata = good["proofCalldata"]
    leaf = "0x" + "00" * 32
    code = good["code"] | {"leaf": leaf}
    forged = good | {"code": code, "proofCalldata": leaf + calldata[66:]}
    assert refuted_by_the_contract(axonum, forged) == (
        f"the step contract reverted: LeafNotInMemory({state.pc})"
    )
    without = good | {"data": None, "proofCalldata": calldata[: 2 + 2 * PROOF_SIZE]}
    assert refuted_by_the_contract(axonum, without) == (
        f"the step contract reverted: WrongProofLength({PROOF_SIZE}, {2 * PROOF_SIZE})"
    )


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_proof_file_is_exit_code_2_for_an_evm_too(
    axonum: Axonum, content: bytes
) -> None:
    Path("odd.json").write_bytes(content)
    result = axonum("verify", "odd.json", "--evm", "--json")
    assert result.line().startswith("odd.json: ")
    assert result.out == ""
    assert axonum("verify", "absent.json", "--evm").line().startswith("absent.json: ")


def test_contracts_that_are_damaged_are_named(
    axonum: Axonum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof_of("addu")
    monkeypatch.setattr(clients, "load", lambda name: load_artifact.__wrapped__(name, tmp_path))
    line = axonum("verify", "p.json", "--evm").line()
    assert "PreimageOracle.json: no compiled contract" in line


# --- disasm ---------------------------------------------------------------------------------------


def test_disasm_lists_a_function(axonum: Axonum, guests: Path) -> None:
    listings = [
        axonum("disasm", guests / "echo", "--at", at, "--count", 5)
        for at in ("main", f"0x{CODE:x}", f"0x{CODE:08X}", str(CODE))
    ]
    assert {listing.out for listing in listings} == {listings[0].out}
    lines = listings[0].out.splitlines()
    assert lines[0] == "main:"
    assert lines[1] == f"  {CODE:08x}  24040001  addiu   $a0, $zero, 1"
    assert (
        lines[5] == f"  {CODE + 16:08x}  0000014c  vm.write                            ; syscall 5"
    )
    assert len(lines) == 6


def test_disasm_lists_around_a_step(axonum: Axonum, guests: Path) -> None:
    at = machine(guests / "echo")
    while at.core.pc < CODE + 8 or at.core.pc > CODE + 100:
        at.run(at.step + 1)
    out = axonum("disasm", guests / "echo", "--step", at.step, "--count", 5).out
    [current] = [line for line in out.splitlines() if line.startswith(">")]
    assert current.split()[1] == f"{at.core.pc:08x}"
    assert f"  {at.core.pc - 8:08x}  " in out
    assert f"  {at.core.pc + 8:08x}  " in out
    start = axonum("disasm", guests / "echo", "--count", 1).out
    assert start.splitlines()[-1].startswith(f"> {machine(guests / 'echo').core.pc:08x}")


def test_disasm_prints_one_object(axonum: Axonum, guests: Path) -> None:
    document = axonum("disasm", guests / "echo", "--at", "main", "--count", 2, "--json").json()
    assert document["rows"][0] == {
        "address": CODE,
        "label": "main",
        "raw": "24040001",
        "text": "addiu   $a0, $zero, 1",
        "note": "",
    }
    assert len(document["rows"]) == 2
    assert document["pc"] == f"0x{machine(guests / 'echo').core.pc:08x}"


def test_disasm_lists_memory_as_it_is_at_a_step(axonum: Axonum, guests: Path) -> None:
    """The buffer holds the input by then."""
    word = ["--input", "00" * 28 + "24040001"]
    for step, raw in ((0, "00000000"), (1000, "24040001")):
        arguments = ["--at", BUFFER + 28, "--step", step, "--count", 1, "--json"]
        [row] = axonum("disasm", guests / "echo", *word, *arguments).json()["rows"]
        assert row["raw"] == raw


@pytest.mark.parametrize(
    "at", ["", "nowhere", "0x", "0xg", "-4", "2", "0x20001", "0x100000000", "9" * 5000, "\x1b[2J"]
)
def test_disasm_of_no_place_is_refused(axonum: Axonum, guests: Path, at: str) -> None:
    line = axonum("disasm", guests / "echo", f"--at={at}").line()
    assert line.startswith("--at ")
    assert len(line) < 200


def test_disasm_starts_at_a_checkpoint_or_after(axonum: Axonum, guests: Path) -> None:
    axonum("run", guests / "echo", "--stop-at", 30, "--save", "saved")
    assert axonum("disasm", "saved", "--step", 29).line().startswith("--step 29 is before")
    assert axonum("disasm", "saved", "--step", 30).code == 0


# --- Bad input ------------------------------------------------------------------------------------


def every_command(axonum: Axonum, program: object) -> Iterator[Result]:
    for command in COMMANDS:
        yield axonum(command, program, *(PROVED if command == "prove" else ()))
        yield axonum(command, program, "--json", *(PROVED if command == "prove" else ()))
    yield axonum("verify", program)


def test_files_that_cannot_be_read_are_named(axonum: Axonum, tmp_path: Path) -> None:
    for result in every_command(axonum, "absent"):
        assert result.line() == "absent: No such file or directory"
    for result in every_command(axonum, tmp_path):
        assert result.line() == f"{tmp_path}: Is a directory"
    for result in every_command(axonum, tmp_path / "x" / ("n" * 300)):
        assert result.line().startswith(f"{tmp_path}/x/nnn")
    with read_only_folder(secret=ECHO) as folder, without_rights():
        for result in every_command(axonum, folder / "secret"):
            assert result.line() == f"{folder}/secret: Permission denied"


def test_names_of_files_are_escaped(axonum: Axonum) -> None:
    for name, shown in (("a\nb", r"a\x0ab"), ("\x1b[2J", r"\x1b[2J"), ("\udcff", r"\udcff")):
        assert axonum("run", name).line() == f"{shown}: No such file or directory"


@pytest.mark.parametrize(
    ("elf", "reason"),
    [
        (b"", "not an ELF"),
        (b"plain text, and rather long for one line, in fact longer than a header", "not an ELF"),
        (Elf(order=1).build(), "little-endian"),
        (Elf(elf_class=2).build(), "64-bit"),
        (Elf(machine=62).build(), "not MIPS"),
        (Elf(kind=3).build(), "position-independent"),
        (Elf((Seg(0x20000), Seg(0, kind=3))).build(), "dynamically linked"),
        (Elf((Seg(0x8000_0000),), entry=0x8000_0000).build(), "the kernel"),
        (Elf((Seg(0x7FFF_0000),), entry=0x7FFF_0000).build(), "the stack"),
        (Elf((Seg(0x20000), Seg(0x20004))).build(), "overlap"),
        (guest(special(PMON), halt()), "engines differ"),
        (ECHO[:200], "cut off"),
    ],
)
def test_programs_that_cannot_run_are_refused(axonum: Axonum, elf: bytes, reason: str) -> None:
    Path("odd.elf").write_bytes(elf)
    for command in COMMANDS:
        result = axonum(command, "odd.elf", *(PROVED if command == "prove" else ()))
        assert result.out == ""
        line = result.line()
        assert line.startswith("odd.elf: program: ")
        assert reason in line


def test_a_damaged_checkpoint_is_refused(axonum: Axonum, guests: Path) -> None:
    axonum("run", guests / "echo", "--stop-at", 30, "--save", "saved")
    data = Path("saved").read_bytes()
    for content in (data[:-1], data[:100], data + b"\0", data[:500] + b"\xff" + data[501:]):
        Path("damaged").write_bytes(content)
        for command in COMMANDS:
            result = axonum(command, "damaged", *(PROVED if command == "prove" else ()))
            assert result.line().startswith("damaged: ")
            assert result.out == ""


def test_files_that_cannot_be_written_are_named(axonum: Axonum, guests: Path) -> None:
    Path("file").touch()
    Path("folder").mkdir()
    echo = guests / "fail"  # which says nothing on stderr
    for path, reason in (
        ("absent/x", "No such file or directory"),
        ("file/x", "Not a directory"),
        ("folder", "Is a directory"),
    ):
        assert axonum("load", echo, "-o", path).line() == f"{path}: {reason}"
        assert axonum("run", echo, "--save", path).line() == f"{path}: {reason}"
        assert axonum("prove", echo, "--step", 5, "-o", path).line() == f"{path}: {reason}"
    every = ["--checkpoint-every", 10, "--checkpoints"]
    assert axonum("run", echo, *every, "file").line() == "file: File exists"
    assert axonum("run", echo, *every, "file/x").line() == "file/x: Not a directory"
    with read_only_folder(mode=0o444, fail=FAIL) as folder, without_rights():
        for save in (["load", "-o"], ["run", "--save"], ["prove", "--step", 5, "-o"]):
            line = axonum(save[0], folder / "fail", *save[1:], folder / "x").line()
            assert line == f"{folder}/x: Permission denied"
    assert sorted(path.name for path in Path().iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["load"],
        ["run"],
        ["verify"],
        ["verify", "one", "two"],
        ["run", "x", "--nothing"],
        ["run", "x", "--stop-at"],
        ["run", "x", "--engine", "other"],
        ["run", "x", "--checkpoint-every", "0"],
        ["run", "x", "--checkpoint-every", "-5"],
        ["run", "x", "--checkpoint-every", "a few"],
        ["trace", "x", "--stride", "0"],
        ["trace", "x", "--from", "-1"],
        ["trace", "x", "--count", "0"],
        ["trace", "x", "--height", "25"],
        ["trace", "x", "--height", "-1"],
        ["prove", "x"],
        ["prove", "x", "--step", "-1"],
        ["prove", "x", "--step", "0x10"],
        ["prove", "x", "--step", str(1 << 64)],
        ["prove", "x", "--step", "9" * 5000],
        ["disasm", "x", "--count", "0"],
        ["disasm", "x", "--count", "9" * 30],
        ["disasm", "x", "--step", str(1 << 64)],
        ["--nothing"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40] or "nothing at all",
)
def test_a_command_that_makes_no_sense_is_refused_in_one_line(
    axonum: Axonum, arguments: list[str]
) -> None:
    result = axonum(*arguments)
    line = result.line()
    assert result.out == ""
    assert "Traceback" not in line
    option = next((a for a in arguments if a.startswith("--")), "")
    assert option in line


@pytest.mark.parametrize("argument", ["a\udc80b", "\ud800", "\U0001f600", "x" * 200_000])
def test_arguments_that_cannot_be_given_are_refused_and_the_others_not(
    axonum: Axonum, guests: Path, argument: str
) -> None:
    result = axonum("load", guests / "echo", argument)
    if result.code:
        assert result.line().startswith(f"{guests / 'echo'}: arguments: ")
    else:
        assert result.err == ""
    assert (result.code == 2) == (argument in ("\ud800", "x" * 200_000))


@pytest.mark.parametrize("command", ["", *COMMANDS, "verify"])
def test_help_is_there(axonum: Axonum, command: str) -> None:
    result = axonum(*filter(None, [command]), "--help")
    assert (result.code, result.err) == (0, "")
    assert "Usage: axonum vm" in result.out
