"""Guest memory: what is written is read; the root is that of the tree that docs/vm.md defines."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from merkletools import MerkleTools

from fpvm.keccak import keccak256
from fpvm.memory import CODE, DIRTY, SAVED, Memory
from fpvm.merkle import DEPTH, ZERO_ROOTS
from tests.fpvm.machines import PROPERTY
from tests.fpvm.test_merkle import naive_root

PAGE, TOP = 0x1000, 0x1_0000_0000

#: Writes crowd where they meet: a few pages, the ends of memory, the middle.
addresses = st.one_of(
    st.integers(0x1000, 0x3FFF),
    st.integers(TOP - 0x1000, TOP - 1),
    st.integers(0x7FFF_F800, 0x8000_0800),
    st.integers(0, TOP - 1),
)
contents = st.one_of(
    st.binary(min_size=1, max_size=80),
    st.integers(1, 9000).map(bytes),
    st.integers(1, 9000).map(lambda size: b"\xa5" * size),
)
writes = st.tuples(addresses, contents)


class Plain:
    """Memory as a dictionary of bytes: the model."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}

    def write(self, address: int, content: bytes) -> None:
        for i, byte in enumerate(content):
            self.bytes[(address + i) % TOP] = byte

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.bytes.get((address + i) % TOP, 0) for i in range(size))

    def root(self) -> bytes:
        indices = {address // 32 for address, byte in self.bytes.items() if byte}
        return naive_root({index: self.read(32 * index, 32) for index in indices})


def test_memory_starts_as_zero():
    memory = Memory()
    assert memory.root() == ZERO_ROOTS[DEPTH]
    assert memory.read(TOP - 16, 32) == bytes(32)
    assert memory.read_leaf(0x8000_0000) == bytes(32)
    assert list(memory.pages()) == []


@PROPERTY
@given(st.lists(st.one_of(writes, st.just("root")), max_size=12))
def test_memory_is_a_dictionary_of_bytes_with_a_root(actions):
    """The root is asked for at any time: the next one follows from what was written in between."""
    memory, plain = Memory(), Plain()
    for action in actions:
        if action == "root":
            assert memory.root() == plain.root()
            assert memory.dirty_pages().size == 0
        else:
            memory.write(*action)
            plain.write(*action)
            assert memory.read(action[0] - 8, 100) == plain.read(action[0] - 8, 100)
    assert memory.root() == plain.root()
    assert Memory(dict(memory.pages())).root() == plain.root(), "from scratch"


@PROPERTY
@given(st.lists(writes, max_size=8))
def test_pages_are_those_that_are_not_zero(actions):
    memory, plain = Memory(), Plain()
    for address, content in actions:
        memory.write(address, content)
        plain.write(address, content)
    pages = dict(memory.pages())
    assert list(pages) == sorted({address >> 12 for address, byte in plain.bytes.items() if byte})
    for page, content in pages.items():
        assert content == plain.read(page << 12, PAGE)


@pytest.mark.parametrize("address", [0, 0x1000, 0x7FFF_FFE0, 0x8000_0000, 0xFFFF_FFE0])
def test_a_leaf_is_written_and_read(address):
    memory = Memory()
    memory.write_leaf(address, bytes(range(32)))
    assert memory.read_leaf(address) == bytes(range(32)) == memory.read(address, 32)
    assert memory.read_leaf(address ^ 32) == bytes(32)
    assert memory.root() == naive_root({address // 32: bytes(range(32))})


def test_addresses_wrap_around():
    memory = Memory()
    memory.write(TOP - 2, b"abcd")
    assert memory.read(TOP - 2, 4) == b"abcd"
    assert memory.read(0, 2) == b"cd"
    assert memory.read(-2, 4) == b"abcd"
    memory.write(-1, b"xy")
    assert memory.read(2 * TOP - 2, 4) == b"axyd"


def test_nothing_is_written_by_an_empty_write():
    memory = Memory()
    memory.write(0x1000, b"")
    assert memory.dirty_pages().size == 0


# --- Against others -------------------------------------------------------------------------------


class Keccak:
    """Keccak-256 with the interface of hashlib, for merkletools."""

    def __init__(self, data: bytes) -> None:
        self._digest = keccak256(data)

    def digest(self) -> bytes:
        return self._digest


@pytest.fixture
def tree() -> MerkleTools:
    """merkletools over keccak, its only hash functions being hashlib's."""
    tools = MerkleTools()
    tools.hash_function = Keccak
    return tools


def test_a_subtree_is_that_of_merkletools(tree):
    """Four pages, aligned: a subtree of 512 leaves. The path above it is hashed here."""
    rng = np.random.default_rng(3)
    content = rng.bytes(3 * PAGE) + bytes(PAGE)
    memory = Memory()
    memory.write(0x4000, content)
    tree.add_leaf([content[i : i + 32].hex() for i in range(0, len(content), 32)])
    tree.make_tree()
    node = bytes.fromhex(tree.get_merkle_root())
    node = keccak256(ZERO_ROOTS[9] + node)  # 0x4000 is a right child at height 9
    for height in range(10, DEPTH):
        node = keccak256(node + ZERO_ROOTS[height])
    assert memory.root() == node


def test_the_lower_part_of_a_proof_is_that_of_merkletools(tree):
    content = np.random.default_rng(4).bytes(PAGE)
    memory = Memory({8: content})
    tree.add_leaf([content[i : i + 32].hex() for i in range(0, PAGE, 32)])
    tree.make_tree()
    for leaf in range(128):
        siblings = memory.proof(0x8000 + 32 * leaf).siblings
        theirs = [next(iter(step.values())) for step in tree.get_proof(leaf)]
        assert [sibling.hex() for sibling in siblings[:7]] == theirs
        root = tree.get_merkle_root()
        assert tree.validate_proof(tree.get_proof(leaf), tree.get_leaf(leaf), root)


@pytest.mark.parametrize("pages", [255, 256, 257, 700])
def test_many_pages_are_hashed_by_several_threads(pages):
    rng = np.random.default_rng(pages)
    indices = rng.choice(1 << 20, pages, replace=False).tolist()
    content = {page: rng.bytes(PAGE) for page in indices}
    memory = Memory(content)
    root = memory.root()
    one_by_one = Memory()
    for page, data in content.items():
        one_by_one.write(page * PAGE, data)
        one_by_one.root()
    assert one_by_one.root() == root
    for page in indices[:300]:
        memory.write(page * PAGE + 5, b"changed")
    for page in indices[:300]:
        memory.write(page * PAGE, content[page])
    assert memory.root() == root, "and back"


_ROOTS = """
import sys
import numpy as np
from fpvm.jit import PURE
from fpvm.memory import Memory
memory, rng = Memory(), np.random.default_rng(9)
for size in (1, 5000, 40, 7):
    memory.write(int(rng.integers(1 << 32)), rng.bytes(size))
    memory.write(0x10000 + int(rng.integers(0x5000)), rng.bytes(size))
    print(memory.root().hex())
print(PURE, "numba" in sys.modules)
"""


def roots(pure: bool) -> list[str]:
    environment = {**os.environ, "AXONUM_PURE": "1" if pure else "0"}
    result = subprocess.run(
        [sys.executable, "-c", _ROOTS], env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout.splitlines()


def test_interpreted_and_compiled_kernels_give_the_same_roots():
    compiled, pure = roots(False), roots(True)
    assert compiled[:-1] == pure[:-1]
    assert len(set(pure[:-1])) == 4
    assert (compiled[-1], pure[-1]) == ("False True", "True False")


# --- Dirty pages, marks, clones -------------------------------------------------------------------


def test_a_page_is_dirty_from_its_first_write_to_the_next_root():
    memory = Memory()
    memory.write(0x5000, b"a")
    memory.write(0x3FFF, b"ab")
    memory.write(0x5004, b"b")
    assert memory.dirty_pages().tolist() == [5, 3, 4]
    memory.root()
    assert memory.dirty_pages().tolist() == []
    memory.write(0x4000, b"b")
    assert memory.dirty_pages().tolist() == [4], "even if nothing changes"
    assert memory.flags[4] & DIRTY


@PROPERTY
@given(st.lists(st.one_of(writes, st.sampled_from(["mark", "rewind", "root"])), max_size=16))
def test_rewinding_restores_what_was_marked(actions):
    memory, plain = Memory(), Plain()
    memory.mark()
    marked: dict[int, int] = {}
    for action in actions:
        if action == "mark":
            memory.mark()
            marked = dict(plain.bytes)
        elif action == "rewind":
            memory.rewind()
            plain.bytes = dict(marked)
        elif action == "root":
            assert memory.root() == plain.root()
        else:
            memory.write(*action)
            plain.write(*action)
    assert memory.root() == plain.root()


def test_a_mark_saves_a_page_once():
    memory = Memory({5: b"x" * PAGE})
    memory.mark()
    assert not memory.flags[5] & SAVED
    memory.write(0x5000, b"y")
    memory.write(0x5000, b"z")
    assert memory.flags[5] & SAVED
    memory.rewind()
    assert memory.read(0x5000, PAGE) == b"x" * PAGE
    assert not memory.flags[5] & SAVED


def test_marks_and_roots_tell_the_engine_to_look_again():
    memory = Memory({5: b"x" * PAGE})
    seen = [memory.epoch]
    for act in (memory.root, memory.mark, memory.rewind):
        act()
        seen.append(memory.epoch)
    assert seen == sorted(set(seen)), "each grows"
    memory.root()
    memory.root()
    assert memory.epoch == seen[-1], "but not a root that has nothing to do"


@pytest.mark.parametrize("how", ["write", "write_leaf", "rewind"])
def test_a_change_to_code_is_noted(how):
    memory = Memory({5: b"x" * PAGE, 6: b"x" * PAGE})
    memory.mark()
    if how == "rewind":
        memory.write(0x5000, b"y")
    memory.flags[5:7] |= CODE
    match how:
        case "write":
            memory.write(0x5000, b"y")
        case "write_leaf":
            memory.write_leaf(0x5020, bytes(32))
        case _:
            memory.rewind()
    assert memory.stale_code == [5]
    assert not memory.flags[5] & CODE
    assert memory.flags[6] & CODE


@PROPERTY
@given(st.lists(writes, max_size=4), st.booleans(), st.lists(writes, max_size=4))
def test_a_clone_goes_its_own_way(before, hashed, after):
    memory = Memory()
    for action in before:
        memory.write(*action)
    if hashed:
        memory.root()
        memory.write(0x2000, b"shadowed")
        memory.root()
    content = dict(memory.pages())
    clone = memory.clone()
    assert clone.dirty_pages().tolist() == memory.dirty_pages().tolist()
    for action in after:
        memory.write(*action)
    assert dict(clone.pages()) == content
    assert clone.root() == Memory(content).root()
    for action in after:
        clone.write(*action)
    assert clone.root() == memory.root()
    assert clone.proof(0x2000) == memory.proof(0x2000)


def test_a_clone_remembers_neither_marks_nor_code():
    memory = Memory({5: b"x" * PAGE})
    memory.mark()
    memory.write(0x5000, b"y")
    memory.flags[5] |= CODE
    clone = memory.clone()
    clone.write(0x5000, b"z")
    assert clone.stale_code == []
    assert memory.read(0x5000, 1) == b"y"
    memory.rewind()
    assert memory.read(0x5000, 1) == b"x"
    assert clone.read(0x5000, 1) == b"z"


@PROPERTY
@given(st.lists(st.one_of(writes, st.just("root")), max_size=6), addresses)
def test_the_siblings_of_a_proof_are_the_nodes_of_the_tree(actions, address):
    memory = Memory()
    for action in actions:
        memory.root() if action == "root" else memory.write(*action)
    leaves = {
        page * 128 + i: content[32 * i : 32 * i + 32]
        for page, content in memory.pages()
        for i in range(128)
    }
    proof = memory.proof(address)
    index = address // 32
    assert proof.leaf == leaves.get(index, bytes(32))
    for height, sibling in enumerate(proof.siblings):
        assert sibling == naive_root(leaves, height, (index >> height) ^ 1), height


def test_a_page_that_was_only_read_is_a_zero_subtree():
    """The fast engine gives every page a frame that it touches, even if it only reads there."""
    memory = Memory({5: b"x" * PAGE})
    memory.root()
    memory.control[0] += 1
    memory.table[7] = memory.control[0]
    assert memory.proof(0x7000).siblings[:7] == ZERO_ROOTS[:7]
    assert memory.clone().root() == memory.root() == Memory({5: b"x" * PAGE}).root()
