"""``axonum model …``: importing a file, asking a model, and how each says that it cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from axonum.cli import main
from mlvm import effects
from mlvm.model import Model
from mlvm.models import mnist
from tests.mlvm.onnx_graphs import GRAPHS


@pytest.fixture
def axonum(capsys, monkeypatch):
    """Calls the command; its exit code, output and errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["axonum", "model", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call


@pytest.fixture(scope="module")
def block(tmp_path_factory):
    """A folder with a small ONNX file, samples of its input, and labels."""
    folder = tmp_path_factory.mktemp("model")
    maker, data = GRAPHS["residual_block"]()
    (folder / "block.onnx").write_bytes(data)
    np.save(folder / "samples.npy", maker.samples()["x"])
    np.save(folder / "one.npy", maker.samples()["x"][0])
    (folder / "labels").write_text("red\ngreen\nblue\n")
    return folder


@pytest.fixture
def digits(tmp_path, axonum):
    """The network for digits, and the image of a 7."""
    axonum("import", "mnist-mlp", "-o", tmp_path / "digits.axm")
    Image.fromarray(mnist.images("t10k")[0][0, 0]).save(tmp_path / "seven.png")
    return tmp_path


def imported(axonum, folder, path, *more):
    arguments = ("--samples", folder / "samples.npy", "--labels", folder / "labels", "-o", path)
    return axonum("import", folder / "block.onnx", *arguments, *more)


def test_import_prints_a_table_and_writes_the_model(axonum, block, tmp_path):
    path = tmp_path / "block.axm"
    code, out, err = imported(axonum, block, path)
    assert (code, err) == (0, "")
    assert "Convolve" in out
    assert "dB" in out
    model = Model.from_bytes(path.read_bytes())
    assert model.address.hex() in out
    assert model.about["labels"] == ["red", "green", "blue"]
    assert model.about["source"]["file"] == "block.onnx"


def test_a_tighter_budget_takes_more_bits(axonum, block, tmp_path):
    errors, widest = [], []
    for budget in ("1", "0.003"):
        path = tmp_path / budget
        _, out, _ = imported(axonum, block, path, "--json", "--error-budget", budget)
        document = json.loads(out)
        errors.append(document["error"])
        widest.append(any("16" in row["bits"] for row in document["operators"]))
    assert errors[1] < 0.003 < errors[0]
    assert widest == [False, True]


def test_the_same_import_gives_the_same_model(axonum, block, tmp_path):
    for name in ("first", "second"):
        imported(axonum, block, tmp_path / name)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_run_names_the_likeliest_label(axonum, block, tmp_path):
    path = tmp_path / "block.axm"
    imported(axonum, block, path)
    code, out, err = axonum("run", path, block / "one.npy", "--json")
    assert (code, err) == (0, "")
    [answer] = json.loads(out)["answers"]
    assert {entry["label"] for entry in answer["labels"]} == {"red", "green", "blue"}


def test_run_on_an_image(axonum, digits):
    code, out, _ = axonum("run", digits / "digits.axm", digits / "seven.png")
    assert code == 0
    assert out.splitlines()[0].startswith(f"{digits}/seven.png: 7 ")


def test_run_gives_the_hashes_of_the_specification(axonum, digits):
    data = mnist.images("t10k")[0][0].tobytes()
    (digits / "bytes").write_bytes(data)
    model = Model.from_bytes((digits / "digits.axm").read_bytes())
    *_, last = effects.run(model, data)
    for arguments in (("seven.png",), ("bytes", "--raw"), ("bytes", "--raw", "--threads", "1")):
        name, *options = arguments
        _, out, _ = axonum("run", digits / "digits.axm", digits / name, *options, "--json")
        [answer] = json.loads(out)["answers"]
        assert answer["outputHash"] == "0x" + last.output_hash.hex()
        assert answer["output"] == "0x" + last.output.hex()


def test_an_input_of_another_length_has_an_output_hash_too(axonum, digits):
    (digits / "short").write_bytes(b"short")
    _, out, _ = axonum("run", digits / "digits.axm", digits / "short", "--raw", "--json")
    [answer] = json.loads(out)["answers"]
    assert answer["output"] is None
    assert answer["outputHash"] == "0x" + effects.INVALID_INPUT.hex()


def test_info(axonum, digits):
    code, out, _ = axonum("info", digits / "digits.axm")
    assert code == 0
    assert "image: 1 × 1 × 28 × 28 U8" in out
    document = json.loads(axonum("info", digits / "digits.axm", "--json")[1])
    assert document["macs"] == 784 * 20 + 20 * 10
    assert document["kinds"]["Dot"] == 2


def test_bench_and_list(axonum, digits):
    _, out, _ = axonum("bench", digits / "digits.axm", "--runs", 3, "--json")
    assert json.loads(out)["medianMilliseconds"] > 0
    assert "magika" in axonum("list")[1]


@pytest.mark.parametrize(
    "preparation",
    [
        {"kind": "image"},
        {"kind": "image", "mode": "L", "size": [1 << 40, 28]},
        {"kind": "image", "mode": "L", "size": [28, 28], "resize": [1 << 40, 1 << 40]},
        {"kind": "image", "mode": "RGB", "size": [28, 28]},
        {"kind": "image", "mode": "L", "size": 28},
        {"kind": "file", "begin": 1 << 60, "end": 0, "block": 1, "padding": 0},
        {"kind": "file", "begin": 784, "end": 0, "block": -1, "padding": 1 << 40},
        {"kind": "\x1b[2J"},
        {"kind": []},
        [],
        7,
    ],
)
def test_a_description_that_makes_no_sense(axonum, digits, preparation):
    found = Model.from_bytes((digits / "digits.axm").read_bytes())
    header = found.header
    about = {**found.about, "preparation": preparation, "name": "\x1b[2J\n"}
    changed = Model.of(
        list(found.tasks),
        found.blob.tobytes(),
        about,
        arena_size=header.arena_size,
        input_size=header.input_size,
        output_size=header.output_size,
        macs=header.macs,
    )
    (digits / "changed.axm").write_bytes(changed.to_bytes())
    code, out, err = axonum("run", digits / "changed.axm", digits / "seven.png")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.rstrip().isprintable()
    assert "\x1b" not in axonum("info", digits / "changed.axm")[1]


def refusals(folder: Path) -> list[tuple[str, tuple[object, ...]]]:
    block, out = folder / "block.onnx", ("-o", folder / "out.axm")
    text = folder / "labels"
    return [
        ("is neither a file nor one of", ("import", "nothing", *out)),
        ("No such file", ("import", folder / "none.onnx", *out)),
        ("not an ONNX file, or damaged", ("import", text.with_suffix(".onnx"), *out)),
        ("--samples", ("import", block, *out)),
        ("not a file of numpy", ("import", block, *out, "--samples", text)),
        ("--dim 'x'", ("import", block, *out, "--samples", text, "--dim", "x")),
        ("--dim 'x=-1'", ("import", block, *out, "--samples", text, "--dim", "x=-1")),
        ("have the shape", ("import", block, *out, "--samples", folder / "odd.npy")),
        ("a header has 152 bytes", ("info", text)),
        ("a header has 152 bytes", ("run", text, text)),
        ("a header has 152 bytes", ("bench", text)),
        ("No such file", ("run", folder / "none.axm", text)),
        ("no image", ("run", folder / "digits.axm", text)),
        ("a damaged image", ("run", folder / "digits.axm", folder / "cut.png")),
        ("not a file of numpy", ("run", folder / "digits.axm", folder / "cut.npy")),
        ("has the shape", ("run", folder / "digits.axm", folder / "odd.npy")),
    ]


@pytest.mark.parametrize("number", range(16))
def test_what_is_wrong_is_said_in_one_line(axonum, block, digits, number):
    for path in block.iterdir():
        (digits / path.name).write_bytes(path.read_bytes())
    (digits / "labels.onnx").write_bytes(b"red\ngreen")
    picture = (digits / "seven.png").read_bytes()
    (digits / "cut.png").write_bytes(picture[: len(picture) // 2])
    (digits / "cut.npy").write_bytes((digits / "one.npy").read_bytes()[:150])
    np.save(digits / "odd.npy", np.zeros((2, 3)))
    text, arguments = refusals(digits)[number]
    code, out, err = axonum(*arguments)
    assert (code, out) == (2, "")
    assert text in err
    assert err.count("\n") == 1
