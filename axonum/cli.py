"""The command ``axonum``: its groups of commands, and how they end.

Whatever a user can cause ends in an exit code, and bad input in one line on stderr that names what
is wrong with it.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from axonum import INTERRUPTED
from axonum.dispute import dispute
from axonum.levels import LEVELS, Levels, heights
from axonum.model_game import model
from axonum.output import REFUTED, Json
from axonum.session import UsageError, explain, printable
from axonum.vm import vm
from fpvm.checkpoint import CheckpointError
from fpvm.cpu import EngineError
from fpvm.elf import ElfError
from fpvm.oracle import OracleError
from fpvm.proof_file import ProofFileError
from fpvm.state import StateError

BAD_INPUT = 2
#: As shells report a process that SIGPIPE ended.
NOBODY_READS = 141

app = typer.Typer(add_completion=False)
app.add_typer(vm, name="vm")
app.add_typer(dispute, name="dispute")
app.add_typer(model, name="model")


@app.command()
def demo(
    program: Annotated[Path, typer.Argument(help="A static big-endian MIPS32 ELF.")] = Path(
        "programs/build/sha256chain.elf"
    ),
    levels: Levels = LEVELS,
    report: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("report.html"),
    seed: Annotated[int, typer.Option(help="Other seeds lie about other steps.")] = 0,
    as_json: Json = False,
) -> None:
    """Watch a dispute about a program, from the first claim to the last bounty, on an own L1."""
    from rich.console import Console

    from axonum.demo import Demo, DemoFailed  # an L1 takes a second to import

    try:
        console = Console(quiet=as_json)
        document = Demo(program, heights(levels), report, console, seed).run()
    except DemoFailed as error:
        print(f"axonum: {error}", file=sys.stderr)
        raise typer.Exit(REFUTED) from None
    if as_json:
        print(json.dumps(document))


@app.callback()
def axonum() -> None:
    """Fraud proofs for an AI rollup."""


def main() -> None:
    """Carry out what the process was called with: errors that a user can cause end in one line and
    exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may be in no known encoding
    try:
        code = _execute(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = NOBODY_READS
    except (
        *(CheckpointError, ElfError, EngineError, OracleError, ProofFileError, StateError),
        *(UsageError, OSError, typer.TyperException),
    ) as error:
        print(f"axonum: {_one_line(error)}", file=sys.stderr)
        code = BAD_INPUT
    _close_stdout()
    sys.exit(code)


def _execute(arguments: list[str]) -> int:
    """Carry out a command; its exit code. Raises what the command raises.

    Not by calling ``app``, which would explain errors by its own rules, in boxes.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("axonum", arguments) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _one_line(error: Exception) -> str:
    """What went wrong, for a terminal."""
    if isinstance(error, OSError):
        text = explain(error)
    elif isinstance(error, typer.TyperException):
        text = error.format_message()
        context = getattr(error, "ctx", None)
        if context is not None:
            text = f"{text.rstrip('.')}; try '{context.command_path} --help'"
    else:
        text = str(error)
    return printable(text.encode(errors="backslashreplace")).replace("\n", "\\x0a")


def _close_stdout() -> None:
    """What cannot be written now cannot be written at the end of the process either, which would
    complain in its own way."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
