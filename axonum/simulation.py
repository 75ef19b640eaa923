"""``axonum dispute simulate``: games of honest parties against adversaries, and what they cost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from axonum.output import show
from axonum.session import UsageError
from dispute import agent
from dispute.case import Case, chain_case, counting_case, least_terms
from dispute.moves import Move
from dispute.parties import ADVERSARIES, MAX_COUNT, PartyError, adversaries, honest_parties, parse
from dispute.protocol import Dispute
from dispute.report import Cost, Subject, render
from dispute.simulate import (
    Censor,
    Circumstances,
    Ending,
    Party,
    Play,
    at_random,
    burst,
    nothing_censored,
    split,
)
from dispute.stage import Stage
from dispute.text import ether

#: Heights that are still a simulation: the truth of such a game is computed in full.
MAX_HEIGHTS = 20
_LEAST_WIDTH = 110
_FORMS = "none, burst:FIRST, split:PERIOD or random:SHARE"


@dataclass(frozen=True)
class Setting:
    """What all games of a simulation have in common."""

    adversaries: tuple[str, ...]
    honest: int
    on: str
    heights: tuple[int, ...]
    censorship: int
    censor: str
    delay: int


@dataclass(frozen=True)
class Game:
    """A game that is over."""

    seed: int
    case: Case
    stage: Dispute
    parties: tuple[Party, ...]
    ending: Ending
    has_won: bool

    @property
    def delay(self) -> int:
        """Blocks from when the honest root was called for, which is after block 1."""
        return self.ending.block - 1

    @property
    def holds(self) -> bool:
        """Whether the truth has won as fast as it must: within the bound; and to confirm it, a move
        may be late once more."""
        table = self.case.table
        return self.has_won and self.delay <= table.bound + table.terms.delay

    def spent(self, is_honest: bool) -> int:
        return sum(self.ending.spent[p.name] for p in self.parties if p.is_honest == is_honest)

    def moves(self, is_honest: bool) -> int:
        return sum(
            sum(self.ending.moves[p.name].values())
            for p in self.parties
            if p.is_honest == is_honest
        )

    def gas(self, is_honest: bool) -> int | None:
        if not isinstance(self.stage, Stage):
            return None
        return sum(self.stage.gas[p.address] for p in self.parties if p.is_honest == is_honest)


class _Play(Play):
    """Tells the stage who moves, for moves that do not say so themselves."""

    def _make(self, party: Party, move: Move) -> None:
        if isinstance(self.stage, Stage):
            self.stage.mover = party.address
        super()._make(party, move)


def run(setting: Setting, seed: int, games: int, report: Path | None, as_json: bool) -> bool:
    """Play, and print the tables. Returns whether the truth has won everywhere in time."""
    played: list[Game] = []
    with _folder() as folder:
        for number in range(seed, seed + games):
            played.append(_game(setting, number, folder))
            if as_json and games > 1:
                print(json.dumps(_document(played[-1])), flush=True)
    holds = all(game.holds for game in played)
    if report is not None:
        report.write_text(_report(played[-1]))
    if not as_json:
        _print_games(played)
        _print_parties(played[-1])
    elif games == 1:
        print(json.dumps(_document(played[0])))
    return holds


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="axonum-") as folder:
        yield Path(folder)


# --- Games ----------------------------------------------------------------------------------------


def _game(setting: Setting, seed: int, folder: Path) -> Game:
    case = _case(setting, folder)
    wanted = [parse(text) for text in setting.adversaries]
    if sum(count for _, count in wanted) > MAX_COUNT:
        raise PartyError(f"there can be {MAX_COUNT} adversaries in all")
    parties = (*adversaries(case, wanted, seed), *honest_parties(case, setting.honest))
    if len({party.name for party in parties}) < len(parties):
        raise PartyError("an adversary is named twice: NAME:COUNT says how many there are")
    stage = (Stage if setting.on == "embedded" else Dispute)(case.table, case.judge)
    circumstances = Circumstances(_censor(setting.censor, setting.censorship, seed))
    play = _Play(stage, case.origin, parties, circumstances)
    ending = play.run(until_settled=True)
    right = agent.honest_root(stage, case.histories, case.origin).id()
    return Game(seed, case, stage, parties, ending, ending.winner == right)


def _case(setting: Setting, folder: Path) -> Case:
    if sum(setting.heights) > MAX_HEIGHTS:
        raise UsageError(f"--levels: a simulation has heights of up to {MAX_HEIGHTS} in all")
    terms = least_terms(setting.heights, censorship=setting.censorship, delay=setting.delay)
    if setting.on == "model":
        return chain_case(setting.heights, terms)
    if setting.on == "embedded":
        return counting_case(setting.heights, terms, folder)
    raise UsageError(f"--on {setting.on[:40]!r} is neither model nor embedded")


def _censor(text: str, budget: int, seed: int) -> Censor:
    """When blocks are censored; the budget, C, limits them all."""
    kind, _, value = text.partition(":")
    try:
        if text == "none":
            return nothing_censored
        if kind == "burst":
            return burst(_at_least(1, int(value[:9])), budget)
        if kind == "split":
            return split(_at_least(1, int(value[:9])))
        if kind == "random" and 0 <= float(value) <= 1:
            return at_random(seed, float(value))
    except ValueError:
        pass
    raise UsageError(f"--censor {text[:40]!r} is not {_FORMS}")


def _at_least(least: int, number: int) -> int:
    if number < least:
        raise ValueError
    return number


# --- Telling --------------------------------------------------------------------------------------


def _document(game: Game) -> dict[str, Any]:
    stage = game.stage
    document: dict[str, Any] = {
        "seed": game.seed,
        "truthHasWon": game.has_won,
        "withinBound": game.holds,
        "delay": game.delay,
        "bound": game.case.table.bound,
        "nodes": len(stage.graph.entries),
        "parties": [],
    }
    for party in game.parties:
        row: dict[str, Any] = {
            "name": party.name,
            "honest": party.is_honest,
            "moves": dict(game.ending.moves[party.name]),
            "refused": game.ending.refused[party.name],
            "gainedWei": -game.ending.spent[party.name],
        }
        if isinstance(stage, Stage):
            row["transactions"] = stage.transactions[party.address]
            row["gas"] = stage.gas[party.address]
        document["parties"].append(row)
    return document


def _print_games(games: list[Game]) -> None:
    grid = _grid("seed", "winner", "delay", "bound", "nodes", "moves", "gas", "ETH")
    for game in games:
        moves = f"{game.moves(True):,} / {game.moves(False):,}"
        grid.add_row(
            str(game.seed),
            "truth" if game.has_won else "nobody" if game.ending.winner is None else "a lie",
            f"{game.delay:,}",
            f"{game.case.table.bound:,}",
            f"{len(game.stage.graph.entries):,}",
            moves,
            f"{_gas(game.gas(True))} / {_gas(game.gas(False))}",
            f"{_signed(game.spent(True))} / {_signed(game.spent(False))}",
        )
    print("games; of moves, gas and ETH: those of the honest / of the others")
    _print(grid)


def _print_parties(game: Game) -> None:
    kinds = ("Open", "Bisect", "Refine", "Prove", "UpdateTimers", "Confirm")
    names = ("open", "bisect", "refine", "prove", "update", "confirm")
    grid = _grid("party", *names, "claims", "refused", "gas", "ETH")
    for party in game.parties:
        made = game.ending.moves[party.name]
        claims = sum(count for kind, count in made.items() if kind.startswith("Claim"))
        gas = game.stage.gas[party.address] if isinstance(game.stage, Stage) else None
        grid.add_row(
            party.name,
            *(f"{made[kind]:,}" for kind in kinds),
            f"{claims:,}",
            f"{game.ending.refused[party.name]:,}",
            _gas(gas),
            _signed(game.ending.spent[party.name]),
        )
    print(f"\ngame {game.seed}")
    _print(grid)


def _grid(first: str, *columns: str) -> Grid:
    grid = Grid(box=None, padding=(0, 1))
    grid.add_column(first)
    for column in columns:
        grid.add_column(column, justify="right", no_wrap=True)
    return grid


def _print(grid: Grid) -> None:
    """Not cut, even where lines are short."""
    Console(width=max(Console().width, _LEAST_WIDTH)).print(grid)


def _gas(amount: int | None) -> str:
    return "-" if amount is None else f"{amount:,}"


def _signed(spent: int) -> str:
    return ("+" if spent < 0 else "") + ether(-spent)


def _report(game: Game) -> str:
    stage, names = game.stage, {party.address: party.name for party in game.parties}
    costs = {}
    if isinstance(stage, Stage):
        costs = {
            party.address: Cost(
                stage.transactions[party.address],
                stage.gas[party.address],
                game.ending.spent[party.name],
            )
            for party in game.parties
        }
    places = agent.honest_places(stage, game.case.histories, game.case.origin)
    right = frozenset(place.id for place in places)
    return render(Subject(stage, f"Simulated dispute, seed {game.seed}", names, costs, right))


def list_adversaries(as_json: bool) -> None:
    show({name: adversary.what for name, adversary in ADVERSARIES.items()}, as_json)
