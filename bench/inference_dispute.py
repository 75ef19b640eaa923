"""What a whole dispute about an inference takes: moves, each a transaction, gas and seconds.

Somebody lies in the middle of a matrix product; somebody honest plays against him from the first
claim to the last bounty, with native execution and the guest in the VM.
L1 is an EVM in this process, under Cancun's rules; each block has the moves of both sides.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bench.measure import Row
from dispute.adversaries import Lie, Strategy, honest, liar
from dispute.case import BOUNTY, STAKE, Case, least_terms
from dispute.moves import Move
from dispute.protocol import Dispute
from dispute.simulate import Party, Play
from dispute.stage import Stage
from mlvm.engine import Engine
from mlvm.game import HEIGHTS, InferenceHistories, game_table, guest_inferences, inference_case
from mlvm.histories import Inference
from mlvm.models.catalogue import MODELS

NAMES = ("mnist-mlp", "mnist-cnn")
SEED = 7


def measure() -> list[Row]:
    """A dispute about each model, on an image of noise."""
    rows = []
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_dispute(name, Path(folder)))
    return rows


def _dispute(name: str, folder: Path) -> Row:
    model = MODELS[name](None).model
    data = np.random.default_rng(SEED).bytes(model.header.input_size)
    terms = least_terms(HEIGHTS, censorship=20, bounty=BOUNTY)
    table = game_table(guest_inferences(), HEIGHTS, terms, STAKE)
    case = inference_case(Inference(Engine(model), data), table, folder)
    assert isinstance(case.histories, InferenceHistories)
    begun = time.perf_counter()
    states = len(case.histories.inference.states)
    committed = time.perf_counter() - begun
    clock = _Clock(honest(case.histories, case.origin, _address("honest")))
    stage = Stage(table, case.judge)
    lies = liar(case.histories, table, case.origin, _lie(case, task=1))
    play = Play(stage, case.origin, [Party("liar", lies), Party("honest", clock, is_honest=True)])
    ending = play.run(until_settled=True)
    assert ending.winner is not None
    return {
        "model": name,
        "tasks": states - 1,
        "commit s": committed,
        "honest s": clock.seconds,
        "whole s": time.perf_counter() - begun,
        "blocks": ending.block,
        "honest moves": stage.transactions[_address("honest")],
        "honest gas": stage.gas[_address("honest")],
        "moves": stage.transactions.total(),
        "gas": stage.gas.total(),
    }


def _lie(case: Case, task: int) -> Lie:
    """In the middle of a task."""
    assert isinstance(case.histories, InferenceHistories)
    step = case.histories.run(case.origin, (task,)).end().step // 2
    stride = 1 << HEIGHTS[2]
    return Lie(SEED, (task + 1, step // stride + 1, step % stride + 1))


def _address(name: str) -> bytes:
    return name.encode().rjust(20, b"\0")


class _Clock:
    """A strategy, and how long it thinks."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self.seconds = 0.0

    def __call__(self, view: Dispute) -> list[Move]:
        begun = time.perf_counter()
        moves = list(self._strategy(view))
        self.seconds += time.perf_counter() - begun
        return moves
