"""What ``axonum model import`` does: finds out what a model is, and has it imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axonum.session import UsageError
from mlvm import language
from mlvm.importers import onnx_model
from mlvm.importers.onnx_file import read
from mlvm.model import Model
from mlvm.models import catalogue
from mlvm.preparation import arrays, named

#: Models that come in packages.
PACKAGED = {
    "mnist-mlp": "handwritten digits, 784-20-10",
    "mnist-cnn": "handwritten digits, two convolutions",
    "magika": "types of files",
    "opennsfw": "pictures that are not safe for work",
    "minilm": "vectors of sentences (MiniLM-L6-v2)",
    "smollm2": "texts, continued (SmolLM2-135M-Instruct)",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One operator: for people and for programs."""

    cells: dict[str, str]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """``error``: relative, of the outputs; None where it is not measured."""

    model: Model
    lines: list[Line]
    error: float | None
    seconds: float


def dimensions(options: Sequence[str] | None) -> dict[str, int]:
    """What ``--dim NAME=LENGTH`` says."""
    found = {}
    for option in options or ():
        name, equals, length = option.rpartition("=")
        if not equals or not length.isdecimal() or not 0 < int(length[:12]) < 1 << 31:
            raise UsageError(f"--dim {option[:80]!r} is not NAME=LENGTH")
        found[name] = int(length)
    return found


def run(
    source: str,
    samples: Path | None,
    budget: float | None,
    dims: Mapping[str, int],
    labels: Path | None,
) -> Found:
    """Import by name, or a file by what it is.

    Raises :class:`UsageError`, and what the importers raise, in one line each; OSError.
    """
    path = Path(source)
    if source in catalogue.MODELS:
        return _of_onnx(catalogue.MODELS[source](budget))
    if source == "minilm":
        return _of_language(language.import_encoder(language.fetched_encoder()))
    if source == "smollm2":
        return _of_language(language.import_decoder(language.fetched_decoder()))
    if path.is_dir():
        return _of_language(language.import_encoder(path))
    if path.suffix == ".gguf":
        return _of_language(language.import_decoder(path))
    if not path.exists() and not path.suffix:
        raise UsageError(f"{source[:80]!r} is neither a file nor one of {', '.join(PACKAGED)}")
    graph = read(path, dims)
    if samples is None:
        raise UsageError("--samples: an ONNX model is calibrated with samples of its inputs")
    found = named(arrays(samples), [entry.name for entry in graph.inputs])
    about = {} if labels is None else {"labels": _labels(labels)}
    budget = onnx_model.DEFAULT_BUDGET if budget is None else budget
    return _of_onnx(
        onnx_model.import_onnx(path, found, budget=budget, dimensions=dims, about=about)
    )


def _labels(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not a text") from None


def _of_onnx(found: onnx_model.Imported) -> Found:
    lines = []
    for row in found.rows:
        cells = {
            "operator": row.operator,
            "node": row.name[-40:],
            "bits": row.precision,
            "signal/noise": f"{row.decibels:.1f} dB",
            "MACs": f"{row.macs:,}",
        }
        document = {
            "operator": row.operator,
            "node": row.name,
            "bits": row.precision,
            "decibels": round(row.decibels, 2),
            "macs": row.macs,
        }
        lines.append(Line(cells, document))
    return Found(found.model, lines, round(found.error, 5), found.seconds)


def _of_language(found: language.Imported) -> Found:
    lines = []
    for row in found.rows:
        cells = {
            "operator": "Product",
            "node": row.name,
            "bits": str(row.bits),
            "error": f"{row.error:.3%}",
            "MACs": f"{row.macs:,}",
        }
        document = {"node": row.name, "bits": row.bits, "error": row.error, "macs": row.macs}
        lines.append(Line(cells, document))
    return Found(found.model, lines, None, found.seconds)
