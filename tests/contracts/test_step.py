"""The step contract does what the specification does: every instruction, exception and VM call."""

from __future__ import annotations

import random
from itertools import product

import pytest

from contracts.chain import Reverted
from contracts.clients import Step
from fpvm.isa import A0, A1, A2, KERNEL, V0, V1, Call, Cause, Fn, Op, Rt
from fpvm.oracle import keccak_key, sha256_key
from fpvm.proof import Witness, post_state, prove
from fpvm.state import State
from fpvm.step import MASK32
from tests.contracts.witnesses import Case, case, witness
from tests.fpvm.kinds import EVERY_KIND, KINDS, started
from tests.fpvm.machines import CODE, CORNERS, DATA, INSTRUCTIONS, addiu, imm, jump, regimm, special

RS, RT, RD = 8, 9, 10
#: Where the meaning of an address changes.
ADDRESSES = (
    *range(DATA, DATA + 33),
    *(0, 0xFFC, 0xFFD, 0xFFE, 0xFFF, 0x1000, 0x1001, 0x1002, 0x1003),
    *(CODE - 4, CODE, CODE + 4, CODE + 31, 0x7FFF_FFFC, KERNEL, MASK32 - 3, MASK32),
)
#: Of either sign, and at the ends.
IMMEDIATES = (0, 1, 0x7FFF, -1, -0x8000)
MEMORY_OPS = tuple(op for op in Op if op >= Op.LB and op not in (Op.CACHE, Op.PREF))


def check(step: Step, subject: Case | Witness) -> State:
    """The state after a step that contract and specification agree on."""
    if isinstance(subject, Case):
        subject = witness(subject, random.Random(repr(subject)))
    after = post_state(subject)
    assert step.execute(subject) == after.hash()
    return after


def cause_of(after: State) -> int | None:
    """The cause of the exception that led to a state, if one did."""
    return after.regs[26] if (after.pc, after.next_pc) == (KERNEL, KERNEL + 4) else None


@EVERY_KIND
def test_a_step_of_every_kind(any_step: Step, name: str) -> None:
    check(any_step, prove(started(name)))


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_on_every_pair_of_corners(step: Step, name: str) -> None:
    base = INSTRUCTIONS[name]
    rt = 0 if base >> 26 == Op.REGIMM else RT << 16
    fields = 0x7AB8 & (0xF800 | 9 << 6 if base >> 26 in (Op.SPECIAL, Op.SPECIAL2) else MASK32)
    for left, right in product(CORNERS[::2], CORNERS):
        word = base | RS << 21 | rt | fields
        check(step, case(word, {RS: left, RT: right, 15: 5}, hi=right, lo=left ^ 0x55))


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_with_one_register_for_all(step: Step, name: str) -> None:
    """What is read before it is written, and register 0, which stays zero."""
    base = INSTRUCTIONS[name]
    for number, value in product((0, 2, 26, 31), (0, 1, 0x8000_0000, DATA + 4)):
        fields = number << 21 | number << 11
        if base >> 26 != Op.REGIMM:
            fields |= number << 16
        word = base | fields & (MASK32 if base >> 26 in (0, 28) else 0xFFFF_0000)
        after = check(step, case(word, {number: value} if number else {}))
        assert after.regs[0] == 0


@pytest.mark.parametrize("op", MEMORY_OPS, ids=lambda op: op.name)
def test_loads_and_stores_at_every_edge(step: Step, op: int) -> None:
    for address, offset in product(ADDRESSES, (0, -1, 0x7FFF, -0x8000)):
        regs = {RS: (address - offset) & MASK32, RT: 0x89AB_CDEF}
        leaf = random.Random(address).randbytes(32)
        there = int.from_bytes(leaf[address & 28 : (address & 28) + 4])
        linked = {"ll_addr": address, "ll_value": there}
        check(step, case(imm(op, RS, RT, offset), regs, data=leaf, **linked))


def test_shifts_by_register_take_five_bits(step: Step) -> None:
    for fn, amount in product((Fn.SLLV, Fn.SRLV, Fn.SRAV), (*range(35), 255, 256, MASK32)):
        after = check(step, case(special(fn, RS, RT, RD), {RS: amount, RT: 0x8000_0001}))
        if amount & 31 == 0:
            assert after.regs[RD] == 0x8000_0001


def test_an_immediate_is_extended_as_its_instruction_wants(step: Step) -> None:
    """With its sign, but for logic; also where what is compared has none."""
    words = [imm(op, RS, RT, value) for op in range(Op.ADDI, Op.LUI + 1) for value in IMMEDIATES]
    words += [regimm(rt, RS, value) for rt in range(Rt.TGEI, Rt.TNEI + 1) for value in IMMEDIATES]
    for word, left in product(words, (*CORNERS[::2], *(value & MASK32 for value in IMMEDIATES))):
        check(step, case(word, {RS: left, RT: 7}))


@pytest.mark.parametrize(
    ("word", "left", "right", "overflows"),
    [
        (special(Fn.ADD, RS, RT, RD), 0x7FFF_FFFF, 1, True),
        (special(Fn.ADD, RS, RT, RD), 0x8000_0000, MASK32, True),
        (special(Fn.ADD, RS, RT, RD), 0x7FFF_FFFF, MASK32, False),
        (special(Fn.ADDU, RS, RT, RD), 0x7FFF_FFFF, 1, False),
        (special(Fn.SUB, RS, RT, RD), 0x8000_0000, 1, True),
        (special(Fn.SUB, RS, RT, RD), 0, 0x8000_0000, True),
        (special(Fn.SUB, RS, RT, RD), MASK32, 0x8000_0000, False),
        (special(Fn.SUBU, RS, RT, RD), 0x8000_0000, 1, False),
        (imm(Op.ADDI, RS, RT, 1), 0x7FFF_FFFF, 7, True),
        (imm(Op.ADDI, RS, RT, -1), 0x8000_0000, 7, True),
        (imm(Op.ADDI, RS, RT, 1), MASK32, 7, False),
        (imm(Op.ADDI, RS, RT, -1), 0x7FFF_FFFF, 7, False),
        (addiu(RT, RS, 1), 0x7FFF_FFFF, 7, False),
    ],
)
def test_signed_overflow_is_an_exception_that_writes_nothing(
    step: Step, word: int, left: int, right: int, overflows: bool
) -> None:
    regs = {RS: left, RT: right, RD: 3}
    after = check(step, case(word, regs))
    assert (cause_of(after) == Cause.OV) == overflows
    if overflows:
        assert after.regs[8:11] == (left, right, 3)


@pytest.mark.parametrize(("size", "load", "save"), [(2, Op.LH, Op.SH), (4, Op.LW, Op.SW)])
def test_an_unaligned_access_is_an_exception(step: Step, size: int, load: int, save: int) -> None:
    for offset in range(8):
        for op, cause in ((load, Cause.ADEL), (save, Cause.ADES)):
            after = check(step, case(imm(op, RS, RT, offset), {RS: DATA}))
            assert cause_of(after) == (cause if offset % size else None)


def test_no_word_at_a_pc_that_is_unaligned_or_null(step: Step) -> None:
    for pc in (0, 4, 0xFFC, 0xFFF, 0x1001, CODE + 1, CODE + 2, CODE + 3, 0x7FFF_FFFE):
        found = witness(case(addiu(RS, RS, 1), pc=pc), random.Random(pc))
        assert found.pack_proof() == b""
        assert cause_of(check(step, found)) == Cause.ADEL
    for pc in (0x1000, 0x7FFF_FFFC, KERNEL, 0xFFFF_FFFC):
        assert check(step, case(addiu(RS, RS, 1), pc=pc)).regs[RS] == 1


@pytest.mark.parametrize(
    "word",
    [
        *(special(Fn.SYSCALL), special(Fn.BREAK), 0xFFFF_FFFF, special(Fn.TEQ)),
        *(imm(Op.LW, 0, RT, 0), imm(Op.SW, 0, RT, 0), special(Fn.SYSCALL) | Call.HALT << 6),
        special(Fn.SYSCALL) | 6 << 6,
    ],
)
def test_an_exception_of_the_kernel_halts(step: Step, word: int) -> None:
    """As it does one word below the kernel's range, and not in it."""
    output = b"\x77" * 32
    for pc in (KERNEL, KERNEL + 0x1000, 0xFFFF_FFFC):
        after = check(step, case(word, pc=pc, output=output))
        assert (after.exited, after.exit_code, after.output) == (True, 255, bytes(32))
        assert (after.pc, after.next_pc, after.step) == (pc, (pc + 4) & MASK32, 1)
    after = check(step, case(word, pc=KERNEL - 4, output=output))
    assert (after.exited, after.pc, after.output) == (False, KERNEL, output)


def test_a_halted_machine_stays(step: Step) -> None:
    for code in (0, 1, 255):
        halted = case(addiu(RS, RS, 1), exited=True, exit_code=code, step=7)
        assert check(step, halted).step == 7


def test_the_count_of_steps_wraps(step: Step) -> None:
    for count in (0, MASK32, 1 << 32, (1 << 64) - 1):
        after = check(step, case(addiu(RS, RS, 1), {1: MASK32}, step=count, exit_code=0xFF))
        assert after.step == (count + 1) % (1 << 64)


def test_branches_wrap_and_obey_the_delay_slot(step: Step) -> None:
    words = [imm(op, RS, RT, offset) for op in range(4, 8) for offset in (0, 1, -1, -0x8000)]
    words += [imm(op, RS, RT, 0x7FFF) for op in range(20, 24)]
    words += [regimm(rt, RS, -3) for rt in Rt]
    words += [jump(0x0123_4560, op) for op in (Op.J, Op.JAL)]  # the region is that of pc + 4
    for word, pc, value in product(words, (0x1000, KERNEL - 4, 0xFFFF_FFFC), (0, 1, MASK32)):
        for next_pc in ((pc + 4) & MASK32, 0xFFFF_FFFC, 0x0BAD_C0DE):
            check(step, case(word, {RS: value}, pc=pc, next_pc=next_pc))


# --- VM calls -------------------------------------------------------------------------------------


def call(code: int, regs: dict[int, int], **fields: object) -> Case:
    return case(special(Fn.SYSCALL) | code << 6, regs, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "register", "cause"),
    [
        (Call.HALT, A1, Cause.ADEL),
        (Call.INPUT, A0, Cause.ADES),
        (Call.ORACLE_KEY, A0, Cause.ADEL),
    ],
)
def test_a_vm_call_takes_whole_leaves_only(
    step: Step, code: int, register: int, cause: int
) -> None:
    for address in (*range(DATA, DATA + 33), 0, 32, 0xFE0, 0xFFF, 0x1000, CODE, 0xFFFF_FFE0):
        after = check(step, call(code, {register: address}, input=b"\x11" * 32))
        faults = address % 32 != 0 or address < 0x1000
        assert (cause_of(after) == cause) == faults


def test_the_input_is_a_field_of_the_state_and_not_memory(step: Step) -> None:
    """opML's VM has the input at 0x31000000, where its contract reads from the oracle instead."""
    word = bytes(range(32))
    found = witness(call(Call.INPUT, {A0: DATA}, input=word), random.Random(1))
    after = check(step, found)
    assert after.input == word
    assert after.mem_root != State.unpack(found.state).mem_root
    preimage = b"\xee" * 100
    read = call(
        Call.ORACLE_READ, {A0: DATA, A1: 0}, preimage=preimage, oracle_key=keccak_key(preimage),
        input=word,
    )  # fmt: skip
    assert check(step, read).input == word
    for address in (0x3000_1000, 0x3100_0000, 0x31FF_FFFC, 0xC000_0000):
        loaded = case(imm(Op.LW, RS, RT, 0), {RS: address}, data=b"\x5a" * 32, input=word)
        assert check(step, loaded).regs[RT] == 0x5A5A_5A5A


@pytest.mark.parametrize("key", [keccak_key, sha256_key])
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 64, 100, 32 * 1024])
def test_a_preimage_is_read_exactly_to_its_end(step: Step, key, length: int) -> None:
    preimage = random.Random(length).randbytes(length)
    offsets = {0, 1, length // 2, length - 33, length - 32, length - 31, length - 1, length}
    offsets |= {length + 1, length + 32, 1 << 31, MASK32}
    for offset, start in product(sorted(o for o in offsets if o >= 0), (0, 1, 16, 31)):
        regs = {A0: DATA + start, A1: offset}
        after = check(
            step, call(Call.ORACLE_READ, regs, preimage=preimage, oracle_key=key(preimage))
        )
        inside = offset < length
        assert after.regs[V0] == (min(32 - start, length - offset) if inside else 0)
        assert after.regs[V1] == (length if inside else 0)


def test_a_key_of_unknown_type_has_nothing_and_needs_no_oracle(step: Step) -> None:
    for kind in (0, 1, 3, 5, 6, 0x82, 0xFF):
        regs = {A0: DATA + 3, A1: 0, V0: 5, V1: 6}
        key = bytes([kind]) + bytes(31)
        after = check(step, call(Call.ORACLE_READ, regs, oracle_key=key))
        assert (after.regs[V0], after.regs[V1]) == (0, 0)


def test_a_preimage_that_is_not_loaded_is_named(step: Step) -> None:
    preimage = b"wanted"
    key = keccak_key(preimage)
    found = witness(
        call(Call.ORACLE_READ, {A0: DATA, A1: 2}, preimage=preimage, oracle_key=key),
        random.Random(2),
    )
    step.oracle.load_keccak256(preimage, 3)
    without = Witness(found.state, found.code, found.data)
    with pytest.raises(Reverted) as refusal:
        step.execute(without)
    assert (refusal.value.error, refusal.value.arguments) == ("PreimageNotLoaded", (key, 2))
    assert step.execute(found) == post_state(found).hash()
    assert step.execute(without) == post_state(found).hash()


def test_write_shows_nothing_and_needs_no_memory(step: Step) -> None:
    for channel, address, length in product((0, 1, 3, MASK32), (0, 1, MASK32), (0, 5, MASK32)):
        after = check(step, call(Call.WRITE, {A0: channel, A1: address, A2: length}))
        assert after.regs[V0] == length


def test_unknown_vm_calls_are_reserved(step: Step) -> None:
    for code in (6, 7, 0x101, 0x40001, 0xFFFFF):
        assert cause_of(check(step, call(code, {}))) == Cause.RI


def test_every_reserved_encoding_is_an_exception(step: Step) -> None:
    own = {word & 0xFC00_0000 for word in INSTRUCTIONS.values()}
    words = [op << 26 for op in range(64) if op << 26 not in own]
    words += [fn for fn in range(64) if fn not in set(Fn)]
    words += [0x1C << 26 | fn for fn in range(64) if 0x1C << 26 | fn not in INSTRUCTIONS.values()]
    words += [1 << 26 | rt << 16 for rt in range(32) if rt not in set(Rt)]
    assert len(words) > 100
    for word in words:
        assert cause_of(check(step, case(word))) == Cause.RI


def test_kinds_cover_what_a_witness_can_hold() -> None:
    assert {kind.parts for kind in KINDS.values()} == {"", "c", "cd", "cdp"}
