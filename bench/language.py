"""Models of language beside floats: speed and what the integers lose, on real texts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.measure import Row, median_seconds
from mlvm import language, tokenizers
from mlvm.engine import Engine
from mlvm.histories import Inference
from mlvm.importers import gguf
from mlvm.importers.llama import judge
from mlvm.importers.llama_float import Decoder, FloatDecoder, decoder_of, losses
from mlvm.importers.rows import WORD
from mlvm.importers.safetensors_bert import embedded
from mlvm.importers.safetensors_bert import read as read_encoder
from mlvm.plan import plan

ROOT = Path(__file__).resolve().parents[1]
#: Tokens of a text for the encoder; of a window that the decoder judges, and how many of these.
LENGTHS, WINDOW, WINDOWS = (32, 128), 96, 8
PROMPT = "The capital of France is"


def measure() -> list[Row]:
    return [*_encoder_rows(), *_decoder_rows()]


def _row(figure: str, ours: object, floats: object = "") -> Row:
    return {"figure": figure, "integers": ours, "floats (numpy)": floats}


def _seconds(run: Callable[[], object]) -> float:
    """After a first time that is not counted."""
    run()
    return median_seconds(lambda _: run(), lambda: None)


def _text() -> str:
    """This project's documentation."""
    return "\n".join((ROOT / "docs" / name).read_text() for name in ("vm.md", "dispute.md"))


# --- MiniLM ---------------------------------------------------------------------------------------


def _encoder_rows() -> list[Row]:
    folder = language.fetched_encoder()
    reference = read_encoder(folder)
    rows: list[Row] = []
    for length in LENGTHS:
        imported = language.import_encoder(folder, length)
        encoder = language.Encoder(imported.model)
        data = encoder.input(_text())
        ids = np.frombuffer(data, ">i4").astype(np.int64)
        ours = _seconds(lambda encoder=encoder, data=data: encoder.engine.run(data))
        floats = _seconds(lambda ids=ids: embedded(reference, ids))
        name = f"MiniLM, {length} tokens"
        rows += [
            _row(f"{name}: import, s", imported.seconds),
            _row(f"{name}: tasks", imported.model.header.task_count),
            _row(f"{name}: a vector, ms", ours * 1e3, floats * 1e3),
            _row(f"{name}: and all states, s", _seconds_of_states(encoder.engine, data)),
        ]
    cosines = [
        encoder.vector(sentence) @ embedded(reference, _ids(encoder.input(sentence)))
        for sentence in _sentences()
    ]
    rows.append(
        _row(f"MiniLM: cosine, mean of {len(cosines)} sentences", f"{np.mean(cosines):.5f}")
    )
    rows.append(_row("MiniLM: cosine, the least", f"{min(cosines):.5f}"))
    return rows


def _ids(data: bytes) -> np.ndarray:
    ids = np.frombuffer(data, ">i4").astype(np.int64)
    return ids[ids != 0]


def _sentences() -> list[str]:
    """Sentences of the documentation, without tables and code."""
    lines = [line for line in _text().splitlines() if not line.startswith((" ", "|", "#"))]
    parts = " ".join(lines).replace("*", "").split(". ")
    return [f"{part.strip()}." for part in parts if 40 < len(part) < 200][:100]


def _seconds_of_states(engine: Engine, data: bytes) -> float:
    begun = time.perf_counter()
    assert Inference(engine, data).states
    return time.perf_counter() - begun


# --- SmolLM2 --------------------------------------------------------------------------------------


def _decoder_rows() -> list[Row]:
    path = language.fetched_decoder()
    imported = language.import_decoder(path)
    decoder, header = language.Decoder(imported.model), imported.model.header
    file = gguf.read(path)
    real, tokenizer = decoder_of(file), tokenizers.of_gguf(file)
    name = f"SmolLM2, {decoder.prompt} + {decoder.generated} tokens"
    ours, floats = _speed(decoder), _float_speed(real, tokenizer.encode(PROMPT).ids, decoder)
    surprise = _perplexities(real, tokenizer.encode(_text()).ids)
    return [
        _row(f"{name}: import, s", imported.seconds),
        _row(f"{name}: tasks", header.task_count),
        _row(f"{name}: to the first, s", ours[0], floats[0]),
        _row(f"{name}: after it, tokens/s", ours[1], floats[1]),
        _row(
            f"{name}: and all states, s",
            _seconds_of_states(decoder.engine, decoder.input(PROMPT)),
        ),
        _row("SmolLM2: perplexity", f"{surprise[0]:.3f}", f"{surprise[1]:.3f}"),
        _row("SmolLM2: lost, %", f"{surprise[2]:+.3f} ± {surprise[3]:.3f}"),
    ]


def _speed(decoder: language.Decoder) -> tuple[float, float]:
    """Seconds to the first token, and tokens a second after it; the second time."""
    decoder.run(PROMPT)
    times = [time.perf_counter()]
    decoder.run(PROMPT, lambda _: times.append(time.perf_counter()))
    return times[1] - times[0], (len(times) - 2) / (times[-1] - times[1])


def _float_speed(
    real: Decoder, prompt: list[int], decoder: language.Decoder
) -> tuple[float, float]:
    """The same of floats."""
    reference, times = FloatDecoder(real), [time.perf_counter()]
    ids = np.array(prompt)
    for _ in range(decoder.generated):
        ids = reference.run(ids)[-1:].argmax(axis=1)
        times.append(time.perf_counter())
    return times[1] - times[0], (len(times) - 2) / (times[-1] - times[1])


def _perplexities(real: Decoder, ids: list[int]) -> tuple[float, float, float, float]:
    """Of integers and floats on windows of a text; by how many percent the former is higher, and
    the standard error of that."""
    engine = Engine(plan(judge(real, WINDOW).graph))
    ours, floats = [], []
    for first in range(0, min(len(ids) - WINDOW, WINDOW * WINDOWS), WINDOW):
        part = np.array(ids[first : first + WINDOW])
        state = engine.run(part.astype(">i4").tobytes()).state
        assert state is not None
        assert state.output is not None
        numbers = np.frombuffer(state.output, ">i4").reshape(WINDOW, -1) * np.float32(WORD)
        ours.append(losses(numbers, part))
        floats.append(losses(FloatDecoder(real).run(part), part))
    left, right = np.concatenate(ours), np.concatenate(floats)
    lost = left - right
    error = lost.std() / np.sqrt(len(lost))
    higher = float(np.exp(lost.mean()) - 1)
    return float(np.exp(left.mean())), float(np.exp(right.mean())), 100 * higher, 100 * float(error)
