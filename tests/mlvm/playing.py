"""Plays disputes about inferences on the contract and the model, and looks at how they end."""

from __future__ import annotations

from dispute.adversaries import Strategy, honest
from dispute.agent import honest_root
from dispute.client import DisputeContract
from dispute.simulate import Ending, Party, Play
from mlvm.client import OpMLContract
from mlvm.trees import hash_of_bytes
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import World
from tests.mlvm import inferences

HONEST = b"honest".rjust(20, b"\0")


def play(world: World, *evil: Strategy) -> tuple[Ending, Lockstep]:
    """Somebody honest against these, who come first."""
    stage = Lockstep(world, thorough=1000)
    parties = [Party(f"evil{number}", each) for number, each in enumerate(evil)]
    ours = honest(world.histories, world.origin, HONEST)
    parties.append(Party("honest", ours, is_honest=True))
    ending = Play(stage, world.origin, parties).run(until_settled=True)  # type: ignore[arg-type]
    stage.check_all()
    return ending, stage


def assert_won(world: World, ending: Ending, stage: Lockstep, proofs: int = 1) -> None:
    """The truth has won in time and at no cost, by so many instructions that L1 has executed."""
    right = honest_root(stage.model, world.histories, world.origin).id()
    assert ending.winner == right
    assert ending.block <= 1 + world.table.bound
    assert ending.spent["honest"] <= 0
    assert ending.moves["honest"]["Prove"] == proofs
    assert_told(world, stage.contract)


def assert_told(world: World, contract: DisputeContract) -> None:
    """Other contracts can ask what the inference gives."""
    real = inferences.honest(world).inference
    assert real.output is not None
    opml = OpMLContract.deploy(contract)
    model, input_hash = real.model.address, hash_of_bytes(real.data)
    assert opml.result_of(model, input_hash) is None
    path = world.histories.history(world.origin, ()).prove_end()
    opml.settle(model, input_hash, real.output.output_hash, path)
    assert opml.result_of(model, input_hash) == real.output.output_hash
    assert opml.is_result(model, input_hash, real.model.header.macs, real.output.output or b"")
