"""Byte trees, against a plain recursive definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from mlvm.kernels.tree import hash_messages, hash_pure
from mlvm.roots import Roots
from mlvm.trees import ByteTree, hash_of_bytes, leaf, leaf_count, node, root, zero_root


def plain_root(data: bytes) -> bytes:
    """Straight from docs/mlvm.md."""
    leaves = [data[at : at + 1024].ljust(1024, b"\0") for at in range(0, len(data), 1024)]
    level = [keccak256(b"\0" + content) for content in leaves or [bytes(1024)]]
    while len(level) & (len(level) - 1):
        level.append(keccak256(b"\0" + bytes(1024)))
    while len(level) > 1:
        level = [keccak256(b"\1" + a + b) for a, b in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def noise(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


@pytest.mark.parametrize(
    "size", [0, 1, 1023, 1024, 1025, 2048, 3000, 64 * 1024, 70_001, 100 * 1024, 200_000]
)
def test_root(size):
    assert root(noise(size)) == plain_root(noise(size))


def test_leaves_of_zeros_are_like_no_leaves():
    assert root(b"") == root(bytes(1024)) == zero_root(0)
    assert root(bytes(5000)) == zero_root(3)
    assert root(bytes(5000)) == node(zero_root(2), zero_root(2))


def test_hash_of_bytes_tells_their_length():
    assert hash_of_bytes(b"a") != hash_of_bytes(b"a\0")
    expected = keccak256(b"bytes" + (1).to_bytes(8, "big") + plain_root(b"a"))
    assert hash_of_bytes(b"a") == expected


@given(st.integers(1, 60_000), st.integers(0, 60_000), st.integers(0, 20_000))
def test_update(size, start, length):
    data = np.frombuffer(noise(64 * 1024), np.uint8).copy()
    data[size:] = 0
    tree = ByteTree(data, written=size)
    assert tree.root() == plain_root(data.tobytes())
    data[start : start + length] = 7
    tree.update(start, min(length, len(data) - start))
    assert tree.root() == plain_root(data.tobytes())


def test_preimages_lead_from_the_root_to_every_leaf():
    data = noise(5 * 1024 + 3)
    tree, found, waiting = ByteTree(data), b"", [1]
    while waiting:
        number = waiting.pop()
        preimage = tree.preimage(number)
        assert keccak256(preimage) == tree.node(number)
        waiting.extend(reversed(tree.children(number)))
        found += b"" if tree.children(number) else preimage[1:]
    assert found == data.ljust(8 * 1024, b"\0")


def test_subtrees():
    data = noise(16 * 1024)
    tree = ByteTree(data)
    assert tree.subtree(4096, 4000) == root(data[4096:8192])
    assert tree.subtree(1024, 3) == leaf(data[1024:2048])
    for start in (2048, 16 * 1024, -4096, 100):
        with pytest.raises(ValueError, match="no subtree of 4 leaves begins at"):
            tree.subtree(start, 4000)


def test_what_is_no_node():
    tree = ByteTree(noise(2048))
    for number in (0, 4, -1):
        with pytest.raises(IndexError, match="has no node"):
            tree.node(number)
    with pytest.raises(ValueError, match="a leaf has 1024 bytes"):
        leaf(b"short")
    assert leaf_count(0) == 1
    assert leaf_count(3 * 1024) == 4


@pytest.mark.parametrize("count", [1, 5, 23, 24, 63, 64, 65, 150])
@pytest.mark.parametrize(("size", "tag"), [(8, 1), (128, 0)])
def test_compiled_hashes(count, size, tag):
    words = np.frombuffer(noise(count * size * 8), np.uint64)
    at, to = np.arange(count) * size, np.arange(count) * 4
    out, expected = np.zeros(count * 4, np.uint64), np.zeros(count * 4, np.uint64)
    hash_messages(words, at, out, to, size, tag)
    hash_pure(words, at, expected, to, size, tag)
    assert (out == expected).all()


@given(st.data(), st.sampled_from([1, 2, 64]), st.sampled_from([1, 5, 4096]))
def test_roots_after_many_changes(data, leaves, batch):
    """As one tree that is brought up to date after each."""
    size = leaves * 1024
    array = np.frombuffer(noise(size), np.uint8).copy()
    array[size // 2 :] = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlvm.roots.BATCH", batch)
        roots = Roots(array, written=size // 2)
        expected = [plain_root(array.tobytes())]
        for number in range(data.draw(st.integers(1, 12))):
            start = data.draw(st.integers(0, size - 1))
            length = data.draw(st.integers(1, min(5000, size - start)))
            array[start : start + length] = number + 1
            roots.add(start, length)
            expected.append(plain_root(array.tobytes()))
        roots.flush()
    assert roots.found == expected
