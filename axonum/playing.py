"""``axonum dispute deploy``, ``play``, ``claim`` and ``report``: disputes about programs, on L1."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from axonum import session
from axonum.bars import Bars
from axonum.looking import say
from axonum.onchain import Place
from axonum.output import show
from axonum.session import Start, UsageError
from contracts.clients import Step
from contracts.l1 import L1
from dispute import agent
from dispute.adversaries import Strategy
from dispute.bounties import claims
from dispute.case import SINK, Case, least_terms, program_case, program_table
from dispute.client import DisputeContract
from dispute.events import Replica
from dispute.instruction import Instruction, instruction
from dispute.lineage import Kinship
from dispute.moves import Move
from dispute.parties import ADVERSARIES, parse
from dispute.protocol import Dispute
from dispute.report import Subject, render
from dispute.runner import Note, Runner
from dispute.sender import Limits
from dispute.status import open_contests
from dispute.table import Table, Terms
from dispute.text import ether, full
from fpvm.proof import WitnessError
from fpvm.sources import DictSource, open_source
from fpvm.symbols import Symbols


def start(
    program: Path,
    arguments: Sequence[str] | None = None,
    environment: Sequence[str] | None = None,
    word: bytes | None = None,
) -> Start:
    """A program at its start. Raises :class:`UsageError` for a run that is under way."""
    at = session.start(program, arguments or [], environment or [], word)
    if at.state.step:
        raise UsageError(f"{program}: a dispute is about a whole program, not about a checkpoint")
    return at


# --- deploy ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """The terms to deploy on. ``times``: C, δ and A."""

    heights: tuple[int, ...]
    times: tuple[int, int, int]
    confirm_after: int | None
    stake: int
    bounty: int
    sink: bytes | None

    def terms(self) -> Terms:
        censorship, delay, compute = self.times
        return least_terms(
            self.heights,
            censorship=censorship,
            delay=delay,
            compute=compute,
            bounty=self.bounty,
            sink=self.sink or SINK,
            confirm_after=self.confirm_after,
        )


def deploy(url: str, key: str, at: Start, wanted: Wanted, as_json: bool) -> None:
    table = program_table(at.state, wanted.heights, wanted.terms(), wanted.stake)
    show(deployed(L1.connect(url, key), table)[1], as_json)


def deployed(l1: L1, table: Table) -> tuple[DisputeContract, dict[str, Any]]:
    """The contracts for disputes on these terms, put on L1; and what there is to say about them."""
    before = l1.block()
    contract = DisputeContract.deploy(l1, table, Step.deploy(l1))
    document = {
        "contract": full(contract.address),
        "step": full(contract.step.address),
        "oracle": full(contract.step.oracle.address),
        "fromBlock": before.number if before else 0,
        "levels": " | ".join(str(level.height) for level in table.levels),
        "confirmAfter": table.terms.confirm_after,
        "bound": table.bound,
        "stakeWei": table.levels[0].stake,
        "bountyWei": table.terms.bounty,
        "sink": full(table.terms.sink),
    }
    return contract, document


# --- The truth ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """A program, and where what it computes is kept."""

    at: Start
    preimages: str | None
    cache: Path

    @classmethod
    def load(
        cls,
        program: Path,
        preimages: str | None,
        cache: Path,
        arguments: Sequence[str] | None = None,
        environment: Sequence[str] | None = None,
        word: bytes | None = None,
    ) -> Truth:
        return cls(start(program, arguments, environment, word), preimages, cache)

    def case(self, contract: DisputeContract, origin: bytes) -> Case:
        """The dispute, on the terms of a contract. Raises :class:`UsageError` for a contract that
        is of another program."""
        source = open_source(self.preimages) if self.preimages else DictSource()
        try:
            return program_case(
                self.at.state, self.at.memory, source, contract.table, self.cache, origin
            )
        except ValueError as error:
            raise UsageError(f"the contract at {full(contract.address)}: {error}") from None


# --- play -----------------------------------------------------------------------------------------


class Playing:
    """A dispute that we have a part in. ``adversary``: the name of one to play."""

    def __init__(
        self, place: Place, case: Case, is_challenger: bool, adversary: str | None = None
    ) -> None:
        self._place = place
        self._case = case
        self._is_challenger = is_challenger
        self._adversary = parse(adversary)[0] if adversary else None

    def run(
        self,
        max_stake: int | None,
        interval: float,
        as_json: bool,
        wait: Callable[[float], None] = time.sleep,
    ) -> bool:
        """Play until all is decided and paid. Returns whether the truth has won."""
        case, account = self._case, self._place.l1.address
        console = Console(stderr=True, quiet=as_json)
        with Bars(console, case.table) as bars:
            runner = Runner(
                self._place.l1,
                self._place.contract,
                self._strategy(account),
                first_block=self._place.first,
                limits=Limits() if max_stake is None else Limits(stake=max_stake),
                withdraw_to=account,
                note=(lambda note: _print_note(note)) if as_json else _teller(console),
            )

            def is_over(view: Replica) -> bool:
                bars.show(view)
                decided = (case.origin, 0) in view.contests and not open_contests(view)
                return decided and not view.credits.get(account) and not runner.sender.sent

            view = runner.run(is_over, interval=interval, wait=wait)
        right = agent.honest_root(view, case.histories, case.origin).id()
        has_won = view.contests[case.origin, 0].winner == right
        document = {"what": "over", "truthHasWon": has_won, **_report(runner)}
        show(document, as_json)
        return has_won

    def _strategy(self, account: bytes) -> Strategy:
        case = self._case
        if self._adversary:
            rng = random.Random(full(account))
            return ADVERSARIES[self._adversary].make(case, rng, full(account))

        def strategy(view: Dispute) -> list[Move]:
            return agent.moves(view, case.histories, case.origin, account, self._is_challenger)

        return strategy


def _report(runner: Runner) -> dict[str, Any]:
    found = runner.report()
    return {
        "transactions": found.transactions,
        "gas": found.gas,
        "feesWei": found.fees,
        "atStakeWei": found.at_stake,
        "problems": found.problems,
    }


def _print_note(note: Note) -> None:
    document = {"what": note.what, "block": note.block, **note.details}
    print(json.dumps(document), flush=True)


def _teller(console: Console) -> Callable[[Note], None]:
    def tell(note: Note) -> None:
        details = ", ".join(f"{name} {_told(value)}" for name, value in note.details.items())
        say(console, f"block {note.block:,}: {note.what}: {details}")

    return tell


def _told(value: object) -> str:
    return ", ".join(dict.fromkeys(value)) if isinstance(value, list) else str(value)


# --- claim ----------------------------------------------------------------------------------------


def claim(
    place: Place,
    payee: bytes | None,
    interval: float,
    as_json: bool,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Claim what we have earned; and withdraw what we are owed, unless something is at stake."""
    account = place.l1.address
    before = place.view()
    earned = sum(1 for _ in claims(before, account))
    runner = Runner(
        place.l1,
        place.contract,
        lambda view: claims(view, account),
        first_block=place.first,
        withdraw_to=payee or account,
        note=(lambda note: None) if as_json else _teller(Console(stderr=True)),
    )

    def is_over(view: Replica) -> bool:
        waits = view.credits.get(account) and not runner.at_stake(view) and view.contests
        return not claims(view, account) and not waits and not runner.sender.sent

    view = runner.run(is_over, interval=interval, wait=wait)
    document = {"claims": earned, "owedWei": view.credits.get(account, 0), **_report(runner)}
    document["withdrawn"] = bool(runner.report().made["Withdraw"])
    show(document, as_json)
    if not as_json and document["atStakeWei"]:
        say(
            Console(),
            f"{ether(document['atStakeWei'])} ETH are at stake: withdraw comes after that",
        )


# --- report ---------------------------------------------------------------------------------------


def write_report(
    place: Place, output: Path, truth: Truth | None, origin: bytes, as_json: bool
) -> None:
    view = place.view()
    right: frozenset[bytes] = frozenset()
    found: Instruction | None = None
    if truth is not None:
        case = truth.case(place.contract, origin)
        places = agent.honest_places(view, case.histories, origin)
        right = frozenset(each.id for each in places)
        found = last_step(case, view, truth.at.symbols)
    subject = Subject(
        view,
        title=f"Disputes at {full(place.contract.address)}",
        right=right,
        events=place.events(place.first, view.now),
        instruction=found,
    )
    output.write_text(render(subject))
    show({"report": str(output), "block": view.now, "nodes": len(view.graph.entries)}, as_json)


def last_step(case: Case, view: Dispute, symbols: Symbols) -> Instruction | None:
    """The first step of the dispute that was proved."""
    kinship = Kinship(view)
    for proved in view.provers:
        node = view.graph[proved].node
        if kinship.origin(node) == case.origin:
            witness = case.histories.witness(case.origin, (*kinship.path(node), node.pos))
            try:
                return instruction(witness, symbols)
            except WitnessError:
                return None
    return None
