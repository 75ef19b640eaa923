"""One step, proved to somebody who has no memory (docs/vm.md, "Witness").

The prover runs the specification on a memory that notes which leaves it is asked for; the verifier
runs the same specification on nothing but those leaves. A witness has exactly the parts that its
step uses, so every step has one witness and one encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fpvm.isa import A1
from fpvm.merkle import DEPTH, LEAF_SIZE, LeafProof, root_of
from fpvm.oracle import OracleError
from fpvm.oracle import verify as verify_preimage
from fpvm.state import State, StateError
from fpvm.step import Core, step

if TYPE_CHECKING:  # whoever only verifies loads no engine
    from fpvm.machine import Machine
    from fpvm.memory import Memory

#: A leaf and its siblings, packed.
PROOF_SIZE = LEAF_SIZE * (1 + DEPTH)


class WitnessError(ValueError):
    """The witness does not prove a step."""


@dataclass(frozen=True, slots=True)
class Part:
    """The preimage that an ORACLE_READ reads, and the offset it reads from.

    The whole preimage, for only the whole can be hashed. On L1 it is loaded beforehand, for this
    offset.
    """

    offset: int
    preimage: bytes


@dataclass(frozen=True, slots=True)
class Witness:
    """All that one step reads: the packed pre-state, the leaves with their proofs, a preimage."""

    state: bytes
    code: LeafProof | None = None
    data: LeafProof | None = None
    part: Part | None = None

    def pack_proof(self) -> bytes:
        """The ``proof`` argument of the step contract: the code leaf's proof, then the data leaf's.

        Each is the leaf and its siblings from the bottom up, 896 bytes, or nothing.
        """
        return b"".join(
            proof.leaf + b"".join(proof.siblings) for proof in (self.code, self.data) if proof
        )


def unpack_proof(packed: bytes) -> tuple[LeafProof | None, LeafProof | None]:
    """The code and the data leaf's proof from the ``proof`` argument of the step contract.

    Raises :class:`WitnessError` for any length but 0, 896 and 1792.
    """
    if len(packed) not in (0, PROOF_SIZE, 2 * PROOF_SIZE):
        raise WitnessError(f"a packed proof has 0, 896 or 1792 bytes, not {len(packed)}")
    nodes = [packed[at : at + LEAF_SIZE] for at in range(0, len(packed), LEAF_SIZE)]
    code, data = nodes[: DEPTH + 1], nodes[DEPTH + 1 :]
    return (
        LeafProof(code[0], tuple(code[1:])) if code else None,
        LeafProof(data[0], tuple(data[1:])) if data else None,
    )


# --- The prover -----------------------------------------------------------------------------------


class _NotingMemory:
    """Notes which leaves a step asks for, and keeps its writes to itself."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.touched: list[int] = []

    def read_leaf(self, address: int) -> bytes:
        self.touched.append(address)
        return self._memory.read_leaf(address)

    def write_leaf(self, address: int, leaf: bytes) -> None:
        self.touched.append(address)


class _NotingHost:
    """Notes the preimage that a step reads."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.preimage_read: bytes | None = None

    def preimage(self, key: bytes) -> bytes:
        self.preimage_read = self._machine.surroundings.preimage(key)
        return self.preimage_read

    def write(self, channel: int, address: int, length: int) -> None:
        """Nobody watches a proof being made."""


def prove(machine: Machine) -> Witness:
    """The witness of the machine's next step. The machine stays where it is.

    Raises what the oracle raises, if the step reads a preimage that is not there.
    """
    state = machine.state()
    memory, host = _NotingMemory(machine.memory), _NotingHost(machine)
    step(Core(state, memory, host))
    code, data = None, None
    if memory.touched:
        # A step reads its code leaf first, and after it touches one other leaf at the most.
        code = machine.memory.proof(memory.touched[0])
        if len(memory.touched) > 1:
            data = machine.memory.proof(memory.touched[1])
    part = None
    if host.preimage_read is not None:
        part = Part(offset=state.regs[A1], preimage=host.preimage_read)
    return Witness(state=state.pack(), code=code, data=data, part=part)


# --- The verifier ---------------------------------------------------------------------------------


class _WitnessMemory:
    """The leaves of a witness, as memory; each is checked against the root when it is first
    used."""

    def __init__(self, root: bytes, code: LeafProof | None, data: LeafProof | None) -> None:
        self._root = root
        self._code = code
        self._data = data
        self._fetched = False
        #: The address of the data leaf, once it is in use, and what it holds by now.
        self._address: int | None = None
        self._leaf = b""
        self.root_after = root

    def read_leaf(self, address: int) -> bytes:
        if not self._fetched:
            self._fetched = True
            return self._checked("code", self._code, address).leaf
        self._use_data(address)
        return self._leaf

    def write_leaf(self, address: int, leaf: bytes) -> None:
        proof = self._use_data(address)
        self._leaf = leaf
        self.root_after = root_of(address, leaf, proof.siblings)

    def _use_data(self, address: int) -> LeafProof:
        proof = self._checked("data", self._data, address)
        if self._address is None:
            self._address, self._leaf = address, proof.leaf
        return proof

    def _checked(self, name: str, proof: LeafProof | None, address: int) -> LeafProof:
        if proof is None:
            raise WitnessError(f"the witness lacks the {name} leaf")
        try:
            root = root_of(address, proof.leaf, proof.siblings)
        except ValueError as error:
            raise WitnessError(f"{name} leaf: {error}") from None
        if root != self._root:
            raise WitnessError(f"the {name} leaf is not the one at 0x{address:08x} under memRoot")
        return proof

    def check_used(self) -> None:
        """No part of a witness may be left over: a proof with bytes to spare has two encodings."""
        if self._code is not None and not self._fetched:
            raise WitnessError("the step does not use the code leaf")
        if self._data is not None and self._address is None:
            raise WitnessError("the step does not use the data leaf")


class _WitnessHost:
    """The preimage of a witness."""

    def __init__(self, offset: int, part: Part | None) -> None:
        self._offset = offset
        self._part = part
        self.used = False

    def preimage(self, key: bytes) -> bytes:
        part = self._part
        if part is None:
            raise WitnessError(f"the witness lacks the preimage of 0x{key.hex()}")
        if part.offset != self._offset:
            raise WitnessError(f"preimage: the step reads offset {self._offset}, not {part.offset}")
        try:
            verify_preimage(key, part.preimage, "the witness")
        except OracleError as error:
            raise WitnessError(str(error)) from None
        self.used = True
        return part.preimage

    def write(self, channel: int, address: int, length: int) -> None:
        """A witness has no memory to show."""


def post_state(witness: Witness) -> State:
    """The state after the step that ``witness`` proves.

    Raises :class:`WitnessError` unless the witness is valid: then its pre-state is the one that
    hashes to ``keccak256(witness.state)``, and no other post-state can be proved from it.
    """
    try:
        state = State.unpack(witness.state)
    except StateError as error:
        raise WitnessError(str(error)) from None
    memory = _WitnessMemory(state.mem_root, witness.code, witness.data)
    host = _WitnessHost(state.regs[A1], witness.part)
    core = Core(state, memory, host)
    step(core)
    memory.check_used()
    if witness.part is not None and not host.used:
        raise WitnessError("the step does not use the preimage")
    return core.state(memory.root_after)


def verify(witness: Witness) -> bytes:
    """The hash of :func:`post_state`: pure Python, no memory, no program."""
    return post_state(witness).hash()
