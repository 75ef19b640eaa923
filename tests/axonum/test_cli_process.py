"""``axonum`` as a process: its exit codes, its streams, terminals and signals."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from fpvm.machine import STDERR, STDOUT
from tests.fpvm.guests import ECHO, FAIL, READER, SAYING, guest, halt, say
from tests.fpvm.machines import loop

#: The entry point of the installed command.
AXONUM = (sys.executable, "-W", "ignore", "-c", "from axonum.__main__ import main; main()", "vm")
#: With buffers, as users have them: what is left in one at the end cannot always be written.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
#: Until something has gone wrong, in seconds.
TIMEOUT = 60

#: Says that it has started, and never ends.
BUSY = guest(say(STDOUT, len(SAYING)), loop())
#: What a program must not do to a terminal: clear it, name it, go back in a line.
RUDE_TEXT = b"\x1b[2J\x1b]0;mine\x07over\rwritten\x9b1m \xc2\x9b1m\n"
RUDE_SHOWN = rb"\x1b[2J\x1b]0;mine\x07over\x0dwritten" + "\ufffd1m ".encode() + rb"\x9b1m"
RUDE = guest(say(STDOUT, len(RUDE_TEXT)), say(STDERR, len(RUDE_TEXT)), halt(), text=RUDE_TEXT)


def axonum(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*AXONUM, *map(str, arguments)],
        **{"capture_output": True, "timeout": TIMEOUT, "env": ENVIRONMENT, **options},
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with programs in it."""
    programs = {"echo": ECHO, "fail": FAIL, "reader": READER, "busy": BUSY, "rude": RUDE}
    for name, content in programs.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_exit_codes_are_those_of_the_process(folder: Path) -> None:
    held = axonum("run", "echo", "--json")
    assert (held.returncode, held.stderr) == (0, b"")
    assert json.loads(held.stdout)["exitCode"] == 0
    failed = axonum("run", "fail", "--json")
    assert (failed.returncode, failed.stderr) == (1, b"")
    assert json.loads(failed.stdout)["exitCode"] == 3
    refused = axonum("run", "absent", "--json")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr == b"axonum: absent: No such file or directory\n"


def test_a_run_goes_on_in_another_process(folder: Path) -> None:
    stopped = axonum("run", "echo", "--input", "2a", "--stop-at", 70, "--save", "x", "--json")
    resumed = axonum("run", "x", "--json")
    whole = axonum("run", "echo", "--input", "2a", "--json")
    assert (stopped.returncode, resumed.returncode) == (0, 0)
    first, last, all_ = (json.loads(result.stdout) for result in (stopped, resumed, whole))
    assert first["step"] == 70
    assert last["stateHash"] == all_["stateHash"]
    assert first["stdout"] + last["stdout"] == all_["stdout"]


def test_output_is_passed_on_byte_by_byte(folder: Path) -> None:
    result = axonum("run", "rude")
    assert result.stdout.startswith(RUDE_TEXT)
    assert result.stderr == RUDE_TEXT


def test_output_in_json_is_text(folder: Path) -> None:
    document = json.loads(axonum("run", "rude", "--json").stdout)
    assert document["stdout"] == document["stderr"] == RUDE_TEXT.decode(errors="replace")


def test_a_locale_without_the_letters_is_no_error(folder: Path) -> None:
    Path("näme\udcff").write_bytes(ECHO)
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    result = axonum("prove", "näme\udcff", "--step", 5, "-o", "pröof\udcff", env=environment)
    assert (result.returncode, result.stderr) == (0, b"")
    assert rb"pr\xf6of\udcff" in result.stdout


# --- Readers that go away -------------------------------------------------------------------------


def test_a_reader_may_have_seen_enough(folder: Path) -> None:
    """As in ``axonum … | head``: no complaint, and not the exit code of a refutation."""
    for arguments in (["disasm", "echo", "--count", 20000], ["run", "echo"]):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as stdout:
            result = axonum(*arguments, capture_output=False, stdout=stdout, stderr=subprocess.PIPE)
        assert result.returncode == 141
        assert result.stderr in (b"", SAYING[:5])


def test_a_full_disk_is_an_error(folder: Path) -> None:
    for arguments in (["disasm", "echo", "--count", 20000], ["load", "echo", "--json"]):
        with open("/dev/full", "wb") as stdout:
            result = axonum(*arguments, capture_output=False, stdout=stdout, stderr=subprocess.PIPE)
        assert result.returncode == 2
        assert result.stderr == b"axonum: input or output: No space left on device\n"


# --- Terminals ------------------------------------------------------------------------------------


def on_terminal(arguments: Sequence[object], until: bytes = b"") -> tuple[bytes, int]:
    """What a terminal gets to see, and the exit code; Ctrl-C is typed when ``until`` appears."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*AXONUM, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=ENVIRONMENT,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(1), os.O_RDWR)),  # it is our terminal now
    )
    os.close(theirs)
    seen = b""
    try:
        while True:
            if not select.select([ours], [], [], TIMEOUT)[0]:
                raise TimeoutError(f"nothing more after {seen!r}")
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux's end of file
                break
            if not piece:
                break
            seen += piece
            if until and until in seen:
                os.write(ours, b"\x03")
                until = b""
        return seen, process.wait(TIMEOUT)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_a_program_cannot_drive_our_terminal(folder: Path) -> None:
    seen, code = on_terminal(["run", "rude"])
    assert code == 0
    assert seen.count(RUDE_SHOWN) == 2
    assert not set(seen) & ({*range(32)} - {*b"\r\n\t"})
    assert b"\rwritten" not in seen


def test_errors_cannot_drive_our_terminal(folder: Path) -> None:
    seen, code = on_terminal(["run", "\x1b[2J\n\x07"])
    assert (seen, code) == (rb"axonum: \x1b[2J\x0a\x07: No such file or directory" + b"\r\n", 2)


@pytest.mark.slow
def test_a_long_run_shows_its_progress_and_ends_by_ctrl_c(folder: Path) -> None:
    seen, code = on_terminal(["run", "busy"], until=b"steps/s")
    assert code == 130
    assert b"Traceback" not in seen
    assert b"M steps/s" in seen


# --- Signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "busy"],
        ["trace", "busy", "--stride", 1 << 50],
        ["run", "busy", "--engine", "spec"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_a_run_ends_by_ctrl_c(folder: Path, arguments: Sequence[object]) -> None:
    process = subprocess.Popen(
        [*AXONUM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    guard = threading.Timer(TIMEOUT, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        first = process.stdout.readline()  # is there when the run has begun
        assert first == SAYING if arguments[0] == "run" else first.split()[0] == b"0"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    finally:
        guard.cancel()
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert (out, err) == (b"", b"")


#: The entry point, which says when it begins to import the commands.
TALKATIVE = """
import sys
from axonum.__main__ import main

def tell(event, arguments):
    if event == "import" and arguments[0] == "axonum.cli":
        print("importing", flush=True)

sys.addaudithook(tell)
main()
"""


@pytest.mark.parametrize("delay", [0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_the_imports_of_a_command_end_by_ctrl_c(folder: Path, delay: float) -> None:
    """They take about 0.6 seconds; behind them is a run that never ends."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", TALKATIVE, "vm", "run", "busy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert out in (b"", SAYING)
    assert err == b""


def test_an_interrupt_that_is_to_be_ignored_is_ignored(folder: Path) -> None:
    """As `nohup` wants it, and a shell of what it runs in the background."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", TALKATIVE, "vm", "run", "echo", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["exitCode"] == 0
