"""``axonum dispute …``: play disputes on L1, look at them, simulate them.

Exit codes: 0, it holds; 1, a false history has won; 2, bad input (see :mod:`axonum.cli`). Modules
that know L1 take a second to import, so each command imports what it needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from axonum.levels import LEVELS, Levels, heights
from axonum.output import REFUTED, Json, parse_hex
from axonum.vm import Arguments, Environment, Input, Preimages, ProgramFile, input_word

dispute = typer.Typer(help="Disputes on L1: play, watch, explain, simulate.")

Url = Annotated[str, typer.Option("--l1", help="The http or https address of a node.")]
Contract = Annotated[str, typer.Option("--contract", help="The dispute contract's address.")]
FirstBlock = Annotated[
    int, typer.Option("--from-block", min=0, help="A block before the contract's first event.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="The file with the account's private key; or set AXONUM_KEY."),
]
Origin = Annotated[
    str | None, typer.Option(help="What the dispute is about: the word its history starts with.")
]
CacheFolder = Annotated[Path, typer.Option("--cache", help="Where computed histories are kept.")]
Interval = Annotated[
    float, typer.Option(min=0.01, max=3600, help="Seconds between two looks at L1.")
]
Eth = Annotated[str, typer.Option(help="ETH.")]

_CACHE = Path(".axonum-cache")


# --- Looking --------------------------------------------------------------------------------------


@dispute.command()
def status(l1: Url, contract: Contract, from_block: FirstBlock = 0, as_json: Json = False) -> None:
    """Who wins if nobody moves any more, in which block, and how much ETH is at risk for whom."""
    from axonum import looking, onchain

    with onchain.explained():
        place = onchain.reach(l1, contract, from_block)
        looking.show_status(place.contract, place.view(), as_json)


@dispute.command()
def why(
    node: Annotated[str, typer.Argument(help="A node's id, or its first digits.")],
    l1: Url,
    contract: Contract,
    from_block: FirstBlock = 0,
    as_json: Json = False,
) -> None:
    """Explain a node: what it is about, its lineage, its rivals, its timers, what it waits for."""
    from axonum import looking, onchain

    with onchain.explained():
        looking.show_why(onchain.reach(l1, contract, from_block).view(), node, as_json)


@dispute.command()
def watch(
    l1: Url,
    contract: Contract,
    from_block: FirstBlock = 0,
    interval: Interval = 2.0,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="End once every contest is decided.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what happens, live: each event of the contract, and after each look who would win.

    With --json, one object a line.
    """
    from axonum import looking, onchain
    from dispute.status import open_contests

    with onchain.explained():
        place = onchain.reach(l1, contract, from_block)
        looking.Watch(place, as_json).run(
            lambda view: (
                once or (until_decided and bool(view.contests) and not open_contests(view))
            ),
            interval,
        )


@dispute.command()
def report(
    l1: Url,
    contract: Contract,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.")] = Path("report.html"),
    program: Annotated[
        Path | None,
        typer.Option(help="The program in question: shows what is right, and the last step."),
    ] = None,
    preimages: Preimages = None,
    origin: Origin = None,
    cache: CacheFolder = _CACHE,
    from_block: FirstBlock = 0,
    as_json: Json = False,
) -> None:
    """Write the dispute as one page of HTML: its tree, its parties, who moved when, the outcome."""
    from axonum import onchain, playing

    with onchain.explained():
        place = onchain.reach(l1, contract, from_block)
        truth = playing.Truth.load(program, preimages, cache) if program else None
        playing.write_report(place, output, truth, word(origin), as_json)


# --- Playing --------------------------------------------------------------------------------------


@dispute.command()
def deploy(
    program: ProgramFile,
    l1: Url,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
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
    confirm_after: Annotated[
        int | None, typer.Option(min=1, max=(1 << 40) - 1, help="T; by default the least safe one.")
    ] = None,
    stake: Annotated[str, typer.Option(help="Of each level, in ETH.")] = "1",
    bounty: Annotated[str, typer.Option(help="Of each move for a winner, in ETH.")] = "0.002",
    sink: Annotated[
        str | None, typer.Option(help="The address that gets what losers staked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Deploy the contracts for disputes about a program: oracle, step, boundaries, dispute."""
    from axonum import onchain, playing

    with onchain.explained():
        wanted = playing.Wanted(
            heights=heights(levels),
            times=(censorship, delay, compute),
            confirm_after=confirm_after,
            stake=onchain.wei("--stake", stake),
            bounty=onchain.wei("--bounty", bounty),
            sink=onchain.address("--sink", sink) if sink else None,
        )
        start = playing.start(program, arguments, env, input_word(input))
        playing.deploy(l1, onchain.key(key_file), start, wanted, as_json)


@dispute.command()
def play(
    program: ProgramFile,
    l1: Url,
    contract: Contract,
    arguments: Arguments = None,
    env: Environment = None,
    input: Input = None,
    preimages: Preimages = None,
    key_file: KeyFile = None,
    origin: Origin = None,
    challenger: Annotated[
        bool,
        typer.Option("--challenger", help="Claim nothing until somebody claims what is false."),
    ] = False,
    cache: CacheFolder = _CACHE,
    max_stake: Annotated[
        str | None, typer.Option(help="ETH that may be at stake at any time.")
    ] = None,
    adversary: Annotated[
        str | None,
        typer.Option(help="Play an adversary of `simulate` instead: for test chains."),
    ] = None,
    from_block: FirstBlock = 0,
    interval: Interval = 2.0,
    as_json: Json = False,
) -> None:
    """Defend what a program computes, until the dispute is decided and everything is paid.

    May be interrupted and started again at any time. Exit code 1 if a false history has won.
    """
    from axonum import onchain, playing

    with onchain.explained():
        secret = onchain.key(key_file)
        place = onchain.reach(l1, contract, from_block, secret)
        truth = playing.Truth.load(program, preimages, cache, arguments, env, input_word(input))
        case = truth.case(place.contract, word(origin))
        player = playing.Playing(place, case, challenger, adversary)
        limit = onchain.wei("--max-stake", max_stake) if max_stake else None
        has_won = player.run(limit, interval, as_json)
    if not has_won:
        raise typer.Exit(REFUTED)


@dispute.command()
def claim(
    l1: Url,
    contract: Contract,
    key_file: KeyFile = None,
    to: Annotated[str | None, typer.Option(help="Who gets the money; by default, we.")] = None,
    from_block: FirstBlock = 0,
    interval: Interval = 2.0,
    as_json: Json = False,
) -> None:
    """Collect the bounties that the account has earned, and withdraw what the contract owes it."""
    from axonum import onchain, playing

    with onchain.explained():
        payee = onchain.address("--to", to) if to else None
        place = onchain.reach(l1, contract, from_block, onchain.key(key_file))
        playing.claim(place, payee, interval, as_json)


def word(text: str | None) -> bytes:
    """The value of ``--origin``."""
    return parse_hex("--origin", text or "0").rjust(32, b"\0")


# --- Simulating -----------------------------------------------------------------------------------


@dispute.command()
def simulate(
    adversary: Annotated[
        list[str] | None,
        typer.Option(help="NAME or NAME:COUNT, repeatable; --list says which there are."),
    ] = None,
    honest: Annotated[int, typer.Option(min=0, max=64, help="Honest parties.")] = 1,
    on: Annotated[
        str, typer.Option(help="`model`, or `embedded`: the contract, in an EVM in this process.")
    ] = "model",
    levels: Levels = "2,3,3",
    censorship: Annotated[int, typer.Option(min=0, max=10_000, help="C, in blocks.")] = 20,
    censor: Annotated[
        str,
        typer.Option(
            help="When it happens: `none`, `burst:FIRST`, `split:PERIOD`, `random:SHARE`."
        ),
    ] = "none",
    delay: Annotated[int, typer.Option(min=0, max=100, help="δ, in blocks.")] = 0,
    seed: Annotated[int, typer.Option(help="Where the first game's adversaries lie.")] = 0,
    games: Annotated[int, typer.Option(min=1, max=10_000, help="So many, of other seeds.")] = 1,
    report: Annotated[Path | None, typer.Option(help="Write the last game's report.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="The adversaries that there are.")] = False,
    as_json: Json = False,
) -> None:
    """Play honest parties against adversaries: delay against the bound, moves, gas, ETH.

    Exit code 1 unless the truth wins every game within the bound.
    """
    from axonum import onchain, simulation

    with onchain.explained():
        if list_:
            simulation.list_adversaries(as_json)
            return
        setting = simulation.Setting(
            adversaries=tuple(adversary or ["liar"]),
            honest=honest,
            on=on,
            heights=heights(levels),
            censorship=censorship,
            censor=censor,
            delay=delay,
        )
        holds = simulation.run(setting, seed, games, report, as_json)
    if not holds:
        raise typer.Exit(REFUTED)
