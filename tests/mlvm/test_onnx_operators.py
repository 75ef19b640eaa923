"""Every operator that can be imported, against onnxruntime in float, and its bits against the
specification."""

import numpy as np
import pytest

from mlvm import effects, values
from mlvm.importers.onnx_model import import_onnx
from tests.mlvm.onnx_graphs import GRAPHS, in_float, in_integers, run

BUDGET = 0.02


@pytest.fixture(scope="module", params=GRAPHS)
def imported(request, tmp_path_factory):
    maker, data = GRAPHS[request.param]()
    path = tmp_path_factory.mktemp("onnx") / f"{request.param}.onnx"
    path.write_bytes(data)
    samples = maker.samples()
    cases = [{k: v[i : i + 1] for k, v in samples.items()} for i in range(6)]
    return data, cases, import_onnx(path, samples, budget=BUDGET).model


def test_numbers_are_those_of_float(imported):
    data, cases, model = imported
    expected = [in_float(data, case) for case in cases]
    found = [list(in_integers(model, case).values()) for case in cases]
    for place in range(len(expected[0])):
        right = np.stack([result[place] for result in expected]).astype(np.float64)
        ours = np.stack([result[place] for result in found])
        assert right.shape == ours.shape
        error = np.sqrt(((right - ours) ** 2).mean() / (right**2).mean())
        assert error < 1.5 * BUDGET


def test_bits_are_those_of_the_specification(imported):
    _, cases, model = imported
    data = values.pack(model, cases[0])
    *_, last = effects.run(model, data)
    assert last.output == run(model, data)
