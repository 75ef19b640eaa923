"""Steps per second: the fast engine, qemu-mips on the same file, the specification."""

from __future__ import annotations

from bench.measure import Row, guest, in_new_process, median_seconds
from fpvm.isa import KERNEL
from fpvm.machine import Machine
from programs.build import build
from tests.programs import native

FOREVER = 1 << 62
SPECIFIED = 300_000

#: Example, input word: enough iterations for a run of a second or so.
GUESTS = (("sha256chain", 200_000), ("sha256chain_c", 400_000), ("hello", 0))
#: M steps/s on the Go sha256 chain (bench/README.md, "Peers").
PEERS = {"Cannon, 32-bit": 55.0, "Cartesi machine, C chain": 745.0}


def measure() -> list[Row]:
    rows = []
    for name, word in GUESTS:
        machine = guest(name, word)
        machine.run(FOREVER)
        steps = machine.step
        ours = median_seconds(lambda m: m.run(FOREVER), lambda n=name, w=word: guest(n, w))
        command = native.under_qemu(build(name))
        argument = word.to_bytes(32, "big")
        qemu = median_seconds(lambda w, c=command: native.run(c, w), lambda a=argument: a)
        rows.append(
            {
                "program": name,
                "M steps": steps / 1e6,
                "M steps/s": steps / ours / 1e6,
                "qemu-mips M steps/s": steps / qemu / 1e6,
                "ours / qemu": qemu / ours,
                "peak MB": _peak_megabytes(name, word),
            }
        )
    rows.append({"program": "specification (Go chain)", "M steps/s": _specification()})
    rows += [{"program": name, "M steps/s": rate} for name, rate in PEERS.items()]
    return rows


def _specification() -> float:
    def prepare() -> Machine:
        fast = guest("sha256chain", 2000)
        fast.run(10_000_000)
        while fast.core.pc >= KERNEL:
            fast.run(fast.step + 1)
        return Machine(fast.state(), fast.memory, fast.surroundings._oracle)

    seconds = median_seconds(lambda m: m.run(m.step + SPECIFIED), prepare)
    return SPECIFIED / seconds / 1e6


def _peak_megabytes(name: str, word: int) -> float:
    code = (
        "import resource; from bench.measure import guest\n"
        f"guest({name!r}, {word}).run(1 << 62)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    return int(in_new_process(code)) / 1024
