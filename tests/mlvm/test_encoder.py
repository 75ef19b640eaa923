"""BERT encoders: tiny ones, whose every state is the specification's, and a real one."""

import json
import re
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlvm import effects, language
from mlvm.engine import Engine
from mlvm.histories import Inference
from mlvm.importers.bert import EncoderGraph
from mlvm.importers.safetensors_bert import embedded, gelu, read
from mlvm.model import ModelError
from mlvm.plan import plan
from tests.mlvm.language_models import encoder, folder_of, tensors_of
from tests.mlvm.texts import SENTENCES

TINY = encoder()


def words(ids, length):
    return np.array([*ids, *[0] * (length - len(ids))], ">i4").tobytes()


# --- Tiny ones ------------------------------------------------------------------------------------


def test_every_state_is_that_of_the_specification():
    model = plan(EncoderGraph(encoder(layers=1, width=16, hidden=24), 5).graph)
    data = words([3, 7, 11], 5)
    states = [state.hash() for state in effects.run(model, data)]
    assert Inference(Engine(model), data).states == states


def test_near_to_the_reference_whatever_follows_the_text():
    engine = Engine(plan(EncoderGraph(TINY, 12).graph))
    for ids in ([5], [3, 7, 11, 5, 9], list(range(1, 13))):
        vector = language.vector_of(engine.run(words(ids, 12)).state.output)
        assert vector @ embedded(TINY, np.array(ids)) > 0.9995
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_nothing_saturates():
    """The bounds hold for what is as unlike a text as can be: one token only, and large biases."""
    loud = encoder(3)
    for layer in loud.layers:
        for linear in (layer.query, layer.key, layer.value, layer.up):
            linear.bias[...] *= 40
    engine = Engine(plan(EncoderGraph(loud, 6).graph))
    for ids in ([7] * 6, [1, 2, 3, 4, 5, 6]):
        vector = language.vector_of(engine.run(words(ids, 6)).state.output)
        assert vector @ embedded(loud, np.array(ids)) > 0.999


def test_an_empty_text():
    model = plan(EncoderGraph(encoder(layers=1, width=16, hidden=24), 3).graph)
    *_, last = effects.run(model, bytes(12))
    assert Engine(model).run(bytes(12)).state == last


def test_gelu():
    x = np.array([-20.0, -1.0, 0.0, 0.5, 20.0])
    assert np.allclose(gelu(x), [0, -0.15865525, 0, 0.34573123, 20], atol=1e-6)


# --- From folder to vector ------------------------------------------------------------------------


def test_from_a_folder_to_vectors(tmp_path):
    imported = language.import_encoder(folder_of(tmp_path, TINY), 8)
    assert imported.model.about["kind"] == "encoder"
    found = language.Encoder(imported.model)
    vector = found.vector("w3 w7 w11")
    assert vector @ embedded(TINY, np.array([1, 3, 7, 11, 2])) > 0.9995
    assert np.array_equal(found.vector("w3 w4 w5 w6 w7 w8 w9"), found.vector("w3 w4 w5 w6 w7 w8"))
    table = language.similarities([vector, found.vector("w20")])
    assert np.allclose(np.diag(table), 1, atol=1e-5)
    assert table[0, 1] == table[1, 0] < 0.999


def refused(folder, text):
    with pytest.raises(ModelError, match=re.escape(text)) as error:
        language.import_encoder(folder, 4)
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2', not 'bert'"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ({"pad_token_id": 1}, "pad_token_id"),
        ({"hidden_size": 33}, "33 numbers are not 4 heads"),
        ({"hidden_size": 1 << 40}, "hidden_size is 1099511627776"),
        ({"hidden_size": True}, "hidden_size is True"),
        ({"num_hidden_layers": 3}, "'encoder.layer.2.attention.self.query.weight' is missing"),
        ({"vocab_size": 41}, "has the shape (40, 32), not (41, 32)"),
        ({"layer_norm_eps": "small"}, "layer_norm_eps is 'small'"),
    ],
)
def test_configurations_that_there_are_not(tmp_path, config, text):
    refused(folder_of(tmp_path, TINY, **config), text)


def test_tensors_that_are_no_numbers(tmp_path):
    tensors = tensors_of(TINY)
    name = "embeddings.LayerNorm.bias"
    refused(
        folder_of(tmp_path, TINY, tensors | {name: np.full(32, np.nan, np.float32)}), "infinite"
    )
    refused(
        folder_of(tmp_path, TINY, tensors | {name: np.zeros(32, np.int32)}), "is I32; supported"
    )
    assert read(folder_of(tmp_path, TINY, {f"bert.{key}": x for key, x in tensors.items()}))


def test_files_that_are_missing_or_damaged(tmp_path):
    folder = folder_of(tmp_path, TINY)
    with pytest.raises(ModelError, match="a length of 17 tokens is not 1 to 16"):
        language.import_encoder(folder, 17)
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for damaged in (b"", content[:5], content[:-1], struct.pack("<Q", 1 << 60) + content[8:]):
        path.write_bytes(damaged)
        refused(folder, "model.safetensors: ")
    path.unlink()
    refused(folder, "there is no such file")
    (folder / "config.json").write_text("[]")
    refused(folder, "not a JSON object")
    (folder / "config.json").write_text("[" * 100_000)
    refused(folder, "not JSON")
    (folder / "tokenizer.json").write_text("{}")
    refused(folder, "tokenizer.json: ")
    (folder / "tokenizer.json").unlink()
    refused(folder, "tokenizer.json: there is no such file")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=8))
def test_a_damaged_file(tmp_path, at, patch):
    folder = folder_of(tmp_path, TINY)
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:at] + patch + content[at + len(patch) :])
    text = ""
    try:
        read(folder)
    except ModelError as error:
        text = str(error)
    assert text.isprintable()


def test_offsets_that_overlap(tmp_path):
    header = json.dumps(
        {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "ab"}
    ).encode()
    folder = folder_of(tmp_path, TINY)
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    refused(folder, "model.safetensors: ")


# --- A real one -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_minilm_on_sentences():
    folder, length = language.fetched_encoder(), 32
    imported = language.import_encoder(folder, length)
    found, real, cosines = language.Encoder(imported.model), read(folder), []
    for sentence in SENTENCES:
        ids = np.frombuffer(found.input(sentence), ">i4")
        ids = ids[ids != 0].astype(np.int64)
        cosines.append(found.vector(sentence) @ embedded(real, ids))
    assert len(cosines) >= 50
    assert np.mean(cosines) > 0.999
    near, far = "The cat sits outside.", "Stock prices fell sharply."
    table = language.similarities(list(map(found.vector, ("A kitten is outdoors.", near, far))))
    assert table[0, 1] > 0.5 > table[0, 2]
