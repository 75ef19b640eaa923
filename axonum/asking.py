"""What ``axonum model run`` and ``bench`` do: a file or a text becomes an input, an output becomes
an answer."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from axonum.output import hexadecimal, in_line
from axonum.session import UsageError
from mlvm import language, preparation, values
from mlvm.effects import OutputState
from mlvm.engine import Engine, Options
from mlvm.model import Model
from mlvm.trees import hash_of_bytes

#: Labels that an answer has at the most.
LABELS = 5


@dataclass(frozen=True, slots=True)
class Answers:
    """For people and for programs."""

    lines: list[str]
    documents: list[dict[str, Any]]


def ask(
    model: Model, inputs: Sequence[str], raw: bool, threads: int | None, quiet: bool
) -> Answers:
    """What a model makes of files, or texts. Raises :class:`UsageError` and what the preparation
    of an input raises, in one line each; OSError."""
    kind = model.about.get("kind")
    if raw or kind not in (language.ENCODER, language.DECODER):
        engine = Engine(model, Options(threads))
        return _joined([_of_file(engine, Path(name), raw) for name in inputs])
    if kind == language.ENCODER:
        return _of_sentences(model, inputs)
    return _joined([_of_prompt(model, prompt, quiet) for prompt in inputs])


def _joined(parts: list[Answers]) -> Answers:
    lines = [line for part in parts for line in part.lines]
    return Answers(lines, [document for part in parts for document in part.documents])


def _of_file(engine: Engine, path: Path, raw: bool) -> Answers:
    model = engine.model
    data = path.read_bytes() if raw else values.pack(model, preparation.prepared(model, path))
    begun = time.perf_counter()
    state = engine.run(data).state
    seconds = time.perf_counter() - begun
    if state is None:
        raise UsageError("the model does not get to an output")
    document = {"input": str(path), **_hashes(data, state), "seconds": round(seconds, 4)}
    if state.output is None:
        return Answers([f"{path}: not an input of this model"], [document | {"output": None}])
    found = values.unpack(model, state.output)
    labels = preparation.answers(model, found, LABELS)
    document["output"] = hexadecimal(state.output)
    document["labels"] = [{"label": label, "score": score} for label, score in labels]
    if labels:
        told = ", ".join(
            f"{in_line(label)} {score:.1%}" for label, score in labels if score >= 0.001
        )
        lines = [f"{path}: {told or in_line(labels[0][0])}"]
    else:
        lines = [f"{path}: {in_line(name)} {_short(array)}" for name, array in found.items()]
    lines.append(f"  outputHash {document['outputHash']}")
    return Answers(lines, [document])


def _short(array: values.Array) -> str:
    text: str = np.array2string(array.ravel(), precision=4, threshold=16, separator=", ")
    return " ".join(text.split())


def _hashes(data: bytes, state: OutputState) -> dict[str, Any]:
    return {
        "inputHash": hexadecimal(hash_of_bytes(data)),
        "outputHash": hexadecimal(state.output_hash),
    }


# --- Texts ----------------------------------------------------------------------------------------


def _of_sentences(model: Model, sentences: Sequence[str]) -> Answers:
    """The vectors, and how near to each other they point."""
    encoder = language.Encoder(model)
    vectors = [encoder.vector(sentence) for sentence in sentences]
    near = language.similarities(vectors)
    documents: list[dict[str, Any]] = [
        {"input": sentence, "vector": vector.tolist(), "similarities": row.tolist()}
        for sentence, vector, row in zip(sentences, vectors, near, strict=True)
    ]
    width = max(map(len, sentences))
    lines = [
        f"{sentence:{width}}  " + "  ".join(f"{cosine:6.3f}" for cosine in row)
        for sentence, row in zip(sentences, near, strict=True)
    ]
    return Answers(lines, documents)


def _of_prompt(model: Model, prompt: str, quiet: bool) -> Answers:
    """What follows a prompt, shown as it comes."""
    decoder = language.Decoder(model)

    def tell(text: str) -> None:
        if not quiet:
            sys.stdout.write(text)
            sys.stdout.flush()

    tell(prompt)
    begun = time.perf_counter()
    found = decoder.run(prompt, tell)
    seconds = time.perf_counter() - begun
    tell("\n")
    speed = len(found.tokens) / seconds
    document = {"input": prompt, "text": found.text, "tokens": found.tokens}
    return Answers(
        [f"  {len(found.tokens)} tokens, {speed:.1f} a second"],
        [document | {"seconds": round(seconds, 3)}],
    )


# --- Time -----------------------------------------------------------------------------------------


def timed(model: Model, runs: int, threads: int | None) -> dict[str, Any]:
    """How long a model takes for an input of zeros: the first time, and then."""
    engine = Engine(model, Options(threads))
    data = bytes(model.header.input_size)
    times = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        engine.run(data)
        times.append(time.perf_counter() - begun)
    first, *others = times
    median = statistics.median(others)
    return {
        "address": hexadecimal(model.address),
        "runs": runs,
        "firstMilliseconds": round(first * 1e3, 2),
        "medianMilliseconds": round(median * 1e3, 3),
        "fastestMilliseconds": round(min(others) * 1e3, 3),
        "macsPerSecond": round(model.header.macs / median),
    }
