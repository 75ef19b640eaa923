"""One step of the specification, and what it changed."""

from __future__ import annotations

from collections.abc import Mapping

from fpvm.isa import K0, K1, KERNEL, Cause
from fpvm.state import State
from fpvm.step import MASK32, Core, step
from tests.fpvm.machines import CODE

LEAF = 32


class Leaves:
    """Memory that notes what a step does, and fails the test if a step does what it must not."""

    def __init__(self, content: Mapping[int, bytes] | None = None) -> None:
        self.leaves: dict[int, bytes] = {}
        for address, data in (content or {}).items():
            self._place(address, data)
        self.reads: list[int] = []
        self.writes: dict[int, bytes] = {}

    def _place(self, address: int, data: bytes) -> None:
        for i, byte in enumerate(data):
            start, offset = address + i & -LEAF & MASK32, (address + i) % LEAF
            leaf = self.leaves.get(start, bytes(LEAF))
            self.leaves[start] = leaf[:offset] + bytes([byte]) + leaf[offset + 1 :]

    def content(self, address: int) -> bytes:
        """The leaf at ``address``, not counted as a read."""
        return self.leaves.get(address, bytes(LEAF))

    def read_leaf(self, address: int) -> bytes:
        assert address % LEAF == 0
        assert 0 <= address <= MASK32
        assert not self.writes, "a step reads before it writes: proofs are against one root"
        self.reads.append(address)
        return self.content(address)

    def write_leaf(self, address: int, leaf: bytes) -> None:
        assert address % LEAF == 0
        assert 0 <= address <= MASK32
        assert len(leaf) == LEAF
        assert not self.writes, "a step writes one leaf at most"
        self.writes[address] = leaf


class NoHost:
    """A host that a step must not need."""

    def preimage(self, key: bytes) -> bytes:
        raise AssertionError("no preimage is needed")

    def write(self, channel: int, address: int, length: int) -> None:
        raise AssertionError("nothing is written")


class Giver(NoHost):
    """A host with one preimage for every key, that notes what is written."""

    def __init__(self, preimage: bytes = b"") -> None:
        self.given = preimage
        self.asked: list[bytes] = []
        self.written: list[tuple[int, int, int]] = []

    def preimage(self, key: bytes) -> bytes:
        self.asked.append(key)
        return self.given

    def write(self, channel: int, address: int, length: int) -> None:
        self.written.append((channel, address, length))


def core(
    word: int,
    regs: Mapping[int, int] | None = None,
    memory: Mapping[int, bytes] | None = None,
    host: NoHost | None = None,
    pc: int = CODE,
    **fields: object,
) -> Core:
    """A core about to execute ``word`` at ``pc``, with these registers, memory and other fields."""
    values = [0] * 32
    values[K0], values[K1] = 0x2626, 0x2727  # so that an exception changes both
    for number, value in (regs or {}).items():
        values[number] = value & MASK32
    fields = {"next_pc": (pc + 4) & MASK32, "regs": tuple(values), **fields}
    state = State(mem_root=bytes(32), pc=pc, **fields)  # type: ignore[arg-type]
    content = {**(memory or {}), pc & ~3: word.to_bytes(4, "big")}
    return Core(state, Leaves(content), host or NoHost())


def changes(before: State, after: State) -> dict[str, object]:
    """The fields in which two states differ; registers as ``r0`` to ``r31``."""
    found: dict[str, object] = {}
    for name in State.__slots__:
        if name != "regs" and getattr(before, name) != getattr(after, name):
            found[name] = getattr(after, name)
    for number, (old, new) in enumerate(zip(before.regs, after.regs, strict=True)):
        if old != new:
            found[f"r{number}"] = new
    return found


def effect(word: int, regs: Mapping[int, int] | None = None, **more: object) -> dict[str, object]:
    """What one step changes, but for what every step changes: see :func:`effect_on`."""
    return effect_on(core(word, regs, **more))  # type: ignore[arg-type]


def effect_on(this: Core) -> dict[str, object]:
    """Step ``this``; the fields that changed, and under ``memory`` the leaf that was written.

    The step counter is left out, and pc and nextPC if they go on by one instruction.
    """
    before = this.state(bytes(32))
    step(this)
    after = this.state(bytes(32))
    found = changes(before, after)
    assert found.pop("step", None) == (before.step + 1) % 2**64, "a step counts"
    following = (before.next_pc, (before.next_pc + 4) & MASK32)
    if (after.pc, after.next_pc) == following:
        found.pop("pc", None)
        found.pop("next_pc", None)
    memory = this.memory
    assert isinstance(memory, Leaves)
    if memory.writes:
        found["memory"] = memory.writes
    return found


def exception(cause: Cause, return_to: int = CODE) -> dict[str, object]:
    """All that an exception changes."""
    return {"r26": int(cause), "r27": return_to, "pc": KERNEL, "next_pc": KERNEL + 4}
