"""``axonum model …``: import models, look at them, ask them, time them.

Exit codes: 0, done; 2, bad input (see :mod:`axonum.cli`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from axonum.output import Json, hexadecimal, in_line, show
from axonum.session import UsageError

# What computes takes a second to import: each command does it for itself.
if TYPE_CHECKING:
    from axonum.imports import Line
    from mlvm.model import Model

model = typer.Typer(help="Models of integers: import, run, measure.")

ModelFile = Annotated[Path, typer.Argument(help="A model file, as `import` writes it.")]
Threads = Annotated[
    int | None, typer.Option(min=1, max=256, help="By default, as many as there are cores.")
]


@contextmanager
def in_one_line() -> Iterator[None]:
    """What is wrong with files, texts and packages is bad input."""
    from contracts.npm import ToolError
    from mlvm.language import TextError
    from mlvm.model import ModelError
    from mlvm.packages import PackageError
    from mlvm.values import InputError

    try:
        yield
    except (ModelError, InputError, TextError, PackageError, ToolError) as error:
        raise UsageError(str(error)) from None


def load(path: Path) -> Model:
    """The model of a file. Raises :class:`UsageError`, and OSError."""
    from mlvm.model import Model, ModelError

    try:
        return Model.from_bytes(path.read_bytes())
    except ModelError as error:
        raise UsageError(f"{path}: {error}") from None


# --- import ---------------------------------------------------------------------------------------


@model.command(name="import")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="An ONNX or GGUF file, the folder of a BERT encoder, or the name of a model that"
            " comes in a package: `axonum model list` lists them."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the model.")],
    samples: Annotated[
        Path | None,
        typer.Option(help="Inputs to calibrate with: .npy, or .npz by name; ONNX needs them."),
    ] = None,
    error_budget: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The relative error of the outputs to stay below."),
    ] = None,
    dim: Annotated[
        list[str] | None, typer.Option("--dim", help="NAME=LENGTH of a dynamic dimension.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="What the places of the output mean, one a line.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a model of integers of one of floats, and say what it costs in accuracy."""
    with in_one_line():
        from axonum import imports

        found = imports.run(source, samples, error_budget, imports.dimensions(dim), labels)
        output.write_bytes(found.model.to_bytes())
    document = _describe(found.model)
    document |= {"error": found.error, "seconds": round(found.seconds, 2), "file": str(output)}
    if as_json:
        print(json.dumps({**document, "operators": [line.document for line in found.lines]}))
        return
    _print_table(found.lines)
    show({name: value for name, value in document.items() if value is not None}, False)


def _print_table(lines: list[Line]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = list(lines[0].cells) if lines else []
    table = Table(box=None)
    for column in columns:
        table.add_column(column, justify="left" if column in ("operator", "node") else "right")
    for line in lines:
        table.add_row(*line.cells.values())
    Console().print(table)


@model.command(name="list")
def list_(as_json: Json = False) -> None:
    """List the models that come in packages."""
    from axonum import imports

    show(dict(imports.PACKAGED), as_json)


# --- info -----------------------------------------------------------------------------------------


@model.command()
def info(path: ModelFile, as_json: Json = False) -> None:
    """Print what a model is: its address, sizes, inputs and outputs."""
    with in_one_line():
        found = load(path)
        document = _describe(found)
        kinds: dict[str, int] = {}
        for task in found.tasks:
            name = "invalid" if task is None else type(task).__name__
            kinds[name] = kinds.get(name, 0) + 1
        ends = {key: found.about.get(key) for key in ("inputs", "outputs", "source")}
    if as_json:
        print(json.dumps({**document, **ends, "kinds": kinds}))
        return
    for key in ("inputs", "outputs"):
        listed = ends[key]
        for place, end in enumerate(listed if isinstance(listed, list) else []):
            document[f"{key[:-1]} {place}"] = _end(end)
    document["kinds"] = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    show(document, False)


def _describe(found: Model) -> dict[str, Any]:
    header = found.header
    return {
        "name": in_line(found.about.get("name", "")),
        "address": hexadecimal(found.address),
        "tasks": header.task_count,
        "macs": header.macs,
        "blobBytes": header.blob_size,
        "arenaBytes": header.arena_size,
        "inputBytes": header.input_size,
        "outputBytes": header.output_size,
    }


def _end(end: Any) -> str:
    """One input or output, in a line."""
    if not isinstance(end, dict) or not isinstance(end.get("shape"), list):
        return in_line(end)
    shape = " × ".join(map(str, end["shape"]))
    text = f"{end.get('name')}: {shape or 'one'} {end.get('type')}, {end.get('scale')} each"
    return in_line(text)


# --- run ------------------------------------------------------------------------------------------


@model.command()
def run(
    path: ModelFile,
    inputs: Annotated[
        list[str], typer.Argument(help="A file; for models of language, one text or several.")
    ],
    raw: Annotated[
        bool, typer.Option("--raw", help="The file has the input's bytes, as the model is given.")
    ] = False,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Ask a model, and print the answer and what it hashes to."""
    with in_one_line():
        from axonum import asking

        found = load(path)
        answers = asking.ask(found, inputs, raw, threads, quiet=as_json)
    if as_json:
        print(json.dumps({"address": hexadecimal(found.address), "answers": answers.documents}))
        return
    for line in answers.lines:
        print(line)


# --- bench ----------------------------------------------------------------------------------------


@model.command()
def bench(
    path: ModelFile,
    runs: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Time a model, on an input of zeros."""
    with in_one_line():
        from axonum import asking

        show(asking.timed(load(path), runs, threads), as_json)
