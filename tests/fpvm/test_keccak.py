"""Keccak-256: known values, and many tree nodes at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from fpvm.keccak_batch import NODE_WORDS, PAIR_WORDS, ROUND_CONSTANTS, hash_pairs, hash_pairs_pure
from tests.fpvm.machines import PROPERTY

#: Computed with another library. The lengths around 136 are those at which a block is full.
KNOWN = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    bytes(64): "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5",
    bytes(range(64)): "002030bde3d4cf89919649775cd71875c4d0ab1708a380e03fefc3a28aa24831",
    b"a" * 135: "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446",
    b"a" * 136: "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e",
    b"a" * 137: "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39",
    b"a" * 272: "cf7fcd4f705ee749930d19ca84561a9bf62516bd90a471545fa2f49fdc7e63c8",
}


@pytest.mark.parametrize("message", KNOWN, ids=len)
def test_known_values(message):
    assert keccak256(message).hex() == KNOWN[message]
    assert keccak256(bytearray(message)).hex() == KNOWN[message]
    assert keccak256(memoryview(message)).hex() == KNOWN[message]


def test_the_round_constants_are_those_of_the_standard():
    assert len(ROUND_CONSTANTS) == 24
    assert [hex(ROUND_CONSTANTS[i]) for i in (0, 1, 2, 22, 23)] == [
        "0x1",
        "0x8082",
        "0x800000000000808a",
        "0x80000001",
        "0x8000000080008008",
    ]


def words(content: bytes) -> np.ndarray:
    return np.frombuffer(content, np.uint64).copy()


@pytest.mark.parametrize("count", [*range(70), 127, 128, 129, 191, 193, 500])
def test_any_number_of_pairs_is_hashed(count):
    """Below a full set of lanes, at one, and beyond."""
    rng = np.random.default_rng(count)
    source = rng.integers(0, 2**64, PAIR_WORDS * (count + 1), np.uint64)
    at = np.arange(count, dtype=np.int64) * PAIR_WORDS
    to = at // 2
    out = np.full(NODE_WORDS * (count + 1), 7, np.uint64)
    hash_pairs(source, at, out, to)
    pairs = [source[start : start + PAIR_WORDS].tobytes() for start in at]
    assert out[: NODE_WORDS * count].tobytes() == b"".join(map(keccak256, pairs))
    assert out[NODE_WORDS * count :].tolist() == [7] * NODE_WORDS, "nothing else is written"


@pytest.mark.parametrize("function", [hash_pairs, hash_pairs_pure])
def test_a_known_pair(function):
    out = np.zeros(NODE_WORDS, np.uint64)
    zero = np.zeros(1, np.int64)
    function(words(bytes(range(64))), zero, out, zero)
    assert out.tobytes().hex() == KNOWN[bytes(range(64))]


@PROPERTY
@given(st.data())
def test_pairs_are_taken_and_put_anywhere(data):
    """Sources may overlap and repeat; the compiled function does as the interpreted one."""
    source = words(data.draw(st.binary(min_size=512, max_size=512)))
    at = data.draw(st.lists(st.integers(0, 64 - PAIR_WORDS), max_size=80))
    places = st.permutations(range(len(at)))
    to = [NODE_WORDS * place for place in data.draw(places)]
    outs = []
    for function in (hash_pairs, hash_pairs_pure):
        out = np.zeros(NODE_WORDS * len(at), np.uint64)
        function(source, np.array(at, np.int64), out, np.array(to, np.int64))
        outs.append(out.tobytes())
    assert outs[0] == outs[1]


def test_a_tree_may_be_hashed_within_one_array():
    """As memory does: children and parents in one heap, level by level."""
    heap = np.zeros(2 * 64 * NODE_WORDS, np.uint64)
    leaves = np.random.default_rng(1).integers(0, 2**64, 64 * NODE_WORDS, np.uint64)
    heap[64 * NODE_WORDS :] = leaves
    width = 32
    while width:
        nodes = np.arange(width, 2 * width, dtype=np.int64)
        hash_pairs(heap, nodes * PAIR_WORDS, heap, nodes * NODE_WORDS)
        width //= 2
    level = [leaves[i : i + NODE_WORDS].tobytes() for i in range(0, leaves.size, NODE_WORDS)]
    while len(level) > 1:
        level = [keccak256(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
    assert heap[NODE_WORDS : 2 * NODE_WORDS].tobytes() == level[0]
