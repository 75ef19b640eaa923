"""State hashes of a run, at any stride over any window, in one pass."""

from __future__ import annotations

from collections.abc import Iterator

from fpvm.history import History
from fpvm.machine import SLICE, Machine


def trace(machine: Machine, start: int, stride: int, count: int) -> Iterator[bytes]:
    """The hashes of the states at steps start, start + stride, … start + count · stride.

    That is S0 … S(count) of a window. It ends early with the state in which the machine has halted:
    the steps after it are repetitions. The machine must not be past ``start``; it is left at the
    last state given.

    Raises ValueError for a machine that is past ``start`` or a stride below 1, and whatever the
    oracle raises.
    """
    if stride < 1 or machine.step > start:
        raise ValueError(f"cannot trace from step {start} by {stride} on from step {machine.step}")
    _run(machine, start)
    yield machine.state().hash()
    for index in range(1, count + 1):
        if machine.exited:
            return
        _run(machine, start + index * stride)
        yield machine.state().hash()


def _run(machine: Machine, until: int) -> None:
    while machine.step < until and not machine.exited:
        machine.run(min(until, machine.step + SLICE))


def history(machine: Machine, start: int, stride: int, height: int) -> History:
    """The commitment to the window of 2^height strides from step ``start`` on."""
    first, *rest = trace(machine, start, stride, 1 << height)
    return History(first, rest, height)
