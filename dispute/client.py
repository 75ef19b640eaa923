"""A typed client of the dispute contract, on any chain (contracts/src/dispute/Dispute.sol)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.abi import call_data, words
from contracts.artifacts import load
from contracts.chain import Chain, Receipt
from contracts.clients import Step, WrongContract, address_word, check_code
from dispute.boundaries import check_boundary, deploy_boundary
from dispute.graph import Node
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
from dispute.protocol import Contest, Refinement, StepProof, Update
from dispute.table import Boundary, Level, Table, Terms

_NODE = "(bytes32,uint8,uint8,uint64,bytes32,bytes32)"
_UPDATE = f"({_NODE},bytes32,bytes32)"
_REFINEMENT = "(bytes32,bytes32,bytes32[],bytes32,bytes32[],bytes)"
_LEVEL = "(uint8,address,uint88)"
_TERMS = "(uint40,uint40,uint40,uint40,uint88,address)"


# --- Calls ----------------------------------------------------------------------------------------


def call_of(move: Move) -> bytes:
    """What to send to the contract to make a move."""
    match move:
        case Open(origin, span):
            return call_data("open(bytes32,bytes32)", origin, span)
        case Bisect(node, left, right):
            return call_data(f"bisect({_NODE},bytes32,bytes32)", node_fields(node), left, right)
        case Refine(terminal, finer):
            signature = f"refine({_NODE},{_REFINEMENT})"
            return call_data(signature, node_fields(terminal), _refinement_fields(finer))
        case Prove(terminal, step):
            state, proof = step.witness.state, step.witness.pack_proof()
            signature = f"prove({_NODE},bytes,bytes32[],bytes)"
            return call_data(signature, node_fields(terminal), state, step.pre_path, proof)
        case UpdateTimers(updates):
            return call_data(f"update({_UPDATE}[])", [_update_fields(each) for each in updates])
        case Confirm(root):
            return call_data(f"confirm({_UPDATE})", _update_fields(root))
        case ClaimBisection(node, left, right):
            signature = f"claimBisection({_NODE},bytes32,bytes32)"
            return call_data(signature, node_fields(node), left, right)
        case ClaimRefinement(terminal, root_node):
            signature = f"claimRefinement({_NODE},{_NODE})"
            return call_data(signature, node_fields(terminal), node_fields(root_node))
        case ClaimProof(terminal):
            return call_data(f"claimProof({_NODE})", node_fields(terminal))
    raise TypeError(f"no move of the contract: {move}")


def node_fields(node: Node) -> tuple[bytes, int, int, int, bytes, bytes]:
    """A node as the contract's struct, whose fields are in the order in which they are hashed."""
    return node.origin, node.level, node.depth, node.pos, node.base, node.span


def _update_fields(update: Update) -> tuple[object, ...]:
    return node_fields(update.node), update.left, update.right


def _refinement_fields(finer: Refinement) -> tuple[object, ...]:
    return (finer.span, finer.pre, finer.pre_path, finer.end, finer.end_path, finer.proof)


# --- The contract ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """What the contract keeps of a node; of zeros, if there is no such node."""

    created: int
    timer: int
    mover: bytes
    is_won: bool
    is_paid: bool


@dataclass(frozen=True)
class DisputeContract:
    """contracts/src/dispute/Dispute.sol, with the step contract that it asks."""

    chain: Chain
    address: bytes
    table: Table
    step: Step

    @classmethod
    def deploy(cls, chain: Chain, table: Table, step: Step) -> DisputeContract:
        """The contract, and those of its boundaries. Raises Reverted for terms that it refuses."""
        deployed: dict[Boundary, bytes] = {}
        for level in table.levels:
            if level.boundary not in deployed:
                deployed[level.boundary] = deploy_boundary(chain, level.boundary)
        addresses = [deployed[level.boundary] for level in table.levels]
        return cls(
            chain, chain.deploy(creation(table.levels, addresses, table.terms, step)), table, step
        )

    @classmethod
    def attach(cls, chain: Chain, address: bytes, table: Table, step: Step) -> DisputeContract:
        """Raises :class:`WrongContract`, also if the contract is on other terms."""
        check_code(chain, address, "Dispute", **_immutables(table, step))
        contract = cls(chain, address, table, step)
        contract._check_levels()
        return contract

    def _check_levels(self) -> None:
        """The levels are in storage, not in the code; but that code tells them as they are."""
        rows, expected = self._rows(), self.table.levels
        if len(rows) != len(expected):
            raise WrongContract(f"the contract at 0x{self.address.hex()} has other levels")
        for number, (level, row) in enumerate(zip(expected, rows, strict=True)):
            height, boundary, stake = row
            if (_int(height), _int(stake)) != (level.height, level.stake):
                raise WrongContract(
                    f"the contract at 0x{self.address.hex()} has another level {number}"
                )
            check_boundary(self.chain, boundary[12:], level.boundary)

    def _rows(self) -> list[tuple[bytes, bytes, bytes]]:
        """What the contract says of its levels: height, boundary and stake of each."""
        offset, count, *rows = _any_words(self.chain.call(self.address, call_data("levels()")))
        if (_int(offset), 3 * _int(count)) != (32, len(rows)):
            raise WrongContract(f"the contract at 0x{self.address.hex()} has no levels")
        return list(zip(rows[::3], rows[1::3], rows[2::3], strict=True))

    # --- Moves ---

    def send(self, move: Move, value: int = 0) -> Receipt:
        """Make a move, and send ``value`` with it. Raises Reverted.

        A step that reads a preimage has it loaded first, in a transaction of its own.
        """
        if isinstance(move, Prove) and move.step.witness.part is not None:
            self.step.oracle.load_part(move.step.witness.state, move.step.witness.part)
        return self._send(call_of(move), value)

    def open(self, origin: bytes, span: bytes, value: int = 0) -> Receipt:
        return self.send(Open(origin, span), value)

    def bisect(self, node: Node, left: bytes, right: bytes) -> Receipt:
        return self.send(Bisect(node, left, right))

    def refine(self, terminal: Node, finer: Refinement, value: int = 0) -> Receipt:
        return self.send(Refine(terminal, finer), value)

    def prove(self, terminal: Node, step: StepProof) -> Receipt:
        return self.send(Prove(terminal, step))

    def update(self, updates: Iterable[Update]) -> Receipt:
        return self.send(UpdateTimers(tuple(updates)))

    def confirm(self, root: Update) -> Receipt:
        return self.send(Confirm(root))

    def claim_bisection(self, node: Node, left: bytes, right: bytes) -> Receipt:
        return self.send(ClaimBisection(node, left, right))

    def claim_refinement(self, terminal: Node, root: Node) -> Receipt:
        return self.send(ClaimRefinement(terminal, root))

    def claim_proof(self, terminal: Node) -> Receipt:
        return self.send(ClaimProof(terminal))

    def sweep(self, origin: bytes, level: int) -> Receipt:
        return self._send(call_data("sweep(bytes32,uint8)", origin, level))

    def deposit(self, value: int) -> Receipt:
        return self._send(call_data("deposit()"), value)

    def withdraw(self, to: bytes) -> Receipt:
        return self._send(call_data("withdraw(address)", to))

    def multicall(self, moves: Sequence[Move]) -> Receipt:
        """Several moves in one transaction, all or none; stakes come from what was deposited. What
        they prove must have been loaded before."""
        return self._send(call_data("multicall(bytes[])", [call_of(move) for move in moves]))

    # --- Views ---

    def boundaries(self) -> list[bytes]:
        """The addresses of the boundaries, level by level."""
        return [boundary[12:] for _, boundary, _ in self._rows()]

    def record(self, node_id: bytes) -> Record:
        created, timer, mover, won, paid = self._ask(5, "node(bytes32)", node_id)
        return Record(_int(created), _int(timer), mover[12:], any(won), any(paid))

    def cohort(self, cohort_id: bytes) -> tuple[int, int]:
        """The block in which the second came, or 0; and how many there are, but of right halves."""
        rivalled, count = self._ask(2, "cohort(bytes32)", cohort_id)
        return _int(rivalled), _int(count)

    def root(self, node_id: bytes) -> tuple[bytes, int]:
        """The claim and the rank of a root: a word of zeros and 0 if it is none."""
        claim, rank = self._ask(2, "root(bytes32)", node_id)
        return claim, _int(rank)

    def prover(self, node_id: bytes) -> bytes | None:
        """Who has proved a terminal."""
        (prover,) = self._ask(1, "prover(bytes32)", node_id)
        return prover[12:] if any(prover) else None

    def contest(self, origin: bytes, level: int) -> Contest | None:
        """What a contest has come to, if it is decided."""
        winner, decided, reserve = self._ask(3, "contest(bytes32,uint8)", origin, level)
        return Contest(winner, _int(decided), _int(reserve)) if any(winner) else None

    def credit(self, account: bytes) -> int:
        """What the contract owes to an account, in wei."""
        return _int(self._ask(1, "credit(address)", account)[0])

    def terms(self) -> Terms:
        """The times, the bounty and the sink."""
        *times, bounty, sink = self._ask(6, "terms()")
        confirm_after, censorship, delay, compute = map(_int, times)
        return Terms(confirm_after, censorship, delay, compute, _int(bounty), sink[12:])

    def _ask(self, count: int, signature: str, *arguments: object) -> list[bytes]:
        return words(self.chain.call(self.address, call_data(signature, *arguments)), count)

    def _send(self, data: bytes, value: int = 0) -> Receipt:
        return self.chain.send(self.address, data, value)


def creation(
    levels: Sequence[Level], boundaries: Sequence[bytes], terms: Terms, step: Step
) -> bytes:
    """The code that deploys the contract, on any terms."""
    rows = [
        (level.height, boundary, level.stake)
        for level, boundary in zip(levels, boundaries, strict=True)
    ]
    fields = (
        *(terms.confirm_after, terms.censorship, terms.delay, terms.compute),
        *(terms.bounty, terms.sink),
    )
    arguments = encode([f"{_LEVEL}[]", _TERMS, "address"], [rows, fields, step.address])
    return load("Dispute").creation + arguments


def _immutables(table: Table, step: Step) -> dict[str, bytes]:
    """What is in the contract's code of its terms."""
    terms = table.terms
    heights = sum(level.height << 8 * number for number, level in enumerate(table.levels))
    numbers = {
        "CONFIRM_AFTER": terms.confirm_after,
        "CENSORSHIP": terms.censorship,
        "DELAY": terms.delay,
        "COMPUTE": terms.compute,
        "BOUNTY": terms.bounty,
        "LAST_LEVEL": table.last,
        "HEIGHTS": heights,
    }
    return {
        "STEP": address_word(step.address),
        "SINK": address_word(terms.sink),
        **{name: number.to_bytes(32, "big") for name, number in numbers.items()},
    }


def _any_words(answer: bytes) -> list[bytes]:
    """The words of an answer, at least two. Raises Reverted for what is none."""
    return words(answer, max(len(answer) // 32, 2))


def _int(word: bytes) -> int:
    return int.from_bytes(word, "big")
