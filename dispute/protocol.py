"""The protocol, as a model of the contract: who may do what, and what it costs (docs/dispute.md).

``contracts/src/dispute/Dispute.sol`` is the same on L1: the same moves, the same checks in the same
order, the same refusals by name. Everything is open to everybody, at any time. A move that was made
before is accepted and changes nothing, so racing for one harms nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from dispute.graph import INFINITE, Graph, Node, level_root
from dispute.table import Table, moves_per_rival
from fpvm import history
from fpvm.keccak import keccak256
from fpvm.proof import Witness

ZERO_WORD = bytes(32)


class Refused(Exception):
    """The contract refuses a move. ``error`` and ``arguments`` are those of its custom error."""

    def __init__(self, error: str, *arguments: object) -> None:
        super().__init__(error, *arguments)
        self.error, self.arguments = error, arguments

    def __str__(self) -> str:
        shown = (f"0x{a.hex()}" if isinstance(a, bytes) else str(a) for a in self.arguments)
        return f"refused: {self.error}({', '.join(shown)})"


class Judge(Protocol):
    """Executes the one step that is left of a dispute. On L1, the step contract."""

    def post_state(self, witness: Witness) -> bytes:
        """The hash of the state after ``witness.state``. Raises :class:`Refused` for a witness that
        proves nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Refinement:
    """A finer history that shows what a terminal claims.

    ``span`` commits to it. ``pre`` and ``pre_path`` prove the state that the terminal starts from,
    ``end`` and ``end_path`` the state that the finer history ends in, and ``proof`` is what the
    boundary needs to tell that the terminal's state is the outcome of ``end``.
    """

    span: bytes
    pre: bytes
    pre_path: tuple[bytes, ...]
    end: bytes
    end_path: tuple[bytes, ...]
    proof: bytes


@dataclass(frozen=True, slots=True)
class StepProof:
    """One step: its witness, and what proves that the state in it is the terminal's."""

    witness: Witness
    pre_path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """Update this node, from its halves, which the contract does not store. Words of zeros: from
    nothing but the node itself."""

    node: Node
    left: bytes = ZERO_WORD
    right: bytes = ZERO_WORD

    @property
    def is_bisected(self) -> bool:
        return (self.left, self.right) != (ZERO_WORD, ZERO_WORD)


@dataclass(frozen=True, slots=True)
class Contest:
    """What became of the histories of one origin at one level, once one of them has been confirmed.

    ``reserve``: wei set aside for the bounties of the winner's side.
    """

    winner: bytes
    decided: int
    reserve: int


class Dispute:
    """The contract's storage and its functions. ``now`` is the number of the L1 block.

    Every function raises :class:`Refused`, and has then changed nothing.
    """

    def __init__(self, table: Table, judge: Judge) -> None:
        self.table = table
        self.judge = judge
        self.now = 0
        self.graph = Graph()
        self.contests: dict[tuple[bytes, int], Contest] = {}
        #: Nodes of winning histories, and those of them whose bounty has been taken.
        self.won: set[bytes] = set()
        self.paid: set[bytes] = set()
        #: Who proved a terminal of the last level.
        self.provers: dict[bytes, bytes] = {}
        #: What the contract owes, to be withdrawn; and all that it has.
        self.credits: dict[bytes, int] = {}
        self.balance = 0

    def copy(self) -> Self:
        """A dispute that goes its own way from here on."""
        other = type(self)(self.table, self.judge)
        other.now, other.balance = self.now, self.balance
        other.graph = self.graph.copy()
        other.contests = self.contests.copy()
        other.won, other.paid = self.won.copy(), self.paid.copy()
        other.provers, other.credits = self.provers.copy(), self.credits.copy()
        return other

    # --- Moves ---

    def open(self, by: bytes, origin: bytes, span: bytes, value: int = 0) -> bytes:
        """Claim a whole history of ``origin``; posts the stake. Returns the root's id.

        S0 follows from the origin: the claimant has no say in it.
        """
        start = self.table.levels[0].boundary.start(origin, 0, ZERO_WORD)
        root = level_root(origin, 0, self.table.levels[0].height, start, span)
        return self._enter(by, root, b"", value)

    def bisect(self, by: bytes, node: Node, left: bytes, right: bytes) -> None:
        """Reveal the halves of a rivalled node. The rivals may then differ in one of them only."""
        node_id = self._known(node)
        self._check_halves(node, node_id, left, right)
        if node_id in self.graph.halves:
            return
        self._check_rivalled(node_id)
        self.graph.bisect(node_id, left, right, by, self.now)

    def refine(self, by: bytes, terminal: Node, finer: Refinement, value: int = 0) -> bytes:
        """Back a terminal's claim by a history of the next level; posts its stake. Returns its id.

        Refinements of rival terminals have one origin, so they are rivals of one another.
        """
        terminal_id = self._known(terminal)
        if terminal.depth:
            raise Refused("NotTerminal", terminal_id)
        if terminal.level == self.table.last:
            raise Refused("WrongLevel", terminal.level)
        self._check_last_state(terminal, finer.pre, finer.pre_path)
        level = self.table.levels[terminal.level + 1]
        start = level.boundary.start(terminal.origin, terminal.pos, finer.pre)
        check_end(finer.span, level.height, finer.end, finer.end_path)
        if history.leaf(level.boundary.outcome(finer.end, finer.proof)) != terminal.span:
            raise Refused("WrongOutcome", terminal_id)
        self._check_rivalled(terminal_id)
        root = level_root(terminal.cohort(), terminal.level + 1, level.height, start, finer.span)
        return self._enter(by, root, terminal_id, value)

    def prove(self, by: bytes, terminal: Node, step: StepProof) -> None:
        """Prove a terminal of the last level, by executing its one step."""
        terminal_id = self._known(terminal)
        if terminal.depth:
            raise Refused("NotTerminal", terminal_id)
        if terminal.level != self.table.last:
            raise Refused("WrongLevel", terminal.level)
        if terminal_id in self.provers:
            return
        self._check_rivalled(terminal_id)
        self._check_last_state(terminal, keccak256(step.witness.state), step.pre_path)
        post = self.judge.post_state(step.witness)
        if history.leaf(post) != terminal.span:
            raise Refused("WrongStep", post)
        self.provers[terminal_id] = by
        self.graph.raise_timer(terminal_id, INFINITE)

    def update(self, updates: Iterable[Update]) -> None:
        """Bring stored timers up to date, each from those below it: children come first."""
        checked = [(self._checked_update(update), update) for update in updates]
        for node_id, update in checked:
            self._raise_timer(node_id, update.is_bisected)

    def confirm(self, by: bytes, root: Update) -> None:
        """Decide for a history whose timer has reached T; ends the contest at its level.

        The winner gets its stake back, and what the losers staked pays for bounties.
        """
        node_id = self._checked_update(root)
        if not self.graph.is_root(node_id):
            raise Refused("NotRoot", node_id)
        key = (root.node.origin, root.node.level)
        if key in self.contests:
            if self.contests[key].winner == node_id:
                return
            raise Refused("Decided", self.contests[key].winner)
        timer = self.graph.updated_timer(node_id, self.now, root.is_bisected)
        if timer < self.table.terms.confirm_after:
            raise Refused("TooEarly", timer)
        self._raise_timer(node_id, root.is_bisected)
        self._settle(by, node_id)

    # --- Payment ---

    def claim_bisection(self, node: Node, left: bytes, right: bytes) -> None:
        """Pay for the bisection of a node of a winning history. Its halves are of it, too."""
        node_id = self._known(node)
        self._check_halves(node, node_id, left, right)
        self._check_bisected(node_id)
        # The right half is nobody else's, for its base holds the left one: its creator bisected.
        self._pay_once(node_id, self.graph[self.graph.halves[node_id][1]].mover)

    def claim_refinement(self, terminal: Node, root: Node) -> None:
        """Pay for the refinement that won for a terminal of a winning history."""
        terminal_id, root_id = self._known(terminal), self._known(root)
        if self.graph[root_id].claim != terminal_id:
            raise Refused("WrongClaim", root_id)
        if root_id not in self.won:
            raise Refused("NotWon", root_id)
        self._pay_once(terminal_id, self.graph[root_id].mover)

    def claim_proof(self, terminal: Node) -> None:
        """Pay for the proof of a terminal of a winning history."""
        terminal_id = self._known(terminal)
        if terminal_id not in self.provers:
            raise Refused("NotProved", terminal_id)
        self._pay_once(terminal_id, self.provers[terminal_id])

    def sweep(self, origin: bytes, level: int) -> None:
        """What nobody has claimed T blocks after the decision goes to the sink."""
        contest = self.contests.get((origin, level))
        if contest is None:
            raise Refused("NotDecided", origin, level)
        if self.now - contest.decided < self.table.terms.confirm_after:
            raise Refused("TooEarly", self.now - contest.decided)
        self._credit(self.table.terms.sink, contest.reserve)
        self.contests[(origin, level)] = Contest(contest.winner, contest.decided, 0)

    def deposit(self, by: bytes, value: int) -> None:
        """Have wei at the contract, to stake or to withdraw."""
        self.balance += value
        self._credit(by, value)

    def withdraw(self, by: bytes) -> int:
        """Take out all that the contract owes. Returns how much."""
        amount = self.credits.pop(by, 0)
        self.balance -= amount
        return amount

    # --- Checks ---

    def _known(self, node: Node) -> bytes:
        node_id = node.id()
        if node_id not in self.graph:
            raise Refused("UnknownNode", node_id)
        return node_id

    def _check_rivalled(self, node_id: bytes) -> None:
        if not self.graph.is_rivalled(node_id):
            raise Refused("NotRivalled", node_id)

    def _check_last_state(self, terminal: Node, pre: bytes, path: Sequence[bytes]) -> None:
        """``pre`` must be the last state that the terminal's base commits to."""
        zeros = history.trailing_zeros(terminal.pos) + 1 if terminal.pos else 0
        check_path(path, zeros)
        if history.verify_last(terminal.pos, pre, path) != terminal.base:
            raise Refused("WrongPreState", pre)

    def _check_halves(self, node: Node, node_id: bytes, left: bytes, right: bytes) -> None:
        """A terminal has no halves, even if what it claims to be a leaf is none."""
        if node.depth == 0:
            raise Refused("IsTerminal", node_id)
        if history.node(left, right) != node.span:
            raise Refused("WrongHalves", node_id)

    def _check_bisected(self, node_id: bytes) -> None:
        if node_id not in self.graph.halves:
            raise Refused("NotBisected", node_id)

    def _checked_update(self, update: Update) -> bytes:
        """The id of a known node, which has been bisected into what is given, if anything is."""
        node_id = self._known(update.node)
        if update.is_bisected:
            self._check_halves(update.node, node_id, update.left, update.right)
            self._check_bisected(node_id)
        return node_id

    # --- Effects ---

    def _enter(self, by: bytes, root: Node, claim: bytes, value: int) -> bytes:
        """Add the root of a history with its stake, from ``value`` and from what ``by`` has."""
        root_id = root.id()
        is_new = root_id not in self.graph
        stake = 0
        if is_new:
            contest = self.contests.get((root.origin, root.level))
            if contest is not None:
                raise Refused("Decided", contest.winner)
            cohort = self.graph.cohorts.get(root.cohort())
            rivals = cohort.count if cohort else 0
            stake = self.table.stake(root.level, rivals)
            if self.credits.get(by, 0) + value < stake:
                raise Refused("StakeTooLow", stake)
            self.graph.add(root, by, self.now, rank=rivals + 1, claim=claim)
        self.deposit(by, value)
        self._credit(by, -stake)
        return root_id

    def _raise_timer(self, node_id: bytes, is_bisected: bool) -> None:
        """Update a node; if it is a refinement, the terminal that it claims, too."""
        timer = self.graph.updated_timer(node_id, self.now, is_bisected)
        self.graph.raise_timer(node_id, timer)
        claim = self.graph[node_id].claim
        if claim:
            own = self.graph.local_timer(claim, self.now)
            self.graph.raise_timer(claim, own + self.graph[node_id].timer)

    def _settle(self, by: bytes, winner: bytes) -> None:
        """Share out the stakes of a contest that ``by`` has confirmed the winner of."""
        entry = self.graph[winner]
        level = self.table.levels[entry.node.level]
        rivals = self.graph.cohorts[entry.cohort].count - 1
        lost = level.stake * ((rivals + 1) * (rivals + 2) // 2 - entry.rank)
        reserve = self.table.terms.bounty * moves_per_rival(level.height) * rivals
        self._credit(entry.mover, level.stake * entry.rank)
        self._credit(self.table.terms.sink, lost - reserve)
        self.won.add(winner)
        key = (entry.node.origin, entry.node.level)
        self.contests[key] = Contest(winner, self.now, reserve)
        if rivals:
            self._pay(key, entry.mover)
            self._pay(key, by)

    def _pay_once(self, node_id: bytes, mover: bytes) -> None:
        """Pay for what ``mover`` did with a node of a winning history. Its halves are won, too."""
        if node_id not in self.won:
            raise Refused("NotWon", node_id)
        if node_id in self.paid:
            return
        node = self.graph[node_id].node
        self._pay((node.origin, node.level), mover)
        self.paid.add(node_id)
        self.won.update(self.graph.halves.get(node_id, ()))

    def _pay(self, key: tuple[bytes, int], mover: bytes) -> None:
        contest = self.contests[key]
        bounty = self.table.terms.bounty
        if contest.reserve < bounty:
            raise Refused("NothingLeft", contest.winner)
        self.contests[key] = Contest(contest.winner, contest.decided, contest.reserve - bounty)
        self._credit(mover, bounty)

    def _credit(self, to: bytes, amount: int) -> None:
        self.credits[to] = self.credits.get(to, 0) + amount


def check_path(path: Sequence[bytes], length: int) -> None:
    """A path of another length would prove an inner node instead of a state."""
    if len(path) != length:
        raise Refused("WrongPathLength", len(path), length)


def check_end(span: bytes, height: int, end: bytes, path: Sequence[bytes]) -> None:
    """``end`` must be the last of the 2^height states that ``span`` commits to. ``path``: the left
    siblings from its leaf up."""
    check_path(path, height)
    result = history.leaf(end)
    for sibling in path:
        result = history.node(sibling, result)
    if result != span:
        raise Refused("WrongEnd", end)
