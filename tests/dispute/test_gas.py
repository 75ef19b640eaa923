"""What each move costs stays below what is promised (docs/dispute.md, "Gas")."""

from __future__ import annotations

from bench import dispute_gas
from contracts.evm import PyEvm, Revm
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import STAKE, vm_world

#: Gas of a transaction, in a dispute at the heights of a real one; the end of a name is left out.
LIMITS = {
    "open": 112_000,
    "bisect": 105_000,
    "refine words to VM": 172_000,
    "refine VM to VM": 169_000,
    "prove": 125_000,
    "update, one node": 47_000,
    "update, ": 23_500,
    "confirm": 155_000,
    "claimBisection": 58_000,
    "claimRefinement": 51_000,
    "claimProof": 45_000,
    "withdraw": 57_000,
}


def test_every_move_costs_what_is_promised() -> None:
    rows = dispute_gas.measure()
    for row in rows:
        name = str(row["move"])
        limit = next(limit for start, limit in LIMITS.items() if name.startswith(start))
        assert row["most"] <= limit, row  # type: ignore[operator]
    kinds = {str(row["move"]).split()[0].rstrip(",") for row in rows}
    assert kinds == {name.split()[0].rstrip(",") for name in LIMITS}


def test_no_move_costs_more_the_more_rivals_there_are() -> None:
    """gas_bomb: whoever makes a thousand rivals pays for them, and nobody else does."""
    stage = Lockstep(vm_world(), Revm(), thorough=10**9)
    origin, rich = stage.world.origin, b"\xaa" * 20
    stage.deposit(rich, 10**30)
    costs = []
    for number in range(200):
        stage.open(rich, origin, number.to_bytes(32, "big"))
        costs.append(stage.receipts[-1].gas_used)
    assert max(costs[2:]) - min(costs[2:]) < 1_000


def test_a_move_that_was_made_before_costs_little() -> None:
    stage = Lockstep(vm_world(), PyEvm(), thorough=10**9)
    for _ in range(2):
        stage.open(b"\xaa" * 20, stage.world.origin, b"\x99" * 32, STAKE)
    first, again = (receipt.gas_used for receipt in stage.receipts)
    assert again < first * 0.7
