"""Every example does the same natively, under qemu and in the VM."""

from __future__ import annotations

import hashlib
import random

import pytest

from fpvm.keccak import keccak256
from fpvm.oracle import MAX_PREIMAGE, PreimageMissing, Source, keccak_key
from fpvm.sources import DictSource
from programs.build import build
from programs.examples.tree import (
    INNER_TAG,
    LEAF_TAG,
    MAX_CHUNK,
    MAX_FANOUT,
    Tree,
    build_tree,
)
from tests.programs.native import WORD, Run, run, under_qemu
from tests.programs.vm import run_in_vm

MEGABYTE = random.Random("one megabyte").randbytes(1 << 20)
PREIMAGE_PROGRAMS = ("preimage", "preimage_c")
CHAIN_PROGRAMS = ("sha256chain", "sha256chain_c")


def run_everywhere(name: str, word: bytes = bytes(WORD), source: Source | None = None) -> Run:
    """What all three agree on."""
    native = run([build(name, native=True)], word, source)
    assert run(under_qemu(build(name)), word, source) == native
    assert run_in_vm(build(name), word, source) == native
    return native


def chain(iterations: int) -> bytes:
    digest = bytes(32)
    for _ in range(iterations):
        digest = hashlib.sha256(digest).digest()
    return digest


def node(content: bytes) -> Tree:
    """A root that is this node, and nothing else."""
    return Tree(keccak_key(content), {keccak_key(content): content})


def above(tree: Tree) -> Tree:
    """An inner node over the one child that is `tree`."""
    root = node(INNER_TAG + tree.root)
    return Tree(root.root, root.preimages | tree.preimages)


def test_hello_survives_what_leans_on_the_kernel() -> None:
    result = run_everywhere("hello")
    assert (result.exit_code, result.stderr) == (0, b"")
    lines = result.stdout.decode().splitlines()
    assert lines[0] == "hello, verifiable world"
    assert "select: timer, waited long enough: true" in lines
    assert "kept: 2000 sum: 19990000 collected: true" in lines
    assert [line for line in lines if line.startswith("recovered: ")] == [
        "recovered: runtime error: index out of range [60] with length 4",
        "recovered: runtime error: invalid memory address or nil pointer dereference",
        "recovered: runtime error: integer divide by zero",
    ]


@pytest.mark.parametrize("name", CHAIN_PROGRAMS)
@pytest.mark.parametrize(
    ("requested", "iterations"), [(0, 20000), (1, 1), (2, 2), (1000, 1000), (0x10001, 0x10001)]
)
def test_a_chain_is_as_long_as_its_input_says(name: str, requested: int, iterations: int) -> None:
    result = run_everywhere(name, requested.to_bytes(WORD))
    assert result.output == chain(iterations)
    assert result.stdout == result.output.hex().encode() + b"\n"
    assert result.exit_code == 0


@pytest.mark.parametrize("name", CHAIN_PROGRAMS)
def test_only_the_last_eight_bytes_of_the_input_count(name: str) -> None:
    assert run_everywhere(name, b"\xff" * 24 + (3).to_bytes(8)).output == chain(3)


@pytest.mark.parametrize("name", PREIMAGE_PROGRAMS)
@pytest.mark.parametrize(
    ("length", "chunk", "fanout"),
    [
        (1 << 20, MAX_CHUNK, MAX_FANOUT),
        (1 << 20, 1021, 6),
        (0, MAX_CHUNK, MAX_FANOUT),
        (1, MAX_CHUNK, MAX_FANOUT),
        (MAX_CHUNK, MAX_CHUNK, MAX_FANOUT),
        (MAX_CHUNK + 1, MAX_CHUNK, MAX_FANOUT),
        (MAX_FANOUT + 1, 1, MAX_FANOUT),
        (16, 1, 2),
        # Around the ends of sha256's blocks and of its padding.
        *((length, 7, MAX_FANOUT) for length in (55, 56, 63, 64, 65, 119, 120, 128)),
    ],
)
def test_data_in_a_tree_of_any_shape_is_hashed(
    name: str, length: int, chunk: int, fanout: int
) -> None:
    data = MEGABYTE[:length]
    tree = build_tree(data, chunk, fanout)
    result = run_everywhere(name, tree.root, DictSource(tree.preimages))
    assert result.output == hashlib.sha256(data).digest()
    assert result.stdout == f"{len(data)} bytes, sha256 {result.output.hex()}\n".encode()
    assert result.hints == (f"preimage-tree {tree.root.hex()}".encode(),)
    assert (result.exit_code, result.stderr) == (0, b"")


@pytest.mark.parametrize("name", PREIMAGE_PROGRAMS)
@pytest.mark.parametrize(
    "tree",
    [
        pytest.param(node(b""), id="empty node"),
        pytest.param(node(b"\x02data"), id="unknown tag"),
        pytest.param(node(INNER_TAG), id="no keys"),
        pytest.param(node(INNER_TAG + bytes(33)), id="not whole keys"),
        pytest.param(Tree(bytes(WORD), {}), id="key of unknown type"),
        pytest.param(above(Tree(b"\xff" * WORD, {})), id="child of unknown type"),
        pytest.param(above(above(above(above(above(node(LEAF_TAG)))))), id="too high"),
    ],
)
def test_what_is_no_tree_is_refused(name: str, tree: Tree) -> None:
    result = run_everywhere(name, tree.root, DictSource(tree.preimages))
    assert result.exit_code == 1
    assert (result.stdout, result.output) == (b"", bytes(WORD))
    assert result.stderr.startswith(name.encode() + b": ")
    assert result.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", PREIMAGE_PROGRAMS)
def test_a_tree_of_the_greatest_height_is_read(name: str) -> None:
    tree = above(above(above(above(node(LEAF_TAG + b"leaf")))))
    result = run_everywhere(name, tree.root, DictSource(tree.preimages))
    assert result.output == hashlib.sha256(b"leaf").digest()


@pytest.mark.parametrize("name", PREIMAGE_PROGRAMS)
def test_a_missing_preimage_stops_the_host(name: str) -> None:
    tree = build_tree(MEGABYTE)
    last = keccak_key(LEAF_TAG + MEGABYTE[-(len(MEGABYTE) % MAX_CHUNK) :])
    source = DictSource({key: node for key, node in tree.preimages.items() if key != last})
    with pytest.raises(PreimageMissing, match=last.hex()):
        run(under_qemu(build(name)), tree.root, source)
    with pytest.raises(PreimageMissing, match=last.hex()):
        run_in_vm(build(name), tree.root, source)


def test_go_and_c_compute_the_same() -> None:
    tree = build_tree(MEGABYTE)
    source = DictSource(tree.preimages)
    go, c = (run_in_vm(build(name), tree.root, source) for name in PREIMAGE_PROGRAMS)
    assert (go.output, go.stdout, go.hints) == (c.output, c.stdout, c.hints)


@pytest.mark.parametrize("length", [0, 1, MAX_CHUNK, MAX_CHUNK + 1, 1 << 20])
def test_the_nodes_of_a_tree_fit_the_machine_and_have_their_keys(length: int) -> None:
    tree = build_tree(MEGABYTE[:length])
    assert tree.root in tree.preimages
    for key, preimage in tree.preimages.items():
        assert key == b"\x02" + keccak256(preimage)[1:]
        assert 1 <= len(preimage) <= MAX_PREIMAGE


@pytest.mark.parametrize(
    ("chunk", "fanout"),
    [(0, 2), (MAX_CHUNK + 1, 2), (1, 1), (1, MAX_FANOUT + 1), (1, 2)],
)
def test_a_tree_that_guests_refuse_is_not_built(chunk: int, fanout: int) -> None:
    with pytest.raises(ValueError, match=r"chunk|fanout|levels"):
        build_tree(bytes(range(17)), chunk, fanout)


def test_the_harness_reports_signals_as_shells_do() -> None:
    assert run(["/bin/sh", "-c", "kill -SEGV $$"]).exit_code == 128 + 11


def test_the_harness_ends_a_program_that_hangs() -> None:
    with pytest.raises(TimeoutError):
        run(["/bin/sleep", "60"], timeout=0.1)
