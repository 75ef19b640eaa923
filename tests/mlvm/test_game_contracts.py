"""The contracts about inferences: the boundary equals its model, and OpML tells what has won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.artifacts import load
from contracts.chain import Reverted
from contracts.clients import Program, Step, WrongContract
from contracts.evm import Revm
from dispute.boundaries import KINDS, deploy_boundary, find_boundary
from dispute.client import DisputeContract
from dispute.discovery import discover
from dispute.graph import level_root
from dispute.protocol import Refused, Update
from dispute.table import Level, Table
from dispute.vm import SameStates
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.state import State
from mlvm.boundary import Inferences, origin_of
from mlvm.client import InferencesContract, OpMLContract
from mlvm.effects import output_hash, output_state
from mlvm.game import InferenceHistories, game_table, guest_inferences
from mlvm.guest import GUEST
from mlvm.histories import task_word
from mlvm.trees import hash_of_bytes
from programs.build import build
from tests.dispute.worlds import STAKE, terms, vm_world
from tests.mlvm.inferences import HEIGHTS, every_kind, inference, table

MODEL, INPUT = b"\1" * 32, b"\2" * 32
ORIGIN = origin_of(MODEL, INPUT)
words = st.binary(min_size=32, max_size=32)


def test_the_guest_that_is_committed_is_the_one_that_is_built() -> None:
    assert GUEST.read_bytes() == build("mlrun").read_bytes()


# --- The boundary ---------------------------------------------------------------------------------


@pytest.fixture
def pair() -> tuple[Inferences, InferencesContract]:
    """Model and contract, which know nothing."""
    model = guest_inferences()
    return model, InferencesContract.deploy(Revm(), model)


Pair = tuple[Inferences, InferencesContract]


def both(pair: Pair, ask: Callable[[Inferences | InferencesContract], bytes]) -> bytes | None:
    """What both answer; None if both refuse, for the same reason."""
    model, contract = pair
    found, expected = answer(lambda: ask(contract)), answer(lambda: ask(model))
    assert found == expected
    return expected if isinstance(expected, bytes) else None


def answer(ask: Callable[[], bytes]) -> bytes | tuple[str, tuple[object, ...]]:
    """An answer, or why there is none."""
    try:
        return ask()
    except (Refused, Reverted) as refusal:
        return refusal.error, refusal.arguments


@settings(max_examples=30, deadline=None)
@given(model=words, input_hash=words, pre=words, index=st.integers(0, (1 << 64) - 1))
def test_every_start_is_the_one_of_the_model(
    model: bytes, input_hash: bytes, pre: bytes, index: int
) -> None:
    inferences = guest_inferences()
    origin = inferences.register(model, input_hash)
    pair = inferences, InferencesContract.deploy(Revm(), inferences)
    zero = bytes(32)
    for at, state in product((0, index), (zero, pre)):
        both(pair, lambda each, at=at, state=state: each.start(origin, at, state))  # type: ignore[misc]
    assert inferences.start(origin, 0, zero) == keccak256(b"input" + input_hash)
    assert pair[1].origin_of(model, input_hash) == origin == origin_of(model, input_hash)


def test_a_start_below_level_0_is_that_of_the_guest_on_the_task(pair: Pair) -> None:
    model, contract = pair
    model.register(MODEL, INPUT)
    contract.register(MODEL, INPUT)
    program = Program.deploy(contract.chain, model.mem_root, model.pc)
    for index in (0, 1, 77, (1 << 64) - 1):
        word = keccak256(b"task" + MODEL + index.to_bytes(8, "big") + b"\3" * 32)
        assert word == task_word(MODEL, index, b"\3" * 32)
        assert contract.start(ORIGIN, index, b"\3" * 32) == program.initial_state_hash(word)
    # At index 0 a state of zeros means level 0, and nothing else does.
    assert contract.start(ORIGIN, 1, bytes(32)) == model.run_on(task_word(MODEL, 1, bytes(32)))


def test_an_origin_is_known_once_it_is_registered(pair: Pair) -> None:
    model, contract = pair
    for each in (ORIGIN, bytes(32), b"\xff" * 32):
        assert both(pair, lambda p, each=each: p.start(each, 0, bytes(32))) is None  # type: ignore[misc]
        assert both(pair, lambda p, each=each: p.start(each, 3, MODEL)) is None  # type: ignore[misc]
    assert not contract.is_registered(ORIGIN)
    receipt = contract.register(MODEL, INPUT)
    assert len(receipt.logs) == 1
    assert receipt.logs[0].topics[1:] == (ORIGIN, MODEL, INPUT)
    assert contract.is_registered(ORIGIN)
    assert contract.inference_of(ORIGIN) == (MODEL, INPUT)
    # By anybody, any number of times; and no other is known by that.
    assert not contract.register(MODEL, INPUT).logs
    assert not contract.is_registered(origin_of(INPUT, MODEL))
    assert model.register(MODEL, INPUT) == ORIGIN


def test_the_inference_of_zeros_is_one_like_any_other(pair: Pair) -> None:
    """Of no model, but nothing that was never written may be taken for another one."""
    zeros = origin_of(bytes(32), bytes(32))
    assert both(pair, lambda each: each.start(zeros, 0, bytes(32)))
    _, contract = pair
    for known in ((bytes(32), INPUT), (MODEL, bytes(32))):
        contract.register(*known)
        assert contract.inference_of(origin_of(*known)) == known


def test_every_outcome_is_the_one_of_the_model(pair: Pair) -> None:
    end = State(b"\7" * 32, 4, 8, output=b"\5" * 32, exited=True)
    ends = (end, replace(end, exit_code=1), replace(end, exited=False, exit_code=0))
    outcomes = {both(pair, lambda p, e=e: p.outcome(e.hash(), e.pack())) for e in ends}  # type: ignore[misc]
    assert len(outcomes) == 3
    assert b"\5" * 32 in outcomes
    assert keccak256(b"running") in outcomes
    assert both(pair, lambda each: each.outcome(end.hash(), ends[1].pack())) is None
    assert both(pair, lambda each: each.outcome(end.hash(), b"")) is None


def test_it_is_known_for_what_it_is() -> None:
    chain, inferences = Revm(), guest_inferences()
    inferences.register(MODEL, INPUT)
    address = deploy_boundary(chain, inferences)
    assert InferencesContract(chain, address).is_registered(ORIGIN)
    assert find_boundary(chain, address) == inferences
    other = deploy_boundary(chain, Inferences(b"\1" * 32, 4))
    assert find_boundary(chain, other) == Inferences(b"\1" * 32, 4) != inferences
    assert Inferences in KINDS
    for name in ("Inferences", "OpML"):
        writing = {
            entry["name"]
            for entry in load(name).abi
            if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
        }
        assert writing == {"Inferences": {"register"}, "OpML": {"settle"}}[name]


def test_a_dispute_contract_of_inferences_is_discovered() -> None:
    chain = Revm()
    contract = DisputeContract.deploy(chain, table(), Step.deploy(chain))
    found = discover(chain, contract.address)
    assert found.table == table()
    assert InferencesContract.of(found).address == contract.boundaries()[0]
    opml = OpMLContract.deploy(found)
    assert OpMLContract.attach(opml.address, contract) == opml


def test_other_contracts_are_not_taken_for_those_of_inferences() -> None:
    chain = Revm()
    step = Step.deploy(chain)
    words_ = DisputeContract.deploy(chain, vm_world().table, step)
    with pytest.raises(WrongContract, match="is not of inferences"):
        InferencesContract.of(words_)
    with pytest.raises(Reverted, match="NotAboutInferences"):
        OpMLContract.deploy(words_)
    one_level = Table((Level(2, SameStates(), STAKE),), terms((2,)))
    with pytest.raises(Reverted, match="NotAboutInferences"):
        OpMLContract.deploy(DisputeContract.deploy(chain, one_level, step))
    ours = DisputeContract.deploy(chain, table(), step)
    theirs = DisputeContract.deploy(chain, table(), step)
    opml = OpMLContract.deploy(theirs)
    with pytest.raises(WrongContract, match="is not OpML"):
        OpMLContract.attach(opml.address, ours)
    with pytest.raises(WrongContract):
        OpMLContract.attach(ours.address, ours)


def test_two_lists_of_inferences_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Revm()
    monkeypatch.setattr(Inferences, "__hash__", object.__hash__)
    first, second = guest_inferences(), guest_inferences()
    levels = game_table(first, HEIGHTS, terms(HEIGHTS), STAKE).levels
    levels = (levels[0], replace(levels[1], boundary=second), *levels[2:])
    contract = DisputeContract.deploy(chain, Table(levels, terms(HEIGHTS)), Step.deploy(chain))
    with pytest.raises(WrongContract, match="two lists"):
        InferencesContract.of(contract)
    with pytest.raises(Reverted, match="NotAboutInferences"):
        OpMLContract.deploy(contract)


# --- Results --------------------------------------------------------------------------------------


class Decided:
    """A contest with one root only, which wins if somebody waits."""

    def __init__(self, history: History) -> None:
        inferences = guest_inferences()
        inferences.register(MODEL, INPUT)
        self.table = game_table(inferences, HEIGHTS, terms(HEIGHTS), STAKE)
        self.chain, self.history = Revm(), history
        self.chain.block = 1000
        self.dispute = DisputeContract.deploy(self.chain, self.table, Step.deploy(self.chain))
        self.opml = OpMLContract.deploy(self.dispute)
        self.dispute.open(ORIGIN, history.root(), STAKE)

    def win(self) -> None:
        self.chain.block += self.table.terms.confirm_after
        root = level_root(ORIGIN, 0, HEIGHTS[0], self.history.state(0), self.history.root())
        self.dispute.confirm(Update(root))

    def settle(self, output: bytes, path: list[bytes] | None = None) -> int:
        """Returns how much was logged."""
        shown = self.history.prove_end() if path is None else path
        return len(self.opml.settle(MODEL, INPUT, output, shown).logs)


RESULT = b"\x0f" * 32
FIRST = keccak256(b"input" + INPUT)


def decided(*states: bytes) -> Decided:
    return Decided(History(FIRST, list(states), HEIGHTS[0]))


def refused(call: Callable[[], object], error: str, *arguments: object) -> None:
    with pytest.raises(Reverted) as caught:
        call()
    assert (caught.value.error, caught.value.arguments) == (error, arguments)


def test_a_result_is_known_when_it_is_decided_and_shown() -> None:
    scene = decided(b"\3" * 32, output_state(RESULT))
    assert scene.opml.result_of(MODEL, INPUT) is None
    refused(lambda: scene.settle(RESULT), "Undecided", ORIGIN)
    scene.win()
    assert scene.opml.result_of(MODEL, INPUT) is None
    refused(lambda: scene.opml.is_result(MODEL, INPUT, 1, b""), "Undecided", ORIGIN)
    receipt = scene.opml.settle(MODEL, INPUT, RESULT, scene.history.prove_end())
    assert [log.topics[1:] for log in receipt.logs] == [(MODEL, INPUT)]
    assert receipt.logs[0].data == RESULT
    assert scene.opml.result_of(MODEL, INPUT) == RESULT
    assert scene.settle(RESULT) == 0
    assert scene.opml.result_of(INPUT, MODEL) is None
    other = origin_of(INPUT, MODEL)
    refused(lambda: scene.opml.settle(INPUT, MODEL, RESULT, []), "Undecided", other)


def test_only_the_last_state_of_the_winner_is_its_result() -> None:
    other = b"\xf0" * 32
    scene = decided(output_state(other), b"\3" * 32, output_state(RESULT))
    scene.win()
    path = scene.history.prove_end()
    refused(lambda: scene.settle(other), "WrongOutput", other)
    refused(lambda: scene.settle(RESULT, path[::-1]), "WrongOutput", RESULT)
    length = len(path)
    refused(lambda: scene.settle(RESULT, path[:-1]), "WrongPathLength", length - 1, length)
    refused(lambda: scene.settle(RESULT, [*path, other]), "WrongPathLength", length + 1, length)
    assert scene.opml.result_of(MODEL, INPUT) is None
    assert scene.settle(RESULT) == 1


@pytest.mark.parametrize("end", [b"\3" * 32, keccak256(b"input" + RESULT), RESULT, FIRST])
def test_a_history_without_an_output_has_no_result(end: bytes) -> None:
    scene = decided(end)
    scene.win()
    refused(lambda: scene.settle(RESULT), "WrongOutput", RESULT)
    assert scene.opml.result_of(MODEL, INPUT) is None


def test_a_history_with_rivals_has_no_result_before_it_has_won() -> None:
    scene = decided(output_state(RESULT))
    rival = History(FIRST, [output_state(b"\1" * 32)], HEIGHTS[0])
    scene.dispute.open(ORIGIN, rival.root(), 2 * STAKE)
    refused(lambda: scene.settle(RESULT), "Undecided", ORIGIN)
    refused(lambda: scene.settle(b"\1" * 32, rival.prove_end()), "Undecided", ORIGIN)


@pytest.mark.parametrize("size", [0, 1, 1000, 1023, 1024, 1025, 2048, 2049, 5000, 9000])
def test_contracts_hash_bytes_as_models_do(size: int) -> None:
    data = Random(size).randbytes(size)
    output = output_hash(99, hash_of_bytes(data))
    scene = decided(output_state(output))
    scene.win()
    scene.settle(output)
    assert scene.opml.hash_of_input(data) == hash_of_bytes(data)
    assert scene.opml.is_result(MODEL, INPUT, 99, data)
    assert not scene.opml.is_result(MODEL, INPUT, 98, data)
    assert not scene.opml.is_result(MODEL, INPUT, 99, data + b"\0")
    assert not scene.opml.is_result(MODEL, INPUT, 99, b"\1" + data)


# --- The honest histories -------------------------------------------------------------------------


def test_a_table_of_something_else(tmp_path: Path) -> None:
    one = inference(*every_kind())
    with pytest.raises(ValueError, match="not of inferences on this guest"):
        InferenceHistories(one, vm_world().table, tmp_path)
    other = game_table(Inferences(b"\1" * 32, 4), HEIGHTS, terms(HEIGHTS), STAKE)
    with pytest.raises(ValueError, match="not of inferences on this guest"):
        InferenceHistories(one, other, tmp_path)
    with pytest.raises(ValueError, match="14 tasks: more than 2\\^3"):
        InferenceHistories(one, table((3, 12, 12)), tmp_path)
    histories = InferenceHistories(one, table(), tmp_path)
    with pytest.raises(ValueError, match="not the origin"):
        histories.history(ORIGIN, ())
