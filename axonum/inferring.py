"""What the commands about inferences do: commit to them, prove their steps, dispute them on L1."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axonum.onchain import Place
from axonum.output import hexadecimal, show
from axonum.playing import Playing, Wanted, deployed
from axonum.session import UsageError
from contracts.l1 import L1
from dispute.case import Case, least_terms
from dispute.instruction import instruction
from dispute.table import Table
from fpvm import proof_file
from mlvm import language, preparation, values
from mlvm.client import InferencesContract, OpMLContract
from mlvm.engine import Engine, Options
from mlvm.game import InferenceHistories, game_table, guest_inferences, inference_case
from mlvm.guest import guest_symbols
from mlvm.histories import Inference
from mlvm.model import Model
from mlvm.trees import hash_of_bytes

#: Lines that a table of states has at the most.
SHOWN = 24


def input_of(model: Model, text: str, is_raw: bool) -> bytes:
    """The input that a file, or a text, is for a model. Raises what preparing it raises."""
    kind = model.about.get("kind")
    if is_raw:
        return Path(text).read_bytes()
    if kind == language.ENCODER:
        return language.Encoder(model).input(text)
    if kind == language.DECODER:
        raise UsageError("a decoder is given one token after another: --raw, and an input's bytes")
    return values.pack(model, preparation.prepared(model, Path(text)))


def infer(model: Model, data: bytes, threads: int | None = None) -> Inference:
    return Inference(Engine(model, Options(threads)), data)


# --- commit ---------------------------------------------------------------------------------------


def commit(inference: Inference, heights: tuple[int, ...], as_json: bool) -> None:
    """All states of an inference, and what a claim about it commits to."""
    begun = time.perf_counter()
    states = inference.states
    case = _case(inference, _table(heights), Path())
    root = case.histories.history(case.origin, ()).root()
    document: dict[str, Any] = {
        **_named(inference, case.origin),
        "root": hexadecimal(root),
        "tasks": len(states) - 1,
        "seconds": round(time.perf_counter() - begun, 3),
    }
    if as_json:
        show({**document, "states": [hexadecimal(state) for state in states]}, True)
        return
    show(document, False)
    for index, state in enumerate(states[:SHOWN]):
        print(f"S({index})  {hexadecimal(state)}  {_maker(inference.model, index)}".rstrip())
    if len(states) > SHOWN:
        print(f"… and {len(states) - SHOWN:,} more: --json")


def _maker(model: Model, index: int) -> str:
    """The kind of the task that leads to S(``index``)."""
    if not index:
        return ""
    if index > len(model.tasks):
        return "behind the last"
    task = model.tasks[index - 1]
    return type(task).__name__ if task else "not valid"


def _named(inference: Inference, origin: bytes) -> dict[str, Any]:
    output = inference.output
    return {
        "origin": hexadecimal(origin),
        "model": hexadecimal(inference.model.address),
        "inputHash": hexadecimal(hash_of_bytes(inference.data)),
        "outputHash": hexadecimal(output.output_hash) if output else None,
    }


def _table(heights: tuple[int, ...]) -> Table:
    """On terms that matter to nobody."""
    terms = least_terms(heights, censorship=0, bounty=0)
    return game_table(guest_inferences(), heights, terms, 0)


def _case(inference: Inference, table: Table, cache: Path) -> Case:
    try:
        return inference_case(inference, table, cache)
    except ValueError as error:
        raise UsageError(str(error)) from None


# --- prove ----------------------------------------------------------------------------------------


def prove(
    inference: Inference,
    heights: tuple[int, ...],
    cache: Path,
    task: int,
    step: int | None,
    output: Path,
) -> dict[str, Any]:
    """Prove one step of the guest's run on a task, by default the middle one; into a file."""
    case = _case(inference, _table(heights), cache)
    assert isinstance(case.histories, InferenceHistories)
    if task >= 1 << heights[0]:
        raise UsageError(f"--task {task}: a history has 2^{heights[0]} tasks")
    run = case.histories.run(case.origin, (task,))
    steps = run.end().step
    step = steps // 2 if step is None else step
    if step >= 1 << sum(heights[1:]):
        raise UsageError(f"--step {step}: a task has 2^{sum(heights[1:])} steps")
    witness = run.witness(step)
    claim = proof_file.claim(witness)
    proof_file.save(output, claim)
    found = instruction(witness, guest_symbols())
    return {
        "task": task,
        "kind": _maker(inference.model, task + 1),
        "steps": steps,
        "step": step,
        "pc": f"0x{found.pc:08x} {found.place}".rstrip(),
        "instruction": found.text,
        "preStateHash": hexadecimal(claim.pre),
        "postStateHash": hexadecimal(claim.post),
        "proof": str(output),
    }


# --- L1 -------------------------------------------------------------------------------------------


def deploy(url: str, key: str, wanted: Wanted) -> dict[str, Any]:
    """The contracts for disputes about inferences, and the one that tells their results."""
    table = game_table(guest_inferences(), wanted.heights, wanted.terms(), wanted.stake)
    contract, document = deployed(L1.connect(url, key), table)
    document["inferences"] = hexadecimal(InferencesContract.of(contract).address)
    return {**document, "opml": hexadecimal(OpMLContract.deploy(contract).address)}


@dataclass(frozen=True)
class Challenge:
    """A part in the dispute about an inference. ``claims``: claim what is right at once, instead of
    once somebody claims something else. ``opml``: where to show the result in the end."""

    place: Place
    inference: Inference
    cache: Path
    claims: bool
    opml: bytes | None

    def run(self, max_stake: int | None, interval: float, as_json: bool) -> bool:
        """Play until all is decided and paid. Returns whether the truth has won."""
        contract = self.place.contract
        inferences = InferencesContract.of(contract)
        opml = OpMLContract.attach(self.opml, contract) if self.opml else None
        case = _case(self.inference, contract.table, self.cache)
        if self.claims and not inferences.is_registered(case.origin):
            inferences.register(self.inference.model.address, self._input_hash)
        playing = Playing(self.place, case, is_challenger=not self.claims)
        has_won = playing.run(max_stake, interval, as_json)
        if has_won and opml is not None:
            show(self._settle(opml, case), as_json)
        return has_won

    @property
    def _input_hash(self) -> bytes:
        return hash_of_bytes(self.inference.data)

    def _settle(self, opml: OpMLContract, case: Case) -> dict[str, Any]:
        """Tell the result to other contracts."""
        output, model = self.inference.output, self.inference.model.address
        if output is None:
            raise UsageError("the model does not get to an output: there is no result to tell")
        if opml.result_of(model, self._input_hash) is None:
            path = case.histories.history(case.origin, ()).prove_end()
            opml.settle(model, self._input_hash, output.output_hash, path)
        return {"what": "settled", **_named(self.inference, case.origin)}
