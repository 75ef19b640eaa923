"""How far a dispute has come, as bars on a terminal: one for each level."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from dispute.progress import progress
from dispute.protocol import Dispute
from dispute.table import Table


class Bars:
    """Bars at the lower edge of a terminal, which go away in the end. Elsewhere, nothing."""

    def __init__(self, console: Console, table: Table) -> None:
        columns = (
            TextColumn("   level {task.fields[level]}"),
            BarColumn(32),
            TextColumn("{task.completed:>2}/{task.total} {task.description}"),
        )
        is_shown = console.is_terminal and not console.quiet
        self._progress = Progress(*columns, console=console, transient=True, disable=not is_shown)
        self._tasks = [
            self._progress.add_task(_unit(table, number), total=level.height, level=number)
            for number, level in enumerate(table.levels)
        ]

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, view: Dispute) -> None:
        for task, level in zip(self._tasks, progress(view), strict=True):
            self._progress.update(task, completed=level.narrowed)


def _unit(table: Table, number: int) -> str:
    """What the states of a level are apart."""
    if number == 0:
        return "words"
    stride = 1 << sum(level.height for level in table.levels[number + 1 :])
    return "strides of one step" if stride == 1 else f"strides of {stride:,} steps"
