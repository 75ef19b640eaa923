"""``axonum demo``: a whole dispute about a real program, live, on an L1 in this process.

Somebody honest and a liar disagree about what the program computes; somebody else claims a third
thing and leaves. They play through the same runners and contracts as on any L1.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from axonum import session
from axonum.bars import Bars
from axonum.session import Start, UsageError
from dispute import agent
from dispute.adversaries import Lie, Strategy, honest, idle, liar
from dispute.arena import Arena
from dispute.case import STAKE, Case, least_terms, program_case, program_table
from dispute.events import Replica
from dispute.instruction import Instruction, instruction
from dispute.lineage import Kinship
from dispute.report import Subject, render
from dispute.runner import Note
from dispute.status import Status, open_contests, status
from dispute.text import ether, full, plural, short
from fpvm.disasm import listing
from fpvm.machine import Machine
from fpvm.proof import post_state, prove
from fpvm.sources import DictSource
from fpvm.state import State, outcome

HONEST, LIAR, IDLER = "honest", "liar", "idler"
#: Blocks in which an adversary could keep the honest off this L1: few, so that nobody has to wait.
CENSORSHIP = 8
#: Moves that are worth a line; there is a bisection in every block.
_TOLD = {
    "Open": "opens a root, and posts a stake",
    "Refine": "backs a terminal by a finer history",
    "Prove": "proves a step: L1 executes one instruction",
    "Confirm": "confirms what has stood for T",
    "ClaimBisection": "claims its bounties",
    "Withdraw": "takes its money home",
}


class DemoFailed(Exception):
    """What must not happen has happened. One line."""


@dataclass
class Demo:
    """A dispute about ``program``, on levels of these heights. ``seed``: chooses who lies where."""

    program: Path
    heights: tuple[int, ...]
    report: Path
    console: Console
    seed: object = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)

    def run(self) -> dict[str, Any]:
        """All of it. Returns what there is to say of it. Raises :class:`DemoFailed`."""
        at = session.start(self.program)
        with self._timed("vm"):
            end = self._run_program(at)
            self._prove_a_step(at, end)
        with self._timed("dispute"), tempfile.TemporaryDirectory(prefix="axonum-") as folder:
            case = self._case(at, Path(folder))
            arena = self._quarrel(case, end)
            view = self._play(arena)
            found = self._the_step(at, case, view)
        return self._end(arena, view, end, found)

    # --- The machine ---

    def _run_program(self, at: Start) -> State:
        self._title("1. A program", f"{self.program}, as it is, in the fraud-proof VM")
        self._say(f"program and kernel are one memory, and one hash is its start: {_brief(at)}")
        running = _machine(at)
        ran = session.run(running, 1 << sum(self.heights[1:]), quiet=True)
        end = running.state()
        if not end.exited:
            raise UsageError(
                f"{self.program}: does not halt within 2^{sum(self.heights[1:])} steps,"
                " which is what the levels cover"
            )
        self._say(f"{plural(end.step, 'step')} in {ran.seconds:.2f} s: {full(outcome(end))}")
        return end

    def _prove_a_step(self, at: Start, end: State) -> None:
        step = self._rng("proof").randrange(end.step)
        running = _machine(at)
        session.run(running, step, quiet=True)
        witness = prove(running)
        shown = instruction(witness, at.symbols)
        running.run(step + 1)
        if post_state(witness) != running.state():
            raise DemoFailed(f"step {step} was proved to lead elsewhere than it does")
        size = len(witness.state) + len(witness.pack_proof())
        self._say(
            f"step {step:,}, [bold]{escape(_squeezed(shown.text))}[/] in {escape(shown.place)},"
            f" proved in {size:,} bytes and checked without the program"
        )

    # --- The dispute ---

    def _case(self, at: Start, folder: Path) -> Case:
        terms = least_terms(self.heights, censorship=CENSORSHIP)
        table = program_table(at.state, self.heights, terms, STAKE)
        memory = at.memory.clone()
        return program_case(at.state, memory, DictSource(), table, folder, at.state.input)

    def _quarrel(self, case: Case, end: State) -> Arena:
        """Deploy, and let everybody in."""
        self._title("2. A quarrel", "what does it compute? Three answers, on an L1")
        arena = Arena.build(case)
        terms = case.table.terms
        levels = " | ".join(map(str, self.heights))
        self._say(
            f"contract {short(arena.contract.address)}, levels {levels}, T = {terms.confirm_after}"
            f" blocks, stake {ether(STAKE)} ETH a level, bounty {ether(terms.bounty)} ETH a move"
        )
        strategies = (
            (LIAR, lambda _: self._liar(case, end, LIAR)),
            (IDLER, lambda _: idle(self._liar(case, end, IDLER))),
            (HONEST, lambda account: honest(case.histories, case.origin, account)),
        )
        for name, strategy in strategies:
            arena.join(name, strategy, self._heard)
        return arena

    def _liar(self, case: Case, end: State, name: str) -> Strategy:
        """Says that some step of the program leads elsewhere."""
        step = self._rng(name).randrange(end.step)
        at = [1]
        for level in range(1, len(self.heights)):
            stride = 1 << sum(self.heights[level + 1 :])
            at.append(step // stride % (1 << self.heights[level]) + 1)
        return liar(case.histories, case.table, case.origin, Lie(name, tuple(at)))

    def _play(self, arena: Arena) -> Replica:
        """Block by block, until all is decided and the honest party has its money."""
        self._title("3. The dispute", "halved and halved again, a level at a time")
        account = arena.player(HONEST).address
        with Bars(self.console, arena.case.table) as bars:
            for _ in range(3 * arena.case.table.bound):
                view = arena.block()
                bars.show(view)
                if _is_over(view, account):
                    return view
        raise DemoFailed("the dispute did not come to an end")

    def _heard(self, name: str, note: Note) -> None:
        """What a runner says, as a line; moves of one kind in one transaction are told once."""
        if note.what == "mined":
            moves: Iterable[str] = dict.fromkeys(note.details["moves"])  # type: ignore[call-overload]
            for move in moves:
                if move in _TOLD:
                    block = note.details["inBlock"]
                    self._say(f"block {block!s:>3}  [bold]{name:7}[/] {_TOLD[move]}")
        elif note.what == "refused" and name not in self._refused:
            self._refused.add(name)  # it tries again and again
            reason = str(note.details["reason"]).removeprefix("reverted: ").partition("(")[0]
            self._say(f"block {note.block:>3}  [bold]{name:7}[/] is refused: {escape(reason)}")
        elif note.what == "problem":
            self._say(f"{name}: {escape(str(note.details['reason']))}")

    # --- The end ---

    def _the_step(self, at: Start, case: Case, view: Replica) -> Instruction:
        """What L1 executed, with the names that the program has for it."""
        kinship, proved = Kinship(view), next(iter(view.provers), None)
        if proved is None:
            raise DemoFailed("nothing was proved")
        node = view.graph[proved].node
        witness = case.histories.witness(case.origin, (*kinship.path(node), node.pos))
        found = instruction(witness, at.symbols)
        self._title("4. The step", f"all that L1 executed, step {found.step:,}")
        for line in listing(found.rows, found.pc & ~3):
            mark = "bold green" if line.startswith(">") else "dim"
            self.console.print(f"   [{mark}]{escape(line)}[/]", highlight=False, soft_wrap=True)
        changes = (f"{c.name} {_cut(c.before)} → {_cut(c.after)}" for c in found.changes)
        self._say(", ".join(changes))
        return found

    def _end(self, arena: Arena, view: Replica, end: State, found: Instruction) -> dict[str, Any]:
        case = arena.case
        right = agent.honest_root(view, case.histories, case.origin).id()
        if view.contests[case.origin, 0].winner != right:
            raise DemoFailed("a false root was confirmed")
        self._write(arena, view, found)
        parties = [_party(arena, status(view), name) for name in (HONEST, LIAR, IDLER)]
        document = {
            "winner": full(right),
            "steps": end.step,
            "provedStep": found.step,
            "blocks": view.contests[case.origin, 0].decided - arena.first_block,
            "transactions": sum(party["transactions"] for party in parties),
            "gas": sum(party["gas"] for party in parties),
            "seconds": {name: round(spent, 1) for name, spent in self.seconds.items()},
            "parties": parties,
            "report": str(self.report),
        }
        self._table(document)
        return document

    def _write(self, arena: Arena, view: Replica, found: Instruction) -> None:
        case = arena.case
        places = agent.honest_places(view, case.histories, case.origin)
        subject = Subject(
            view,
            title=f"What does {self.program.name} compute?",
            names={player.address: player.name for player in arena.players},
            costs={player.address: player.cost() for player in arena.players},
            right=frozenset(place.id for place in places),
            events=arena.events(view),
            instruction=found,
        )
        self.report.write_text(render(subject))

    def _table(self, document: dict[str, Any]) -> None:
        self._title("5. The end", f"decided after {document['blocks']} blocks")
        grid = Grid(box=None, padding=(0, 1))
        grid.add_column("", min_width=10)
        for column in ("moves", "transactions", "gas", "staked ETH", "lost ETH", "gained ETH"):
            grid.add_column(column, justify="right", no_wrap=True)
        for party in document["parties"]:
            gained = f"{party['gainedWei'] / 1e18:+.4f}"
            grid.add_row(
                f"[bold]{party['name']}[/]",
                f"{party['moves']}",
                f"{party['transactions']}",
                f"{party['gas']:,}",
                ether(party["stakedWei"]),
                ether(party["lostWei"]),
                f"[{'green' if party['gainedWei'] > 0 else 'red'}]{gained}[/]",
            )
        self.console.print(grid)
        seconds = ", ".join(f"{name} {spent} s" for name, spent in document["seconds"].items())
        self._say(
            f"{document['steps']:,} steps in question, 1 executed on L1; {document['transactions']}"
            f" transactions, {document['gas']:,} gas; {seconds}"
        )
        self._say(f"the whole tree: [bold]{escape(str(self.report))}[/]")

    # --- Telling ---

    def _title(self, title: str, what: str) -> None:
        self.console.print(f"\n[bold]{title}[/]  [dim]{escape(what)}[/]", highlight=False)

    def _say(self, line: str) -> None:
        self.console.print(f"   {line}", highlight=False, soft_wrap=True)

    def _rng(self, what: str) -> random.Random:
        return random.Random(f"demo {self.seed} {what}")

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - begun


def _machine(at: Start) -> Machine:
    """At the program's start, in a memory of its own."""
    own = replace(at, memory=at.memory.clone())
    return session.machine(own, None, "fast", session.Kept())


def _is_over(view: Replica, account: bytes) -> bool:
    return bool(view.contests) and not open_contests(view) and not view.credits.get(account)


def _party(arena: Arena, now: Status, name: str) -> dict[str, Any]:
    player = arena.player(name)
    cost = player.cost()
    own = next(party for party in now.parties if party.address == player.address)
    return {
        "name": name,
        "address": full(player.address),
        "moves": sum(own.moves.values()),
        "transactions": cost.transactions,
        "gas": cost.gas,
        "stakedWei": own.staked,
        "lostWei": own.lost,
        "gainedWei": -cost.spent,
    }


def _brief(at: Start) -> str:
    return f"{short(at.state.hash())}…"


def _cut(value: str) -> str:
    return value if len(value) <= 20 else f"{value[:12]}…"


def _squeezed(text: str) -> str:
    """An instruction without the spaces of a listing."""
    return " ".join(text.split())
