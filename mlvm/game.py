"""An inference as a dispute (docs/mlvm.md, "The game"): origin, boundary, terms, honest histories.

Level 0 has the states of the model's run; the levels below are of the guest's run on one task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# With it, the client of the dispute contract knows our boundary.
import mlvm.client  # noqa: F401
from dispute.case import Case
from dispute.histories import Program, Run, RunHistories
from dispute.table import Boundary, Level, Table, Terms
from dispute.vm import SameStates, Steps
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.oracle import keccak_key
from fpvm.sources import ChainSource, DictSource
from mlvm.boundary import Inferences, origin_of
from mlvm.guest import guest_genesis, guest_program
from mlvm.histories import Inference, InferenceSource, task_preimage
from mlvm.trees import hash_of_bytes

#: As many tasks as a model may have, and as many steps as one may take: 2^24.
HEIGHTS = (16, 12, 12)


def guest_inferences() -> Inferences:
    """The boundary of our guest, of no inferences yet."""
    return Inferences(*guest_genesis())


def game_table(inferences: Inferences, heights: Sequence[int], terms: Terms, stake: int) -> Table:
    """The states of a model's run, and the runs of the guest between them.

    Raises :class:`dispute.table.TermsError`.
    """
    boundaries: list[Boundary] = [inferences, inferences, *(SameStates() for _ in heights[2:])]
    rows = zip(heights, boundaries[: len(heights)], strict=True)
    return Table(tuple(Level(height, boundary, stake) for height, boundary in rows), terms)


class InferenceHistories(RunHistories):
    """The histories of the dispute about one inference, on the terms of ``table``."""

    def __init__(
        self, inference: Inference, table: Table, cache: Path, guest: Program | None = None
    ) -> None:
        """``cache``: a folder, which need not exist.

        Raises ValueError for a table that is not of inferences on our guest, and for a model that
        has more tasks than the table's histories have steps.
        """
        self._guest = guest or guest_program(InferenceSource(inference))
        boundary = Inferences(self._guest.memory.root(), self._guest.pc)
        if [level.boundary for level in table.levels[:2]] != [boundary, boundary]:
            raise ValueError("the table is not of inferences on this guest")
        heights = [level.height for level in table.levels]
        tasks = inference.model.header.task_count
        if tasks > 1 << heights[0]:
            raise ValueError(f"the model has {tasks} tasks: more than 2^{heights[0]}")
        super().__init__(heights)
        self.inference = inference
        self.origin = origin_of(inference.model.address, hash_of_bytes(inference.data))
        self._folder = cache
        self._runs: dict[int, Run] = {}

    def _words(self, origin: bytes) -> History:
        if origin != self.origin:
            raise ValueError(f"0x{origin.hex()} is not the origin of this inference")
        first, *rest = self.inference.states
        return History(first, rest, self._heights[0])

    def _run(self, origin: bytes, index: int) -> Run:
        if index not in self._runs:
            question = self.question(index, self.history(origin, ()).state(index))
            # A source knows the questions about the tasks that there are; not those behind them.
            asked = DictSource({keccak_key(question): question})
            guest = replace(self._guest, source=ChainSource([asked, self._guest.source]))
            self._runs[index] = Run(guest, keccak256(question), self._stride(0), self._folder)
        return self._runs[index]

    def question(self, index: int, pre: bytes) -> bytes:
        """What the guest is asked about task ``index``."""
        return task_preimage(self.inference.model.address, index, pre)


def inference_case(inference: Inference, table: Table, cache: Path) -> Case:
    """The dispute about an inference, which is made known to the table's boundary.

    Raises ValueError as :class:`InferenceHistories` does.
    """
    histories = InferenceHistories(inference, table, cache)
    for level in table.levels:
        if isinstance(level.boundary, Inferences):
            level.boundary.register(inference.model.address, hash_of_bytes(inference.data))
    return Case(table, Steps(), histories, histories.origin)
