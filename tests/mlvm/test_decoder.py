"""LLaMA decoders: tiny ones, whose every state is the specification's, and a real one."""

import numpy as np
import pytest

from mlvm import effects, language
from mlvm.engine import Engine
from mlvm.histories import Inference
from mlvm.importers import gguf
from mlvm.importers.llama import NOTHING, generator, judge, unit_of
from mlvm.importers.llama_float import FloatDecoder, decoder_of, losses
from mlvm.importers.rows import WORD
from mlvm.model import ModelError
from mlvm.plan import plan
from tests.mlvm.language_models import decoder, gguf_of
from tests.mlvm.texts import STORY

TINY = decoder()


def words(*numbers):
    return np.array(numbers, ">i4").tobytes()


def numbers(output):
    return np.frombuffer(output, ">i4").astype(np.int64)


def judged(model, ids):
    """After each token, the numbers of all that may follow."""
    output = Engine(model).run(words(*ids)).state.output
    return (numbers(output) * WORD).reshape(len(ids), -1)


# --- The reference --------------------------------------------------------------------------------


def test_the_reference_in_one_go_and_token_by_token():
    ids = np.array([5, 1, 7, 7, 2])
    whole, steps = FloatDecoder(TINY), FloatDecoder(TINY)
    parts = [steps.run(ids[:2]), *(steps.run(ids[i : i + 1]) for i in range(2, 5))]
    assert np.allclose(whole.run(ids), np.concatenate(parts), atol=1e-5)


def test_losses():
    logits = np.log(np.array([[1, 3], [1, 1]], np.float32))
    assert np.allclose(losses(logits, np.array([0, 1])), [-np.log(0.75)])


# --- Tiny ones ------------------------------------------------------------------------------------


def test_every_state_is_that_of_the_specification():
    model = plan(generator(decoder(layers=1, width=16, hidden=24, vocabulary=16), 3, 2).graph)
    data = words(NOTHING, 4, 9)
    states = [state.hash() for state in effects.run(model, data)]
    assert Inference(Engine(model), data).states == states


@pytest.mark.parametrize("sizes", [{}, {"key_heads": 4}, {"key_heads": 1, "head": 4}], ids=str)
def test_near_to_the_reference(sizes):
    tiny, ids = decoder(**sizes), np.array([3, 7, 11, 5, 7, 40])
    expected = FloatDecoder(tiny).run(ids)
    error = judged(plan(judge(tiny, len(ids)).graph), ids) - expected
    assert np.sqrt((error**2).mean() / (expected**2).mean()) < 0.02


def test_tokens_are_the_likeliest():
    """For prompts of all lengths, as the integers themselves judge, which are not asked to agree
    with floats on what is as good as equal."""
    model, judges = plan(generator(TINY, 4, 3).graph), {}
    for prompt in ([9], [9, 3], [9, 3, 30], [9, 3, 30, 21]):
        given = [NOTHING] * (4 - len(prompt)) + prompt
        tokens = numbers(Engine(model).run(words(*given)).state.output).tolist()
        text = prompt + tokens[:-1]
        judges[len(text)] = plan(judge(TINY, len(text)).graph)
        likelihoods = judged(judges[len(text)], text)[len(prompt) - 1 :]
        chosen = likelihoods[np.arange(3), tokens]
        assert np.allclose(chosen, likelihoods.max(axis=1), atol=0.01)


def test_hostile_tokens_are_tokens():
    """Whatever the words are, there is an answer, the same as the specification's."""
    model = plan(generator(decoder(layers=1, width=16, hidden=24, vocabulary=16), 3, 1).graph)
    for data in (words(-(2**31), 2**31 - 1, 16), words(-1, -1, -1)):
        *_, last = effects.run(model, data)
        assert Engine(model).run(data).state == last


def test_a_residual_stream_that_becomes_large():
    loud = decoder()
    for layer in loud.layers:
        layer.down[...] *= 30_000
    assert unit_of(TINY) == WORD
    assert unit_of(loud) > WORD
    ids = np.array([3, 7, 11, 5])
    expected = FloatDecoder(loud).run(ids)
    error = judged(plan(judge(loud, 4).graph), ids) - expected
    assert np.sqrt((error**2).mean() / (expected**2).mean()) < 0.03


# --- From file to text ----------------------------------------------------------------------------


@pytest.fixture
def tiny_file(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_of(decoder(vocabulary=99)))
    return path


def test_from_a_file_to_a_text(tiny_file):
    imported = language.import_decoder(tiny_file, 8, 6)
    assert imported.model.about["kind"] == "decoder"
    assert sum(row.macs for row in imported.rows) < imported.model.header.macs
    found = language.Decoder(imported.model)
    pieces = []
    continued = found.run("the", pieces.append)
    assert len(continued.tokens) == 6
    assert "".join(pieces) == continued.text
    assert found.text([5, 0, 7]) == found.text([5])  # 0 is the end
    for prompt in ("", "x" * 9):
        with pytest.raises(language.TextError, match="not 1 to 8"):
            found.run(prompt)


def test_models_that_are_not_imported(tiny_file):
    for sizes in ((0, 1), (1, 0), (60, 5)):
        with pytest.raises(ModelError, match="are not 1 to 64 together"):
            language.import_decoder(tiny_file, *sizes)
    model = language.import_decoder(tiny_file, 2, 1).model
    with pytest.raises(ModelError, match="this is no encoder"):
        language.Encoder(model)


# --- A real one -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_smollm2_says_paris():
    imported = language.import_decoder(language.fetched_decoder(), 8, 2)
    assert language.Decoder(imported.model).run("The capital of France is").text == " Paris."


@pytest.mark.slow
def test_smollm2_is_as_good_as_its_floats():
    """How surprised it is by a story, in 16 bits and 8 instead of floats."""
    file = gguf.read(language.fetched_decoder())
    real, length = decoder_of(file), 64
    ids = language.tokenizers.of_gguf(file).encode(STORY).ids
    model = plan(judge(real, length).graph)
    lost = []
    for first in range(0, len(ids) - length + 1, length):
        part = np.array(ids[first : first + length])
        integers = losses(judged(model, part).astype(np.float32), part)
        lost.append(integers - losses(FloatDecoder(real).run(part), part))
    assert np.exp(np.mean(lost)) < 1.005
