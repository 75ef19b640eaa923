"""What somebody claims about an inference who is wrong about it: false histories, most of them real
ones of something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dispute.adversaries import FalseHistories, Lie
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.proof import Witness
from fpvm.sources import ChainSource, DictSource
from fpvm.state import State, outcome
from mlvm.effects import ArenaState, effect, output_hash, output_state
from mlvm.effects import State as Effect
from mlvm.game import InferenceHistories, inference_case
from mlvm.guest import guest_program
from mlvm.histories import InferenceSource
from mlvm.model import Model
from mlvm.trees import hash_of_bytes
from tests.dispute.worlds import World
from tests.mlvm.guest import Preimages
from tests.mlvm.inferences import SIZE, honest, inference, with_blob, with_task

#: Where the made-up runs of tasks come to be false, at the two levels of the VM.
AT = (11, 1234)


# --- False states ---------------------------------------------------------------------------------


class Claims(FalseHistories):
    """Any states at level 0, and below them whatever leads to them: runs that end in ``ends`` where
    one of these has the outcome, or else in a state that no run ends in."""

    def __init__(self, world: World, states: Sequence[bytes], *ends: State) -> None:
        super().__init__(world.histories, world.table, Lie("claims", (0, *AT)))
        self._states = tuple(states)
        self._ends = {outcome(end): end for end in ends}

    def _made_up(self, origin: bytes, path: tuple[int, ...]) -> History:
        if path:
            return super()._made_up(origin, path)
        return History(self._states[0], list(self._states[1:]), self._levels[0].height)

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        end = self._given_end(origin, path)
        return end.pack() if end else super().outcome_proof(origin, path)

    def _end(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        end = self._given_end(origin, path)
        return end.hash() if end else super()._end(origin, path)

    def _given_end(self, origin: bytes, path: tuple[int, ...]) -> State | None:
        return self._ends.get(self._claimed(origin, path)) if len(path) == 1 else None


def states_from(world: World, index: int, state: Effect) -> list[bytes]:
    """The true states before S(``index``), this one, and what the model makes of it."""
    real = honest(world).inference
    return [*real.states[:index], *(each.hash() for each in effects_on(real.model, index, state))]


def effects_on(model: Model, index: int, state: Effect) -> Iterator[Effect]:
    """S(``index``), as it is said to be, and what the model makes of it."""
    yield state
    for task in range(index, model.header.task_count):
        state = effect(model, task, state)
        yield state


def arena_at(world: World, index: int) -> bytes:
    """The true arena before a task."""
    tree = honest(world).inference.arena_before(index)
    assert tree is not None
    return b"".join(tree.preimage(tree.leaves + leaf)[1:] for leaf in range(tree.leaves))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def output_byte(world: World, at: int) -> Claims:
    real = honest(world).inference
    assert real.output is not None
    assert real.output.output is not None
    wrong = flipped(real.output.output, at)
    result = output_hash(real.model.header.macs, hash_of_bytes(wrong))
    return Claims(world, [*real.states[:-1], output_state(result)])


def other_cost(world: World) -> Claims:
    """The right output, for less."""
    real = honest(world).inference
    assert real.output is not None
    assert real.output.output is not None
    result = output_hash(real.model.header.macs - 1, hash_of_bytes(real.output.output))
    return Claims(world, [*real.states[:-1], output_state(result)])


def activation(world: World, index: int, at: int) -> Claims:
    """One byte of the arena, and all that follows from it."""
    wrong = flipped(arena_at(world, index), at)
    return Claims(world, states_from(world, index, ArenaState(wrong)))


def too_short(world: World) -> Claims:
    """The output never comes."""
    return Claims(world, honest(world).inference.states[:-1])


def too_long(world: World, index: int) -> Claims:
    """One task is done twice."""
    real = honest(world).inference
    again = effect(real.model, index, ArenaState(arena_at(world, index + 1)))
    return Claims(world, states_from(world, index + 2, again))


def output_too_early(world: World, index: int) -> Claims:
    """Some tasks are left out."""
    states = honest(world).inference.states
    return Claims(world, [*states[:index], states[-1]])


def invalid_input(world: World) -> Claims:
    """The input is said to have the wrong length."""
    states = honest(world).inference.states
    return Claims(world, [states[0], output_state(keccak256(b"invalid input"))])


def _end(**fields: object) -> State:
    return State(b"\7" * 32, 4, 8, exited=True, **fields)  # type: ignore[arg-type]


def trap(world: World, index: int) -> Claims:
    """The guest is said to fail at a task, and so nothing to be known from then on."""
    end = _end(exit_code=1, output=b"\1" * 32)
    return Claims(world, [*honest(world).inference.states[: index + 1], outcome(end)], end)


def never_ending(world: World, index: int) -> Claims:
    """The guest is said not to come to an end."""
    end = State(b"\7" * 32, 4, 8)
    return Claims(world, [*honest(world).inference.states[: index + 1], outcome(end)], end)


# --- Real histories, of something else ------------------------------------------------------------


class Impostor:
    """The histories of another inference, passed off as those of this one. All of them is real, but
    for the first states, which L1 computes."""

    def __init__(self, world: World, other: InferenceHistories) -> None:
        self._levels, self._other = world.table.levels, other
        self._kept: dict[tuple[int, ...], History] = {}

    def history(self, origin: bytes, path: tuple[int, ...]) -> History:
        if path not in self._kept:
            self._kept[path] = self._passed_off(origin, path)
        return self._kept[path]

    def _passed_off(self, origin: bytes, path: tuple[int, ...]) -> History:
        real = self._other.history(self._other.origin, path)
        level = self._levels[len(path)]
        pre = self.history(origin, path[:-1]).state(path[-1]) if path else bytes(32)
        first = level.boundary.start(origin, path[-1] if path else 0, pre)
        rest = [real.state(position) for position in range(1, (1 << level.height) + 1)]
        return History(first, rest, level.height)

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        return self._other.outcome_proof(self._other.origin, path)

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        return self._other.witness(self._other.origin, path)


def of_another(world: World, model: Model, data: bytes, cache: Path) -> Impostor:
    histories = inference_case(inference(model, data), world.table, cache).histories
    assert isinstance(histories, InferenceHistories)
    return Impostor(world, histories)


def weight(world: World, cache: Path) -> Impostor:
    """The model with another byte of its blob: the first that is found to decide anything."""
    real = honest(world).inference
    for at in range(0, real.model.header.blob_size, 37):
        other = with_blob(real.model, at)
        if inference(other, real.data).states != real.states:
            return of_another(world, other, real.data, cache)
    raise AssertionError("no weight counts")


def other_input(world: World, cache: Path) -> Impostor:
    real = honest(world).inference
    return of_another(world, real.model, flipped(real.data, 500), cache)


def shorter_input(world: World, cache: Path) -> Impostor:
    real = honest(world).inference
    return of_another(world, real.model, real.data[:-1], cache)


def other_model(world: World, cache: Path) -> Impostor:
    """One that writes the same elsewhere."""
    real = honest(world).inference
    task = real.model.tasks[2]
    assert task is not None
    return of_another(world, with_task(real.model, 2, out=task.out ^ 4), real.data, cache)


class Shifted(InferenceHistories):
    """Does task ``other`` where it is the turn of task ``index``; all the rest as it should be."""

    def __init__(self, world: World, index: int, other: int, cache: Path) -> None:
        real = honest(world).inference
        self._index, self._instead = index, other
        wrong = effect(real.model, other, ArenaState(arena_at(world, index)))
        effects = list(effects_on(real.model, index + 1, wrong))
        self._claimed = [*real.states[: index + 1], *(each.hash() for each in effects)]
        preimages = Preimages()
        for each in effects:
            preimages.add_state(each)
        source = ChainSource([DictSource(preimages), InferenceSource(real)])
        super().__init__(real, world.table, cache, guest_program(source))

    def _words(self, origin: bytes) -> History:
        return History(self._claimed[0], self._claimed[1:], self._heights[0])

    def question(self, index: int, pre: bytes) -> bytes:
        return super().question(self._instead if index == self._index else index, pre)


def wrong_index(world: World, cache: Path) -> Impostor:
    return Impostor(world, Shifted(world, 3, 5, cache))


Histories = FalseHistories | Impostor
Maker = Callable[[World, Path], Histories]
#: By what they are wrong about.
IMPOSTORS: dict[str, Maker] = {
    "one byte of the output": lambda world, _: output_byte(world, SIZE - 1),
    "what it costs": lambda world, _: other_cost(world),
    "an activation of the input": lambda world, _: activation(world, 1, 0),
    "an activation in the middle": lambda world, _: activation(world, 7, 2222),
    "an activation before the end": lambda world, _: activation(world, 13, 999),
    "a weight": weight,
    "the input": other_input,
    "the length of the input": shorter_input,
    "whether the input is valid": lambda world, _: invalid_input(world),
    "the model": other_model,
    "the task": wrong_index,
    "the end, which never comes": lambda world, _: too_short(world),
    "a task that is done twice": lambda world, _: too_long(world, 5),
    "tasks that are left out": lambda world, _: output_too_early(world, 6),
    "a task that is said to fail": lambda world, _: trap(world, 4),
    "a task that is said to go on for ever": lambda world, _: never_ending(world, 9),
}
