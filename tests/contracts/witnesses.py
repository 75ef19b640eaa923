"""Witnesses for tests: of any step one likes to describe, without a memory behind them.

Memory is not needed, for a step sees two leaves at the most. So a test, or chance, says what is in
them, and the tree is made up around them: siblings at random, but where one leaf's path meets the
other's.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fpvm.isa import A0, A1, KERNEL, NULL_GUARD, Call, Fn, Op, call_code, is_call
from fpvm.keccak import keccak256
from fpvm.merkle import DEPTH, LEAF_SIZE, LeafProof
from fpvm.oracle import keccak_key, sha256_key
from fpvm.proof import Part, Witness
from fpvm.state import State
from fpvm.step import MASK32, Core, immediate, step
from tests.fpvm.fuzz import SELECTORS, random_word
from tests.fpvm.machines import CODE, CORNERS, INSTRUCTIONS


@dataclass(frozen=True)
class Case:
    """A step to prove. ``state.mem_root`` is not yet known. ``code`` and ``data`` are what the two
    leaves hold; the data leaf is wherever the step looks."""

    state: State
    code: bytes
    data: bytes
    preimage: bytes | None = None


def case(
    word: int,
    regs: dict[int, int] | None = None,
    *,
    pc: int = CODE,
    data: bytes = bytes(range(0xA0, 0xC0)),
    preimage: bytes | None = None,
    **fields: object,
) -> Case:
    """The step that executes ``word`` at ``pc``; ``fields`` are those of the state."""
    values = [0] * 32
    for number, value in (regs or {}).items():
        values[number] = value
    fields = {"next_pc": (pc + 4) & MASK32, "regs": tuple(values), **fields}
    state = State(mem_root=bytes(32), pc=pc, **fields)  # type: ignore[arg-type]
    return Case(state, _with_word(bytes(range(LEAF_SIZE)), pc, word), data, preimage)


def _with_word(leaf: bytes, pc: int, word: int) -> bytes:
    start = pc & 28
    return leaf[:start] + word.to_bytes(4, "big") + leaf[start + 4 :]


class _TwoLeaves:
    """A memory that has the code leaf at the first place where it is read, and the data leaf
    elsewhere."""

    def __init__(self, code: bytes, data: bytes) -> None:
        self._code, self._data = code, data
        self.touched: list[int] = []

    def read_leaf(self, address: int) -> bytes:
        self.touched.append(address)
        return self.at(address)

    def write_leaf(self, address: int, leaf: bytes) -> None:
        self.touched.append(address)

    def at(self, address: int) -> bytes:
        return self._code if address == self.touched[0] else self._data


class _OnePreimage:
    def __init__(self, preimage: bytes | None) -> None:
        self._preimage = preimage
        self.read = False

    def preimage(self, key: bytes) -> bytes:
        assert self._preimage is not None
        self.read = True
        return self._preimage

    def write(self, channel: int, address: int, length: int) -> None:
        pass


def witness(case: Case, rng: random.Random) -> Witness:
    """The witness of ``case``, in a tree that ``rng`` makes up."""
    memory, host = _TwoLeaves(case.code, case.data), _OnePreimage(case.preimage)
    step(Core(case.state, memory, host))
    # The code leaf, then what a data access touches; a store touches it twice.
    addresses = memory.touched[:2]
    root, proofs = tree([(address, memory.at(address)) for address in addresses], rng)
    part = None
    if host.read:
        assert case.preimage is not None
        part = Part(case.state.regs[A1], case.preimage)
    code, data = (*proofs, None, None)[:2]
    return Witness(replace(case.state, mem_root=root).pack(), code, data, part)


def tree(leaves: Sequence[tuple[int, bytes]], rng: random.Random) -> tuple[bytes, list[LeafProof]]:
    """A root over up to two leaves at their addresses, and their proofs. The rest is noise."""
    paths = [(address // LEAF_SIZE, leaf) for address, leaf in leaves]
    nodes = dict(paths)
    siblings: list[list[bytes]] = [[] for _ in paths]
    for height in range(DEPTH):
        for index, _ in paths:
            nodes.setdefault((index >> height) ^ 1, rng.randbytes(32))
        for found, (index, _) in zip(siblings, paths, strict=True):
            found.append(nodes[(index >> height) ^ 1])
        parents = {index >> height + 1 for index, _ in paths}
        nodes = {p: keccak256(nodes[2 * p] + nodes[2 * p + 1]) for p in parents}
    root = nodes[0] if paths else rng.randbytes(32)
    proofs = [
        LeafProof(leaf, tuple(found)) for (_, leaf), found in zip(paths, siblings, strict=True)
    ]
    return root, proofs


# --- At random ------------------------------------------------------------------------------------

#: Around these addresses the machine changes its behaviour.
EDGES = (0, NULL_GUARD, 0x2000, CODE, 0x1000_0000, 0x7FFF_FFE0, KERNEL, 1 << 32)
_WORDS = tuple(INSTRUCTIONS.values())
_MEMORY_OPS = tuple(op for op in Op if op >= Op.LB and op not in (Op.CACHE, Op.PREF))
_PREIMAGE_SIZES = (0, 1, 8, 30, 31, 32, 33, 64, 100, 1000)


def random_witness(rng: random.Random) -> Witness:
    """Any step: a random word in a random state with random leaves, biased to where it matters."""
    return witness(random_case(rng), rng)


def random_case(rng: random.Random) -> Case:
    word = _random_word(rng)
    pc = _near(rng, rng.choice(EDGES)) & (~3 if rng.random() < 0.97 else MASK32)
    state = State(
        mem_root=bytes(32),
        pc=pc,
        next_pc=(pc + 4) & MASK32 if rng.random() < 0.7 else _random_value(rng),
        input=rng.randbytes(32),
        output=rng.randbytes(32),
        oracle_key=rng.choice(b"\0\1\3\5\xff").to_bytes(1, "big") + rng.randbytes(31),
        hi=_random_value(rng),
        lo=_random_value(rng),
        ll_addr=_random_value(rng),
        ll_value=_random_value(rng),
        exited=rng.random() < 0.005,
        exit_code=rng.getrandbits(8),
        step=rng.choice((rng.getrandbits(64), rng.getrandbits(32), MASK32, (1 << 64) - 1)),
        regs=(0, *(_random_value(rng) for _ in range(31))),
    )
    leaf = bytes(32) if rng.random() < 0.1 else rng.randbytes(32)
    found = Case(state, _with_word(rng.randbytes(32), pc, word), leaf)
    if word >> 26 == Op.SC:
        return _with_link(found, word, rng)
    if is_call(word) and call_code(word):
        return _with_call(found, call_code(word), rng)
    return found


def _random_word(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.15:  # evenly over all that selects an instruction, reserved or not
        return random_word(rng, rng.choice(SELECTORS))
    if kind < 0.35:
        return rng.choice(_MEMORY_OPS) << 26 | rng.getrandbits(26)
    if kind < 0.45:
        return rng.choice((*Call, *Call, 0, 6)) << 6 | Fn.SYSCALL
    # Any instruction with any operands: the bits that select it, and chance where they are 0.
    word = rng.choice(_WORDS)
    if word >> 26 == Op.REGIMM:
        return word | rng.getrandbits(5) << 21 | rng.getrandbits(16)
    if word >> 26 in (Op.SPECIAL, Op.SPECIAL2):
        return word | rng.getrandbits(20) << 6
    return word | rng.getrandbits(26)


def _random_value(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.4:
        return rng.getrandbits(32)
    if kind < 0.6:
        return rng.choice(CORNERS)
    return _near(rng, rng.choice(EDGES))


def _near(rng: random.Random, address: int) -> int:
    return (address + rng.randint(-40, 72)) & MASK32


def _with_link(found: Case, word: int, rng: random.Random) -> Case:
    """Most SCs go to where the last LL was, and half of those find what it saw."""
    state = found.state
    if rng.random() < 0.2:
        return found
    address = (state.regs[word >> 21 & 31] + immediate(word)) & MASK32
    leaf = found.code if address & ~31 == state.pc & ~31 else found.data
    seen = int.from_bytes(leaf[address & 28 : (address & 28) + 4], "big")
    value = seen if rng.random() < 0.5 else state.ll_value
    return replace(found, state=replace(state, ll_addr=address, ll_value=value))


def _with_call(found: Case, code: int, rng: random.Random) -> Case:
    """Most addresses of VM calls name whole leaves, and most reads are near a preimage's end."""
    regs = list(found.state.regs)
    if rng.random() < 0.8:
        regs[A0] &= ~31
        regs[A1] &= ~31
    fields: dict[str, object] = {}
    preimage = rng.randbytes(rng.choice(_PREIMAGE_SIZES))
    if code == Call.ORACLE_READ:
        regs[A0] = (regs[A0] + rng.randrange(32)) & MASK32
        if rng.random() < 0.8:
            regs[A1] = max(0, len(preimage) + rng.randint(-40, 3))
        if rng.random() < 0.9:
            fields["oracle_key"] = rng.choice((keccak_key, sha256_key))(preimage)
    state = replace(found.state, regs=tuple(regs), **fields)  # type: ignore[arg-type]
    return replace(found, state=state, preimage=preimage)
