"""Runs a program outside the VM, natively or under qemu, with the guest kernel's descriptors.

So one source runs everywhere: 3 and 4 carry hints, 5 and 6 preimages, 7 is the input word and 8 the
output word (docs/kernel.md).
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path

from fpvm import preimage_protocol
from fpvm.oracle import Source
from fpvm.sources import DictSource

WORD = 32
STDIN, STDOUT, STDERR = 0, 1, 2
HINT_READ, HINT_WRITE, PREIMAGE_READ, PREIMAGE_WRITE, INPUT, OUTPUT = 3, 4, 5, 6, 7, 8
#: Our own descriptors stay above the program's, so that setting up one never closes another.
FIRST_OWN = 16
#: The CPU of the fast engine: MIPS32 release 1, no floating point, no MIPS16.
QEMU_CPU = "4Kc"
TIMEOUT = 300.0


@dataclass(frozen=True)
class Run:
    """How a program ended: 128 + n is signal n, as shells have it. `output` is 32 bytes."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    output: bytes
    hints: tuple[bytes, ...]


class Listener:
    """A source that remembers the hints it was given."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.hints: list[bytes] = []

    def get(self, key: bytes) -> bytes:
        return self._source.get(key)

    def hint(self, hint: bytes) -> None:
        self.hints.append(hint)
        self._source.hint(hint)


def under_qemu(elf: Path) -> list[str]:
    """The command that runs a MIPS program. Raises FileNotFoundError if there is no emulator."""
    qemu = shutil.which("qemu-mips")
    if qemu is None:
        raise FileNotFoundError("qemu-mips is missing: apt-get install qemu-user")
    return [qemu, "-cpu", QEMU_CPU, str(elf)]


def run(
    command: Sequence[str | Path],
    word: bytes = bytes(WORD),
    source: Source | None = None,
    timeout: float = TIMEOUT,
) -> Run:
    """Runs `command` with `word` as its input, serving it preimages from `source`.

    Raises TimeoutError (the program is killed), OracleError for a preimage that could not be had,
    and ProtocolError if the program does not speak the protocol.
    """
    host = Listener(source or DictSource())
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as returned,
        open(os.devnull, "rb") as nothing,
    ):
        given.write(word)
        given.seek(0)
        ends = {
            STDIN: nothing.fileno(),
            STDOUT: stdout.fileno(),
            STDERR: stderr.fileno(),
            INPUT: given.fileno(),
            OUTPUT: returned.fileno(),
        }
        server = Server(host)
        process = spawn(command, ends | server.program_ends)
        server.start()
        exit_code = wait(process, timeout)
        server.join()
        for file in (stdout, stderr, returned):
            file.seek(0)
        return Run(
            exit_code=exit_code,
            stdout=stdout.read(),
            stderr=stderr.read(),
            output=returned.read().ljust(WORD, b"\0"),
            hints=tuple(host.hints),
        )


class Server:
    """Serves one program's hints and preimages, in a thread."""

    def __init__(self, source: Source) -> None:
        hint_in, hint_write = os.pipe()
        hint_read, hint_out = os.pipe()
        preimage_in, preimage_write = os.pipe()
        preimage_read, preimage_out = os.pipe()
        #: The program's ends, by the descriptor it knows them by.
        self.program_ends = {
            HINT_READ: hint_read,
            HINT_WRITE: hint_write,
            PREIMAGE_READ: preimage_read,
            PREIMAGE_WRITE: preimage_write,
        }
        self._source = source
        self._ends = (hint_in, hint_out, preimage_in, preimage_out)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """The program has its ends now: ours of them are closed, so that its exit ends the talk."""
        for end in self.program_ends.values():
            os.close(end)
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of the conversation, and raises what went wrong in it."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        hint_in, hint_out, preimage_in, preimage_out = self._ends
        with (
            open(hint_in, "rb", buffering=0) as hints,
            open(hint_out, "wb", buffering=0) as acknowledgements,
            open(preimage_in, "rb", buffering=0) as keys,
            open(preimage_out, "wb", buffering=0) as preimages,
        ):
            try:
                preimage_protocol.serve(self._source, hints, acknowledgements, keys, preimages)
            except Exception as failure:  # Handed to the thread that waits.
                self._failure = failure


def spawn(command: Sequence[str | Path], ends: dict[int, int]) -> int:
    """Starts a process whose descriptors are `ends`, by its numbers for them; the process id."""
    own = {number: fcntl(end, F_DUPFD_CLOEXEC, FIRST_OWN) for number, end in ends.items()}
    actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in own.items()]
    words = [str(word) for word in command]
    # qemu would leave a core file in the working folder for every program that a signal ends.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        # Python ignores SIGPIPE, and children would inherit that.
        return os.posix_spawn(
            words[0], words, os.environ, file_actions=actions, setsigdef=[signal.SIGPIPE]
        )
    finally:
        for end in own.values():
            os.close(end)


def wait(process: int, timeout: float) -> int:
    """The exit code of a process, which is killed after `timeout` seconds."""
    handle = os.pidfd_open(process)
    try:
        ended, _, _ = select.select([handle], [], [], timeout)
        if not ended:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
    finally:
        os.close(handle)
    if not ended:
        raise TimeoutError(f"the program did not end within {timeout} s")
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
