"""Headers, model files, and what is refused of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from mlvm.model import HEADER_SIZE, Header, Model, ModelError
from mlvm.tasks import Choose, Input, Nothing, Output


def small_model() -> Model:
    tasks = [Input(0, 4), Choose(1024, 4, condition=0, threshold=5, a=0, b=2048), Output(1024, 4)]
    sizes = {"arena_size": 4096, "input_size": 4, "output_size": 4}
    return Model.of(tasks, b"constants", {"name": "small"}, macs=7, **sizes)


def test_file():
    model = small_model()
    again = Model.from_bytes(model.to_bytes(), model.address)
    assert again.header == model.header
    assert again.tasks == model.tasks
    assert again.about == {"name": "small"}
    assert again.address == keccak256(model.header.pack())
    assert len(model.header.pack()) == HEADER_SIZE == 152


def test_every_bit_counts():
    content = small_model().to_bytes()
    address = small_model().address
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1
        with pytest.raises(ModelError):
            Model.from_bytes(changed, address)


def test_every_byte_counts():
    content = small_model().to_bytes()
    for size in range(len(content)):
        with pytest.raises(ModelError):
            Model.from_bytes(content[:size])
    with pytest.raises(ModelError, match="the description is not that of the header"):
        Model.from_bytes(content + b"}")


@given(st.binary(max_size=2000))
def test_noise_is_refused(data):
    with pytest.raises(ModelError):
        Model.from_bytes(data)


@given(st.binary(min_size=HEADER_SIZE - 16, max_size=HEADER_SIZE - 16))
def test_header_of_noise(data):
    content = b"axonum-model-1\0\0" + data
    try:
        header = Header.parse(content)
    except ModelError:
        return
    assert header.pack() == content


@pytest.mark.parametrize(
    ("at", "word", "message"),
    [
        (16, 2, "there is no version 2"),
        (20, 0, "tasks is 0, not 1 to 65536"),
        (20, 65537, "tasks is 65537"),
        (24, 512, "arena size is 512"),
        (24, 3000, "no power of two"),
        (24, 1 << 31, "arena size is 2147483648"),
        (28, 0, "input size is 0, not 1 to 4096"),
        (28, 4097, "input size is 4097"),
        (32, 5000, "output size is 5000"),
        (36, 1, "the word after the output size is 1"),
        (48, 1, "blob size is 4294967305"),
    ],
)
def test_sizes_that_no_model_has(at, word, message):
    header = bytearray(small_model().header.pack())
    header[at : at + 4] = word.to_bytes(4, "big")
    with pytest.raises(ModelError, match=message):
        Header.parse(bytes(header))


def test_another_address():
    with pytest.raises(ModelError, match="this is model 0x"):
        Model.from_bytes(small_model().to_bytes(), bytes(32))


@pytest.mark.parametrize("description", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_descriptions_that_are_none(description):
    model = small_model()
    header = model.header
    fields = {name: getattr(header, name) for name in Header.__slots__}
    fields["description_hash"] = keccak256(description)
    model = Model(Header(**fields), model.records, model.blob, description)
    with pytest.raises(ModelError, match="the description is no JSON"):
        _ = model.about


def test_tasks_that_do_nothing():
    model = small_model()
    tasks = [Nothing(0, 0), Input(0, 5), Choose(0, 0, 0, 0, 0, 0)]
    sizes = {"arena_size": 4096, "input_size": 4, "output_size": 4}
    model = Model.of(tasks, b"", {}, macs=0, **sizes)
    assert model.tasks == (Nothing(0, 0), None, None)
    assert json.loads(model.description) == {}
