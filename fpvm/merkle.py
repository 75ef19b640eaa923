"""The tree over memory: its shape, and proofs of one leaf.

Depth 27, 32-byte leaves, inner nodes keccak256(left ‖ right) (docs/vm.md, "Memory"). A page of 4
KiB holds 128 leaves, so the tree is 20 levels above the pages and 7 within each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fpvm.keccak import keccak256

DEPTH = 27
LEAF_SIZE = 32
PAGE_SIZE = 4096
PAGE_DEPTH = 7
UPPER_DEPTH = DEPTH - PAGE_DEPTH
PAGES = 1 << UPPER_DEPTH


def _zero_roots() -> tuple[bytes, ...]:
    roots = [bytes(LEAF_SIZE)]
    for _ in range(DEPTH):
        roots.append(keccak256(roots[-1] * 2))
    return tuple(roots)


#: ZERO_ROOTS[h]: the root of a tree of height h over zero memory.
ZERO_ROOTS = _zero_roots()


@dataclass(frozen=True, slots=True)
class LeafProof:
    """A leaf of 32 bytes and its 27 siblings, from the bottom up."""

    leaf: bytes
    siblings: tuple[bytes, ...]


def root_of(address: int, leaf: bytes, siblings: Sequence[bytes]) -> bytes:
    """The root of the memory that has ``leaf`` at ``address`` (any address within the leaf).

    Raises ValueError unless there are 27 siblings and every node has 32 bytes: a node of another
    length would let one hash be read as two different trees.
    """
    if len(siblings) != DEPTH or len(leaf) != LEAF_SIZE:
        raise ValueError(f"a memory proof is a leaf of 32 bytes and {DEPTH} siblings")
    node, index = leaf, address // LEAF_SIZE
    for sibling in siblings:
        if len(sibling) != LEAF_SIZE:
            raise ValueError("a sibling in a memory proof has 32 bytes")
        node = keccak256(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node
