"""The real models: what they lose by becoming integers, and what they answer."""

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from mlvm import preparation, values
from mlvm.engine import Engine
from mlvm.models import magika, mnist, opennsfw
from mlvm.models.catalogue import MODELS
from mlvm.packages import SCIKIT_IMAGE, members
from tests.mlvm.real_files import installed, written

pytestmark = pytest.mark.slow
#: Photographs, drawings and pictures of microscopes, of many sizes.
PICTURES = (
    *("astronaut", "brick", "camera", "cell", "chelsea", "clock_motion", "coffee", "coins"),
    *("color", "grass", "gravel", "horse", "ihc", "logo", "moon", "motorcycle_left"),
    *("motorcycle_right", "page", "phantom", "text"),
)
#: Crops of each, turned over or not.
CROPS = 3


@pytest.fixture(scope="module", params=["mlp", "cnn"])
def digits(request):
    return request.param, Engine(MODELS[f"mnist-{request.param}"](None).model)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(engine, values_):
    state = engine.run(values.pack(engine.model, values_)).state
    return next(iter(values.unpack(engine.model, state.output).values())).ravel()


def test_mnist_loses_at_most_a_tenth_of_a_point(digits, tell):
    kind, engine = digits
    pixels, labels = mnist.images("t10k")
    found = [answer(engine, {"image": image}).argmax() for image in pixels]
    float_ = session(mnist.FILES[kind])
    expected = [
        float_.run(None, {"image": image[np.newaxis].astype(np.float32)})[0].argmax()
        for image in pixels
    ]
    ours, theirs = np.mean(found == labels), np.mean(expected == labels)
    tell(f"mnist-{kind}: {theirs:.2%} of 10,000 in float, {ours:.2%} in integers")
    assert ours >= theirs - 0.001
    assert theirs > {"mlp": 0.955, "cnn": 0.985}[kind]


def test_magika_agrees_with_float(tmp_path, tell):
    model = MODELS["magika"](None).model
    engine, float_ = Engine(model), session(magika.file())
    files = [*installed(240), *written(tmp_path)]
    same, kinds = [], set()
    for path in files:
        given = preparation.prepared(model, path)
        [[expected]] = float_.run(None, {"bytes": given["bytes"].reshape(1, -1)})
        found = answer(engine, given)
        same.append(expected.argmax() == found.argmax())
        kinds.add(int(expected.argmax()))
    tell(f"magika: {sum(same)} of {len(same)} files of {len(kinds)} types as in float")
    assert len(files) >= 200
    assert len(kinds) >= 20
    assert np.mean(same) >= 0.99


def test_opennsfw_agrees_with_float(tmp_path, tell):
    model = MODELS["opennsfw"](None).model
    engine, float_ = Engine(model), session(opennsfw.file())
    means = np.array(opennsfw.MEANS, np.float32)
    same, differences = [], []
    for path in crops(tmp_path):
        given = preparation.prepared(model, path)
        centred = given["pixels"].reshape(1, 224, 224, 3).astype(np.float32) - means
        [[expected]] = float_.run(None, {"input:0": centred})
        found = answer(engine, given)
        same.append(expected.argmax() == found.argmax())
        differences.append(abs(expected[1] - found[1]))
    tell(
        f"opennsfw: {sum(same)} of {len(same)} pictures as in float;"
        f" probabilities differ by {np.mean(differences):.4f}, at most {max(differences):.4f}"
    )
    assert np.mean(same) >= 0.99
    assert np.mean(differences) < 0.01


def crops(folder):
    """Parts of pictures."""
    names = [f"skimage/data/{name}.png" for name in PICTURES]
    rng = np.random.default_rng(1)
    for path in members(SCIKIT_IMAGE, *names):
        picture = Image.open(path).convert("RGB")
        for crop in range(CROPS):
            size = rng.uniform(0.5, 1, 2) * picture.size
            left, top = rng.uniform(0, 1, 2) * (np.array(picture.size) - size)
            part = picture.crop((left, top, left + size[0], top + size[1]))
            if crop % 2:
                part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            file = folder / f"{path.stem}-{crop}.png"
            part.save(file)
            yield file
