"""Boundaries and judge of disputes over programs of the VM: the models of their contracts."""

from __future__ import annotations

from dataclasses import dataclass

from dispute.protocol import Refused
from fpvm import proof
from fpvm.keccak import keccak256
from fpvm.proof import Witness, WitnessError
from fpvm.state import State, StateError, genesis, outcome


@dataclass(frozen=True, slots=True)
class SameStates:
    """Between two levels of the VM: contracts/src/dispute/SameStates.sol."""

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        return pre

    def outcome(self, end: bytes, proof: bytes) -> bytes:
        if proof:
            raise Refused("WrongOutcomeProof")
        return end


@dataclass(frozen=True)
class Runs:
    """From a history of words to the runs of a program: each word is the outcome of a run that
    follows from the word before it. contracts/src/dispute/Runs.sol."""

    mem_root: bytes
    pc: int

    def outcome(self, end: bytes, proof: bytes) -> bytes:
        if keccak256(proof) != end:
            raise Refused("WrongOutcomeProof")
        try:
            return outcome(State.unpack(proof))
        except StateError as error:
            raise Refused("NoState", str(error)) from None

    def run_on(self, word: bytes) -> bytes:
        """The first state of the program's run on a word."""
        return genesis(self.mem_root, self.pc, word).hash()


@dataclass(frozen=True)
class ProgramRuns(Runs):
    """Each word is the outcome of the program on the one before it:
    contracts/src/dispute/ProgramRuns.sol."""

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        return self.run_on(pre)


@dataclass(frozen=True, slots=True)
class GivenWords:
    """The native level of such a dispute: contracts/src/dispute/GivenWords.sol. The origin of a
    dispute is the word that its history starts with."""

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        return origin

    def outcome(self, end: bytes, proof: bytes) -> bytes:
        raise Refused("NothingCoarser")


@dataclass(frozen=True, slots=True)
class Steps:
    """Executes a step by the specification, as the step contract does."""

    def post_state(self, witness: Witness) -> bytes:
        try:
            return proof.post_state(witness).hash()
        except WitnessError as error:
            raise Refused("NoWitness", str(error)) from None
