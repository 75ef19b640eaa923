"""The honest history of an inference: all its states, and the preimages behind them.

One native pass computes every state, as the arena's tree is brought up to date with what each task
writes. For a dispute over one task, the arena before it is computed anew.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property

from fpvm.isa import KECCAK_TYPE
from fpvm.keccak import keccak256
from fpvm.oracle import PreimageMissing, keccak_key
from mlvm.effects import OutputState, input_state
from mlvm.engine import Engine
from mlvm.model import Model
from mlvm.roots import Roots
from mlvm.trees import ByteTree, hash_of_bytes, root

#: Arenas that are kept, with their trees, for the tasks asked for last.
KEPT_ARENAS = 2


def task_word(address: bytes, index: int, state: bytes) -> bytes:
    """The input of the VM for task ``index``, from the state before it."""
    return keccak256(task_preimage(address, index, state))


def task_preimage(address: bytes, index: int, state: bytes) -> bytes:
    """What that word is the hash of."""
    return b"task" + address + index.to_bytes(8, "big") + state


class Inference:
    """One model on one input. ``engine`` may be shared by inferences that take turns."""

    def __init__(self, engine: Engine, data: bytes) -> None:
        self._engine = engine
        self.model: Model = engine.model
        self.data = bytes(data)

    @property
    def states(self) -> list[bytes]:
        """S(0), S(1) … S(n): the hashes, n being the number of tasks."""
        return self._pass[0]

    @property
    def output(self) -> OutputState | None:
        """What the last state is; None if the model does not get to an output."""
        return self._pass[1]

    @cached_property
    def _pass(self) -> tuple[list[bytes], OutputState | None]:
        states = [input_state(hash_of_bytes(self.data))]
        changing: list[int] = []
        roots: Roots | None = None

        def observe(index: int, start: int, size: int) -> None:
            nonlocal roots
            changing.append(index)
            if roots is None:
                roots = Roots(self._engine.arena, written=size)
            else:
                roots.add(start, size)

        outcome = self._engine.run(self.data, observe)
        if roots is not None:
            roots.flush()
            for index, found in zip(changing, roots.found, strict=True):
                _repeat(states, index)
                states.append(found)
        if outcome.state is not None:
            _repeat(states, outcome.tasks - 1)
            states.append(outcome.state.hash())
        _repeat(states, self.model.header.task_count)
        return states, outcome.state

    def arena_before(self, index: int) -> ByteTree | None:
        """The arena's tree before task ``index``, of an array of its own; None if the state there
        is none of an arena."""
        written = 0

        def observe(_: int, start: int, size: int) -> None:
            nonlocal written
            written = max(written, start + size)

        self._engine.run(self.data, observe, until=index)
        tree = ByteTree(self._engine.arena.copy(), written=written) if written else None
        is_there = tree is not None and tree.root() == self.states[index]
        return tree if is_there else None


def _repeat(states: list[bytes], index: int) -> None:
    """Up to S(``index``) nothing changes."""
    states.extend([states[-1]] * (index + 1 - len(states)))


# --- Preimages ------------------------------------------------------------------------------------


class InferenceSource:
    """The preimages that the VM asks for when it computes a task of an inference, whichever.

    It is asked from the roots down: a node is known once its parent has been given.
    """

    def __init__(self, inference: Inference) -> None:
        self._inference = inference
        model = inference.model
        self._trees = [_ShownTree(model.task_tree), _ShownTree(model.blob_tree)]
        self._arenas: OrderedDict[int, _ShownTree] = OrderedDict()

    def __str__(self) -> str:
        return f"model 0x{self._inference.model.address.hex()}"

    def get(self, key: bytes) -> bytes:
        """As :meth:`fpvm.oracle.Source.get`."""
        found = self._plain.get(key)
        if found is not None:
            return found
        if key in self._roots:
            self._show_arena(self._roots[key])
        for tree in (*self._trees, *reversed(self._arenas.values())):
            found = tree.get(key)
            if found is not None:
                return found
        raise PreimageMissing(key, self)

    def hint(self, hint: bytes) -> None:
        """Ignored."""

    @cached_property
    def _plain(self) -> dict[bytes, bytes]:
        """All that is in no tree: the words of the tasks, the header, input and output."""
        inference, model = self._inference, self._inference.model
        data = inference.data
        found = [
            model.header.pack(),
            b"input" + hash_of_bytes(data),
            b"bytes" + len(data).to_bytes(8, "big") + root(data),
            *(
                task_preimage(model.address, index, state)
                for index, state in enumerate(inference.states)
            ),
        ]
        if inference.output is not None:
            found.append(b"output" + inference.output.output_hash)
        return {keccak_key(preimage): preimage for preimage in found}

    @cached_property
    def _roots(self) -> dict[bytes, int]:
        """The first task before which the arena has a root."""
        first: dict[bytes, int] = {}
        for index, state in enumerate(self._inference.states):
            first.setdefault(bytes([KECCAK_TYPE]) + state[1:], index)
        return first

    def _show_arena(self, index: int) -> None:
        if index in self._arenas:
            self._arenas.move_to_end(index)
            return
        tree = self._inference.arena_before(index)
        if tree is not None:
            self._arenas[index] = _ShownTree(tree)
            while len(self._arenas) > KEPT_ARENAS:
                self._arenas.popitem(last=False)


class _ShownTree:
    """A byte tree, and which of its nodes have been shown: the root, and the children of what has
    been given."""

    def __init__(self, tree: ByteTree) -> None:
        self._tree = tree
        self._known: dict[bytes, int] = {}
        self._know(1)

    def _know(self, number: int) -> None:
        self._known.setdefault(bytes([KECCAK_TYPE]) + self._tree.node(number)[1:], number)

    def get(self, key: bytes) -> bytes | None:
        number = self._known.get(key)
        if number is None:
            return None
        for child in self._tree.children(number):
            self._know(child)
        return self._tree.preimage(number)
