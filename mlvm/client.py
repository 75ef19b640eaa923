"""Typed clients of the contracts about inferences, on any chain: contracts/src/opml.

With this module, the client of the dispute contract knows the boundary of inferences, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.abi import call_data, words
from contracts.artifacts import load
from contracts.chain import Chain, Receipt, Reverted
from contracts.clients import WrongContract, address_word, check_code
from dispute.boundaries import KINDS, Kind, deploy_runs, find_runs
from dispute.client import DisputeContract
from mlvm.boundary import Inferences


@dataclass(frozen=True)
class InferencesContract:
    """contracts/src/opml/Inferences.sol"""

    chain: Chain
    address: bytes

    @classmethod
    def deploy(cls, chain: Chain, inferences: Inferences) -> InferencesContract:
        """With all inferences that the model knows."""
        address = deploy_runs(chain, "Inferences", inferences.mem_root, inferences.pc)
        contract = cls(chain, address)
        for model, input_hash in inferences.known.values():
            contract.register(model, input_hash)
        return contract

    @classmethod
    def of(cls, contract: DisputeContract) -> InferencesContract:
        """That of a dispute contract. Raises :class:`WrongContract` if it is of other disputes."""
        subject = f"the contract at 0x{contract.address.hex()}"
        if [type(level.boundary) for level in contract.table.levels[:2]] != [Inferences] * 2:
            raise WrongContract(f"{subject} is not of inferences")
        first, second = contract.boundaries()[:2]
        # Two that know different inferences would contradict one another.
        if first != second:
            raise WrongContract(f"{subject} has two lists of inferences")
        return cls(contract.chain, first)

    def register(self, model: bytes, input_hash: bytes) -> Receipt:
        return self.chain.send(
            self.address, call_data("register(bytes32,bytes32)", model, input_hash)
        )

    def is_registered(self, origin: bytes) -> bool:
        try:
            self.inference_of(origin)
        except Reverted as refusal:
            if refusal.error == "UnknownInference":
                return False
            raise
        return True

    def inference_of(self, origin: bytes) -> tuple[bytes, bytes]:
        """Model and input hash. Raises Reverted, UnknownInference."""
        model, input_hash = self._ask(2, "inferenceOf(bytes32)", origin)
        return model, input_hash

    def origin_of(self, model: bytes, input_hash: bytes) -> bytes:
        return self._ask(1, "originOf(bytes32,bytes32)", model, input_hash)[0]

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        """As the boundary's. Raises Reverted."""
        return self._ask(1, "start(bytes32,uint64,bytes32)", origin, index, pre)[0]

    def outcome(self, end: bytes, proof: bytes) -> bytes:
        """As the boundary's. Raises Reverted."""
        return self._ask(1, "outcome(bytes32,bytes)", end, proof)[0]

    def _ask(self, count: int, signature: str, *arguments: object) -> list[bytes]:
        return words(self.chain.call(self.address, call_data(signature, *arguments)), count)


def _find(chain: Chain, address: bytes) -> Inferences:
    return Inferences(*find_runs(chain, "Inferences", address))


KINDS[Inferences] = Kind(
    deploy=lambda chain, inferences: InferencesContract.deploy(chain, inferences).address,
    find=_find,
)


# --- Results --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpMLContract:
    """contracts/src/opml/OpML.sol"""

    chain: Chain
    address: bytes

    @classmethod
    def deploy(cls, contract: DisputeContract) -> OpMLContract:
        """On a dispute contract of inferences."""
        creation = load("OpML").creation + address_word(contract.address)
        return cls(contract.chain, contract.chain.deploy(creation))

    @classmethod
    def attach(cls, address: bytes, contract: DisputeContract) -> OpMLContract:
        """Raises :class:`WrongContract`, also if it is on another dispute contract."""
        immutables = {
            "DISPUTE": address_word(contract.address),
            "INFERENCES": address_word(InferencesContract.of(contract).address),
            "HEIGHT": contract.table.levels[0].height.to_bytes(32, "big"),
        }
        check_code(contract.chain, address, "OpML", **immutables)
        return cls(contract.chain, address)

    def settle(
        self, model: bytes, input_hash: bytes, output_hash: bytes, end_path: Sequence[bytes]
    ) -> Receipt:
        """Show that the history that has won ends in this output. Raises Reverted."""
        signature = "settle(bytes32,bytes32,bytes32,bytes32[])"
        data = call_data(signature, model, input_hash, output_hash, list(end_path))
        return self.chain.send(self.address, data)

    def result_of(self, model: bytes, input_hash: bytes) -> bytes | None:
        """The output hash; None as long as it is not known."""
        try:
            return self._ask("resultOf(bytes32,bytes32)", model, input_hash)
        except Reverted as refusal:
            if refusal.error == "Undecided":
                return None
            raise

    def is_result(self, model: bytes, input_hash: bytes, macs: int, output: bytes) -> bool:
        """Whether the model puts out these bytes. Raises Reverted, Undecided."""
        signature = "isResult(bytes32,bytes32,uint64,bytes)"
        return any(self._ask(signature, model, input_hash, macs, output))

    def hash_of_input(self, data: bytes) -> bytes:
        return self._ask("hashOfInput(bytes)", data)

    def _ask(self, signature: str, *arguments: object) -> bytes:
        return words(self.chain.call(self.address, call_data(signature, *arguments)), 1)[0]
