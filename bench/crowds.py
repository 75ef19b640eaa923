"""What a crowd of false parties costs the honest one, and itself: whole disputes on the model.

At the heights of a real dispute, over a computation that costs nothing. Each false party opens a
root of its own, lies at another step, and defends what it says at every level, but never what is
true: that is left to the honest party. Gas is the moves times what each takes on L1 (the most of
its kind in the section `dispute`).
"""

from __future__ import annotations

import time

from bench import dispute_gas
from bench.measure import Row
from dispute.adversaries import both, honest, selfish, sybils
from dispute.hash_chain import ChainHistories, ChainStep, chain_table
from dispute.protocol import Dispute
from dispute.simulate import Ending, Party, Play
from dispute.table import Terms
from fpvm.keccak import keccak256

HEIGHTS = (6, 8, 10, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64)
ORIGIN = keccak256(b"crowds")
STAKE, BOUNTY = 10**18, 10**15
#: Gas of an update in a batch, for each node.
UPDATE_GAS = 22_500


def measure() -> list[Row]:
    """One dispute for each size of the crowd."""
    gas = {str(row["move"]): _number(row["most"]) for row in dispute_gas.measure()}
    return [_row(size, gas) for size in SIZES]


def _row(size: int, gas: dict[str, int]) -> Row:
    moves = sum(HEIGHTS) + len(HEIGHTS) + 1
    table = chain_table(HEIGHTS, Terms(20 + moves + 1, 20, 0, 0, BOUNTY, b"\x51" * 20), STAKE)
    truth = ChainHistories(HEIGHTS)
    crowd = selfish(both(*sybils(truth, table, ORIGIN, size)), truth, ORIGIN)
    mine = Party("honest", honest(truth, ORIGIN, b"honest".rjust(20, b"\0")), is_honest=True)
    parties = [mine, Party("crowd", crowd)]
    begun = time.perf_counter()
    ending = Play(Dispute(table, ChainStep()), ORIGIN, parties).run(until_settled=True)
    made = ending.moves["honest"]
    return {
        "false parties": size,
        "honest moves": sum(made[kind] for kind in ("Open", "Bisect", "Refine", "Prove")),
        "at most": 1 + size * (sum(HEIGHTS) + len(HEIGHTS)),
        "Mgas": _gas(ending, gas) / 1e6,
        "blocks": ending.block,
        "bound": table.bound,
        "honest ETH": -ending.spent["honest"] / 1e18,
        "their ETH": -ending.spent["crowd"] / 1e18,
        "seconds": time.perf_counter() - begun,
    }


def _gas(ending: Ending, gas: dict[str, int]) -> int:
    """What the honest moves take, each in a transaction of its own; and one update of each node
    that was moved on, in batches."""
    made = ending.moves["honest"]
    updates = UPDATE_GAS * (made["Bisect"] + made["Refine"])
    return updates + sum(
        count * _of_kind(kind, gas) for kind, count in made.items() if kind != "UpdateTimers"
    )


def _of_kind(kind: str, gas: dict[str, int]) -> int:
    return max(most for move, most in gas.items() if move.lower().startswith(kind.lower()))


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
