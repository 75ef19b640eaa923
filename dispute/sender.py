"""Transactions of one account, seen through until L1 has them.

A transaction may be lost by the node, be outbid, wait for ever because gas has become dearer, be
mined and then not be mined after all. So what was sent is kept until the view of L1 has come to the
block that it is in: until then it is sent again if it was lost, and replaced by one that pays more
if it is stuck. Nothing is remembered beyond the process: what another one of the same account has
sent is waited for, and then replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.l1 import L1, MAX_GAS, Fees, L1Error, Mined, Transaction

#: Blocks after which a transaction that has not been mined is stuck; and those after which one that
#: the node will not take is given up.
STUCK_AFTER, GIVEN_UP_AFTER = 3, 12
#: What a stuck transaction's replacement pays more, in hundredths. Nodes want ten at least.
RAISE = 25
#: Room for what changes between the estimate and the block, in hundredths.
_GAS_MARGIN = 25


@dataclass(frozen=True, slots=True)
class Limits:
    """What is never exceeded. ``fee``: wei for each gas; ``gas``: of one transaction; ``stake``:
    wei at stake at any time; ``reserve``: wei that are left on the account."""

    fee: int = 200 * 10**9
    gas: int = MAX_GAS
    stake: int = 1 << 128
    reserve: int = 0


class OverLimit(Exception):
    """Something is not sent, because it would exceed a limit. One line."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to send. ``moves``: what it does, to recognise it by. ``credit``: wei of what the
    account has at the contract that it uses up, beside ``value``."""

    to: bytes
    data: bytes
    moves: tuple[object, ...]
    value: int = 0
    credit: int = 0


@dataclass
class Sent:
    """An order on its way. ``since``: the block in which its newest version was sent; ``first``:
    that of the first one. ``versions``: one for each time that it was outbid by ourselves."""

    order: Order
    nonce: int
    gas: int
    fees: Fees
    first: int
    since: int
    versions: list[Transaction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an order. ``what``: "mined", "failed", "raised", "resent", "replaced" or
    "given up"; after "raised" and "resent" it is still on its way."""

    what: str
    order: Order
    mined: Mined | None = None


class Sender:
    """Sends from the account of ``l1``, which has a key."""

    def __init__(self, l1: L1, limits: Limits, tell: Callable[[str], None]) -> None:
        """``tell`` is told in one line when a node does not take a transaction."""
        self._l1 = l1
        self._limits = limits
        self._tell = tell
        self.sent: list[Sent] = []
        #: The block in which transactions of somebody else with our key were first seen waiting.
        self._strangers_since: int | None = None
        #: The block in which a gap before our transactions was first seen.
        self._gap_since: int | None = None

    @property
    def moves(self) -> set[object]:
        """What is on its way."""
        return {move for sent in self.sent for move in sent.order.moves}

    @property
    def credit(self) -> int:
        """Wei that what is on its way uses of what the account has at the contract."""
        return sum(sent.order.credit for sent in self.sent)

    @property
    def stake(self) -> int:
        """Wei that what is on its way puts in."""
        return sum(sent.order.credit + sent.order.value for sent in self.sent)

    # --- Sending ---

    def must_wait(self, block: int) -> bool:
        """Whether transactions of our account are waiting that this process has not sent: those of
        a process before it, most likely. After some blocks they count as stuck."""
        if self.sent or self._l1.nonce(with_waiting=True) <= self._l1.nonce():
            self._strangers_since = None
            return False
        if self._strangers_since is None:
            self._strangers_since = block
        return block < self._strangers_since + STUCK_AFTER

    def send(self, order: Order, gas: int, block: int) -> None:
        """Send an order that takes ``gas``.

        Raises :class:`OverLimit`, and :class:`contracts.l1.L1Error` if it could not be tried.
        """
        gas = min(gas * (100 + _GAS_MARGIN) // 100, self._limits.gas)
        fees = self._l1.fees()
        if self._strangers_since is not None:
            fees = Fees(2 * fees.most, 2 * fees.priority)  # to outbid whatever is waiting
        if fees.most > self._limits.fee:
            raise OverLimit(f"gas costs {fees.most} wei, the limit is {self._limits.fee}")
        promised = sum(sent.gas * sent.fees.most + sent.order.value for sent in self.sent)
        needed = promised + gas * fees.most + order.value + self._limits.reserve
        balance = self._l1.balance(self._l1.address)
        if needed > balance:
            raise OverLimit(f"the account has {balance} wei, and it would take {needed}")
        nonce = self.sent[-1].nonce + 1 if self.sent else self._l1.nonce()
        self.sent.append(Sent(order, nonce, gas, fees, block, block))
        self._sign(self.sent[-1])
        self._submit(self.sent[-1])

    def _sign(self, sent: Sent) -> None:
        order = sent.order
        transaction = self._l1.sign(
            order.to, order.data, order.value, nonce=sent.nonce, gas=sent.gas, fees=sent.fees
        )
        sent.versions.append(transaction)

    def _submit(self, sent: Sent) -> None:
        """If the node does not take it, or does not say so, it is sent again later."""
        try:
            self._l1.submit(sent.versions[-1])
        except L1Error as error:
            self._tell(str(error))

    # --- Seeing through ---

    def see_through(self, block: int) -> list[Outcome]:
        """Look after all that is on its way; the view of L1 is that of ``block``.

        Raises :class:`contracts.l1.L1Error`; the rest is then looked after the next time.
        """
        outcomes: list[Outcome] = []
        count = self._l1.nonce() if self.sent else 0
        if self._has_gap(count, block):
            return self._give_up(0)
        for sent in self.sent.copy():
            outcome = self._look_at(sent, count, block)
            if outcome is None:
                continue
            if outcome.what == "given up":
                return [*outcomes, *self._give_up(self.sent.index(sent))]
            outcomes.append(outcome)
            if outcome.what not in ("raised", "resent"):
                self.sent.remove(sent)
        return outcomes

    def _give_up(self, first: int) -> list[Outcome]:
        """Forget what was sent from the ``first`` on: those after it cannot be mined without it."""
        forgotten = self.sent[first:]
        del self.sent[first:]
        return [Outcome("given up", sent.order) for sent in forgotten]

    def _has_gap(self, count: int, block: int) -> bool:
        """Whether transactions before ours have come off the chain, by a reorganisation, and are
        not waiting either. A node that is behind looks the same, for a block."""
        if not self.sent or self.sent[0].nonce <= max(count, self._l1.nonce(with_waiting=True)):
            self._gap_since = None
            return False
        if self._gap_since is None:
            self._gap_since = block
        return block > self._gap_since

    def _look_at(self, sent: Sent, count: int, block: int) -> Outcome | None:
        """``count``: transactions of the account that have been mined."""
        mined = next(filter(None, (self._l1.mined(v.digest) for v in sent.versions)), None)
        if mined is not None:
            if mined.block > block:
                return None  # the view does not have it yet
            return Outcome("mined" if mined.succeeded else "failed", sent.order, mined)
        if count > sent.nonce:
            return Outcome("replaced", sent.order)
        is_known = self._l1.is_known(sent.versions[-1].digest)
        if not is_known and block >= sent.first + GIVEN_UP_AFTER:
            return Outcome("given up", sent.order)
        if block >= sent.since + STUCK_AFTER and self._raise(sent, block):
            return Outcome("raised", sent.order)
        if not is_known:
            self._submit(sent)
            return Outcome("resent", sent.order)
        return None

    def _raise(self, sent: Sent, block: int) -> bool:
        """Replace what is stuck by what pays more, unless that is more than we pay."""
        now, factor = self._l1.fees(), 100 + RAISE
        most = max(-(-sent.fees.most * factor // 100), now.most)
        priority = max(-(-sent.fees.priority * factor // 100), now.priority)
        sent.since = block
        if most > self._limits.fee:
            self._tell(f"a stuck transaction would cost {most} wei for each gas: over the limit")
            return False
        sent.fees = Fees(most, priority)
        self._sign(sent)
        self._submit(sent)
        return True
