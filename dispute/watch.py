"""The dispute as it stands on L1: the model of the contract, rebuilt from the contract's log.

A node may be wrong, late, or lie. What can be checked is checked: each log must be an event of the
contract, and each event the effect of a move that could be made (:mod:`dispute.events`); the blocks
must be those of one chain; and what the contract itself says of the nodes is compared with the
model. Whatever does not fit is a :class:`WatchError` of one line, and
the view stays at the last block that did.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contracts.chain import Reverted
from contracts.l1 import L1, Block, L1Error, LogEntry
from dispute.client import DisputeContract
from dispute.events import EventError, Replica, decode
from dispute.graph import Entry

#: Blocks whose logs are asked for at once; halved while a node finds them too many.
RANGE = 2000
#: States of the past that are kept, to go back to when L1 is reorganised.
KEPT = 64
#: A chain that changes while we look is looked at so often.
_ATTEMPTS = 3
#: Nobody follows a contract for so many blocks: a node that says so would keep us busy for ever.
_LONGEST = 1 << 26
#: More would be no sentence.
_MAX_MESSAGE = 300


class WatchError(Exception):
    """What a node says of the contract does not hang together. One line."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The dispute after a block. ``replica`` is never changed: others may share it."""

    number: int
    hash: bytes
    replica: Replica


class _Reorganised(Exception):
    """The chain is not the one any more that we were looking at."""


class Watcher:
    """Follows one contract from the block on in which it was deployed, or any before that."""

    def __init__(self, l1: L1, contract: DisputeContract, first_block: int = 0) -> None:
        self._l1 = l1
        self._contract = contract
        self._first = first_block
        self._range = RANGE
        #: How many nodes have been compared, in all rounds.
        self._compared = 0
        #: The last states, oldest first.
        self._seen: list[Seen] = []

    @property
    def block(self) -> int:
        """The number of the block that the view is of; one before the first, if there is none."""
        return self._seen[-1].number if self._seen else self._first - 1

    def view(self) -> Replica:
        """The dispute after the last block seen: a copy, which the caller may change."""
        replica = self._last().copy()
        replica.now = max(self.block, 0)
        return replica

    def follow(self) -> Replica:
        """Look at all blocks up to the newest one. Returns the view.

        Raises :class:`contracts.l1.L1Error` and :class:`WatchError`.
        """
        before, problem = self._seen.copy(), ""
        for _ in range(_ATTEMPTS):
            try:
                self._go_back()
                self._go_on()
                return self.view()
            except _Reorganised:
                problem = "its chain changes each time that we look"
            except EventError as error:
                # A log may have been left out before. From the start, it is either there or not.
                problem = str(error)[:_MAX_MESSAGE]
                self._seen.clear()
        self._seen = before
        raise WatchError(f"{self._l1.name}: {problem}")

    # --- Following ---

    def _go_back(self) -> None:
        """Drop what was seen in blocks that are not part of the chain any more. A node that does
        not know a block yet is only behind."""
        newest = self._newest().number
        for number, seen in reversed(list(enumerate(self._seen))):
            if seen.number > newest:
                continue
            found = self._l1.block(seen.number)
            if found is not None and found.hash == seen.hash:
                return
            del self._seen[number:]

    def _go_on(self) -> None:
        head = self._newest()
        while self.block < head.number:
            last = min(self.block + self._range, head.number)
            end = head if last == head.number else self._block(last)
            try:
                entries = self._l1.logs(self._contract.address, self.block + 1, last)
            except L1Error:
                if self._range == 1:
                    raise
                self._newest()  # a node that is out of order says so again
                self._range //= 2
                continue
            if self._block(last).hash != end.hash:
                raise _Reorganised
            self._take(end, entries)
            self._range = min(2 * self._range, RANGE)

    def _newest(self) -> Block:
        head = self._l1.block()
        if head is None:
            raise WatchError(f"{self._l1.name} has no newest block")
        if head.number - self._first > _LONGEST:
            raise WatchError(f"{self._l1.name} says that its newest block is {head.number}")
        return head

    def _block(self, number: int) -> Block:
        """Raises _Reorganised if it has gone meanwhile."""
        found = self._l1.block(number)
        if found is None:
            raise _Reorganised
        return found

    def _take(self, end: Block, entries: list[LogEntry]) -> None:
        """The state after ``end``, from that of the last block seen and the logs since then."""
        replica = self._last().copy() if entries else self._last()
        for entry in entries:
            if entry.block == end.number and entry.block_hash != end.hash:
                raise _Reorganised
            replica.apply(decode(entry.log), entry.block)
        self._seen.append(Seen(end.number, end.hash, replica))
        del self._seen[:-KEPT]

    def _last(self) -> Replica:
        """The dispute after the last block seen; not to be changed."""
        if self._seen:
            return self._seen[-1].replica
        return Replica(self._contract.table, _NoJudge())

    # --- Comparing with the contract ---

    def check(self, most: int | None = None) -> None:
        """Compare the view with what the contract says of the nodes in it: of all, or of so many,
        and of the next ones the next time.

        So a rival, a timer or a decision cannot be kept from us by leaving out the last logs; a
        bisection can, as the contract only tells of nodes that one can name.

        Raises :class:`contracts.l1.L1Error` and :class:`WatchError`; the view is then built anew by
        the next :meth:`follow`.
        """
        if not self._seen:
            return
        view = self.view()
        past = replace(self._contract, chain=self._l1.at(self.block))
        try:
            for entry in self._next_entries(view, most):
                _compare(past, view, entry)
            balance = self._l1.balance(self._contract.address, self.block)
            # Wei can be forced on a contract; it then has more than it knows of.
            _agree(balance >= view.balance, "what it has", self._contract.address)
        except (WatchError, Reverted) as error:
            self._seen.clear()
            raise WatchError(f"{self._l1.name}: {error}") from None

    def _next_entries(self, view: Replica, most: int | None) -> list[Entry]:
        entries = list(view.graph.entries.values())
        if most is None or most >= len(entries):
            return entries
        first = self._compared % len(entries)
        self._compared = first + most
        return (entries + entries)[first : first + most]


def _compare(contract: DisputeContract, view: Replica, entry: Entry) -> None:
    record = contract.record(entry.id)
    _agree(record.created == entry.created, "its block", entry.id)
    _agree(record.mover == entry.mover, "its mover", entry.id)
    _agree(record.timer == entry.timer, "its timer", entry.id)
    _agree(record.is_won == (entry.id in view.won), "whether it is won", entry.id)
    _agree(record.is_paid == (entry.id in view.paid), "whether it is paid", entry.id)
    if not view.graph.is_rivalled(entry.id):
        rivalled, _ = contract.cohort(entry.cohort)
        _agree(rivalled == 0, "its rivals", entry.id)


def _agree(holds: bool, what: str, subject: bytes) -> None:
    if not holds:
        raise WatchError(f"the log and the contract differ on 0x{subject.hex()}: {what}")


class _NoJudge:
    """What L1 has accepted is not judged again."""

    def post_state(self, witness: object) -> bytes:
        raise TypeError("a replica judges nothing")
