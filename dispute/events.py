"""What the dispute contract logs, typed; and the model of the contract, rebuilt from that.

A log comes from a node that may be wrong or lie: whatever is not an event of the contract, to the
byte, is an :class:`EventError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contracts.abi import event_topic
from contracts.chain import Log
from dispute.graph import INFINITE, Node
from dispute.protocol import Dispute, Refused


class EventError(ValueError):
    """A log that the contract has not written: malformed, or of what cannot have happened."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A root has come, with its stake. ``claim``: the terminal that it refines, if any."""

    id: bytes
    node: Node
    mover: bytes
    claim: bytes
    stake: int


@dataclass(frozen=True, slots=True)
class Bisected:
    """A node has got its halves: their spans."""

    id: bytes
    left: bytes
    right: bytes
    mover: bytes


@dataclass(frozen=True, slots=True)
class Proved:
    """A terminal of the last level has been proved."""

    id: bytes
    mover: bytes


@dataclass(frozen=True, slots=True)
class Updated:
    """A longer timer has been stored."""

    id: bytes
    timer: int


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A root has won its contest; ``mover`` has confirmed it."""

    id: bytes
    origin: bytes
    level: int
    mover: bytes


@dataclass(frozen=True, slots=True)
class Paid:
    """The bounty for what ``mover`` did with a node has been claimed."""

    id: bytes
    mover: bytes


@dataclass(frozen=True, slots=True)
class Swept:
    """What was left of a contest's reserve has gone to the sink."""

    origin: bytes
    level: int
    amount: int


@dataclass(frozen=True, slots=True)
class Deposited:
    """A move brought wei with it."""

    by: bytes
    amount: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """All that the contract owed to ``by`` went to ``to``."""

    by: bytes
    to: bytes
    amount: int


Event = Entered | Bisected | Proved | Updated | Confirmed | Paid | Swept | Deposited | Withdrawn

# --- Decoding -------------------------------------------------------------------------------------


def decode(log: Log) -> Event:
    """The event that the contract logged. Raises :class:`EventError`."""
    if not log.topics or log.topics[0] not in _DECODERS:
        raise EventError(f"no event of the dispute contract: topics {_shown(log.topics)}")
    indexed, data_words, decoder = _DECODERS[log.topics[0]]
    if len(log.topics) != 1 + indexed or any(len(topic) != 32 for topic in log.topics):
        raise EventError(f"an event with the wrong topics: {_shown(log.topics)}")
    if len(log.data) != 32 * data_words:
        raise EventError(f"an event has {32 * data_words} bytes of data, not {len(log.data)}")
    data = [log.data[at : at + 32] for at in range(0, len(log.data), 32)]
    return decoder(list(log.topics[1:]), data)


Words = list[bytes]


def _entered(topics: Words, data: Words) -> Entered:
    origin, level, depth, pos, base, span, claim, stake = data
    node = Node(origin, _number(level, 8), _number(pos, 64), _number(depth, 8), base, span)
    if node.id() != topics[0]:
        raise EventError(f"0x{topics[0].hex()} is not the id of the node that it is said to be")
    claimed = claim if any(claim) else b""
    return Entered(topics[0], node, _address(topics[1]), claimed, _number(stake, 256))


def _bisected(topics: Words, data: Words) -> Bisected:
    return Bisected(topics[0], data[0], data[1], _address(data[2]))


def _proved(topics: Words, data: Words) -> Proved:
    return Proved(topics[0], _address(data[0]))


def _updated(topics: Words, data: Words) -> Updated:
    return Updated(topics[0], _number(data[0], 40))


def _confirmed(topics: Words, data: Words) -> Confirmed:
    return Confirmed(topics[0], topics[1], _number(data[0], 8), _address(data[1]))


def _paid(topics: Words, data: Words) -> Paid:
    return Paid(topics[0], _address(data[0]))


def _swept(topics: Words, data: Words) -> Swept:
    return Swept(topics[0], _number(data[0], 8), _number(data[1], 256))


def _deposited(topics: Words, data: Words) -> Deposited:
    return Deposited(_address(topics[0]), _number(data[0], 256))


def _withdrawn(topics: Words, data: Words) -> Withdrawn:
    return Withdrawn(_address(topics[0]), _address(data[0]), _number(data[1], 256))


_NODE = "(bytes32,uint8,uint8,uint64,bytes32,bytes32)"
Decoder = Callable[[Words, Words], Event]
#: By the first topic: how many topics follow, how many words of data, and what they mean.
_DECODERS: dict[bytes, tuple[int, int, Decoder]] = {
    event_topic(signature): (indexed, data_words, decoder)
    for signature, indexed, data_words, decoder in (
        (f"Entered(bytes32,{_NODE},address,bytes32,uint256)", 2, 8, _entered),
        ("Bisected(bytes32,bytes32,bytes32,address)", 1, 3, _bisected),
        ("Proved(bytes32,address)", 1, 1, _proved),
        ("Updated(bytes32,uint40)", 1, 1, _updated),
        ("Confirmed(bytes32,bytes32,uint8,address)", 2, 2, _confirmed),
        ("Paid(bytes32,address)", 1, 1, _paid),
        ("Swept(bytes32,uint8,uint256)", 1, 2, _swept),
        ("Deposited(address,uint256)", 1, 1, _deposited),
        ("Withdrawn(address,address,uint256)", 1, 2, _withdrawn),
    )
}


def _number(word: bytes, bits: int) -> int:
    number = int.from_bytes(word, "big")
    if number >> bits:
        raise EventError(f"0x{word.hex()} is no number of {bits} bits")
    return number


def _address(word: bytes) -> bytes:
    if any(word[:12]):
        raise EventError(f"0x{word.hex()} is no address")
    return word[12:]


def _shown(topics: Sequence[bytes]) -> str:
    return ", ".join(f"0x{topic[:32].hex()}" for topic in topics[:4]) or "none"


# --- The model, from the log ----------------------------------------------------------------------


class Replica(Dispute):
    """The contract as its log describes it: what whoever watches L1 knows.

    It believes nothing that it can check: each event must be the effect of a move that could be
    made. What it cannot check is what took a judge or a boundary to know, and how long a stored
    timer is.
    """

    def apply(self, event: Event, block: int) -> None:
        """Bring the model up to date with an event of a block; in the order of the log.

        Raises :class:`EventError` for what cannot have happened, and has then changed nothing.
        """
        if block < self.now:
            raise EventError(f"an event of block {block} comes after block {self.now}")
        before, self.now = self.now, block
        try:
            self._apply(event)
        except (Refused, EventError) as error:
            self.now = before
            raise EventError(f"{event} cannot have happened: {error}") from None

    def _apply(self, event: Event) -> None:
        match event:
            case Entered():
                self._apply_entry(event)
            case Bisected(node_id, left, right, mover):
                self._check_halves(self._node(node_id), node_id, left, right)
                _check(node_id not in self.graph.halves, "it has been bisected")
                self._check_rivalled(node_id)
                self.graph.bisect(node_id, left, right, mover, self.now)
            case Proved(node_id, mover):
                node = self._node(node_id)
                _check((node.level, node.depth) == (self.table.last, 0), "no step to prove")
                _check(node_id not in self.provers, "it has been proved")
                self._check_rivalled(node_id)
                self.provers[node_id] = mover
                self.graph.raise_timer(node_id, INFINITE)
            case Updated(node_id, timer):
                self._node(node_id)
                self.graph.raise_timer(node_id, timer)
            case Confirmed(node_id, origin, level, mover):
                node = self._node(node_id)
                _check(self.graph.is_root(node_id), "no root")
                _check((node.origin, node.level) == (origin, level), "another contest")
                _check((origin, level) not in self.contests, "it is decided")
                self._settle(mover, node_id)
            case Paid(node_id, mover):
                _check(node_id not in self.paid, "it has been paid")
                self._pay_once(node_id, mover)
            case Swept(origin, level, amount):
                contest = self.contests.get((origin, level))
                _check(contest is None or contest.reserve == amount, "another amount")
                self.sweep(origin, level)
            case Deposited(by, amount):
                self.deposit(by, amount)
            case Withdrawn(by, _, amount):
                _check(self.credits.get(by, 0) == amount, "another amount")
                self.withdraw(by)

    def _apply_entry(self, event: Entered) -> None:
        node = event.node
        _check(event.id not in self.graph, "it is there")
        _check(node.level < len(self.table.levels), "no such level")
        _check(node.depth == self.table.levels[node.level].height and not node.pos, "no root")
        _check((node.origin, node.level) not in self.contests, "it is decided")
        if node.level:
            terminal = self._node(event.claim)
            _check(terminal.depth == 0 and terminal.level == node.level - 1, "no terminal")
            _check(terminal.cohort() == node.origin, "of another terminal")
        else:
            _check(not event.claim, "a claim at level 0")
        others = self.graph.cohorts.get(node.cohort())
        rivals = others.count if others else 0
        _check(event.stake == self.table.stake(node.level, rivals), "another stake")
        _check(self.credits.get(event.mover, 0) >= event.stake, "a stake without money")
        self.graph.add(node, event.mover, self.now, rivals + 1, event.claim)
        self._credit(event.mover, -event.stake)

    def _node(self, node_id: bytes) -> Node:
        if node_id not in self.graph:
            raise Refused("UnknownNode", node_id)
        return self.graph[node_id].node


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise EventError(otherwise)
