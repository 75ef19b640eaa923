"""Running while collecting a state hash at every stride."""

from __future__ import annotations

from bench.measure import Row, guest, median_seconds
from fpvm.machine import Machine
from fpvm.trace import trace

START = 1 << 22
ITERATIONS = 400_000
#: Strides, and how many of them; the Cartesi machine's M steps/s (bench/README.md, "Peers").
STRIDES = ((20, 256, 608.0), (16, 2048, 434.0), (12, 4096, 88.0))


def measure() -> list[Row]:
    rows = []
    for power, count, cartesi in STRIDES:

        def collect(machine: Machine, power: int = power, count: int = count) -> None:
            for _ in trace(machine, machine.step, 1 << power, count):
                pass

        seconds = median_seconds(collect, _warm)
        rows.append(
            {
                "stride": f"2^{power}",
                "states": count,
                "M steps/s": (count << power) / seconds / 1e6,
                "µs a state": seconds / count * 1e6,
                "Cartesi, M steps/s": cartesi,
            }
        )
    return rows


def _warm() -> Machine:
    machine = guest("sha256chain_c", ITERATIONS)
    machine.run(START)
    machine.state()
    return machine
