"""The step contract accepts one witness of a pre-state, in one encoding, and refuses all others."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from contracts.abi import call_data, selector, step_call
from contracts.chain import Reverted
from contracts.clients import Step
from contracts.evm import Revm
from fpvm.proof import PROOF_SIZE, Witness, WitnessError, post_state, prove, unpack_proof, verify
from fpvm.state import STATE_SIZE
from tests.contracts.witnesses import random_witness
from tests.fpvm.kinds import EVERY_KIND, KINDS, started
from tests.fpvm.test_proof import flip, forgeries, other_states

#: What the contract says of a witness that is not one.
STATE_ERRORS = {"WrongStateLength", "WrongExited", "WrongRegisterZero"}
PROOF_ERRORS = {"WrongProofLength", "LeafNotInMemory", "PreimageNotLoaded"}
#: Where calldata has the state, and the proof.
STATE_AT, PROOF_AT = 4 + 96, 4 + 96 + 320 + 32


def refusal(step: Step, calldata: bytes) -> str:
    """The error with which the contract refuses ``calldata``; fails if it does not."""
    with pytest.raises(Reverted) as refused:
        step.chain.call(step.address, calldata)
    return refused.value.error


def proofs_other_than(proof: bytes) -> Iterator[bytes]:
    """Proofs that differ in a byte, in their order, in their length."""
    yield from (flip(proof, at, 1 << at % 8) for at in range(len(proof)))
    words = [proof[at : at + 32] for at in range(0, len(proof), 32)]
    for at in range(len(words)):
        yield b"".join(words[:at] + words[at + 1 :])
        yield b"".join([*words[:at], words[at], *words[at:]])
        yield b"".join([*words[:at], *words[at : at + 2][::-1], *words[at + 2 :]])
    code, data = proof[:PROOF_SIZE], proof[PROOF_SIZE:]
    yield from (b"", code, data, data + code, code + code, data + data, proof + code, proof * 2)
    yield from (proof[:-1], proof[1:], proof + b"\0", b"\0" + proof, proof + bytes(32))
    yield from (bytes(size) for size in (1, 31, 32, 895, 896, 897, 1791, 1792, 1793, 2688))


@EVERY_KIND
def test_no_other_proof_of_a_step_is_accepted(step: Step, name: str) -> None:
    machine = started(name)
    witness = prove(machine)
    assert step.execute(witness) == verify(witness)
    proof = witness.pack_proof()
    for other in proofs_other_than(proof):
        if other != proof:
            data = call_data("step(bytes,bytes)", witness.state, other)
            assert refusal(step, data) in PROOF_ERRORS


@EVERY_KIND
def test_the_forgeries_of_the_vm_s_own_tests_are_refused(name: str) -> None:
    machine = started(name)
    witness = prove(machine)
    refused = 0
    for forgery in forgeries(machine, witness):
        # The contract takes bytes: forgeries that differ only in how they are cut are none. A
        # preimage that the step does not read is no argument of it.
        if forgery.pack_proof() == witness.pack_proof() and (
            forgery.part == witness.part or witness.part is None
        ):
            continue
        step = Step.deploy(Revm())  # one that has loaded nothing yet
        with pytest.raises(Reverted) as refusal:
            step.execute(forgery)
        assert refusal.value.error in PROOF_ERRORS | {"PreimageTooLarge"} or (
            forgery.part and not 0 <= forgery.part.offset < 1 << 32
        )
        refused += 1
    assert refused > 5


@EVERY_KIND
def test_another_state_is_refused_or_leads_where_the_specification_says(
    step: Step, name: str
) -> None:
    """It hashes to another pre-state, so nothing is proved about the one that was meant."""
    witness = prove(started(name))
    step.execute(witness)
    for packed in other_states(witness.state):
        other = Witness(packed, witness.code, witness.data, witness.part)
        data = step_call(other)
        try:
            after = verify(other)
        except WitnessError as error:
            # That a preimage is left over is no concern of the contract, which is not given any.
            if "use the preimage" in str(error):
                continue
            assert refusal(step, data) in STATE_ERRORS | PROOF_ERRORS
        else:
            assert step.chain.call(step.address, data) == after


def test_mutations_of_random_witnesses_are_refused_as_by_the_specification(step: Step) -> None:
    rng = random.Random("mutations")
    agreed = refused = 0
    for _ in range(1500):
        witness = random_witness(rng)
        state, proof = bytearray(witness.state), bytearray(witness.pack_proof())
        for _ in range(rng.randint(1, 3)):
            target = state if rng.random() < 0.6 or not proof else proof
            target[rng.randrange(len(target))] ^= 1 << rng.randrange(8)
        part = witness.part
        if part is not None:
            step.oracle.load_part(witness.state, part)
        code, data = unpack_proof(bytes(proof))
        other = Witness(bytes(state), code, data, part)
        try:
            after = verify(other)
        except WitnessError as error:
            if "use the preimage" not in str(error):
                assert refusal(step, step_call(other)) in STATE_ERRORS | PROOF_ERRORS
                refused += 1
        else:
            assert step.chain.call(step.address, step_call(other)) == after
            agreed += 1
    assert agreed > 100
    assert refused > 300


@pytest.mark.parametrize("name", ["addu", "lw", "sw", "halted", "ORACLE_READ"])
def test_a_witness_has_one_encoding(step: Step, name: str) -> None:
    witness = prove(started(name))
    post = verify(witness)
    assert step.execute(witness) == post
    good = step_call(witness)
    assert len(good) == PROOF_AT + len(witness.pack_proof())
    # Every byte of offsets, lengths and padding: what else the decoder would take is refused.
    framing = [*range(4, STATE_AT), *range(STATE_AT + STATE_SIZE, PROOF_AT)]
    for at in framing:
        for bits in (0x01, 0x20, 0x80, 0xFF):
            assert refusal(step, flip(good, at, bits)) in {
                "NotCanonical",
                "WrongStateLength",
                "WrongProofLength",
                "",
            }
    for size in range(len(good)):
        assert refusal(step, good[:size]) in {"NotCanonical", ""}
    for more in (b"\0", b"\1", bytes(31), bytes(32), witness.pack_proof() or bytes(896)):
        assert refusal(step, good + more) == "NotCanonical"


def test_arguments_that_overlap_or_swap_places_are_refused(step: Step) -> None:
    witness = prove(started("halted"))
    state = STATE_SIZE.to_bytes(32) + witness.state + bytes(30)
    name = selector("step(bytes,bytes)")

    def word(value: int) -> bytes:
        return value.to_bytes(32)

    assert step.chain.call(step.address, step_call(witness)) == verify(witness)
    for calldata in (
        name + word(96) + word(64) + bytes(32) + state,  # the proof first
        name + word(64) + word(32) + state,  # a proof of length 64, inside of the offsets
        name + word(64) + word(64) + state,  # one place for both
        name + word(64) + word(64 + 352) + state,  # without a length of the proof
        name + word(64) + word((1 << 255) + 416) + state + bytes(32),
    ):
        assert refusal(step, calldata) in {"NotCanonical", ""}


def test_a_state_that_starts_a_byte_later_is_refused(step: Step) -> None:
    """0x01 at the end of one word and 0x22 at the start of the next are a length of 290, too; all
    else is as it should be."""
    witness = prove(started("halted"))
    assert witness.state[-1] == 0  # where there would be padding
    good = step_call(witness)
    framing = (65).to_bytes(32) + good[36:68] + bytes(31) + b"\x01\x22"
    shifted = good[:4] + framing + witness.state + bytes(29) + bytes(32)
    assert len(shifted) == len(good)
    assert refusal(step, shifted) == "NotCanonical"


@pytest.mark.parametrize(
    ("state", "error", "argument"),
    [
        (b"", "WrongStateLength", 0),
        (bytes(289), "WrongStateLength", 289),
        (bytes(291), "WrongStateLength", 291),
        (bytes(322), "WrongStateLength", 322),
        (bytes(152) + b"\2" + bytes(137), "WrongExited", 2),
        (bytes(152) + b"\xff" + bytes(137), "WrongExited", 255),
        (bytes(165) + b"\1" + bytes(124), "WrongRegisterZero", 1),
        (bytes(162) + b"\x80" + bytes(127), "WrongRegisterZero", 1 << 31),
    ],
)
def test_bytes_that_pack_no_state_are_named(
    step: Step, state: bytes, error: str, argument: int
) -> None:
    with pytest.raises(Reverted) as refused:
        step.execute(Witness(state))
    assert (refused.value.error, refused.value.arguments) == (error, (argument,))


def test_a_wrong_proof_is_named(step: Step) -> None:
    lw, addu, halted = (prove(started(name)) for name in ("lw", "addu", "halted"))
    for witness, error, arguments in (
        (Witness(lw.state), "WrongProofLength", (0, 896)),
        (Witness(lw.state, lw.code), "WrongProofLength", (896, 1792)),
        (Witness(addu.state, addu.code, lw.data), "WrongProofLength", (1792, 896)),
        (Witness(halted.state, addu.code), "WrongProofLength", (896, 0)),
        (Witness(lw.state, lw.data, lw.data), "LeafNotInMemory", (post_state(lw).pc - 4,)),
        (Witness(lw.state, lw.code, lw.code), "LeafNotInMemory", (0x1000_0008,)),
    ):
        with pytest.raises(Reverted) as refused:
            step.execute(witness)
        assert (refused.value.error, refused.value.arguments) == (error, arguments)


def test_every_kind_has_a_witness_of_one_length() -> None:
    for name, kind in KINDS.items():
        proof = prove(started(name)).pack_proof()
        assert len(proof) == PROOF_SIZE * len(kind.parts.removesuffix("p")), name
