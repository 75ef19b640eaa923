"""A contract that calls the step contract in a transaction and logs what it says.

A transaction has no answer, only logs; and a node may run a call and a transaction differently.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.abi import step_call
from contracts.chain import Chain
from contracts.clients import Step
from fpvm.proof import Witness


def recorder_code(step: bytes) -> bytes:
    """What the contract runs: pass the calldata on to ``step``, and log the word it answers."""
    return bytes.fromhex(
        # calldatacopy(0, 0, calldatasize())
        "365f5f37"
        # call(gas(), step, 0, 0, calldatasize(), 0, 32)
        f"60205f365f5f73{step.hex()}5af1"
        # jumpi(done); or else returndatacopy(0, 0, returndatasize()); revert(0, returndatasize())
        "602b57 3d5f5f3e 3d5ffd"
        # done: log0(0, 32)
        "5b60205fa000"
    )


def deployment(code: bytes) -> bytes:
    """What deploys ``code``, of up to 255 bytes."""
    # codecopy(0, 9, size); return(0, size)
    return bytes.fromhex(f"60{len(code):02x}8060095f395ff3") + code


@dataclass(frozen=True)
class Recorder:
    """Executes witnesses by transactions."""

    step: Step
    address: bytes

    @classmethod
    def deploy(cls, chain: Chain) -> Recorder:
        step = Step.deploy(chain)
        return cls(step, chain.deploy(deployment(recorder_code(step.address))))

    def execute(self, witness: Witness) -> bytes:
        """The hash that the transaction logged. Raises Reverted."""
        if witness.part is not None:
            self.step.oracle.load_part(witness.state, witness.part)
        receipt = self.step.chain.send(self.address, step_call(witness))
        assert len(receipt.logs) == 1
        return receipt.logs[0].data
