"""``axonum model commit``, ``prove``, ``deploy``, ``challenge``, ``publish``, ``fetch``: inferences
that somebody may be wrong about.

Exit codes: 0, it holds; 1, a false history has won; 2, bad input (see :mod:`axonum.cli`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from axonum.dispute import (
    CacheFolder,
    Contract,
    FirstBlock,
    Interval,
    KeyFile,
    Url,
)
from axonum.levels import Levels, heights
from axonum.model import ModelFile, Threads, in_one_line, load, model
from axonum.output import REFUTED, Json, hexadecimal, parse_hex, show
from axonum.session import UsageError

if TYPE_CHECKING:
    from mlvm.histories import Inference

__all__ = ["model"]

#: As many tasks as a model may have, and as many steps as one may take.
LEVELS = "16,12,12"
_CACHE = Path(".axonum-cache")

Input = Annotated[str, typer.Argument(help="A file; for an encoder of texts, a text.")]
Raw = Annotated[
    bool, typer.Option("--raw", help="The file has the input's bytes, as the model is given.")
]
Store = Annotated[Path, typer.Option("--store", help="The folder that models are kept in.")]


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What is wrong with models, inputs, stores, nodes and contracts is bad input."""
    from axonum import onchain
    from mlvm.store import StoreError

    with in_one_line(), onchain.explained():
        try:
            yield
        except StoreError as error:
            raise UsageError(str(error)) from None


def _inference(path: Path, text: str, raw: bool, threads: int | None) -> Inference:
    from axonum import inferring

    found = load(path)
    return inferring.infer(found, inferring.input_of(found, text, raw), threads)


# --- Committing and proving -----------------------------------------------------------------------


@model.command()
def commit(
    path: ModelFile,
    input: Input,
    raw: Raw = False,
    levels: Levels = LEVELS,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Compute all states of an inference, and what a claim about it commits to."""
    with _in_one_line():
        from axonum import inferring

        inferring.commit(_inference(path, input, raw, threads), heights(levels), as_json)


@model.command()
def prove(
    path: ModelFile,
    input: Input,
    task: Annotated[int, typer.Option(min=0, max=1 << 32, help="The number of a task, from 0.")],
    step: Annotated[
        int | None, typer.Option(min=0, help="Of the guest's run; by default the middle one.")
    ] = None,
    raw: Raw = False,
    levels: Levels = LEVELS,
    cache: CacheFolder = _CACHE,
    output: Annotated[Path, typer.Option("--output", "-o", help="The proof file.")] = Path(
        "proof.json"
    ),
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Prove one instruction of a task of an inference; `axonum vm verify` checks the proof."""
    with _in_one_line():
        from axonum import inferring

        inference = _inference(path, input, raw, threads)
        document = inferring.prove(inference, heights(levels), cache, task, step, output)
    show(document, as_json)


# --- On L1 ----------------------------------------------------------------------------------------


@model.command()
def deploy(
    l1: Url,
    key_file: KeyFile = None,
    levels: Levels = LEVELS,
    censorship: Annotated[
        int, typer.Option(min=0, max=1 << 39, help="C: blocks that an adversary can censor.")
    ] = 21_600,
    delay: Annotated[
        int, typer.Option(min=0, max=1 << 20, help="δ: blocks that one honest move may be late.")
    ] = 25,
    compute: Annotated[
        int, typer.Option(min=0, max=1 << 39, help="A: blocks that the honest party computes.")
    ] = 300,
    stake: Annotated[str, typer.Option(help="Of each level, in ETH.")] = "1",
    bounty: Annotated[str, typer.Option(help="Of each move for a winner, in ETH.")] = "0.002",
    sink: Annotated[
        str | None, typer.Option(help="The address that gets what losers staked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Deploy the contracts for disputes about inferences, of whatever model."""
    with _in_one_line():
        from axonum import inferring, onchain, playing

        wanted = playing.Wanted(
            heights=heights(levels),
            times=(censorship, delay, compute),
            confirm_after=None,
            stake=onchain.wei("--stake", stake),
            bounty=onchain.wei("--bounty", bounty),
            sink=onchain.address("--sink", sink) if sink else None,
        )
        document = inferring.deploy(l1, onchain.key(key_file), wanted)
    show(document, as_json)


@model.command()
def challenge(
    path: ModelFile,
    input: Input,
    l1: Url,
    contract: Contract,
    raw: Raw = False,
    key_file: KeyFile = None,
    claim: Annotated[
        bool,
        typer.Option("--claim", help="Claim what is right at once, not only against a rival."),
    ] = False,
    opml: Annotated[
        str | None, typer.Option(help="The contract to show the result to in the end.")
    ] = None,
    cache: CacheFolder = _CACHE,
    max_stake: Annotated[
        str | None, typer.Option(help="ETH that may be at stake at any time.")
    ] = None,
    from_block: FirstBlock = 0,
    interval: Interval = 2.0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Defend what a model puts out against whoever claims something else, until all is paid.

    May be interrupted and started again at any time. Exit code 1 if a false history has won.
    """
    with _in_one_line():
        from axonum import inferring, onchain

        inference = _inference(path, input, raw, threads)
        part = inferring.Challenge(
            place=onchain.reach(l1, contract, from_block, onchain.key(key_file)),
            inference=inference,
            cache=cache,
            claims=claim,
            opml=onchain.address("--opml", opml) if opml else None,
        )
        limit = onchain.wei("--max-stake", max_stake) if max_stake else None
        has_won = part.run(limit, interval, as_json)
    if not has_won:
        raise typer.Exit(REFUTED)


# --- The store ------------------------------------------------------------------------------------


@model.command()
def publish(path: ModelFile, store: Store, as_json: Json = False) -> None:
    """Put a model into a store, by its address: a folder, for others to fetch from."""
    with _in_one_line():
        from mlvm.store import ModelStore

        found = load(path)
        file = ModelStore(store).put(found)
    show({"address": hexadecimal(found.address), "file": str(file)}, as_json)


@model.command()
def fetch(
    address: Annotated[str, typer.Argument(help="A model's address.")],
    store: Store,
    source: Annotated[
        list[str] | None,
        typer.Option("--from", help="A folder or a URL to fetch from; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Get a model into a store. Whatever the sources give, it is the one that was asked for."""
    with _in_one_line():
        from mlvm.store import ModelStore

        wanted = parse_hex("ADDRESS", address)
        if len(wanted) != 32:
            raise UsageError(f"ADDRESS {address[:80]!r} is not an address of 32 bytes")
        models = ModelStore(store, source or ())
        found = models.get(wanted)
    show({"address": hexadecimal(found.address), "file": str(models.path(wanted))}, as_json)
