"""Which branches of a contract's code are taken, and which lines of its source they stand for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from contracts.evm import PyEvm
from contracts.solc import Output

PUSH1, PUSH32, JUMPI = 0x60, 0x7F, 0x57


def instructions(code: bytes) -> Iterator[tuple[int, int]]:
    """Places and opcodes: what follows a PUSH is no instruction."""
    at = 0
    while at < len(code):
        yield at, code[at]
        at += 1 + (code[at] - PUSH1 + 1 if PUSH1 <= code[at] <= PUSH32 else 0)


class Recorder:
    """Notes both ways of every conditional jump that ``address`` executes in ``evm``."""

    def __init__(self, evm: PyEvm) -> None:
        self.address = b""
        #: By place: whether it jumped.
        self.seen: dict[int, set[bool]] = defaultdict(set)
        computations = evm._state.computation_class
        original = computations.opcodes[JUMPI]

        def jumpi(computation: Any) -> None:
            if computation.msg.to == self.address:
                condition = computation._stack.values[-2]
                # The counter is already behind the instruction.
                self.seen[computation.code.program_counter - 1].add(_truth(condition))
            original(computation)

        jumpi.gas_cost, jumpi.mnemonic = original.gas_cost, original.mnemonic  # type: ignore[attr-defined]
        # A class of its own, or every py-evm of this process would be recorded.
        evm._state.computation_class = type(
            "Recorded", (computations,), {"opcodes": {**computations.opcodes, JUMPI: jumpi}}
        )

    def missing(self, code: bytes) -> list[tuple[int, bool]]:
        """The ways that were not gone: (place, whether it jumps)."""
        places = [at for at, opcode in instructions(code) if opcode == JUMPI]
        return [(at, way) for at in places for way in (True, False) if way not in self.seen[at]]


def _truth(value: Any) -> bool:
    kind, content = value if isinstance(value, tuple) else (type(value), value)
    return any(content) if kind is bytes else bool(content)


def source_of(output: Output, sources: dict[str, str], code: bytes) -> dict[int, str]:
    """For every place in the code, the line of the source it comes from, as ``file:line text``."""
    found: dict[int, str] = {}
    start, length, file = 0, 0, -1
    entries = output["evm"]["deployedBytecode"]["sourceMap"].split(";")
    for (at, _), entry in zip(instructions(code), entries, strict=False):
        fields = entry.split(":")
        start = int(fields[0]) if fields[0] else start
        length = int(fields[1]) if len(fields) > 1 and fields[1] else length
        file = int(fields[2]) if len(fields) > 2 and fields[2] else file
        name = output["files"].get(file)
        if name is None:
            found[at] = "made by the compiler"
            continue
        text = sources[name].encode()
        line = text[:start].count(b"\n") + 1
        snippet = " ".join(text[start : start + length].decode().split())[:70]
        found[at] = f"{name}:{line} {snippet}"
    return found
