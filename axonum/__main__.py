"""The entry point of the command ``axonum``, which Ctrl-C ends in silence from the first import on.

The command's modules take a second to import, some of them in places where Python swallows what a
signal handler raises, or shows it. So until they are there, and again when all is done, a SIGINT
ends the process at once; in between it is a KeyboardInterrupt, after which a command can clean up.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from axonum import INTERRUPTED


def main() -> None:
    # Whoever started us may have wished that SIGINT be ignored, as `nohup` and `&` do.
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, _leave)
    from axonum import cli  # only now: this is what takes a second

    try:
        if heeded:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        cli.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        if heeded:
            signal.signal(signal.SIGINT, _leave)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
