"""The boundary of disputes about inferences, as a model: contracts/src/opml/Inferences.sol."""

from __future__ import annotations

from dataclasses import dataclass, field

from dispute.protocol import ZERO_WORD, Refused
from dispute.vm import Runs
from fpvm.keccak import keccak256
from mlvm.effects import input_state
from mlvm.histories import task_word


def origin_of(model: bytes, input_hash: bytes) -> bytes:
    """The origin of disputes about a model, by its address, on an input, by its hash."""
    return keccak256(b"inference" + model + input_hash)


@dataclass(frozen=True)
class Inferences(Runs):
    """The boundary of the two levels that know what an inference is, on L1
    contracts/src/opml/Inferences.sol; of the guest that computes one task.

    ``known``: the inferences that were registered, by origin.
    """

    known: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict, compare=False, repr=False)

    def register(self, model: bytes, input_hash: bytes) -> bytes:
        """Make an inference known by its origin, which is returned."""
        origin = origin_of(model, input_hash)
        self.known[origin] = model, input_hash
        return origin

    def inference_of(self, origin: bytes) -> tuple[bytes, bytes]:
        """Model and input hash of a registered origin."""
        model, input_hash = self.known.get(origin, (ZERO_WORD, ZERO_WORD))
        if origin_of(model, input_hash) != origin:
            raise Refused("UnknownInference", origin)
        return model, input_hash

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        model, input_hash = self.inference_of(origin)
        if index == 0 and pre == ZERO_WORD:
            return input_state(input_hash)
        return self.run_on(task_word(model, index, pre))
