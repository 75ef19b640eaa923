"""GGUF files: what they say, and hostile ones, which are refused in one line."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlvm import tokenizers
from mlvm.importers import gguf
from mlvm.importers.llama_float import decoder_of
from mlvm.model import ModelError
from tests.mlvm.language_models import decoder, gguf_of
from tests.mlvm.language_models import gguf as file_of

TINY = decoder(layers=1)
FILE = gguf_of(TINY)


def refused(data, text):
    with pytest.raises(ModelError, match=re.escape(text)) as error:
        decoder_of(gguf.parsed(data))
    assert str(error.value).isprintable()


def in_one_line(data):
    """If the file is refused, it is in one line."""
    text = ""
    try:
        file = gguf.parsed(data)
        decoder_of(file)
        tokenizers.of_gguf(file)
    except ModelError as error:
        text = str(error)
    assert text.isprintable()


# --- What they say --------------------------------------------------------------------------------


def test_a_decoder():
    found = decoder_of(gguf.parsed(FILE))
    assert np.array_equal(found.embedding, TINY.embedding)
    assert found.head is found.embedding
    for name in TINY.layers[0].__slots__:
        assert np.array_equal(getattr(found.layers[0], name), getattr(TINY.layers[0], name))
    assert found.shape.epsilon == TINY.shape.epsilon
    assert np.array_equal(found.shape.frequencies, TINY.shape.frequencies)


def test_numbers_and_arrays():
    file = gguf.parsed(file_of({"a": 3, "b": 0.5, "c": ["x", "y"], "d": [1, 2]}, []))
    assert file.fields == {"a": 3, "b": 0.5, "c": ["x", "y"], "d": [1, 2]}
    assert file.real("b", 0, 1) == 0.5
    assert file.integer("none", 0, 9, 7) == 7
    for ask in (
        lambda: file.integer("b", 0, 9),
        lambda: file.integer("a", 4, 9),
        lambda: file.integer("none", 0, 9),
        lambda: file.strings("d"),
        lambda: file.real("c", 0, 1),
    ):
        with pytest.raises(ModelError):
            ask()


def half(data):
    return struct.unpack("<e", data)[0]


def plain(name, block):
    """The numbers of a block, one by one."""
    if name == "Q4_0":
        scale, codes = half(block[:2]), block[2:]
        return [scale * ((codes[i % 16] >> 4 * (i // 16) & 15) - 8) for i in range(32)]
    if name == "Q4_1":
        scale, least, codes = half(block[:2]), half(block[2:4]), block[4:]
        return [scale * (codes[i % 16] >> 4 * (i // 16) & 15) + least for i in range(32)]
    if name == "Q8_0":
        return [half(block[:2]) * ((code ^ 128) - 128) for code in block[2:]]
    numbers = []
    for i in range(256):
        part, place = divmod(i, 128)
        low = block[64 * part + place % 64] >> 4 * (place // 64) & 15
        high = block[128 + 32 * part + place % 32] >> 2 * (place // 32) & 3
        scale = (block[192 + i // 16] ^ 128) - 128
        numbers.append(half(block[208:]) * scale * ((low | high << 4) - 32))
    return numbers


@pytest.mark.parametrize("kind", [2, 3, 8, 14], ids=lambda kind: gguf.FORMATS[kind].name)
def test_a_format(kind):
    packing, rng = gguf.FORMATS[kind], np.random.default_rng(kind)
    blocks = rng.integers(0, 256, (6, packing.size), np.uint8)
    for at in {"Q4_1": (0, 2), "Q6_K": (208,)}.get(packing.name, (0,)):
        blocks[:, at : at + 2] = rng.normal(size=(6, 1)).astype("<f2").view(np.uint8)
    lengths = (2 * packing.numbers, 3)
    file = gguf.parsed(file_of({}, [("x", lengths, kind, blocks.tobytes())]))
    expected = [plain(packing.name, block.tobytes()) for block in blocks]
    found = file.tensor("x", lengths[::-1])
    assert np.allclose(found, np.reshape(expected, lengths[::-1]), rtol=1e-6, atol=0)


def test_halves():
    values = np.array([[0.5, -2.0]], "<f2")
    file = gguf.parsed(file_of({}, [("x", (2, 1), 1, values.tobytes())]))
    assert file.tensor("x", (1, 2)).tolist() == [[0.5, -2.0]]


# --- Hostile files --------------------------------------------------------------------------------


def test_a_file_that_is_none():
    refused(b"", "cut off")
    refused(b"\x7fELF" + bytes(100), "not a GGUF file")
    refused(b"GGUF" + bytes(20), "version 0")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(FILE) - 1))
def test_a_file_that_is_cut_off(size):
    with pytest.raises(ModelError) as error:
        gguf.parsed(FILE[:size])
    assert str(error.value).isprintable()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
def test_a_damaged_file(at, patch):
    in_one_line(FILE[:at] + patch + FILE[at + len(patch) :])


HEAD = b"GGUF" + struct.pack("<I", 3)
HUGE = struct.pack("<Q", 1 << 60)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (HEAD + HUGE + struct.pack("<Q", 0), "tensors; 65536 are the most"),
        (HEAD + struct.pack("<Q", 0) + HUGE, "fields; 65536 are the most"),
        (HEAD + struct.pack("<QQ", 0, 1) + HUGE, "bytes of a field's key"),
        (HEAD + struct.pack("<QQQ", 0, 1, 2) + b"\xff\xfe", "not UTF-8"),
        (HEAD + struct.pack("<QQQ", 0, 1, 1) + b"a" + struct.pack("<I", 99), "of type 99"),
        (
            HEAD + struct.pack("<QQQ", 0, 1, 1) + b"a" + struct.pack("<III", 9, 9, 0) + bytes(8),
            "the items of field 'a' are of type 9",
        ),
        (
            HEAD + struct.pack("<QQQ", 0, 1, 1) + b"a" + struct.pack("<II", 9, 8) + HUGE,
            "items of field 'a'; 4194304 are the most",
        ),
        (
            HEAD + struct.pack("<QQQ", 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 8, 1 << 22),
            "cut off",
        ),
    ],
)
def test_absurd_metadata(data, text):
    refused(data, text)


def entry(lengths, kind=0, offset=0, name=b"x"):
    """A file of one tensor, with room for 64 bytes."""
    head = HEAD + struct.pack("<QQQ", 1, 0, len(name)) + name
    head += struct.pack(f"<I{len(lengths)}QIQ", len(lengths), *lengths, kind, offset)
    return head + bytes(-len(head) % 32) + bytes(64)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (entry([]), "0 dimensions"),
        (entry([1] * 5), "5 dimensions"),
        (entry([0]), "no numbers, or too many"),
        (entry([1 << 32, 1 << 32]), "no numbers, or too many"),
        (entry([1 << 63, 2]), "no numbers, or too many"),
        (entry([17]), "behind the file's end"),
        (entry([1], offset=64), "behind the file's end"),
        (entry([1], offset=(1 << 64) - 32), "behind the file's end"),
        (entry([1], offset=3), "no multiple of 32"),
        (entry([8], kind=2), "no whole blocks of Q4_0"),
        (entry([8], kind=12), "is of type 12; supported are F32, F16, Q4_0, Q4_1, Q8_0, Q6_K"),
        (entry([1], name=b"\n" * 3), "the architecture is 'None'"),
    ],
)
def test_absurd_tensors(data, text):
    refused(data, text)


def test_tensors_over_one_another():
    twice = file_of({}, [("x", np.ones(1)), ("x", np.ones(1))])
    refused(twice, "two tensors 'x'")
    data = bytearray(file_of({}, [("x", np.ones(8)), ("y", np.ones(8))]))
    offset = data.index(b"y") + 1 + 4 + 8 + 4
    data[offset : offset + 8] = bytes(8)
    refused(bytes(data), "tensors 'x' and 'y' overlap")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"general.architecture": "gpt2"}, "only llama is supported"),
        ({"general.alignment": 0}, "general.alignment is 0"),
        ({"llama.block_count": 2}, "there is no tensor 'blk.1.attn_norm.weight'"),
        ({"llama.block_count": 1 << 31}, "llama.block_count is 2147483648"),
        ({"llama.embedding_length": "wide"}, "llama.embedding_length is 'wide'"),
        ({"llama.embedding_length": 33}, "has the shape"),
        ({"llama.embedding_length": None}, "llama.embedding_length is missing"),
        ({"llama.attention.head_count_kv": 3}, "cannot share"),
        ({"llama.rope.dimension_count": 4}, "llama.rope.dimension_count is 4"),
        ({"llama.rope.scaling.type": "yarn"}, "'yarn', not supported"),
        ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "is nan, not a number"),
    ],
)
def test_decoders_that_there_are_not(changed, text):
    refused(gguf_of(TINY, **changed), text)


def test_tensors_that_nobody_knows_or_that_are_no_numbers():
    shape = TINY.shape
    fields = gguf.parsed(FILE).fields
    tensors = [
        (name, gguf.parsed(FILE).tensor(name, entry.shape))
        for name, entry in gguf.parsed(FILE).entries.items()
    ]
    more = [("blk.0.attn_q.bias", np.ones(4)), ("blk.7.x", np.ones(4))]
    refused(file_of(fields, [*tensors, *more]), "2 tensors are not supported: 'blk.0.attn_q.bias'")
    broken = np.full((shape.vocabulary, shape.width), np.inf)
    refused(file_of(fields, [("token_embd.weight", broken), *tensors[1:]]), "infinite")


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"tokenizer.ggml.model": "llama"}, "no tokenizer of the kind 'llama', 'smollm'"),
        ({"tokenizer.ggml.pre": "other"}, "no tokenizer of the kind 'gpt2', 'other'"),
        ({"tokenizer.ggml.tokens": ["a", "a"]}, "a token twice"),
        ({"tokenizer.ggml.tokens": [1, 2]}, "not an array of strings"),
        ({"tokenizer.ggml.merges": ["zz zz"]}, "the tokenizer is damaged"),
        ({"tokenizer.ggml.merges": None}, "merges is missing"),
    ],
)
def test_tokenizers_that_there_are_not(changed, text):
    with pytest.raises(ModelError, match=re.escape(text)) as error:
        tokenizers.of_gguf(gguf.parsed(gguf_of(TINY, **changed)))
    assert str(error.value).isprintable()


def test_a_tokenizer():
    found = tokenizers.of_gguf(gguf.parsed(gguf_of(decoder(vocabulary=99))))
    ids = found.encode("the <end> 12").ids
    assert [found.id_to_token(index) for index in ids] == ["th", "e", "Ġ", "<end>", "Ġ", "1", "2"]
    assert found.decode(ids, skip_special_tokens=False) == "the <end> 12"


def test_files(tmp_path: Path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(FILE)
    assert decoder_of(gguf.read(path)).shape.layers == 1
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="0 bytes are no GGUF file"):
        gguf.read(path)
    path.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=f"{re.escape(str(path))}: cut off within the version"):
        gguf.read(path)
