"""The encodings: docs/vm.md, the tables of the specification and the compiled callbacks agree."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm import callbacks
from fpvm.isa import (
    Call,
    Cause,
    Fn,
    Fn2,
    Op,
    Rt,
    call_code,
    differing,
    engines_differ,
    is_call,
    is_likely,
)
from fpvm.step import OPCODES, REGIMM, SPECIAL, SPECIAL2, VM_CALLS, reserved
from tests.fpvm.fuzz import SELECTORS, random_word
from tests.fpvm.machines import INSTRUCTIONS, PROPERTY, imm, jr, jump, regimm, special, syscall

VM = (Path(__file__).parents[2] / "docs" / "vm.md").read_text()
words = st.one_of(
    st.integers(0, 2**32 - 1),
    st.sampled_from(SELECTORS).flatmap(
        lambda selector: st.randoms().map(lambda rng: random_word(rng, selector))
    ),
)


def documented(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of docs/vm.md, without the header row."""
    rows = re.findall(r"^\|.*\|$", VM.split(f"# {heading}\n")[1], re.MULTILINE)
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    table = []
    for row in cells[2:]:
        if len(row) != len(cells[0]):
            break
        table.append(row)
    return table


def documented_instructions() -> dict[type, dict[str, int]]:
    """The numbers that docs/vm.md gives to the instructions, by what selects them."""
    found: dict[type, dict[str, int]] = {Op: {}, Fn: {}, Fn2: {}, Rt: {}}
    for group, instructions in documented("Instructions"):
        kind = Fn
        if "(op)" in group or group.startswith("PREF"):
            kind = Op
        elif "REGIMM" in group:
            kind = Rt
        elif "SPECIAL2" in group:
            kind = Fn2
        for name, op, number in re.findall(
            r"([A-Z0-9]+) (\(op )?([0-9a-f]{2})\b", f"{group}, {instructions}"
        ):
            if not name.startswith("SPECIAL") and name != "REGIMM":
                found[Op if op else kind][name] = int(number, 16)
    return found


@pytest.mark.parametrize("kind", [Fn, Fn2, Rt])
def test_the_page_lists_the_numbers_of_the_code(kind):
    assert documented_instructions()[kind] == {entry.name: entry.value for entry in kind}


def test_the_page_lists_the_opcodes_of_the_code():
    groups = {Op.SPECIAL, Op.REGIMM, Op.SPECIAL2}
    missing = {Op.COP0, Op.SPECIAL3, Op.CACHE}
    listed = {op.name: op.value for op in Op if op not in groups | missing}
    assert documented_instructions()[Op] == listed
    for name, number in re.findall(r"(SPECIAL2?|REGIMM) \(([0-9a-f]{2})\)", VM):
        assert Op[name] == int(number, 16)


@pytest.mark.parametrize(
    ("table", "numbers"),
    [
        (OPCODES, {*documented_instructions()[Op].values(), Op.SPECIAL, Op.REGIMM, Op.SPECIAL2}),
        (SPECIAL, set(documented_instructions()[Fn].values())),
        (SPECIAL2, set(documented_instructions()[Fn2].values())),
        (REGIMM, set(documented_instructions()[Rt].values())),
    ],
    ids=["opcodes", "SPECIAL", "SPECIAL2", "REGIMM"],
)
def test_the_specification_has_what_the_page_lists_and_nothing_else(table, numbers):
    assert len(numbers) >= 7
    assert {i for i, instruction in enumerate(table) if instruction is not reserved} == numbers


def test_the_page_lists_the_vm_calls_of_the_code():
    rows = {row[1]: int(row[0]) for row in documented("VM calls")}
    assert rows == {call.name: call.value for call in Call}
    assert set(VM_CALLS) == set(Call)


def test_the_page_lists_the_causes_of_the_code():
    names = {"ADEL": "AdEL", "ADES": "AdES", "SYS": "Sys", "BP": "Bp", "RI": "RI"}
    names |= {"OV": "Ov", "TR": "Tr"}
    listed = ", ".join(f"{cause.value} {names[cause.name]}" for cause in Cause)
    assert listed in re.sub(r"\s+", " ", VM)


# --- System calls ---------------------------------------------------------------------------------


@PROPERTY
@given(words)
def test_a_call_is_a_syscall_of_any_code(word):
    assert is_call(word) == (word >> 26 == 0 and word & 63 == 0x0C)


@PROPERTY
@given(st.integers(0, 2**20 - 1))
def test_the_code_of_a_call(code):
    assert is_call(syscall(code))
    assert call_code(syscall(code)) == code


# --- Where the engines differ ---------------------------------------------------------------------

LIKELY = {"BEQL", "BNEL", "BLEZL", "BGTZL", "BLTZL", "BGEZL", "BLTZALL", "BGEZALL"}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_likely_branches(name):
    assert is_likely(INSTRUCTIONS[name] | 5) == (name in LIKELY)


DIFFERENT = {
    "MFC0": 0x40026000,
    "ERET": 0x42000018,
    "WAIT": 0x42000020,
    "CACHE": 0xBC400000,
    "PMON": special(0x05),
    "PMON with fields": special(0x05, 1, 2, 3, 4),
    "BC1F": 0x45000003,
    "BC1TL": 0x45030003,
    "BC1ANY2": 0x45200003,
    "ADDU.QB": 0x7C000010,
    "SPECIAL3 3f": 0x7C00003F,
    "BEQL over its slot": imm(Op.BEQL, 1, 2, 1),
    "BGEZALL over its slot": regimm(Rt.BGEZALL, 1, 1),
    "BNEL of one register": imm(Op.BNEL, 3, 3, 9),
    "BGTZL of zero": imm(Op.BGTZL, 0, 0, 9),
    "BLTZL of zero": regimm(Rt.BLTZL, 0, 9),
    "BLTZALL of zero": regimm(Rt.BLTZALL, 0, 9),
}
ALIKE = {
    "RDHWR": 0x7C03E83B,
    "EXT": 0x7C000000,
    "INS": 0x7C000004,
    "MFC1": 0x44020000,
    "ADD.S": 0x46000000,
    "COP2": 0x48000000,
    "LWC1": 0xC4000000,
    "MOVF": special(0x01),
    "SDBBP": 0x7000003F,
    "padding": 0x04170001,
    "BEQ over its slot": imm(Op.BEQ, 1, 2, 1),
    "BNE of one register": imm(Op.BNE, 3, 3, 9),
    "BEQL of one register": imm(Op.BEQL, 3, 3, 9),
    "BNEL of two": imm(Op.BNEL, 3, 4, 9),
    "BLEZL of zero": imm(Op.BLEZL, 0, 0, 9),
    "BGTZL of another": imm(Op.BGTZL, 1, 0, 9),
    "BGEZL of zero": regimm(Rt.BGEZL, 0, 9),
    "J": jump(4),
    "JR": jr(1),
    "SYSCALL": syscall(1),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_encodings_on_which_the_engines_differ(name):
    assert engines_differ(DIFFERENT[name])


@pytest.mark.parametrize("name", [*ALIKE, *INSTRUCTIONS])
def test_encodings_on_which_they_do_not(name):
    assert not engines_differ(ALIKE.get(name, INSTRUCTIONS.get(name, 0) | 1 << 21))


def test_the_check_of_many_words_is_the_check_of_each():
    rng = random.Random(1)
    found = [random_word(rng, rng.choice(SELECTORS)) for _ in range(20_000)]
    found += [*DIFFERENT.values(), *ALIKE.values()]
    each = [engines_differ(word) for word in found]
    assert differing(np.array(found, np.uint32)).tolist() == each
    assert differing(np.array(found, np.uint32).reshape(-1, 1)[::2, 0]).tolist() == each[::2]
    assert 2000 < sum(each) < 10_000


def test_the_compiled_checks_are_those_of_python():
    """The callbacks have copies of their own, for numba."""
    rng = random.Random(2)
    found = [random_word(rng, rng.choice(SELECTORS)) for _ in range(20_000)]
    for word in (*found, *DIFFERENT.values(), *ALIKE.values()):
        assert bool(callbacks._differs(word)) == engines_differ(word), hex(word)
        assert bool(callbacks._is_likely(word)) == is_likely(word), hex(word)


def test_whatever_jumps_is_known_to_have_a_delay_slot():
    """More may be taken for a jump, at the cost of time, but nothing less."""
    jumps = {"J", "JAL", "JR", "JALR", "BEQ", "BNE", "BLEZ", "BGTZ", *LIKELY}
    jumps |= {"BLTZ", "BGEZ", "BLTZAL", "BGEZAL"}
    for name, word in INSTRUCTIONS.items():
        assert callbacks._may_branch(word) or name not in jumps
    for name in ("ADDU", "LW", "SW", "SYSCALL", "ADDIU", "LUI", "MUL"):
        assert not callbacks._may_branch(INSTRUCTIONS[name])
