"""The shape of the memory tree, and proofs of leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from fpvm.memory import Memory
from fpvm.merkle import DEPTH, LEAF_SIZE, ZERO_ROOTS, root_of
from tests.fpvm.machines import PROPERTY

addresses = st.one_of(
    st.integers(0, 2**32 - 1), st.sampled_from([0, 31, 32, 4095, 4096, 2**31, 2**32 - 1])
)


def naive_root(leaves: dict[int, bytes], height: int = DEPTH, index: int = 0) -> bytes:
    """The definition: the root of the tree of ``height`` over leaf ``index`` << height and on.

    ``leaves``: leaf index to 32 bytes; all others are zero.
    """
    if height == 0:
        return leaves.get(index, bytes(LEAF_SIZE))
    low, high = index << height, (index + 1) << height
    inside = {i: leaf for i, leaf in leaves.items() if low <= i < high}
    if not inside:
        return ZERO_ROOTS[height]
    return keccak256(
        naive_root(inside, height - 1, 2 * index) + naive_root(inside, height - 1, 2 * index + 1)
    )


def test_the_roots_of_zero_memory():
    """Computed with another library."""
    assert len(ZERO_ROOTS) == 28
    assert ZERO_ROOTS[0] == bytes(32)
    assert ZERO_ROOTS[1].hex() == (
        "ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5"
    )
    assert ZERO_ROOTS[7].hex() == (
        "ffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83"
    )
    assert ZERO_ROOTS[27].hex() == (
        "838c5655cb21c6cb83313b5a631175dff4963772cce9108188b34ac87c81c41e"
    )


def test_bit_i_of_the_leaf_index_is_the_side_at_height_i():
    """Leaf 5 of a tree is the right child, then a left one, then a right one."""
    leaf, siblings = b"5" * 32, tuple(bytes([i]) * 32 for i in range(DEPTH))
    node = keccak256(siblings[0] + leaf)
    node = keccak256(node + siblings[1])
    node = keccak256(siblings[2] + node)
    for sibling in siblings[3:]:
        node = keccak256(node + sibling)
    for address in range(5 * 32, 6 * 32):
        assert root_of(address, leaf, siblings) == node


@PROPERTY
@given(addresses, st.binary(min_size=32, max_size=32))
def test_a_proof_in_zero_memory_has_the_zero_roots_as_siblings(address, leaf):
    root = root_of(address, leaf, ZERO_ROOTS[:DEPTH])
    assert root == naive_root({address // 32: leaf})


@PROPERTY
@given(st.dictionaries(addresses, st.binary(min_size=1, max_size=64), max_size=8), addresses)
def test_a_proof_proves_what_is_in_memory(writes, address):
    memory = Memory()
    for at, content in writes.items():
        memory.write(at, content)
    proof = memory.proof(address)
    assert proof.leaf == memory.read(address & -32, 32)
    assert root_of(address, proof.leaf, proof.siblings) == memory.root()


@PROPERTY
@given(st.data())
def test_a_proof_with_anything_changed_proves_another_root(data):
    memory = Memory({1: bytes(range(256)) * 16, 2: b"2" * 4096, 0xFFFFF: b"3" * 4096})
    address = data.draw(st.sampled_from([0x1000, 0x1FE0, 0x2000, 0x3000, 0xFFFF_FFE0, 0x8000_0000]))
    proof = memory.proof(address)
    leaf, siblings = bytearray(proof.leaf), [bytearray(node) for node in proof.siblings]
    node = data.draw(st.sampled_from([leaf, *siblings]))
    node[data.draw(st.integers(0, 31))] ^= data.draw(st.integers(1, 255))
    assert root_of(address, bytes(leaf), [bytes(node) for node in siblings]) != memory.root()


@PROPERTY
@given(addresses, addresses)
def test_a_proof_is_for_one_address(one, other):
    """Memory in which no two leaves are alike, nor any leaf a node: a page of counters."""
    memory = Memory({1: b"".join(i.to_bytes(32, "big") for i in range(1, 129))})
    one, other = 0x1000 + one % 4096, other if other >= 0x2000 else 0x1000 + other % 4096
    proof = memory.proof(one)
    same = one // 32 == other // 32
    assert (root_of(other, proof.leaf, proof.siblings) == memory.root()) == same


@pytest.mark.parametrize("count", [0, 1, 26, 28])
def test_a_proof_has_27_siblings(count):
    with pytest.raises(ValueError, match="a leaf of 32 bytes and 27 siblings"):
        root_of(0, bytes(32), [bytes(32)] * count)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_the_nodes_of_a_proof_have_32_bytes(size):
    """Or two nodes of a tree could be read as one leaf of 64 bytes."""
    with pytest.raises(ValueError, match="a leaf of 32 bytes and 27 siblings"):
        root_of(0, bytes(size), [bytes(32)] * 27)
    for place in (0, 13, 26):
        siblings = [bytes(32)] * 27
        siblings[place] = bytes(size)
        with pytest.raises(ValueError, match="a sibling in a memory proof has 32 bytes"):
            root_of(0, bytes(32), siblings)
