"""A source of preimages that is another process: a server that speaks the OP preimage protocol.

The server is started with the client's pipes as its descriptors 3 to 6, as Cannon starts
``op-program --server``. It is a stranger: it may die, hang, or answer nonsense. Every wait has a
limit, every answer is verified (by :class:`fpvm.oracle.Oracle`), and after any failure the server
is stopped and the next request starts a fresh one, because a late answer would be taken for the
answer to another question.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from fcntl import F_DUPFD_CLOEXEC, fcntl
from typing import TypeVar

from fpvm.oracle import SourceFailed
from fpvm.preimage_protocol import (
    HINT_READ,
    HINT_WRITE,
    PREIMAGE_READ,
    PREIMAGE_WRITE,
    ProtocolError,
    request_preimage,
    send_hint,
)

#: Seconds that an answer may take: the server may have to fetch a preimage from far away.
TIMEOUT = 60.0
#: Seconds that a server gets to leave once its pipes are closed, before it is killed.
GRACE = 1.0
#: Our pipes stay above the descriptors that the server wants, so that none overwrites another.
_FIRST_FREE_DESCRIPTOR = 16
_POLL = 0.01

T = TypeVar("T")


class _Channel:
    """Our ends of two pipes. An exchange that exceeds ``timeout`` raises ProtocolError."""

    def __init__(self, read: int, write: int, timeout: float) -> None:
        self._read, self._write, self._timeout = read, write, timeout
        self._deadline = 0.0
        # A server that does not read would otherwise hang us as soon as the pipe is full.
        os.set_blocking(write, False)

    def begin(self) -> None:
        """An exchange begins: it has a limit as a whole, or a byte a minute would be progress."""
        self._deadline = time.monotonic() + self._timeout

    def read(self, size: int, /) -> bytes:
        self._wait(self._read, select.POLLIN)
        return os.read(self._read, size)

    def write(self, data: bytes, /) -> int:
        self._wait(self._write, select.POLLOUT)
        return os.write(self._write, data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)

    def _wait(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = max(0.0, self._deadline - time.monotonic())
        if not poll.poll(left * 1000):
            raise ProtocolError(f"no answer within {self._timeout:g} s")


class _Server:
    """A running server process."""

    def __init__(self, command: Sequence[str], timeout: float) -> None:
        ours: list[int] = []
        theirs: list[int] = []
        try:
            # The server reads the first pipe of each conversation and writes the second.
            for _ in ("hints", "preimages"):
                for their_end, our_end in (_pipe(), _pipe()[::-1]):
                    theirs.append(their_end)
                    ours.append(our_end)
            self._pid = _spawn(command, theirs)
        except BaseException:
            _close_all(ours)
            raise
        finally:
            _close_all(theirs)
        self.hints = _Channel(ours[1], ours[0], timeout)
        self.preimages = _Channel(ours[3], ours[2], timeout)

    def begin(self) -> None:
        """Start the clock of an exchange."""
        self.hints.begin()
        self.preimages.begin()

    def stop(self) -> str:
        """Close the pipes, let the server leave or kill it, and say how it ended."""
        self.hints.close()
        self.preimages.close()
        try:
            left = _has_ended(self._pid, GRACE)
            # The server leads a process group: whatever it has started goes with it. It has not
            # been waited for yet, so its number cannot belong to another group.
            os.killpg(self._pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except (ChildProcessError, ProcessLookupError):
            return "is gone"
        if not left:
            return "had to be killed"
        return f"exited with code {code}" if code >= 0 else f"was killed by signal {-code}"


class ProcessSource:
    """Preimages served by ``command``, which is started at the first request.

    ``timeout`` is the longest wait, in seconds, for an answer. The server's standard output is
    joined to our standard error, so that it cannot be taken for ours. The server is stopped by
    :meth:`close`, or when the source is no longer used, or when Python exits.
    """

    def __init__(self, command: Sequence[str], timeout: float = TIMEOUT) -> None:
        self._command, self._timeout = tuple(command), timeout
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._finalizer: weakref.finalize[[], ProcessSource] | None = None

    def __str__(self) -> str:
        return f"server '{shlex.join(self._command)}'"

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`; the protocol has no way to say that one is missing.

        :raises SourceFailed: the server died, hung, or does not speak the protocol.
        :raises PreimageTooLarge: the server announced more than the limit.
        """
        return self._talk(
            key, lambda server: request_preimage(server.preimages, server.preimages, key, self)
        )

    def hint(self, hint: bytes) -> None:
        """As :meth:`fpvm.oracle.Source.hint`; returns when the server has taken note.

        :raises SourceFailed: as :meth:`get`.
        """
        self._talk(b"", lambda server: send_hint(server.hints, server.hints, hint))

    def close(self) -> str:
        """Stop the server and say how it ended. A later request starts it again."""
        with self._lock:
            return self._stop()

    def _talk(self, key: bytes, exchange: Callable[[_Server], T]) -> T:
        with self._lock:
            try:
                return exchange(self._running(key))
            except (ProtocolError, OSError) as error:
                raise SourceFailed(key, self, f"{error}; the server {self._stop()}") from error
            except BaseException:
                # An announcement too large leaves the preimage in the pipe; so does an interrupt.
                self._stop()
                raise

    def _running(self, key: bytes) -> _Server:
        """The server, its clock started; a new one if there is none."""
        if self._server is None:
            try:
                self._server = _Server(self._command, self._timeout)
            except (OSError, ValueError, IndexError) as error:
                raise SourceFailed(key, self, f"cannot be started: {error}") from error
            self._finalizer = weakref.finalize(self, self._server.stop)
        self._server.begin()
        return self._server

    def _stop(self) -> str:
        server, self._server = self._server, None
        if server is None or self._finalizer is None:
            return "was not running"
        self._finalizer.detach()
        return server.stop()


def _pipe() -> tuple[int, int]:
    """A pipe's reading and writing end, both above the descriptors that the server wants."""
    ends = os.pipe()
    try:
        return (
            fcntl(ends[0], F_DUPFD_CLOEXEC, _FIRST_FREE_DESCRIPTOR),
            fcntl(ends[1], F_DUPFD_CLOEXEC, _FIRST_FREE_DESCRIPTOR),
        )
    finally:
        _close_all(ends)


def _spawn(command: Sequence[str], descriptors: Sequence[int]) -> int:
    """Start ``command`` with ``descriptors`` as its 3, 4, 5 and 6; the process id.

    posix_spawn and not subprocess, which can pass descriptors on but not renumber them.
    """
    wanted = (HINT_READ, HINT_WRITE, PREIMAGE_READ, PREIMAGE_WRITE)
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, 2, 1),
    ]
    actions += [(os.POSIX_SPAWN_DUP2, *pair) for pair in zip(descriptors, wanted, strict=True)]
    return os.posix_spawnp(
        command[0],
        list(command),
        os.environ,
        file_actions=actions,
        setpgroup=0,
        # Python ignores SIGPIPE; a server that does so too would not notice that we have left.
        setsigdef=[signal.SIGPIPE],
    )


def _has_ended(pid: int, seconds: float) -> bool:
    """Whether the process ends within ``seconds``. It stays a zombie until it is waited for."""
    end = time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > end:
            return False
        time.sleep(_POLL)
    return True


def _close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
