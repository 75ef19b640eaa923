"""``axonum vm …``: load, run, trace, prove, verify, disassemble.

Exit codes: 0, it holds; 1, it is refuted (a proof that proves nothing, a program that failed); 2,
bad input (see :mod:`axonum.cli`).
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from axonum import session
from axonum.output import REFUTED, Json, hexadecimal, parse_hex, show
from axonum.session import UsageError
from fpvm import checkpoint, proof_file
from fpvm.disasm import disassemble, listing
from fpvm.history import History
from fpvm.machine import STDERR, STDOUT, Machine
from fpvm.oracle import OracleError, known_type
from fpvm.proof import WitnessError, prove
from fpvm.state import State, outcome
from fpvm.symbols import Symbols
from fpvm.trace import trace

vm = typer.Typer(help="The fraud-proof VM: run a program, prove its steps.")


class Engine(StrEnum):
    """What executes the program."""

    FAST = "fast"
    SPEC = "spec"


ProgramFile = Annotated[
    Path, typer.Argument(help="A static big-endian MIPS32 ELF, or a checkpoint.")
]
Arguments = Annotated[list[str] | None, typer.Argument(help="The program's arguments.")]
Input = Annotated[str | None, typer.Option("--input", help="The 32-byte input, hexadecimal.")]
Environment = Annotated[list[str] | None, typer.Option("--env", help="NAME=VALUE, repeatable.")]
Preimages = Annotated[
    str | None,
    typer.Option(help="Where preimages come from: a folder, FILE.sqlite, or cmd:COMMAND."),
]
EngineOption = Annotated[Engine, typer.Option(help="Unicorn, or the specification itself.")]
Step = Annotated[int, typer.Option(min=0, max=session.FOREVER, help="A step number.")]


def input_word(text: str | None) -> bytes | None:
    """The value of ``--input``; shorter numbers are filled up with zeros on the left."""
    return None if text is None else parse_hex("--input", text).rjust(32, b"\0")


def _describe(state: State, symbols: Symbols) -> dict[str, Any]:
    name = symbols.at(state.pc)
    return {
        "outcome": hexadecimal(outcome(state)),
        "exited": state.exited,
        "exitCode": state.exit_code,
        "output": hexadecimal(state.output),
        "step": state.step,
        "pc": f"0x{state.pc:08x}" + (f" {name}" if name else ""),
        "stateHash": hexadecimal(state.hash()),
    }


# --- load and run ---------------------------------------------------------------------------------


@vm.command()
def load(
    program: ProgramFile,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the start as a checkpoint.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Load a program and print the genesis state that commits to it."""
    at = session.start(program, arguments or [], env or [], input_word(input))
    if output:
        checkpoint.save(output, at.state, at.memory)
    document = {
        "memRoot": hexadecimal(at.state.mem_root),
        "pc": f"0x{at.state.pc:08x}",
        "input": hexadecimal(at.state.input),
        "stateHash": hexadecimal(at.state.hash()),
        "pages": sum(1 for _ in at.memory.pages()),
        "symbols": len(at.symbols),
    }
    show(document, as_json)


@vm.command()
def run(
    program: ProgramFile,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
    preimages: Preimages = None,
    engine: EngineOption = Engine.FAST,
    stop_at: Annotated[
        str | None, typer.Option(help="A step, `preimage`, or `preimage:KEY`.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(min=1, help="Write a checkpoint every so many steps.")
    ] = None,
    checkpoints: Annotated[Path, typer.Option(help="The folder for them.")] = Path("checkpoints"),
    save: Annotated[
        Path | None, typer.Option(help="Write a checkpoint of the state in which the run ends.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a program to its end, to a step, or to where it reads a preimage.

    A run that lacks a preimage saves its state, from which it can be gone on with.
    """
    until, key = _stop(stop_at)
    if checkpoint_every:
        checkpoints.mkdir(parents=True, exist_ok=True)
    at = session.start(program, arguments or [], env or [], input_word(input))
    kept = session.Kept()
    running = session.machine(at, preimages, engine, kept if as_json else session.show)
    first = running.step

    def put_aside() -> None:
        path = checkpoints / f"step-{running.step:020}.checkpoint"
        checkpoint.save(path, running.state(), running.memory)

    try:
        ran = session.run(
            running,
            until,
            preimage=key,
            every=checkpoint_every,
            at_checkpoint=put_aside,
            quiet=as_json,
        )
    except OracleError as error:
        path = save or Path(f"{program.name}-at-{running.step}.checkpoint")
        try:
            checkpoint.save(path, running.state(), running.memory)
        except OSError as second:
            raise UsageError(f"{error}; not saved: {session.explain(second)}") from None
        raise UsageError(f"{error}; saved step {running.step:,} to {path}") from None
    state = running.state()
    document = _describe(state, at.symbols)
    document["seconds"] = round(ran.seconds, 3)
    document["stepsPerSecond"] = round((state.step - first) / max(ran.seconds, 1e-9))
    if ran.preimage is not None:
        document["preimage"] = hexadecimal(ran.preimage)
    if as_json:
        document["stdout"], document["stderr"] = kept.text(STDOUT), kept.text(STDERR)
    show(document, as_json)
    if save:  # last, so that a run whose state cannot be saved is not all lost
        checkpoint.save(save, state, running.memory)
    if state.exited and state.exit_code:
        raise typer.Exit(REFUTED)


def _stop(text: str | None) -> tuple[int, bytes | None]:
    """The step and the preimage key that ``--stop-at`` names."""
    if text is None:
        return session.FOREVER, None
    if text == "preimage":
        return session.FOREVER, b""
    kind, colon, number = text.partition(":")
    if kind == "preimage" and colon:
        key = parse_hex("--stop-at", number)
        if not known_type(key):
            raise UsageError(f"--stop-at {text[:80]!r}: no preimage has a key of this form")
        return session.FOREVER, key
    if not text.isdecimal() or len(text) > 20 or int(text) > session.FOREVER:
        raise UsageError(
            f"--stop-at {text[:80]!r} is neither a step nor `preimage` nor `preimage:KEY`"
        )
    return int(text), None


# --- trace ----------------------------------------------------------------------------------------


@vm.command(name="trace")
def trace_(
    program: ProgramFile,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
    preimages: Preimages = None,
    engine: EngineOption = Engine.FAST,
    first: Annotated[int, typer.Option("--from", min=0, help="The first step.")] = 0,
    stride: Annotated[int, typer.Option(min=1, help="Steps from one state to the next.")] = 1 << 20,
    count: Annotated[
        int | None, typer.Option(min=1, help="States after the first; by default, all.")
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(min=0, max=24, help="Commit to 2^HEIGHT states; prints the root as well."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the state hashes of a run at every stride, and the commitment to them.

    The list ends with the state in which the program has halted. A commitment repeats it.
    """
    at = session.start(program, arguments or [], env or [], input_word(input))
    running = session.machine(at, preimages, engine, session.Kept())
    if running.step > first:
        raise UsageError(f"--from {first:,} is before the checkpoint, which is at {running.step:,}")
    if count is not None and height is not None:
        raise UsageError("--count and --height both say how many states; give one")
    if height is not None:
        count = 1 << height
    hashes = []
    for index, state_hash in enumerate(trace(running, first, stride, count or session.FOREVER)):
        hashes.append(state_hash)
        if not as_json:
            print(f"{first + index * stride:>20,}  {hexadecimal(state_hash)}", flush=True)
    document: dict[str, Any] = {"from": first, "stride": stride}
    if height is not None:
        document["height"] = height
        document["root"] = hexadecimal(History(hashes[0], hashes[1:], height).root())
    if as_json:
        document["stateHashes"] = [hexadecimal(state_hash) for state_hash in hashes]
        print(json.dumps(document))
    elif height is not None:
        print(f"{'root':>20}  {document['root']}")


# --- prove and verify -----------------------------------------------------------------------------


def _run_to(running: Machine, step: int, quiet: bool = True) -> None:
    """Run to step ``step``; a program that has halted before repeats its last state for ever."""
    if running.step > step:
        raise UsageError(f"--step {step:,} is before the checkpoint, which is at {running.step:,}")
    session.run(running, step, quiet=quiet)


@vm.command(name="prove")
def prove_(
    program: ProgramFile,
    step: Step,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
    preimages: Preimages = None,
    engine: EngineOption = Engine.FAST,
    output: Annotated[Path, typer.Option("--output", "-o", help="The proof file.")] = Path(
        "proof.json"
    ),
    as_json: Json = False,
) -> None:
    """Prove the step after state STEP: write what it takes to execute that one instruction."""
    at = session.start(program, arguments or [], env or [], input_word(input))
    running = session.machine(at, preimages, engine, session.Kept())
    _run_to(running, step, quiet=as_json)
    claim = proof_file.claim(prove(running))
    proof_file.save(output, claim)
    core = running.core
    [row] = disassemble(running.word, core.pc & ~3, 1, at.symbols)
    name = at.symbols.at(core.pc)
    document = {
        "step": core.step,
        "pc": f"0x{core.pc:08x}" + (f" {name}" if name else ""),
        "instruction": "none, the program has halted" if core.exited else row.text,
        "preStateHash": hexadecimal(claim.pre),
        "postStateHash": hexadecimal(claim.post),
        "proof": str(output),
    }
    show(document, as_json)


@vm.command()
def verify(
    proof: Annotated[Path, typer.Argument(help="A proof file.")],
    evm: Annotated[
        bool, typer.Option("--evm", help="Also execute the step contract in an EVM, and compare.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a proof file with nothing but the specification. Exit code 1 if it proves nothing."""
    claim = proof_file.load(proof)
    document: dict[str, Any] = {"valid": True, "preStateHash": hexadecimal(claim.pre)}
    try:
        after = proof_file.check(claim)
        document |= {"postStateHash": hexadecimal(claim.post), "step": after.step}
        if evm:
            document["evmPostStateHash"] = hexadecimal(_on_evm(claim))
    except WitnessError as error:
        document |= {"valid": False, "reason": str(error)}
    show(document, as_json)
    if not document["valid"]:
        raise typer.Exit(REFUTED)


def _on_evm(claim: proof_file.Claim) -> bytes:
    """What the step contract makes of the witness, if that is what it claims.

    Raises :class:`fpvm.proof.WitnessError` if the contract refuses it, or leads elsewhere.
    """
    from contracts.artifacts import ArtifactError  # here: an EVM takes a second to import
    from contracts.chain import Reverted
    from contracts.clients import Step
    from contracts.evm import PyEvm

    try:
        post = Step.deploy(PyEvm()).execute(claim.witness)
    except Reverted as error:
        raise WitnessError(f"the step contract {error}") from None
    except ArtifactError as error:
        raise UsageError(str(error)) from None
    if post != claim.post:
        raise WitnessError(f"the step contract leads to {hexadecimal(post)}, not to postStateHash")
    return post


# --- disasm ---------------------------------------------------------------------------------------


@vm.command()
def disasm(
    program: ProgramFile,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
    preimages: Preimages = None,
    at_: Annotated[
        str | None, typer.Option("--at", help="An address, 0x…, or a function's name.")
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(min=0, max=session.FOREVER, help="List around the pc at this step."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1 << 20, help="How many words.")] = 16,
    as_json: Json = False,
) -> None:
    """List code as the machine executes it: at an address, or around the pc of a step."""
    at = session.start(program, arguments or [], env or [], input_word(input))
    running = session.machine(at, preimages, Engine.FAST, session.Kept())
    if step is not None:
        _run_to(running, step)
    pc = running.core.pc
    first = max(0, (pc & ~3) - 4 * (count // 2)) if step is not None else pc & ~3
    if at_ is not None:
        first = _address(at_, at.symbols)
    rows = disassemble(running.word, first, count, at.symbols)
    if as_json:
        print(json.dumps({"pc": f"0x{pc:08x}", "rows": [vars(row) for row in rows]}))
    else:
        print("\n".join(listing(rows, pc)))


def _address(text: str, symbols: Symbols) -> int:
    address = symbols.address(text)
    if address is None:
        try:
            address = int(text, 16 if text.startswith("0x") else 10)
        except ValueError:
            raise UsageError(f"--at {text[:80]!r} is neither an address nor a function") from None
    if address % 4 or not 0 <= address < 1 << 32:
        raise UsageError(f"--at {text[:80]!r} is not the address of a word")
    return address
