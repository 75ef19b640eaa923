"""Proofs of single steps: what holds is proved, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.elf import kernel_image, load
from fpvm.fast import FastMachine
from fpvm.isa import A1, KERNEL, Op
from fpvm.keccak import keccak256
from fpvm.machine import Machine, silent
from fpvm.memory import Memory
from fpvm.merkle import DEPTH, LeafProof
from fpvm.oracle import MAX_PREIMAGE, Oracle, PreimageMissing, keccak_key
from fpvm.proof import (
    PROOF_SIZE,
    Part,
    Witness,
    WitnessError,
    post_state,
    prove,
    unpack_proof,
    verify,
)
from fpvm.sources import DictSource
from fpvm.state import STATE_SIZE, State, genesis
from fpvm.step import Core, step
from programs.build import build
from programs.examples.tree import build_tree
from tests.fpvm.kinds import EVERY_KIND, KINDS, NOISE, PREIMAGE, PRELUDE, RD, RS, RT, kind, started
from tests.fpvm.machines import CODE, DATA, INSTRUCTIONS, PROPERTY

ENGINES = pytest.mark.parametrize("engine", [Machine, FastMachine])


def truth(machine: Machine, state: State) -> bytes:
    """The hash of the state after ``state``, by the specification on the memory of ``machine``,
    which keeps it."""
    machine.memory.mark()
    core = Core(state, machine.memory, machine.surroundings)
    machine.surroundings.muted = True
    step(core)
    after = core.state(machine.memory.root()).hash()
    machine.memory.rewind()
    return after


# --- What holds is proved -------------------------------------------------------------------------


@ENGINES
@EVERY_KIND
def test_a_step_is_proved_by_what_it_uses(name: str, engine: type[Machine]) -> None:
    machine = started(name, engine)
    before = machine.state()
    witness = prove(machine)
    assert machine.state() == before
    assert witness.state == before.pack()
    present = {"c": witness.code, "d": witness.data, "p": witness.part}
    assert "".join(part for part, value in present.items() if value) == KINDS[name].parts

    after = post_state(witness)
    assert verify(witness) == after.hash()
    machine.run((before.step + 1) % (1 << 64))
    if before.step + 1 < 1 << 64:
        assert machine.state() == after


def test_the_last_step_that_counts_is_followed_by_step_0() -> None:
    machine = started("the last step that counts")
    after = post_state(prove(machine))
    assert (after.step, after.pc) == (0, CODE + 4)
    assert after.hash() == truth(machine, machine.state())


@EVERY_KIND
def test_the_engines_lead_to_one_witness(name: str) -> None:
    assert prove(started(name, FastMachine)) == prove(started(name))


@ENGINES
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_is_proved(name: str, engine: type[Machine]) -> None:
    """Of every name in the manual, in three states: the kinds above are not all."""
    word = INSTRUCTIONS[name] | RS << 21
    if word >> 26 == Op.SPECIAL or word >> 26 == Op.SPECIAL2:
        word |= RT << 16 | RD << 11
    elif word >> 26 != Op.REGIMM:
        word |= RT << 16
    for regs in ({}, {RS: 0}, {RS: 0xFFFF_FFFF, RT: 0x8000_0000}):
        machine = kind("", word, regs=regs).setup.start(engine)
        machine.run(PRELUDE)
        before = machine.state()
        proved = verify(prove(machine))
        machine.run(before.step + 1)
        assert machine.state().hash() == proved


def test_a_proof_is_the_leaf_and_its_siblings_from_the_bottom_up() -> None:
    """Folded by hand: the packing of memory's tree is not this package's own affair."""
    machine = started("sw to its own leaf")
    witness = prove(machine)
    for proof, address in ((witness.code, CODE), (witness.data, CODE)):
        assert proof is not None
        assert proof.leaf == machine.memory.read(address, 32)
        assert proof.siblings[0] == machine.memory.read(address ^ 32, 32)
        node = proof.leaf
        for height, sibling in enumerate(proof.siblings):
            right = address >> (5 + height) & 1
            node = keccak256(sibling + node if right else node + sibling)
        assert node == witness.state[:32]


def test_a_step_by_value() -> None:
    """A contract is deployed against these."""
    witness = prove(started("sw"))
    hashes = [keccak256(witness.state), keccak256(witness.pack_proof()), verify(witness)]
    assert [value.hex() for value in hashes] == [
        "ae7b84ade4924da15aefddfb19eb52f71d53930d41587fd7ae7a00b218f2059f",
        "2740a3810ec4ec42e9ddd01a510601a50bda5d750c28be50d921e3cb0e91cb09",
        "eb4a72cf81cd2378a6c8106d024bb1c3844d9e9c0d28765df03202cbece1d61f",
    ]


@ENGINES
def test_no_step_is_proved_without_its_preimage(engine: type[Machine]) -> None:
    machine = started("ORACLE_READ", engine)
    machine.surroundings._oracle = Oracle(DictSource())
    before = machine.state()
    with pytest.raises(PreimageMissing):
        prove(machine)
    assert machine.state() == before


def test_proving_shows_nothing_and_asks_for_nothing() -> None:
    machine = started("WRITE")
    shown: list[bytes] = []
    machine.surroundings._console = lambda channel, data: shown.append(data)
    prove(machine)
    assert shown == []


# --- Nothing else is proved -----------------------------------------------------------------------


def flip(data: bytes, at: int, bits: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


def other_states(state: bytes) -> Iterator[bytes]:
    """Packed states that differ from ``state``: in every byte, in every length."""
    for at in range(len(state)):
        for bits in (0x01, 0x10, 0x80, 0xFF):
            yield flip(state, at, bits)
    yield from (b"", state[:-1], state[1:], state + b"\0", b"\0" + state, state * 2)


def other_proofs(proof: LeafProof) -> Iterator[LeafProof]:
    """Proofs that differ from ``proof``: in every byte, in order, in every length."""
    leaf, siblings = proof.leaf, proof.siblings
    for at in range(32):
        yield LeafProof(flip(leaf, at), siblings)
        yield LeafProof(flip(leaf, at, 0x80), siblings)
    for number, sibling in enumerate(siblings):
        around = siblings[:number], siblings[number + 1 :]
        for at in range(32):
            yield LeafProof(leaf, (*around[0], flip(sibling, at, 1 << at % 8), *around[1]))
        for wrong in (b"", sibling[:-1], sibling + b"\0", sibling * 2):
            yield LeafProof(leaf, (*around[0], wrong, *around[1]))
        yield LeafProof(leaf, around[0] + around[1])
        yield LeafProof(leaf, (*around[0], sibling, sibling, *around[1]))
        yield LeafProof(sibling, (*around[0], leaf, *around[1]))
    for number in range(DEPTH - 1):
        swapped = list(siblings)
        swapped[number : number + 2] = swapped[number + 1], swapped[number]
        yield LeafProof(leaf, tuple(swapped))
    yield LeafProof(leaf, siblings[::-1])
    yield LeafProof(leaf, ())
    yield LeafProof(leaf, siblings * 2)
    yield LeafProof(leaf, (*siblings, bytes(32)))
    # The same 64 bytes under the first hash, cut elsewhere; and a node passed off as a leaf.
    both = leaf + siblings[0]
    for cut in (0, 31, 33, 64):
        yield LeafProof(both[:cut], (both[cut:], *siblings[1:]))
    yield LeafProof(keccak256(both), siblings[1:])
    yield LeafProof(keccak256(both), (siblings[1], *siblings[1:]))


def other_parts(part: Part) -> Iterator[Part]:
    """Preimages and offsets that differ from those of ``part``."""
    for offset in (0, 1, part.offset - 1, part.offset + 1, part.offset + 32, 1 << 32, -1):
        yield Part(offset, part.preimage)
    preimage = part.preimage
    for at in range(len(preimage)):
        yield Part(part.offset, flip(preimage, at))
    for other in (b"", preimage[:-1], preimage[1:], preimage + b"\0", preimage * 2, NOISE):
        yield Part(part.offset, other)
    yield Part(part.offset, preimage.ljust(MAX_PREIMAGE + 1, b"\0"))
    yield Part(part.offset, bytes(MAX_PREIMAGE + 1))


def forgeries(machine: Machine, witness: Witness) -> Iterator[Witness]:
    """Witnesses of the same pre-state that differ in their proofs: parts changed, swapped, dropped
    and added."""
    code, data, part = witness.code, witness.data, witness.part
    if code:
        yield from (replace(witness, code=proof) for proof in other_proofs(code))
    if data:
        yield from (replace(witness, data=proof) for proof in other_proofs(data))
    if part:
        yield from (replace(witness, part=other) for other in other_parts(part))
    yield replace(witness, code=data, data=code)
    yield replace(witness, code=data)
    yield replace(witness, data=code)
    yield replace(witness, code=None)
    yield replace(witness, data=None)
    yield replace(witness, part=None)
    yield replace(witness, code=None, data=None)
    yield Witness(witness.state)
    # Proofs that are good ones, of leaves that the step has nothing to do with.
    addresses = (0, CODE - 32, CODE, CODE + 32, DATA - 32, DATA, DATA + 32, KERNEL, 0xFFFF_FFE0)
    for address in (*addresses, 0x5000_0000, machine.core.pc & ~31):
        proof = machine.memory.proof(address)
        yield replace(witness, code=proof)
        yield replace(witness, data=proof)
        yield replace(witness, code=proof, data=proof)
    for offset in (0, machine.core.regs[A1]):
        yield replace(witness, part=Part(offset, PREIMAGE))
        yield replace(witness, part=Part(offset, b""))


@EVERY_KIND
def test_a_pre_state_has_one_witness(name: str) -> None:
    machine = started(name)
    witness = prove(machine)
    tried = 0
    for forgery in forgeries(machine, witness):
        if forgery != witness:
            tried += 1
            with pytest.raises(WitnessError):
                post_state(forgery)
    assert tried > 20


@EVERY_KIND
def test_a_witness_with_another_state_proves_another_step_truly_or_nothing(name: str) -> None:
    machine = started(name)
    witness = prove(machine)
    proved = 0
    for packed in other_states(witness.state):
        assert keccak256(packed) != keccak256(witness.state)
        try:
            after = verify(replace(witness, state=packed))
        except WitnessError:
            continue
        assert State.unpack(packed).pack() == packed
        assert packed[-128:-124] == bytes(4), "register 0 is zero"
        # The root of memory is the same, or the leaves would not be under it; unless none is used.
        if packed[:32] == witness.state[:32]:
            assert after == truth(machine, State.unpack(packed))
        else:
            assert not KINDS[name].parts
        proved += 1
    assert proved > 100  # most registers do not matter to most steps


@PROPERTY
@given(name=st.sampled_from(sorted(KINDS)), data=st.data())
def test_several_changes_at_once_do_not_make_up_for_one_another(
    name: str, data: st.DataObject
) -> None:
    machine = started(name)
    witness = prove(machine)
    changes: list[Callable[[Witness], Witness]] = [
        lambda w: replace(w, code=data.draw(st.sampled_from([w.data, None, w.code]))),
        lambda w: replace(w, data=data.draw(st.sampled_from([w.code, None, w.data]))),
        lambda w: replace(w, code=changed_proof(w.code)),
        lambda w: replace(w, data=changed_proof(w.data)),
        lambda w: replace(w, part=Part(data.draw(st.integers(0, 120)), PREIMAGE)),
    ]

    def changed_proof(proof: LeafProof | None) -> LeafProof | None:
        if proof is None:
            return None
        nodes = [proof.leaf, *proof.siblings]
        at = data.draw(st.integers(0, DEPTH))
        nodes[at] = flip(nodes[at], data.draw(st.integers(0, 31)), data.draw(st.integers(1, 255)))
        return LeafProof(nodes[0], tuple(nodes[1:]))

    forged = witness
    for change in data.draw(st.lists(st.sampled_from(changes), min_size=1, max_size=4)):
        forged = change(forged)
    if forged == witness:
        assert verify(forged) == truth(machine, machine.state())
    else:
        with pytest.raises(WitnessError):
            verify(forged)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("lw", {"code": None}, "lacks the code leaf"),
        ("lw", {"data": None}, "lacks the data leaf"),
        ("ORACLE_READ", {"part": None}, f"lacks the preimage of 0x{keccak_key(PREIMAGE).hex()}"),
        ("ORACLE_READ", {"part": Part(1, PREIMAGE)}, "reads offset 0, not 1"),
        ("ORACLE_READ", {"part": Part(0, b"?")}, "does not hash to its key"),
        ("ORACLE_READ", {"part": Part(0, bytes(MAX_PREIMAGE + 1))}, "larger than 32768 bytes"),
        ("addu", {"part": Part(0, PREIMAGE)}, "does not use the preimage"),
        ("lw", {"state": b""}, "290 bytes, not 0"),
        (
            "lw",
            {"data": LeafProof(bytes(32), (bytes(32),) * DEPTH)},
            "data leaf is not the one at 0x10000000",
        ),
        ("lw", {"data": LeafProof(bytes(32), (bytes(32),) * 28)}, "data leaf: .* 27 siblings"),
        ("lw", {"code": LeafProof(bytes(32), (bytes(31),) * DEPTH)}, "code leaf: .* 32 bytes"),
    ],
)
def test_a_refusal_says_why(name: str, change: dict[str, object], message: str) -> None:
    with pytest.raises(WitnessError, match=message):
        verify(replace(prove(started(name)), **change))  # type: ignore[arg-type]


def test_a_leaf_too_many_is_named() -> None:
    spare = prove(started("lw")).data
    halted, addu_ = prove(started("halted")), prove(started("addu"))
    with pytest.raises(WitnessError, match="does not use the code leaf"):
        verify(replace(halted, code=spare))
    with pytest.raises(WitnessError, match="does not use the data leaf"):
        verify(replace(addu_, data=spare))


# --- The packing ----------------------------------------------------------------------------------


@EVERY_KIND
def test_a_packed_proof_is_unpacked_again(name: str) -> None:
    witness = prove(started(name))
    packed = witness.pack_proof()
    assert len(packed) == PROOF_SIZE * len(KINDS[name].parts.removesuffix("p"))
    assert unpack_proof(packed) == (witness.code, witness.data)
    if witness.code:
        assert packed[:32] == witness.code.leaf
        assert packed[32:64] == witness.code.siblings[0]
        assert packed[PROOF_SIZE - 32 : PROOF_SIZE] == witness.code.siblings[-1]


def test_any_two_proofs_survive_packing() -> None:
    packed = random.Random("any").randbytes(2 * PROOF_SIZE)
    code, data = unpack_proof(packed)
    assert Witness(bytes(STATE_SIZE), code, data).pack_proof() == packed


def test_packings_of_other_lengths_are_refused() -> None:
    for size in (1, 31, 32, 895, 897, 1791, 1793, 2688, *range(2, 1900, 32)):
        with pytest.raises(WitnessError, match=f"896 or 1792 bytes, not {size}"):
            unpack_proof(bytes(size))


# --- Real programs --------------------------------------------------------------------------------


def real(
    name: str, word: bytes = bytes(32), preimages: dict[bytes, bytes] | None = None
) -> FastMachine:
    program = load(build(name).read_bytes(), kernel_image())
    memory = Memory(program.pages)
    oracle = Oracle(DictSource(preimages))
    return FastMachine(genesis(memory.root(), program.pc, word), memory, oracle, silent)


def prove_next(machine: Machine) -> Witness:
    """Prove the next step, check the proof against the step, and take it."""
    witness = prove(machine)
    proved = verify(witness)
    assert proved == truth(machine, machine.state())
    machine.run(machine.step + 1)
    assert machine.state().hash() == proved
    return witness


@pytest.mark.parametrize(("name", "length"), [("hello", 20_000_000), ("sha256chain", 10_000_000)])
def test_random_steps_of_programs_are_proved(name: str, length: int) -> None:
    machine, chance = real(name, (2000).to_bytes(32)), random.Random(name)
    booting = chance.sample(range(1, 300), 40)
    kernel = 0
    for at in sorted([0, *booting, *chance.sample(range(300, length), 160)]):
        machine.run(at)
        kernel += machine.core.pc >= KERNEL
        prove_next(machine)
    assert kernel >= 40
    assert machine.step > length * 9 // 10


def test_random_steps_around_preimages_are_proved() -> None:
    tree = build_tree(random.Random("some data").randbytes(300_000))
    machine = real("preimage_c", tree.root, dict(tree.preimages))
    chance = random.Random("preimage_c")
    with_part = 0
    for _ in range(60):
        machine.run(machine.step + chance.randrange(500))
        assert machine.run_to_preimage() is not None
        assert machine.core.pc >= KERNEL
        for ahead in (0, chance.randrange(1, 50), chance.randrange(1, 500)):
            machine.run(machine.step + ahead)
            with_part += prove_next(machine).part is not None
    assert with_part >= 60


def test_the_end_of_a_program_is_proved_as_long_as_one_likes() -> None:
    machine = real("preimage_c")  # an input that is no key of a preimage: it fails
    machine.run(1 << 40)
    end = machine.step
    assert (machine.exited, machine.core.exit_code) == (True, 1)
    witness = prove(machine)
    assert (witness.code, witness.data, witness.part) == (None, None, None)
    assert verify(witness) == machine.state().hash()

    again = real("preimage_c")
    again.run(end - 1)
    assert verify(prove(again)) == machine.state().hash()
