"""Inferences to disagree about: a model with one task of every kind, and its relatives."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from dispute.table import Table
from mlvm.checks import is_valid
from mlvm.effects import ArenaState, effect
from mlvm.engine import Engine
from mlvm.game import InferenceHistories, game_table, guest_inferences, inference_case
from mlvm.histories import Inference
from mlvm.model import Model
from mlvm.spec import Operands
from mlvm.tasks import Input, Output, Task
from tests.dispute.worlds import STAKE, World, terms
from tests.mlvm.random_tasks import COMPUTING, random_task, some_bytes

ARENA = BLOB = 4096
SIZE = 1000
#: Input, output, and what lies between them: 14 tasks.
NAMES = ("Input", *(kind.__name__ for kind in COMPUTING), "Output")
#: 16 tasks; and as many steps as a task may take.
HEIGHTS = (4, 12, 12)


def model_of(tasks: list[Task], blob: bytes) -> Model:
    sizes = {"arena_size": ARENA, "input_size": SIZE, "output_size": SIZE}
    return Model.of(tasks, blob, {"name": "one of every kind"}, macs=77, **sizes)


@cache
def every_kind(seed: int = 1) -> tuple[Model, bytes]:
    """A model with a task of every kind, each of which changes something, and an input."""
    random = Random(seed)
    blob, data = some_bytes(random, BLOB), random.randbytes(SIZE)
    tasks: list[Task] = [Input(0, SIZE)]
    arena = data.ljust(ARENA, b"\0")
    for kind in COMPUTING:
        task, arena = _task(kind, random, blob, arena)
        tasks.append(task)
    return model_of([*tasks, Output(0, SIZE)], blob), data


def _task(kind: type[Task], random: Random, blob: bytes, arena: bytes) -> tuple[Task, bytes]:
    """A task of a kind that changes this arena, and what comes of it."""
    while True:
        task: Task = random_task(kind, random, Operands(blob, arena))
        if not is_valid(task, ARENA, SIZE, SIZE):
            continue
        after = effect(model_of([task], blob), 0, ArenaState(arena))
        assert isinstance(after, ArenaState)
        if after.arena != arena:
            return task, after.arena


def inference(model: Model, data: bytes) -> Inference:
    return Inference(Engine(model), data)


def table(heights: tuple[int, ...] = HEIGHTS) -> Table:
    return game_table(guest_inferences(), heights, terms(heights), STAKE)


def world(model: Model, data: bytes, cache: Path, heights: tuple[int, ...] = HEIGHTS) -> World:
    """A dispute about a model on an input, which has been registered."""
    case = inference_case(inference(model, data), table(heights), cache)
    return World("inference", case.table, case.judge, case.histories, case.origin)


def with_blob(model: Model, at: int) -> Model:
    """The model with another byte of its blob."""
    blob = bytearray(model.blob.tobytes())
    blob[at] ^= 1
    return _rebuilt(model, list(filter(None, model.tasks)), bytes(blob))


def with_task(model: Model, index: int, **fields: int) -> Model:
    """The model with another task."""
    tasks = list(filter(None, model.tasks))
    tasks[index] = replace(tasks[index], **fields)  # type: ignore[arg-type]
    return _rebuilt(model, tasks, model.blob.tobytes())


def _rebuilt(model: Model, tasks: list[Task], blob: bytes) -> Model:
    header = model.header
    return Model.of(
        tasks,
        blob,
        model.about,
        arena_size=header.arena_size,
        input_size=header.input_size,
        output_size=header.output_size,
        macs=header.macs,
    )


def honest(of: World) -> InferenceHistories:
    assert isinstance(of.histories, InferenceHistories)
    return of.histories
