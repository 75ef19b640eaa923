"""Plays a strategy on L1: looks at the chain, decides, sends, and sees what was sent through.

A runner remembers nothing that matters. What is to be done follows from L1 and the histories, so
one that is started again, or another one beside it, comes to the same moves; and a move that was
made before changes nothing. An RPC that fails costs time: whatever goes wrong is told in one line,
and tried again.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from contracts.abi import call_data, part_call
from contracts.chain import Reverted
from contracts.l1 import L1, L1Error
from dispute.adversaries import Strategy
from dispute.client import DisputeContract, call_of
from dispute.events import Replica
from dispute.graph import Entry
from dispute.histories import HistoryError
from dispute.moves import (
    Bisect,
    ClaimBisection,
    ClaimProof,
    ClaimRefinement,
    Confirm,
    Move,
    Open,
    Prove,
    Refine,
    UpdateTimers,
)
from dispute.sender import Limits, Order, Outcome, OverLimit, Sender
from dispute.watch import Watcher, WatchError
from fpvm.oracle import OracleError

#: Each of them is accepted only after those above it.
CLAIMS = (ClaimBisection, ClaimRefinement, ClaimProof)
#: Gas of moves, roughly and rather too much: to put them together. What is sent is estimated.
_GAS: dict[type, int] = {
    Bisect: 150_000,
    Confirm: 250_000,
    Prove: 2_000_000,
    **dict.fromkeys(CLAIMS, 60_000),
}
_GAS_OF_UPDATE = 60_000
#: Gas of what is put together in one transaction; well below what a block takes.
BATCH_GAS = 6_000_000
#: A stake is sent with room for so many rivals that may come first; the rest is not lost.
SPARE_RIVALS = 2
#: The view is compared with the contract every so many blocks, at so many nodes.
CHECK_EVERY, CHECKED_AT_ONCE = 10, 100
#: Seconds between two looks at L1, and at most between two tries at one that fails.
INTERVAL, LONGEST_INTERVAL = 2.0, 60.0
#: A move that was refused is tried again after 1, 2, 4 … blocks, but never later than that.
_LONGEST_REST = 64

#: What may go wrong without anybody being to blame here.
PROBLEMS = (L1Error, WatchError, Reverted, OracleError, HistoryError, OverLimit)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened, at a block: what, and the details, by name."""

    what: str
    block: int
    details: dict[str, object]


@dataclass
class Report:
    """What it has come to. ``at_stake``: wei posted in contests that are not decided; ``made``:
    moves that are on L1, by name; ``transactions``, ``gas`` and ``fees`` (wei): what they took,
    those that failed included; ``problems``: how many there were."""

    at_stake: int = 0
    made: Counter[str] = field(default_factory=Counter)
    transactions: int = 0
    gas: int = 0
    fees: int = 0
    problems: int = 0


def ignore(note: Note) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class _Load:
    """The preimage that a step reads has to be loaded before the step is proved."""

    key: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class _Withdraw:
    """Take out what the contract owes."""


class Runner:
    """Plays ``strategy`` on a contract, from the account of ``l1``.

    ``withdraw_to``: who gets what the contract owes us once nothing of ours is at stake any more;
    None: it stays there.
    """

    def __init__(
        self,
        l1: L1,
        contract: DisputeContract,
        strategy: Strategy,
        *,
        first_block: int = 0,
        limits: Limits | None = None,
        withdraw_to: bytes | None = None,
        note: Callable[[Note], None] = ignore,
    ) -> None:
        self._l1 = l1
        self._contract = contract
        self._strategy = strategy
        self._limits = limits or Limits()
        self._withdraw_to = withdraw_to
        self._tell = note
        self.watcher = Watcher(l1, contract, first_block)
        self.sender = Sender(l1, self._limits, self._problem)
        self._report = Report()
        #: Problems of the last look at L1, and of this one.
        self._told: set[str] = set()
        self._problems: set[str] = set()
        self._checked: int | None = None
        #: Moves that were tried: how often, and the block before which they are not tried again.
        self._rests: dict[object, tuple[int, int]] = {}

    # --- Playing ---

    def run(
        self,
        until: Callable[[Replica], bool],
        *,
        interval: float = INTERVAL,
        wait: Callable[[float], None] = time.sleep,
    ) -> Replica:
        """Play until the view of L1 is as wanted. Returns the view."""
        pause = interval
        while True:
            view = self.step()
            if view is not None and until(view):
                return view
            pause = interval if view is not None else min(2 * pause, LONGEST_INTERVAL)
            wait(pause)

    def step(self) -> Replica | None:
        """Look at L1 once, and do what is to be done. Returns the view, or None if something went
        wrong, which has been told."""
        self._told, self._problems = self._problems, set()
        try:
            view = self.watcher.follow()
            self._check(view)
            for outcome in self.sender.see_through(view.now):
                self._take(outcome, view)
            if not self.sender.must_wait(view.now):
                self._decide(view)
        except PROBLEMS as error:
            self._problem(str(error))
            return None
        return view

    def _check(self, view: Replica) -> None:
        """Compare the view with the contract now and then."""
        if self._checked is None:
            self._checked = view.now
        if view.now >= self._checked + CHECK_EVERY:
            self.watcher.check(CHECKED_AT_ONCE)
            self._checked = view.now

    def _decide(self, view: Replica) -> None:
        under_way = self.sender.moves
        wanted = self._strategy(view)
        self._rests = {move: rest for move, rest in self._rests.items() if move in wanted}
        moves = [move for move in wanted if not _is_among(move, under_way)]
        awake = [move for move in moves if self._rests.get(move, (0, 0))[1] <= view.now]
        for batch in batches(move for move in awake if not isinstance(move, CLAIMS)):
            self._attempt(batch, view)
        if not any(isinstance(move, CLAIMS) for move in under_way):
            self._claim([move for move in awake if isinstance(move, CLAIMS)], view)
        if not moves and not under_way:
            self._withdraw(view)

    def _claim(self, claims: Sequence[Move], view: Replica) -> None:
        """Send the first claims: whether those after them are accepted depends on them."""
        for batch in batches(claims):
            if self._attempt(batch, view):
                return

    # --- Sending ---

    def _attempt(self, moves: Sequence[Move], view: Replica) -> bool:
        """As :meth:`_try`, but a limit on these moves is none on others."""
        try:
            return self._try(moves, view)
        except OverLimit as limit:
            self._problem(str(limit))
            return False

    def _try(self, moves: Sequence[Move], view: Replica) -> bool:
        """Send moves in one transaction; in several, if one of them spoils it for all. Returns
        whether something was sent."""
        for move in moves:
            if isinstance(move, Prove) and not self._is_loaded(move, view):
                others = [other for other in moves if other is not move]
                return bool(others) and self._try(others, view)
        order = self._order(moves, view)
        try:
            gas = self._l1.estimate(order.to, order.data, order.value)
        except Reverted as refusal:
            return self._split(moves, view, str(refusal))
        if gas > self._limits.gas:
            return self._split(moves, view, f"takes {gas} gas, the limit is {self._limits.gas}")
        if order.value + order.credit:
            self._check_stake(order, view)
        self.sender.send(order, gas, view.now)
        self._note("sent", view.now, moves=names(order.moves), gas=gas, value=order.value)
        return True

    def _split(self, moves: Sequence[Move], view: Replica, reason: str) -> bool:
        first, second = halves(moves)
        if second:
            is_sent = self._try(first, view)
            if is_sent and isinstance(second[0], CLAIMS):
                return True
            return self._try(second, view) or is_sent
        self._rest(moves[0], view)
        self._note("refused", view.now, moves=names(moves), reason=reason)
        return False

    def _rest(self, move: object, view: Replica) -> None:
        """Do not try a move again for some blocks: what it needs may come, or it may be too
        late."""
        times = self._rests.get(move, (0, 0))[0]
        self._rests[move] = times + 1, view.now + min(1 << times, _LONGEST_REST)

    def _order(self, moves: Sequence[Move], view: Replica) -> Order:
        to = self._contract.address
        if len(moves) > 1:
            calls = [call_of(move) for move in moves]
            return Order(to, call_data("multicall(bytes[])", calls), tuple(moves))
        (move,) = moves
        if move.staked_level is None:
            return Order(to, call_of(move), (move,))
        rivals = _rivals(move, view)
        stake = view.table.stake(move.staked_level, rivals)
        spare = view.table.stake(move.staked_level, rivals + SPARE_RIVALS)
        credit = max(view.credits.get(self._l1.address, 0) - self.sender.credit, 0)
        return Order(to, call_of(move), (move,), max(spare - credit, 0), min(stake, credit))

    def _check_stake(self, order: Order, view: Replica) -> None:
        at_stake = self.at_stake(view) + self.sender.stake + order.value + order.credit
        if at_stake > self._limits.stake:
            raise OverLimit(f"{at_stake} wei would be at stake, the limit is {self._limits.stake}")

    def _is_loaded(self, move: Prove, view: Replica) -> bool:
        """Whether the preimage of a step is there; if it is not, it is sent."""
        part, oracle = move.step.witness.part, self._contract.step.oracle
        if part is None:
            return True
        call = part_call(move.step.witness.state, part)
        key = move.step.witness.state[96:128]
        load = _Load(key, part.offset)
        if load in self.sender.moves:
            return False
        if oracle.is_loaded(key, part.offset):
            return True
        gas = self._l1.estimate(oracle.address, call)
        self.sender.send(Order(oracle.address, call, (load,)), gas, view.now)
        self._note("sent", view.now, moves=names([load]), gas=gas, value=0)
        return False

    def _withdraw(self, view: Replica) -> None:
        """Take our money home, once nothing is to be done and nothing of ours is at stake."""
        to, owed = self._withdraw_to, view.credits.get(self._l1.address, 0)
        if to is None or not owed or self.at_stake(view) or not view.contests:
            return
        order = Order(self._contract.address, call_data("withdraw(address)", to), (_Withdraw(),))
        gas = self._l1.estimate(order.to, order.data)
        self.sender.send(order, gas, view.now)
        self._note("sent", view.now, moves=names(order.moves), gas=gas, value=0)

    # --- Telling ---

    def report(self) -> Report:
        """What it has come to, by the last view."""
        self._report.at_stake = self.at_stake(self.watcher.view())
        return self._report

    def at_stake(self, view: Replica) -> int:
        """Wei that we have posted in contests that are not decided."""
        return sum(
            view.table.levels[entry.node.level].stake * entry.rank
            for entry in _open_roots(view)
            if entry.mover == self._l1.address
        )

    def _take(self, outcome: Outcome, view: Replica) -> None:
        mined, order = outcome.mined, outcome.order
        details: dict[str, object] = {"moves": names(order.moves)}
        if mined is not None:
            self._report.transactions += 1
            self._report.gas += mined.gas_used
            self._report.fees += mined.cost
            details |= {"inBlock": mined.block, "gas": mined.gas_used, "cost": mined.cost}
        if outcome.what == "mined":
            self._report.made.update(names(order.moves))
        if mined is not None:
            # If one is still wanted, it has failed, or a node keeps its log from us.
            for move in order.moves:
                self._rest(move, view)
        self._note(outcome.what, view.now, **details)

    def _problem(self, line: str) -> None:
        """One line for each problem, however long it lasts and whatever numbers are in it."""
        kind = re.sub(r"\d+", "#", line)
        if kind not in self._told | self._problems:
            self._report.problems += 1
            self._note("problem", self.watcher.block, reason=line)
        self._problems.add(kind)

    def _note(self, what: str, block: int, **details: object) -> None:
        self._tell(Note(what, block, details))


# --- Pure parts -----------------------------------------------------------------------------------


def batches(moves: Iterable[Move]) -> Iterator[list[Move]]:
    """Moves that go into one transaction together, in their order. One that posts a stake goes
    alone, as it brings value; updates of many nodes are cut into pieces."""
    batch: list[Move] = []
    gas = 0
    for move in _in_pieces(moves):
        if move.staked_level is not None:
            yield [move]
            continue
        takes = _gas_of(move)
        if batch and gas + takes > BATCH_GAS:
            yield batch
            batch, gas = [], 0
        batch.append(move)
        gas += takes
    if batch:
        yield batch


def halves(moves: Sequence[Move]) -> tuple[Sequence[Move], Sequence[Move]]:
    """Moves, or the updates of a single one, in two parts; the second is empty if there is
    nothing to be divided."""
    middle = -(-len(moves) // 2)
    match moves:
        case [UpdateTimers(updates)] if len(updates) > 1:
            middle = len(updates) // 2
            return [UpdateTimers(updates[:middle])], [UpdateTimers(updates[middle:])]
    return moves[:middle], moves[middle:]


def _is_among(move: Move, under_way: set[object]) -> bool:
    """Whether a move is on its way. Which timers are worth an update changes with each block, so
    any update stands for all."""
    if isinstance(move, UpdateTimers):
        return any(isinstance(other, UpdateTimers) for other in under_way)
    return move in under_way


def _in_pieces(moves: Iterable[Move]) -> Iterator[Move]:
    size = BATCH_GAS // _GAS_OF_UPDATE
    for move in moves:
        if isinstance(move, UpdateTimers):
            for at in range(0, len(move.updates), size):
                yield UpdateTimers(move.updates[at : at + size])
        else:
            yield move


def _gas_of(move: Move) -> int:
    if isinstance(move, UpdateTimers):
        return _GAS_OF_UPDATE * len(move.updates)
    return _GAS[type(move)]


def names(moves: Iterable[object]) -> list[str]:
    """What moves are called."""
    return [type(move).__name__.lstrip("_") for move in moves]


def _open_roots(view: Replica) -> Iterator[Entry]:
    """Histories in contests that are not decided."""
    return (
        entry
        for entry in view.graph.entries.values()
        if entry.rank and (entry.node.origin, entry.node.level) not in view.contests
    )


def _rivals(move: Move, view: Replica) -> int:
    """How many histories there are in the contest that a move enters."""
    match move:
        case Open(origin, _):
            contest = origin, 0
        case Refine(terminal, _):
            contest = terminal.cohort(), terminal.level + 1
        case _:
            raise TypeError(f"{move} enters no contest")
    return sum((entry.node.origin, entry.node.level) == contest for entry in _open_roots(view))


# --- Several at once ------------------------------------------------------------------------------


def play(
    runners: Sequence[Runner],
    mine: Callable[[], None],
    until: Callable[[Replica], bool],
    blocks: int,
) -> Replica | None:
    """Several runners on a chain that mines when told to: in each block, each of them moves once.

    Returns the view of the first of them as soon as it is as wanted; None, if it is not within so
    many ``blocks``.
    """
    for _ in range(blocks):
        views = [runner.step() for runner in runners]
        if views[0] is not None and until(views[0]):
            return views[0]
        mine()
    return None
