"""Texts as tokens: by the package `tokenizers`, from what comes with a model.

A tokenizer is kept in a model's description, as the JSON that the package makes and reads. It
decides no bit: what is disputed are the tokens.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from mlvm.importers.gguf import GgufFile
from mlvm.model import Model, ModelError

#: Types of tokens in GGUF files: what no text contains.
_CONTROL = 3
#: How texts are cut before pairs of bytes are merged, by the name in GGUF files.
_CUTS = ("default", "gpt-2", "smollm")


def of_folder(folder: Path) -> Tokenizer:
    """The tokenizer of a folder with ``tokenizer.json``, without padding and truncation. Raises
    :class:`ModelError`."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file")
    found = _parsed(path.read_text(errors="replace"), str(path))
    found.no_padding()
    found.no_truncation()
    return found


def of_gguf(file: GgufFile) -> Tokenizer:
    """The tokenizer in the metadata of a GGUF file: pairs of bytes, merged as GPT-2 does. Raises
    :class:`ModelError` for others."""
    kind = file.fields.get("tokenizer.ggml.model")
    cut = file.fields.get("tokenizer.ggml.pre", "default")
    if kind != "gpt2" or cut not in _CUTS:
        raise ModelError(f"no tokenizer of the kind {str(kind)[:40]!r}, {str(cut)[:40]!r} is known")
    tokens = file.strings("tokenizer.ggml.tokens")
    pairs = [merge.partition(" ") for merge in file.strings("tokenizer.ggml.merges")]
    merges = [(left, right) for left, _, right in pairs]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ModelError("the tokenizer has a token twice")
    try:
        found = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    except Exception as error:  # the package raises no other class
        raise ModelError(f"the tokenizer is damaged: {str(error).splitlines()[0]}") from None
    digits = pre_tokenizers.Digits(individual_digits=cut == "smollm")
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.pre_tokenizer = pre_tokenizers.Sequence([digits, pieces] if cut == "smollm" else [pieces])
    found.decoder = decoders.ByteLevel()
    found.add_special_tokens(
        [AddedToken(tokens[index], special=True) for index in _control_tokens(file, len(tokens))]
    )
    return found


def _control_tokens(file: GgufFile, count: int) -> list[int]:
    kinds = file.fields.get("tokenizer.ggml.token_type", [])
    if not isinstance(kinds, list):
        return []
    return [index for index, kind in enumerate(kinds[:count]) if kind == _CONTROL]


def of_model(model: Model) -> Tokenizer:
    """The tokenizer in a model's description. Raises :class:`ModelError` if there is none."""
    text = model.about.get("tokenizer")
    if not isinstance(text, str):
        raise ModelError("the model has no tokenizer: it does not take texts")
    return _parsed(text, "the model's tokenizer")


def _parsed(text: str, what: str) -> Tokenizer:
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the package raises no other class
        raise ModelError(f"{what}: {str(error).splitlines()[0]}") from None
