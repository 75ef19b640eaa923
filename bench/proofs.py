"""The proof of one step in the middle of a long program, from a cold start."""

from __future__ import annotations

from bench.measure import Row, guest, in_new_process, median_seconds
from fpvm.proof import prove, verify

STEP = 100_000_000
PRELUDE = (
    "from bench.measure import guest; from fpvm.proof import prove\nm = guest('sha256chain')\n"
)


def measure() -> list[Row]:
    run = _seconds_of(f"{PRELUDE}m.run({STEP})")
    proof = _seconds_of(f"{PRELUDE}m.run({STEP}); prove(m)")
    machine = guest("sha256chain")
    machine.run(STEP)
    machine.state()
    witness = prove(machine)
    return [
        {"figure": f"new process to step {STEP:,}", "ms": run * 1e3},
        {"figure": "the same and its proof", "ms": proof * 1e3},
        {"figure": "proof alone", "ms": 1e3 * median_seconds(prove, lambda: machine)},
        {"figure": "verification alone", "ms": 1e3 * median_seconds(verify, lambda: witness)},
        {"figure": "packed state and proof, bytes", "ms": 290 + len(witness.pack_proof())},
    ]


def _seconds_of(code: str) -> float:
    def run(code: str) -> None:
        in_new_process(code)

    return median_seconds(run, lambda: code)
