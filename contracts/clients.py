"""Typed clients of our contracts, on any chain: in an EVM of our own, or on L1.

``deploy`` puts a new contract there, ``attach`` takes one that is there already and checks that its
code is the committed one: an address from elsewhere may hold anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from contracts.abi import call_data, part_call, step_call, words
from contracts.artifacts import load
from contracts.chain import Chain, Receipt, Reverted
from fpvm.oracle import MAX_PREIMAGE
from fpvm.proof import Part, Witness


class WrongContract(Exception):
    """What is at an address is not the contract that it should be."""


def address_word(address: bytes) -> bytes:
    """An address as a word."""
    return address.rjust(32, b"\0")


def check_code(chain: Chain, address: bytes, name: str, **immutables: bytes) -> None:
    """Raises :class:`WrongContract` unless the contract of this name is there."""
    found = chain.code(address)
    if not found:
        raise WrongContract(f"there is no contract at 0x{address.hex()}")
    if found != load(name).with_immutables(**immutables):
        raise WrongContract(f"the contract at 0x{address.hex()} is not {name}")


@dataclass(frozen=True)
class PreimageOracle:
    """contracts/src/PreimageOracle.sol"""

    chain: Chain
    address: bytes

    @classmethod
    def deploy(cls, chain: Chain) -> PreimageOracle:
        return cls(chain, chain.deploy(load("PreimageOracle").creation))

    @classmethod
    def attach(cls, chain: Chain, address: bytes) -> PreimageOracle:
        """Raises :class:`WrongContract`."""
        check_code(chain, address, "PreimageOracle")
        return cls(chain, address)

    def load_keccak256(self, preimage: bytes, offset: int) -> Receipt:
        """Load the part at ``offset`` of a preimage, under its keccak256 key."""
        return self._send("loadKeccak256(bytes,uint32)", preimage, offset)

    def load_sha256(self, preimage: bytes, offset: int) -> Receipt:
        """Load the part at ``offset`` of a preimage, under its sha256 key."""
        return self._send("loadSha256(bytes,uint32)", preimage, offset)

    def load_part(self, state: bytes, part: Part) -> Receipt:
        """Load what the step of a packed state reads."""
        return self.chain.send(self.address, part_call(state, part))

    def is_loaded(self, key: bytes, offset: int) -> bool:
        answer = self.chain.call(self.address, call_data("isLoaded(bytes32,uint32)", key, offset))
        return any(words(answer, 1)[0])

    def read(self, key: bytes, offset: int) -> tuple[bytes, int]:
        """Up to 32 bytes of the preimage of ``key`` from ``offset`` on, and its length. Nothing and
        0 if the offset is not before the end. Raises Reverted, PreimageNotLoaded."""
        answer = self.chain.call(self.address, call_data("read(bytes32,uint32)", key, offset))
        data, size = words(answer, 2)
        length = int.from_bytes(size, "big")
        if length > MAX_PREIMAGE or (length and offset >= length):
            raise Reverted(reason=f"no preimage has length {length}, read at {offset}")
        return data[: max(length - offset, 0)], length

    def _send(self, signature: str, *arguments: object) -> Receipt:
        return self.chain.send(self.address, call_data(signature, *arguments))


@dataclass(frozen=True)
class Step:
    """contracts/src/Step.sol, with its preimage oracle."""

    chain: Chain
    address: bytes
    oracle: PreimageOracle

    @classmethod
    def deploy(cls, chain: Chain, oracle: PreimageOracle | None = None) -> Step:
        """The step contract on ``oracle``; on an oracle of its own, if there is none yet."""
        oracle = oracle or PreimageOracle.deploy(chain)
        creation = load("Step").creation + address_word(oracle.address)
        return cls(chain, chain.deploy(creation), oracle)

    @classmethod
    def attach(cls, chain: Chain, address: bytes, oracle: PreimageOracle) -> Step:
        """Raises :class:`WrongContract`, also if the contract is on another oracle."""
        check_code(chain, address, "Step", ORACLE=address_word(oracle.address))
        return cls(chain, address, oracle)

    def execute(self, witness: Witness) -> bytes:
        """The hash of the state after the step that ``witness`` proves.

        Raises Reverted unless the witness is valid. Loads the preimage, if the witness has one.
        """
        if witness.part is not None:
            self.oracle.load_part(witness.state, witness.part)
        return words(self.chain.call(self.address, step_call(witness)), 1)[0]


@dataclass(frozen=True)
class Program:
    """contracts/src/Program.sol"""

    chain: Chain
    address: bytes

    @classmethod
    def deploy(cls, chain: Chain, mem_root: bytes, pc: int) -> Program:
        creation = load("Program").creation + mem_root + pc.to_bytes(32, "big")
        return cls(chain, chain.deploy(creation))

    @classmethod
    def attach(cls, chain: Chain, address: bytes, mem_root: bytes, pc: int) -> Program:
        """Raises :class:`WrongContract`, also if the contract stands for another program."""
        check_code(chain, address, "Program", MEM_ROOT=mem_root, PC=pc.to_bytes(32, "big"))
        return cls(chain, address)

    def initial_state_hash(self, program_input: bytes) -> bytes:
        """The hash of the program's first state on a 32-byte input."""
        return self._word("initialStateHash(bytes32)", program_input)

    def outcome(self, state: bytes) -> bytes:
        """What a packed state says the program computes. Raises Reverted if it packs no state."""
        return self._word("outcome(bytes)", state)

    def _word(self, signature: str, argument: bytes) -> bytes:
        answer = self.chain.call(self.address, call_data(signature, argument))
        return words(answer, 1)[0]
