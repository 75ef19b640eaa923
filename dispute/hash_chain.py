"""A computation that costs nothing: for simulations and tests of the protocol alone.

State i of the computation ``origin`` is the packing of the two, and its hash is what histories are
made of. So every state can be had without those before it, and a step can still be judged from its
pre-state alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dispute.protocol import Refused
from dispute.table import Boundary, Level, Table, Terms
from dispute.vm import SameStates
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.proof import Witness


def pack(origin: bytes, index: int) -> bytes:
    """State number ``index``."""
    return origin + index.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class ChainStart:
    """The boundary of level 0: the first state of the computation that the origin names."""

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        return keccak256(pack(origin, 0))

    def outcome(self, end: bytes, proof: bytes) -> bytes:
        raise Refused("NothingCoarser")


@dataclass(frozen=True, slots=True)
class ChainStep:
    """The judge of one step."""

    def post_state(self, witness: Witness) -> bytes:
        if len(witness.state) != 40:
            raise Refused("NoWitness", "no state of a hash chain")
        origin, index = witness.state[:32], int.from_bytes(witness.state[32:], "big")
        return keccak256(pack(origin, index + 1))


def chain_table(heights: tuple[int, ...], terms: Terms, stake: int) -> Table:
    """A table of these heights, with one stake for all levels."""
    boundaries: tuple[Boundary, ...] = (ChainStart(), *(SameStates() for _ in heights[1:]))
    return Table(
        tuple(
            Level(height, boundary, stake)
            for height, boundary in zip(heights, boundaries, strict=True)
        ),
        terms,
    )


@dataclass(frozen=True)
class ChainHistories:
    """The honest histories, at levels of these heights."""

    heights: tuple[int, ...]
    _kept: dict[tuple[bytes, tuple[int, ...]], History] = field(default_factory=dict)

    def history(self, origin: bytes, path: tuple[int, ...]) -> History:
        key = (origin, path)
        if key not in self._kept:
            first, stride = self._first(path), self._stride(len(path))
            height = self.heights[len(path)]
            start, *rest = (
                keccak256(pack(origin, first + stride * index))
                for index in range((1 << height) + 1)
            )
            self._kept[key] = History(start, rest, height)
        return self._kept[key]

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        return b""

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        return Witness(pack(origin, self._first(path)))

    def _stride(self, level: int) -> int:
        """Steps from one state to the next."""
        return 1 << sum(self.heights[level + 1 :])

    def _first(self, path: tuple[int, ...]) -> int:
        """The number of the state in which the history at ``path`` starts."""
        return sum(position * self._stride(level) for level, position in enumerate(path))
