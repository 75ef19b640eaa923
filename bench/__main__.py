"""Runs every benchmark and prints tables; ``--json FILE`` writes the figures too."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    crowds,
    dispute_gas,
    engines,
    gas,
    guest_inference,
    inference,
    inference_dispute,
    language,
    memory,
    models,
    proofs,
    traces,
)
from bench.measure import Row

SECTIONS: dict[str, Callable[[], list[Row]]] = {
    "engines": engines.measure,
    "memory": memory.measure,
    "traces": traces.measure,
    "proofs": proofs.measure,
    "gas": gas.measure_steps,
    "preimages": gas.measure_loads,
    "sizes": gas.measure_sizes,
    "evms": gas.measure_times,
    "dispute": dispute_gas.measure,
    "models": models.measure,
    "inference": inference.measure,
    "inference dispute": inference_dispute.measure,
    "kernels": guest_inference.measure_kernels,
    "tasks": guest_inference.measure_tasks,
    "crowds": crowds.measure,
    "language": language.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], help="default: all")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    terminal = Console(width=110)
    results: dict[str, list[Row]] = {}
    for name in options.sections or SECTIONS:
        results[name] = SECTIONS[name]()
        terminal.print(_table(name, results[name]))
    if options.json:
        machine = {"cores": os.cpu_count(), "machine": platform.machine()}
        options.json.write_text(json.dumps({"on": machine, **results}, indent=2) + "\n")


def _table(title: str, rows: list[Row]) -> Table:
    columns = list(rows[0])
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    return table


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


main()
