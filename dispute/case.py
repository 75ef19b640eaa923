"""Something to disagree about: the terms, the truth, and who judges the last step.

For programs of the VM, and for two computations that cost next to nothing: a hash chain, which only
the model can judge, and the smallest program that is worth a dispute, which L1 can.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dispute.agent import Histories
from dispute.hash_chain import ChainHistories, ChainStep, chain_table
from dispute.histories import ProgramHistories
from dispute.protocol import Judge
from dispute.table import Boundary, Level, Table, Terms
from dispute.vm import GivenWords, ProgramRuns, SameStates, Steps
from fpvm.isa import A0, A1, Call, Fn, Op
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.oracle import Source
from fpvm.sources import DictSource
from fpvm.state import ZERO_WORD, State, genesis

#: Wei for one move, somewhat more than its gas costs as a rule; and for a history without rivals.
BOUNTY, STAKE = 2 * 10**15, 10**18
#: Who gets what losers staked, if nobody else is named: an address that nobody has the key of.
SINK = b"\0" * 18 + b"\xde\xad"


@dataclass(frozen=True)
class Case:
    """``origin``: what the dispute is about, on the terms of ``table``."""

    table: Table
    judge: Judge
    histories: Histories
    origin: bytes


def least_terms(
    heights: tuple[int, ...],
    *,
    censorship: int,
    delay: int = 0,
    compute: int = 0,
    bounty: int = BOUNTY,
    sink: bytes = SINK,
    confirm_after: int | None = None,
) -> Terms:
    """Terms with the shortest T that is safe, unless another one is given."""
    moves = sum(heights) + len(heights) + 1
    shortest = censorship + (delay + 1) * moves + compute + 1
    chosen = shortest if confirm_after is None else confirm_after
    return Terms(chosen, censorship, delay, compute, bounty, sink)


def program_table(start: State, heights: tuple[int, ...], terms: Terms, stake: int) -> Table:
    """Words, each the outcome of a program on the one before it, and the runs between them.

    Raises :class:`dispute.table.TermsError`.
    """
    boundaries: list[Boundary] = [GivenWords(), ProgramRuns(start.mem_root, start.pc)]
    boundaries += [SameStates() for _ in heights[2:]]
    rows = zip(heights, boundaries[: len(heights)], strict=True)
    return Table(tuple(Level(height, boundary, stake) for height, boundary in rows), terms)


def program_case(
    start: State,
    memory: Memory,
    source: Source,
    table: Table,
    cache: Path,
    origin: bytes = ZERO_WORD,
) -> Case:
    """A dispute over a program. Raises ValueError for a table that is not of it."""
    histories = ProgramHistories(start, memory, source, table, cache)
    return Case(table, Steps(), histories, origin)


def chain_case(heights: tuple[int, ...], terms: Terms, stake: int = STAKE) -> Case:
    """A hash chain, for the model alone."""
    table = chain_table(heights, terms, stake)
    return Case(table, ChainStep(), ChainHistories(heights), ZERO_WORD)


# --- The smallest program -------------------------------------------------------------------------

_CODE, _DATA = 0x0040_0000, 0x1000_0000
_PAGE = 0x1000
_T0 = 8


def counting_program() -> tuple[State, Memory]:
    """Eight instructions: the outcome is the input plus one, in its last four bytes."""
    words = (
        _immediate(Op.LUI, 0, A0, _DATA >> 16),
        _call(Call.INPUT),
        _immediate(Op.LW, A0, _T0, 28),
        _immediate(Op.ADDIU, _T0, _T0, 1),
        _immediate(Op.SW, A0, _T0, 28),
        _immediate(Op.ORI, A0, A1, 0),
        _immediate(Op.ORI, 0, A0, 0),
        _call(Call.HALT),
    )
    code = b"".join(word.to_bytes(4, "big") for word in words)
    memory = Memory({_CODE // _PAGE: code.ljust(_PAGE, b"\0")})
    return genesis(memory.root(), _CODE, ZERO_WORD), memory


def counting_case(heights: tuple[int, ...], terms: Terms, cache: Path, stake: int = STAKE) -> Case:
    """A dispute over that program."""
    start, memory = counting_program()
    table = program_table(start, heights, terms, stake)
    histories = ProgramHistories(start, memory, DictSource(), table, cache, engine=Machine)
    return Case(table, Steps(), histories, ZERO_WORD)


def _call(code: Call) -> int:
    return code << 6 | Fn.SYSCALL


def _immediate(op: Op, rs: int, rt: int, value: int) -> int:
    return op << 26 | rs << 21 | rt << 16 | value
