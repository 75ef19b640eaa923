"""Where an engine goes wrong: both engines, step by step, on one hard case after the other."""

from __future__ import annotations

from itertools import product

import pytest

from fpvm.fast import FastMachine
from fpvm.isa import A0, A1, K1, KERNEL, Fn, Op, Rt
from fpvm.oracle import sha256_key
from tests.fpvm.machines import (
    BREAK,
    CODE,
    DATA,
    NOP,
    PAGE,
    RDHWR,
    RETURN,
    SKIP,
    Setup,
    addiu,
    addu,
    agree,
    agree_at,
    assemble,
    beq,
    bne,
    imm,
    jr,
    jump,
    li,
    loop,
    lw,
    program,
    regimm,
    special,
    special2,
    sw,
    syscall,
)

#: Registers of these programs: 8 holds 1, 9 holds -1, 10 INT_MAX, 16 DATA, 17 CODE, 18 a null
#: pointer, 19 the address behind the branch under test.
REGS = {8: 1, 9: 0xFFFF_FFFF, 10: 0x7FFF_FFFF, 16: DATA, 17: CODE, 18: 0x10}
MIN, MAX, MINUS_ONE = 0x8000_0000, 0x7FFF_FFFF, 0xFFFF_FFFF
LAST = CODE + PAGE - 4
WORK = addiu(2, 2, 1)

#: Branches that go 8 words on if they are taken: by name, the word.
BRANCHES = {
    "beq taken": beq(8, 8, 8),
    "beq not": beq(8, 9, 8),
    "bne taken": bne(8, 9, 8),
    "bne not": bne(8, 8, 8),
    "blez taken": imm(Op.BLEZ, 9, 0, 8),
    "blez not": imm(Op.BLEZ, 8, 0, 8),
    "bgtz taken": imm(Op.BGTZ, 8, 0, 8),
    "bgtz not": imm(Op.BGTZ, 0, 0, 8),
    "bltz taken": regimm(Rt.BLTZ, 9, 8),
    "bltz not": regimm(Rt.BLTZ, 0, 8),
    "bgez taken": regimm(Rt.BGEZ, 0, 8),
    "bgez not": regimm(Rt.BGEZ, 9, 8),
    "bltzal taken": regimm(Rt.BLTZAL, 9, 8),
    "bltzal not": regimm(Rt.BLTZAL, 8, 8),
    "bgezal taken": regimm(Rt.BGEZAL, 0, 8),
    "bgezal of its own link": regimm(Rt.BGEZAL, 31, 8),
    "beql taken": imm(Op.BEQL, 8, 8, 8),
    "beql not": imm(Op.BEQL, 8, 9, 8),
    "bnel taken": imm(Op.BNEL, 8, 9, 8),
    "bnel not": imm(Op.BNEL, 8, 12, 8),
    "blezl taken": imm(Op.BLEZL, 9, 0, 8),
    "blezl not": imm(Op.BLEZL, 8, 0, 8),
    "bgtzl taken": imm(Op.BGTZL, 8, 0, 8),
    "bgtzl not": imm(Op.BGTZL, 9, 0, 8),
    "bltzl taken": regimm(Rt.BLTZL, 9, 8),
    "bltzl not": regimm(Rt.BLTZL, 8, 8),
    "bgezl not": regimm(Rt.BGEZL, 9, 8),
    "bltzall taken": regimm(Rt.BLTZALL, 9, 8),
    "bltzall not": regimm(Rt.BLTZALL, 8, 8),
    "bgezall taken": regimm(Rt.BGEZALL, 8, 8),
    "bgezall not": regimm(Rt.BGEZALL, 9, 8),
    # Likely branches for which the engines differ: over their own delay slot, and never taken.
    "beql over its slot, taken": imm(Op.BEQL, 8, 8, 1),
    "beql over its slot, not": imm(Op.BEQL, 8, 9, 1),
    "bnel of one register": imm(Op.BNEL, 8, 8, 8),
    "bgtzl of zero": imm(Op.BGTZL, 0, 0, 8),
    "bltzl of zero": regimm(Rt.BLTZL, 0, 8),
    "bltzall of zero": regimm(Rt.BLTZALL, 0, 8),
    "blezl of zero": imm(Op.BLEZL, 0, 0, 8),
    "beql of one register": imm(Op.BEQL, 0, 0, 8),
    "jr": jr(19),
    "jalr": special(Fn.JALR, 19, 0, 31),
    "jalr over its target": special(Fn.JALR, 19, 0, 19),
    "jr to an unaligned address": jr(20),
    "jr to an odd address": jr(21),
    "jr to null": jr(18),
}

#: What is put into delay slots.
SLOTS = {
    "work": WORK,
    "load": lw(2, 0x100, 16),
    "load that misses": lw(2, 0x7000, 16),
    "store that misses": sw(8, 0x7000, 16),
    "store to the running page": sw(8, 0x800, 17),
    "store to the next instruction": sw(0, 4, 22),
    "null load": lw(2, 0, 18),
    "null store": sw(2, 0, 18),
    "unaligned load": imm(Op.LH, 16, 2, 1),
    "lwl": imm(Op.LWL, 16, 2, 0x1001),
    "swr": imm(Op.SWR, 16, 9, 0x1001),
    "ll that misses": imm(Op.LL, 16, 2, 0x3000),
    "sc": imm(Op.SC, 16, 8, 0),
    "overflow": special(Fn.ADD, 8, 10, 2),
    "trap": special(Fn.TEQ, 8, 8),
    "break": BREAK,
    "rdhwr": RDHWR,
    "float branch": 0x4501_0003,
    "reserved": 0x0417_0001,
    "system call": syscall(0),
    "vm call": syscall(5),
    "unknown vm call": syscall(99),
    "branch": beq(0, 0, 2),
    "likely branch": imm(Op.BEQL, 8, 9, 2),
    "jump": jump(CODE + 0x800),
    "link": regimm(Rt.BGEZAL, 0, 0),
}


@pytest.mark.parametrize("place", ["in a block", "at a page's end", "alone at a page's end"])
@pytest.mark.parametrize("branch", BRANCHES)
def test_every_branch_with_everything_in_its_delay_slot(branch, place):
    at = CODE + 0x400 if place == "in a block" else LAST
    before = [] if place.startswith("alone") else [WORK, WORK]
    start = at - 4 * len(before)
    for kernel, slot in product((SKIP, RETURN), SLOTS.values()):
        setup = program(
            *before, BRANCHES[branch], slot, *[addiu(3, 3, i) for i in range(1, 8)], WORK, WORK,
            loop(),
            at=start,
            kernel=kernel,
            regs={**REGS, 19: at + 36, 20: at + 38, 21: at + 37, 22: at + 4, 31: at + 36},
            memory={DATA: bytes(range(64))},
            ll_addr=DATA,
            ll_value=0x00010203,
        )  # fmt: skip
        agree_at(setup, 29, 60)


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("length", [510, 511, 512])
def test_a_block_is_cut_before_a_delay_slot_because_it_is_long(branch, length):
    """Unicorn translates 512 instructions at most."""
    at = CODE + 4 * length
    setup = program(
        [addiu(2, 2, 1)] * length, BRANCHES[branch], addiu(3, 3, 1), addiu(4, 4, 1),
        *[addiu(5, 5, 1)] * 6, addiu(6, 6, 1), loop(),
        regs={**REGS, 19: at + 36, 20: at + 38, 21: at + 37},
    )  # fmt: skip
    for stop in range(length - 1, length + 5):
        agree_at(setup, stop, length + 60)


@pytest.mark.parametrize("slot", SLOTS)
def test_a_cut_off_delay_slot_may_fault(slot):
    at = CODE + 4 * 511
    setup = program(
        [addiu(3, 3, 1)] * 511, bne(8, 9, 8), SLOTS[slot], *[addiu(4, 4, 1)] * 7, loop(),
        regs={**REGS, 22: at + 4},
    )  # fmt: skip
    agree_at(setup, 512, 600, 700)


@pytest.mark.parametrize("branch", ["bne taken", "bne not", "beql taken", "beql not", "jr"])
def test_a_block_is_cut_because_its_translation_is_long(branch):
    """LWL translates to so much that a block of it has fewer than 170 instructions."""
    for prefix in range(4):
        for position in range(164, 170):
            code = [addiu(2, 2, 1)] * prefix + [imm(Op.LWL, 16, 2, 1)] * 300
            code[position : position + 2] = [BRANCHES[branch], addiu(3, 3, 1)]
            regs = {**REGS, 19: CODE + 4 * position + 20}
            setup = program(code, loop(), regs=regs, memory={DATA: bytes(range(16))})
            agree_at(setup, position + 1, 400)


@pytest.mark.parametrize("branch", [name for name in BRANCHES if "l " in name or "ll" in name])
@pytest.mark.parametrize("words_to_page_end", range(5))
def test_likely_branches_near_the_end_of_a_page(branch, words_to_page_end):
    at = LAST - 4 * words_to_page_end
    code = [WORK, BRANCHES[branch], addiu(3, 3, 1), *[addiu(4, 4, 1)] * 7, WORK, loop()]
    agree(program(*code, at=at - 4, regs={**REGS, 19: at + 36}), 60)


@pytest.mark.parametrize("branch", [name for name in BRANCHES if "likely" in name or "l " in name])
def test_a_page_follows_that_unicorn_may_not_execute(branch):
    """In the next page, where the delay slot is, are encodings on which the engines differ."""
    for at in (LAST, LAST - 4):
        code = [WORK, BRANCHES[branch], addiu(3, 3, 1), *[addiu(4, 4, 1)] * 7, WORK, loop()]
        mixed = {CODE + PAGE + 0x800: assemble(0x4000_0000)}
        agree(program(*code, at=at - 4, regs=REGS, memory=mixed), 60, offsets=range(0, 25, 4))


@pytest.mark.parametrize("opcode", [Op.LWL, Op.LWR, Op.SWL, Op.SWR])
def test_unaligned_accesses_at_every_offset(opcode):
    code = []
    for base in (0x20, 0x1C, PAGE - 4, PAGE):
        for offset in range(4):
            code += [imm(opcode, 16, 10, base + offset), addu(2, 2, 10), addiu(10, 10, 0x111)]
    setup = program(code, loop(), regs=REGS, memory={DATA: bytes(range(256)) * 32})
    agree(setup, 100)


@pytest.mark.parametrize("fn", [Fn.DIV, Fn.DIVU])
def test_division_at_its_corners(fn):
    code = []
    values = {8: MIN, 9: MINUS_ONE, 10: 0, 11: MAX, 12: 1, 13: 7, 14: 0xFFFF_FFF9}
    for left in values:
        for right in values:
            code += [special(fn, left, right), special(Fn.MFHI, 0, 0, 2), special(Fn.MFLO, 0, 0, 3)]
            code += [special(Fn.MULT, 2, 3), special(Fn.MFLO, 0, 0, 4), addu(5, 5, 4)]
    agree(program(code, loop(), regs=values), 320, offsets=(0, 13))


@pytest.mark.parametrize(
    "word",
    [
        special(Fn.ADD, 8, 10, 2),
        special(Fn.ADD, 10, 10, 0),
        special(Fn.SUB, 11, 8, 2),
        special(Fn.SUB, 0, 11, 11),
        imm(Op.ADDI, 10, 2, 1),
        imm(Op.ADDI, 11, 2, -1),
        special(Fn.ADD, 9, 8, 8),
    ],
)
@pytest.mark.parametrize("behind", [0, 3, 40])
def test_overflow_anywhere_in_a_block(word, behind):
    code = [WORK, WORK, sw(2, 0, 16), word, *[addiu(3, 3, 1)] * behind, beq(0, 0, 1), NOP]
    agree(program(code * 3, loop(), regs={**REGS, 11: MIN}), 150)


@pytest.mark.parametrize("word", [BREAK, RDHWR, 0x4400_0000, 0x0417_0001, 0x7000_003F, 0xFFFF_FFFF])
@pytest.mark.parametrize("behind", [0, 3])
def test_reserved_encodings_and_breakpoints(word, behind):
    code = [WORK, WORK, word, *[addiu(3, 3, 1)] * behind, beq(0, 0, 1), NOP]
    agree(program(code * 3, loop(), regs=REGS), 100)


@pytest.mark.parametrize("target", [CODE + 0x101, CODE + 0x102, CODE + 0xFFE, CODE + 0xFFD])
@pytest.mark.parametrize("where", [0x8, 0xF0])
def test_jumps_to_unaligned_addresses(target, where):
    for kernel in (RETURN, assemble(addiu(K1, 19, 0), jr(K1), NOP)):
        code = [NOP] * (where // 4) + [jr(18), WORK, WORK, loop()]
        regs = {**REGS, 18: target, 19: CODE + where + 8}
        agree(program(code, kernel=kernel, regs=regs), 120, offsets=range(0, 25, 3))


@pytest.mark.parametrize("target", [0, 4, 0xFFC, 0xFFE, 0x1001, 0x7FFF_FFFF, 0x8000_0002])
def test_jumps_to_where_nothing_can_be_fetched(target):
    agree(program([NOP] * 20, jr(18), WORK, regs={18: target}), 80, offsets=range(0, 25, 3))


@pytest.mark.parametrize("target", [0xFFFF_FFFD, 0xFFFF_FFFE, 0xFFFF_FFFF, 0xFFFF_FFFC])
def test_the_last_addresses(target):
    agree(program([NOP] * 20, jr(18), WORK, regs={18: target}), 80, offsets=range(0, 25, 3))


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("at", [0xFFFF_FFFC, 0xFFFF_FFF8, 0xFFFF_FFF4])
def test_code_wraps_around_at_the_end_of_memory(branch, at):
    """In the kernel's half: the fetch from 0 halts the machine, branches go to 0x20 and so on."""
    setup = program(
        [WORK] * 4, BRANCHES[branch], addiu(3, 3, 1), addiu(4, 4, 1),
        at=at - 16, regs={**REGS, 19: CODE}, memory={CODE: assemble([WORK] * 8, loop())},
    )  # fmt: skip
    agree(setup, 60, offsets=range(0, 25, 8))


def test_data_wraps_around_at_the_end_of_memory():
    code = [sw(8, 0, 18), lw(2, 0, 18), sw(9, 0x7FFC, 18), imm(Op.SWR, 18, 9, 3), lw(3, 0x1004, 18)]
    agree(program(code * 4, loop(), regs={**REGS, 18: 0xFFFF_FFFC}), 100)


@pytest.mark.parametrize(
    "word",
    [
        lw(2, 0, 18),
        sw(2, 0, 18),
        lw(2, 1, 16),
        special(Fn.ADD, 8, 10, 2),
        BREAK,
        RDHWR,
        syscall(0),
        syscall(77),
        special(Fn.TEQ, 8, 8),
        0x4501_0001,
        jr(20),
        0x4000_0000,
    ],
)
def test_exceptions_of_the_kernel_halt(word):
    for at in (KERNEL, KERNEL + 0x2000, 0xFFFF_0000):
        code = [*[WORK] * 30, word, *[addiu(3, 3, 1)] * 3, loop()]
        setup = Setup({at: assemble(*code)}, at, {**REGS, 20: at + 2})
        agree(setup, 80, offsets=range(0, 25, 5))
        final = setup.start(FastMachine)
        final.run(1000)
        assert (final.exited, final.core.exit_code) == (True, 255)


# --- LL and SC ------------------------------------------------------------------------------------

SC = imm(Op.SC, 16, 8, 0)
LL = imm(Op.LL, 16, 2, 0)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        pytest.param([LL, SC], {}, id="a pair"),
        pytest.param([LL, NOP, beq(0, 0, 1), NOP, SC], {}, id="a pair in two blocks"),
        pytest.param([LL, syscall(0), SC], {}, id="over a system call"),
        pytest.param([LL, sw(9, 0, 16), SC], {}, id="another value"),
        pytest.param([LL, sw(9, 0, 16), sw(2, 0, 16), SC], {}, id="another value and back"),
        pytest.param([LL, sw(9, 4, 16), SC], {}, id="another word"),
        pytest.param([LL, imm(Op.SC, 16, 8, 4)], {}, id="another address"),
        pytest.param([LL, SC, addiu(8, 0, 5), SC], {}, id="twice"),
        pytest.param([SC], {"ll_addr": DATA, "ll_value": 0x01020304}, id="from the state"),
        pytest.param([SC], {"ll_addr": DATA, "ll_value": 5}, id="from the state, mismatch"),
        pytest.param([imm(Op.SC, 16, 8, 2)], {"ll_addr": DATA + 2}, id="unaligned, matching"),
        pytest.param([imm(Op.SC, 16, 8, 2)], {}, id="unaligned, not matching"),
        pytest.param([imm(Op.SC, 18, 8, 0)], {"ll_addr": 0x10}, id="null, matching"),
        pytest.param([imm(Op.SC, 18, 8, 0)], {"ll_addr": 0x14}, id="null, not matching"),
        pytest.param([LL, imm(Op.LL, 16, 3, 1), SC], {}, id="an unaligned LL between"),
        pytest.param([LL, imm(Op.LL, 18, 3, 0), SC], {}, id="a null LL between"),
        pytest.param([LL, imm(Op.LL, 16, 3, 0x5000), SC], {}, id="an LL that misses between"),
        pytest.param([imm(Op.LL, 17, 2, 0x40), imm(Op.SC, 17, 8, 0x40)], {}, id="in code"),
        pytest.param([LL, imm(Op.SC, 16, 0, 0)], {}, id="SC of register 0"),
        pytest.param([imm(Op.LL, 16, 0, 0), SC], {}, id="LL to register 0"),
        pytest.param([imm(Op.LL, 16, 16, 0), SC], {}, id="LL over its base"),
    ],
)
def test_ll_and_sc(code, fields):
    words = [NOP, *code, addu(3, 3, 8), lw(4, 0, 16), loop()]
    agree(program(*words, regs=REGS, memory={DATA: b"\1\2\3\4\5\6\7\x08"}, **fields), 60)


# --- Code that changes ----------------------------------------------------------------------------


def patching(*words, memory=None, regs=None, steps=160):
    """A program in which 9 holds an instruction that counts in 3, and 16 points to CODE."""
    registers = {8: 1, 9: addiu(3, 3, 1), 16: CODE, 17: CODE + PAGE, **(regs or {})}
    agree(program(*words, regs=registers, memory=memory), steps)


def test_code_changes_the_next_instruction():
    patching(NOP, sw(9, 8, 16), NOP, NOP, loop())


def test_code_changes_the_instruction_it_is():
    patching(NOP, NOP, sw(9, 8, 16), NOP, beq(0, 0, -4), WORK)


def test_code_changes_an_instruction_that_was_executed():
    patching(WORK, WORK, sw(9, 0, 16), addiu(4, 4, 1), bne(4, 10, -5), NOP, loop())


def test_code_changes_what_its_own_branch_goes_to():
    patching(NOP, sw(9, 16, 16), beq(0, 0, 1), WORK, WORK, WORK, loop())


def test_code_changes_its_delay_slot():
    patching(NOP, beq(0, 0, 2), sw(9, 8, 16), NOP, beq(0, 0, -4), WORK)


def test_code_changes_a_byte_of_itself():
    patching(WORK, imm(Op.SB, 16, 4, 3), addiu(4, 4, 1), beq(0, 0, -4), NOP)


def test_code_is_written_then_called_and_written_again():
    routine = assemble(WORK, jr(31), NOP)
    code = [jump(CODE + PAGE, Op.JAL), NOP, sw(9, 0, 17), jump(CODE + PAGE, Op.JAL), NOP]
    code += [sw(8, 0x100, 17), lw(4, 0x100, 17), jump(CODE), addiu(9, 9, 1)]
    patching(*code, memory={CODE + PAGE: routine})


def test_code_is_written_where_only_data_was():
    code = [sw(9, 0, 17), sw(10, 4, 17), sw(0, 8, 17), jump(CODE + PAGE, Op.JAL), NOP, jump(CODE)]
    patching(*code, addiu(9, 9, 1), regs={10: jr(31)})


@pytest.mark.parametrize("kind", ["j", "beq", "beql"])
def test_a_branch_changes_whose_delay_slot_is_in_the_next_page(kind):
    """The translation of the delay slot, in a page that nobody wrote, holds the old target."""
    first, second = CODE + 2 * PAGE, CODE + 2 * PAGE + 0x100

    def to(target):
        if kind == "j":
            return jump(target)
        return imm(Op.BEQ if kind == "beq" else Op.BEQL, 0, 0, (target - LAST - 4) // 4)

    memory = {
        LAST: assemble(to(first), addiu(3, 3, 1)),
        first: assemble(sw(8, 0, 16), addiu(4, 4, 1), jump(LAST), NOP),
        second: assemble(addiu(5, 5, 1), loop()),
    }
    agree(program(jump(LAST), NOP, memory=memory, regs={8: to(second), 16: LAST}), 100)


def test_a_page_changes_to_one_unicorn_may_not_execute_and_back():
    """Its old translations must not come back with it; the engine is stopped on the way."""
    routine = CODE + PAGE
    call = [jump(routine, Op.JAL), addiu(4, 4, -1)]
    wait = [WORK, beq(0, 0, 1), NOP] * 12
    code = [sw(8, 0, 16), *call, bne(4, 0, -4), NOP, *wait]
    code += [sw(11, 0x40, 17), *wait]  # now a word is there on which the engines differ
    code += [sw(9, 0, 17), sw(0, 0x40, 17), *wait, *call, loop()]
    setup = program(
        *code,
        regs={4: 12, 9: addiu(3, 3, 100), 11: 0x4008_6000, 16: DATA, 17: routine},
        memory={routine: assemble(addiu(3, 3, 1), jr(31), NOP)},
    )
    agree(setup, 240)


def test_data_on_a_page_with_code():
    patching(lw(4, 0x800, 16), addiu(4, 4, 1), sw(4, 0x800, 16), beq(0, 0, -4), WORK)


@pytest.mark.parametrize("word", [0x4000_0000, 0xBC00_0000, 0x0000_0005, 0x7C00_0010, 0x4500_0000])
def test_encodings_on_which_the_engines_differ_are_reserved(word):
    """Coprocessor 0, CACHE, QEMU's PMON, SPECIAL3, branches of floating point."""
    code = [WORK, word, WORK, jump(CODE + PAGE + 0x20, Op.JAL), NOP, loop()]
    routine = {CODE + PAGE + 0x20: assemble(WORK, word, WORK, jr(31), WORK)}
    agree(program(*code, memory=routine), 80)


def test_a_jump_into_the_middle_of_a_delay_slot():
    code = [jump(CODE + 16), WORK, NOP, beq(0, 0, 3), addiu(3, 3, 1), addiu(4, 4, 1), NOP, NOP]
    agree(program(*code, addiu(5, 5, 1), jump(CODE + 12), NOP), 80)


def test_branches_in_delay_slots_follow_pc_and_next_pc():
    code = [
        beq(0, 0, 3),
        beq(0, 0, 5),
        WORK,
        WORK,
        addiu(3, 3, 1),
        jump(CODE),
        addiu(4, 4, 1),
        loop(),
    ]
    agree(program(*code), 80)


def test_multiply_and_add_with_fields_that_are_not_used():
    """Bits that the manual wants zero, and QEMU takes for other accumulators or for hints."""
    code = []
    for extra in (0, 1 << 11, 2 << 11, 3 << 6, 31 << 6):
        code += [special(Fn.MULT, 8, 9) | extra, special(Fn.MFLO, 0, 0, 2)]
        code += [special2(0, 8, 9) | extra, special(Fn.MFHI, 0, 0, 3) | extra & 0x7C0]
        code += [special(Fn.SLL, 0, 9, 4) | extra & 0x7C0, special(Fn.SRL, 1, 9, 5)]
        code += [special(Fn.SRLV, 8, 9, 6, 1)]
    agree(program(code, loop(), regs=REGS), 120)


@pytest.mark.parametrize("hint", [0, 1, 16, 31])
def test_jump_hints_are_ignored(hint):
    code = [
        NOP,
        jr(18) | hint << 6,
        WORK,
        NOP,
        special(Fn.JALR, 19, 5, 31, hint),
        WORK,
        NOP,
        loop(),
    ]
    agree(program(*code, regs={18: CODE + 16, 19: CODE + 28}), 60)


# --- VM calls -------------------------------------------------------------------------------------


@pytest.mark.parametrize("a0", [DATA, DATA + 4, DATA + 32, 0, 0x1000, 0xFE0, CODE + PAGE, CODE])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_calls_with_a_leaf(call, a0):
    code = [NOP] * 10 + [syscall(call), WORK, lw(2, 0, 16), loop()]
    regs = {**REGS, A0: a0, A1: a0}
    agree(program(*code, regs=regs, memory={DATA: bytes(range(64))}, input=b"i" * 32), 80)


@pytest.mark.parametrize("behind", [0, 3])
@pytest.mark.parametrize("code", [0, 1, 6, 0xFFFFF])
def test_exit_codes(code, behind):
    words = [*li(A0, code), *li(A1, DATA), syscall(1), *[WORK] * behind, loop()]
    agree(program(*words, memory={DATA: b"result" + bytes(26)}), 50)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 100])
def test_a_preimage_is_read_leaf_by_leaf(length):
    """To every offset in a leaf, over the ends of leaves and of pages, and past its end."""
    preimage = bytes(i + 1 & 0xFF for i in range(length))
    code = [*li(A0, DATA), syscall(3), *li(18, DATA + PAGE - 40), *li(19, 0)]
    again = [addiu(A0, 18, 0), addiu(A1, 19, 0), syscall(4), addu(18, 18, 2), addu(19, 19, 2)]
    again += [bne(2, 0, -6), addu(20, 20, 3)]
    code += [*again, addiu(18, 18, 1), addiu(19, 0, 0), jump(CODE + 4 * 7), NOP]
    memory = {DATA: sha256_key(preimage)}
    agree(program(*code, memory=memory, preimages=(preimage,)), 200, offsets=range(0, 25, 4))
