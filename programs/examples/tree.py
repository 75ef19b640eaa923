"""Preimage trees: data of any length, as preimages that each fit the VM's 32 KiB.

A node is the keccak256 preimage of its key. It is a leaf, the tag 0 and a chunk of data, or an
inner node, the tag 1 and the keys of its children from left to right. The tag keeps a chunk of data
from being taken for a list of keys, so that a root has one meaning. See programs/README.md.
"""

from dataclasses import dataclass

from fpvm.oracle import KEY_SIZE, MAX_PREIMAGE, keccak_key

LEAF_TAG = b"\x00"
INNER_TAG = b"\x01"
MAX_CHUNK = MAX_PREIMAGE - len(LEAF_TAG)
MAX_FANOUT = (MAX_PREIMAGE - len(INNER_TAG)) // KEY_SIZE
MAX_HEIGHT = 4


@dataclass(frozen=True)
class Tree:
    """The 32-byte key of a root, and the preimages of all nodes by key."""

    root: bytes
    preimages: dict[bytes, bytes]


def build_tree(data: bytes, chunk: int = MAX_CHUNK, fanout: int = MAX_FANOUT) -> Tree:
    """The lowest tree over `data` with leaves of `chunk` bytes and `fanout` keys in an inner node.

    Raises ValueError for sizes that do not fit a preimage and for a tree higher than 4 levels of
    inner nodes, which the guests refuse.
    """
    if not 1 <= chunk <= MAX_CHUNK:
        raise ValueError(f"chunk: {chunk} is not in 1..{MAX_CHUNK}")
    if not 2 <= fanout <= MAX_FANOUT:
        raise ValueError(f"fanout: {fanout} is not in 2..{MAX_FANOUT}")
    chunks = [data[i : i + chunk] for i in range(0, len(data), chunk)] or [b""]
    level = [LEAF_TAG + piece for piece in chunks]
    preimages: dict[bytes, bytes] = {}
    height = 0
    while True:
        keys = [keccak_key(node) for node in level]
        preimages.update(zip(keys, level, strict=True))
        if len(keys) == 1:
            return Tree(keys[0], preimages)
        height += 1
        if height > MAX_HEIGHT:
            raise ValueError(f"data: {len(data)} bytes need more than {MAX_HEIGHT} levels of keys")
        level = [INNER_TAG + b"".join(keys[i : i + fanout]) for i in range(0, len(keys), fanout)]
