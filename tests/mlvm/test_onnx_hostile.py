"""ONNX files that cannot be imported: each is refused in one line that says why."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from mlvm.importers.onnx_file import parsed, read
from mlvm.importers.onnx_model import boiled_down, import_onnx
from mlvm.model import ModelError
from tests.mlvm.onnx_graphs import GRAPHS, Maker


def small():
    m = Maker(x=(1, 4, 6))
    return m, m.model(m.add("Relu", m.add("MatMul", "x", m.random(6, 5))))


def refused(data, text, **options):
    with pytest.raises(ModelError, match=re.escape(text)) as error:
        boiled(parsed(data, **options))
    assert "\n" not in str(error.value)


def in_one_line(data):
    """If the file is refused, it is in one line."""
    text = ""
    try:
        boiled(parsed(data))
    except ModelError as error:
        text = str(error)
    assert text.isprintable()


def boiled(graph):
    sample = {entry.name: np.ones(entry.shape, entry.dtype) for entry in graph.inputs}
    return boiled_down(graph, sample)


def edited(edit):
    model = ModelProto.FromString(small()[1])
    edit(model.graph)
    return model.SerializeToString()


def set_dim(graph, value, place=1):
    graph.input[0].type.tensor_type.shape.dim[place].dim_value = value


def test_a_file_that_is_none():
    refused(b"", "not an ONNX file")
    refused(b"\x7fELF" + bytes(100), "not an ONNX file")
    refused(b"solver: a text", "not an ONNX file")


@given(st.integers(0, 10_000))
def test_a_file_that_is_cut_off(size):
    data = small()[1]
    data = data[: size % len(data)]
    in_one_line(data)  # or not refused: a cut between two fields may leave another, smaller file


@given(st.data())
def test_a_file_with_changed_bytes(data):
    name = data.draw(st.sampled_from(sorted(GRAPHS)))
    content = bytearray(GRAPHS[name]()[1])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    in_one_line(bytes(content))


def test_a_cycle():
    def edit(graph):
        graph.node[0].input[0] = graph.node[1].output[0]

    refused(edited(edit), "needs its own result")


def test_a_name_that_nothing_writes_and_one_that_two_write():
    refused(edited(lambda g: g.node[1].input.__setitem__(0, "nowhere")), "nothing writes its input")
    refused(edited(lambda g: g.node.append(g.node[0])), "is written twice")
    refused(edited(lambda g: setattr(g.output[0], "name", "y")), "nothing computes the output")


def test_nodes_in_any_order():
    def edit(graph):
        nodes = list(graph.node)
        del graph.node[:]
        graph.node.extend(reversed(nodes))

    assert [node.op for node in boiled(parsed(edited(edit)))[0].nodes][-1] == "Reshape"


def test_dynamic_shapes():
    def edit(graph):
        graph.input[0].type.tensor_type.shape.dim[1].dim_param = "tokens"

    refused(edited(edit), "the length of dimension 1 is tokens; give --dim")
    found = parsed(edited(edit), dimensions={"tokens": 9})
    assert found.inputs[0].shape == (1, 9, 6)


def test_a_batch_of_no_known_size_is_one_of_one():
    def edit(graph):
        graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"

    assert parsed(edited(edit)).inputs[0].shape == (1, 4, 6)


@pytest.mark.parametrize("size", [1 << 40, (1 << 63) - 1, 1 << 31])
def test_absurd_sizes(size):
    refused(edited(lambda g: set_dim(g, size)), "more numbers than are possible")


def test_negative_sizes():
    refused(edited(lambda g: set_dim(g, -5)), "dimension 1")
    refused(edited(lambda g: g.initializer[0].dims.__setitem__(0, -6)), "more numbers than")


def test_sizes_whose_product_has_more_than_64_bits():
    def edit(graph):
        graph.initializer[0].dims[:] = [1 << 33, 1 << 33]

    refused(edited(edit), "more numbers than are possible")


def test_a_constant_with_other_numbers_than_its_shape_says():
    refused(edited(lambda g: g.initializer[0].dims.__setitem__(0, 7)), "has not as many numbers")


@pytest.mark.parametrize("op", ["Expand", "ConstantOfShape", "Tile", "Range", "Pad", "OneHot"])
def test_a_tensor_that_grows_beyond_all_bounds(op):
    m = Maker(x=(1, 4))
    huge = 1 << 36
    if op == "Expand":
        y = m.add(op, "x", m.ints(huge, 4))
    elif op == "ConstantOfShape":
        y = m.add("Add", "x", m.add(op, m.ints(huge, 4)))
    elif op == "Tile":
        y = m.add(op, "x", m.ints(huge, 4))
    elif op == "Range":
        y = m.add("Mul", "x", m.add(op, m.ints(0), m.ints(huge), m.ints(1)))
    elif op == "Pad":
        y = m.add(op, "x", m.ints(0, 0, 0, huge), m.constant(0.0))
    else:
        hot = m.add("Cast", "x", to=TensorProto.INT64)
        y = m.add(op, hot, m.ints(huge), m.constant([0.0, 1.0]))
    refused(m.model(y), "a tensor of the shape")


def test_a_product_that_grows_beyond_all_bounds():
    m = Maker(x=(1, 30_000, 1))
    y = m.add("MatMul", "x", m.add("Transpose", "x", perm=(0, 2, 1)))
    refused(m.model(y), "a tensor of the shape")


def test_all_unknown_operators_are_named_with_their_nodes():
    m = Maker(x=(1, 4))
    m.nodes += [
        helper.make_node("LSTM", ["x"], ["a"], "first"),
        helper.make_node("Einsum", ["a"], ["b"], "second", equation="ij"),
        helper.make_node("LSTM", ["b"], ["c"], "third"),
        helper.make_node("FusedGelu", ["c"], ["d"], "fourth", domain="com.microsoft"),
    ]
    expected = (
        "operators that are not supported: Einsum (second); LSTM (first, third); "
        "com.microsoft.FusedGelu (fourth)"
    )
    refused(m.model("d"), expected)


def test_all_nodes_without_a_plain_form_are_named():
    m = Maker(x=(1, 4, 4), y=(1, 2, 4, 4))
    a = m.add("Where", m.add("Less", "x", m.random(4, 4)), "x", m.random(4, 4))
    b = m.add("Conv", "y", m.add("Mul", "y", "y"))
    with pytest.raises(ModelError, match=r"not supported: Less n0: .*; Where n1: .*; Conv n3: "):
        boiled(parsed(m.model(a, b)))


@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": (0, 1)},
        {"strides": (1,)},
        {"dilations": (-1, 1)},
        {"pads": (1 << 40, 0, 0, 0)},
        {"pads": (-1, 0, 0, 0)},
        {"pads": (1, 1)},
        {"group": 0},
        {"group": 7},
        {"group": -1},
        {"auto_pad": "SOME"},
    ],
)
def test_a_convolution_that_there_cannot_be(attributes):
    m = Maker(x=(1, 4, 6, 6))
    y = m.add("Conv", "x", m.random(4, 4, 3, 3), **attributes)
    refused(m.model(y), "Conv n0")


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/hostname", "a/../../secret", "no\0file", ""]
)
def test_external_data_elsewhere(tmp_path, location):
    (tmp_path / "secret").write_bytes(bytes(1000))
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ModelError, match="constant 'c0'"):
        parsed(external(location), folder)


def test_external_data_behind_a_link(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(1000))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "data").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="no file in the model's folder"):
        parsed(external("data"), folder)


def test_external_data(tmp_path):
    (tmp_path / "data").write_bytes(np.arange(30, dtype="<f4").tobytes())
    assert parsed(external("data"), tmp_path).constants["c0"].ravel().tolist() == [*range(30)]
    for offset in ("4", "-4", str(1 << 70), "x"):
        with pytest.raises(ModelError, match="constant 'c0'"):
            parsed(external("data", offset), tmp_path)
    with pytest.raises(ModelError, match="is in another file"):
        parsed(external("data"))


def external(location, offset="0"):
    def edit(graph):
        tensor = graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset)):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    return edited(edit)


def test_constants_that_are_no_numbers():
    def edit(graph):
        graph.initializer[0].raw_data = np.full(30, np.nan, "<f4").tobytes()

    refused(edited(edit), "is not a number in places")


def test_an_old_file():
    m, _ = small()
    refused(m.model(m.nodes[-1].output[0], opset=6), "version 6 of the operators")


def test_an_output_that_does_not_depend_on_the_input():
    m = Maker(x=(1, 4))
    refused(m.model(m.add("Relu", m.random(3))), "does not depend on the input")


@pytest.mark.parametrize(
    ("samples", "text"),
    [
        ({}, "no samples of the input 'x'"),
        ({"x": np.zeros((0, 4, 6), np.float32)}, "no samples of the input 'x'"),
        ({"x": np.zeros((3, 5, 6), np.float32)}, "have the shape (3, 5, 6); one has (1, 4, 6)"),
        ({"x": np.full((3, 4, 6), np.inf)}, "no finite numbers"),
        ({"x": np.full((3, 4, 6), "a")}, "no finite numbers"),
    ],
)
def test_samples_that_do_not_fit(tmp_path, samples, text):
    path = tmp_path / "small.onnx"
    path.write_bytes(small()[1])
    with pytest.raises(ModelError, match=re.escape(text)):
        import_onnx(path, samples)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.onnx")
