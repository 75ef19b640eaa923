"""Listings say what the machine does: compared with its description and with its specification."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from capstone import CS_ARCH_MIPS, CS_MODE_BIG_ENDIAN, CS_MODE_MIPS32, Cs
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm.disasm import Row, canonical, disassemble, listing, mnemonic, target
from fpvm.isa import Cause
from fpvm.state import State
from fpvm.step import Core, step
from fpvm.symbols import Symbol, Symbols

MANUAL = Path(__file__).parents[2] / "docs" / "vm.md"
ADDRESS = 0x2_0000
ONE_OF_EACH = [
    opcode << 26 | rt << 16 | function
    for opcode in range(64)
    for rt in (range(32) if opcode == 1 else [0])
    for function in (range(64) if opcode in (0, 0x1C) else [0])
]
WORDS = st.sampled_from(ONE_OF_EACH).flatmap(
    # Random operands for an instruction of each kind, so that none is rare.
    lambda word: st.integers(0, 0xFFFF_FFFF).map(lambda bits: word | bits & 0x03E0_FFC0)
) | st.integers(0, 0xFFFF_FFFF)


class OneWord:
    """A memory with one instruction; the rest is as good as any."""

    def __init__(self, word: int) -> None:
        self._code: bytes | None = word.to_bytes(4) * 8
        self.written: list[tuple[int, bytes]] = []

    def read_leaf(self, address: int) -> bytes:
        code, self._code = self._code, None
        return code or bytes((address >> 5) + i & 0xFF for i in range(32))

    def write_leaf(self, address: int, leaf: bytes) -> None:
        self.written.append((address, leaf))


class NoHost:
    """A host that nothing is asked of but a preimage."""

    def preimage(self, key: bytes) -> bytes:
        return b"preimage"

    def write(self, channel: int, address: int, length: int) -> None:
        pass


STATE = State(
    mem_root=bytes(32),
    pc=ADDRESS,
    next_pc=ADDRESS + 4,
    input=bytes(32),
    oracle_key=b"\x02" + bytes(31),
    regs=(0, *(0x1234_5678 * i & 0xFFFF_FFFF for i in range(1, 32))),
)


def after(word: int, state: State = STATE) -> tuple[State, list[tuple[int, bytes]]]:
    """The state after the specification has executed ``word``, and what it wrote to memory."""
    memory = OneWord(word)
    core = Core(state, memory, NoHost())
    step(core)
    return core.state(bytes(32)), memory.written


def is_reserved(word: int) -> bool:
    """Whether the specification raises exception 10."""
    state, _ = after(word)
    return state.pc == 0x8000_0000 and state.regs[26] == Cause.RI and state.regs[27] == ADDRESS


def only(word: int, address: int = ADDRESS, symbols: Symbols | None = None) -> Row:
    """The one row of a listing."""
    (row,) = disassemble(lambda _: word, address, 1, symbols or Symbols())
    return row


# --- names of instructions ------------------------------------------------------------------------


def described() -> dict[tuple[str, int], str]:
    """The instructions in the table of docs/vm.md: field and number, name."""
    found = {}
    table = MANUAL.read_text().split("### Instructions")[1].split("Everything else")[0]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 2 or cells[0] in ("group", "---"):
            continue
        group, instructions = cells
        if group.startswith("PREF"):
            group, instructions = "(op)", group
        field = "rt" if "REGIMM" in group else "special2" if "SPECIAL2" in group else "special"
        for name, op, number in re.findall(
            r"\b([A-Z]{1,7})\d? (\(op )?([0-9a-f]{2})\b", instructions
        ):
            here = "op" if op or "op)" in group else field
            found[here, int(number, 16)] = name.lower()
    return found


def test_the_instructions_are_those_that_the_description_lists() -> None:
    named: dict[tuple[str, int], str] = {}
    for number in range(64):
        encodings = {
            "op": number << 26,
            "special": number,
            "special2": 0x1C << 26 | number,
            "rt": 1 << 26 | number << 16,
        }
        for field, word in encodings.items():
            if (field == "op" and number in (0, 1, 0x1C)) or (field == "rt" and number > 31):
                continue
            name = mnemonic(word)
            if name is not None:
                named[field, number] = name
    assert named == described()
    assert len(named) > 80


def test_a_word_is_called_reserved_exactly_if_the_specification_rejects_it() -> None:
    for word in ONE_OF_EACH:
        assert (mnemonic(word) is None) == is_reserved(word), hex(word)


@settings(deadline=None)
@given(WORDS)
def test_random_words_are_called_reserved_exactly_if_they_are(word: int) -> None:
    assert (only(word).note.startswith("reserved")) == is_reserved(word)


@settings(max_examples=2000, deadline=None)
@given(WORDS, st.lists(st.integers(0, 0xFFFF_FFFF), min_size=31, max_size=31))
def test_what_is_listed_does_what_the_word_does(word: int, regs: list[int]) -> None:
    state = replace(STATE, regs=(0, *regs))
    assert after(canonical(word), state) == after(word, state)
    assert mnemonic(canonical(word)) == mnemonic(word)
    assert canonical(canonical(word)) == canonical(word)


#: Capstone's other names for an instruction with particular operands.
ALIASES = {
    "sll": {"nop", "ssnop", "ehb", "pause"},
    "addu": {"move"},
    "or": {"move"},
    "sub": {"neg"},
    "subu": {"negu"},
    "nor": {"not"},
    "beq": {"b", "beqz"},
    "bne": {"bnez"},
    "bgezal": {"bal"},
    "jalr": {"jr"},  # Linking to register 0.
}


@settings(max_examples=2000, deadline=None)
@given(WORDS)
def test_capstone_agrees_with_the_name(word: int) -> None:
    name = mnemonic(word)
    text = only(word).text
    if name is None or name == "syscall":
        return
    assert text.split()[0] in {name} | ALIASES.get(name, set())


@pytest.mark.parametrize(
    ("word", "text", "note"),
    [
        (0x27BD_FFE8, "addiu   $sp, $sp, -0x18", ""),
        (0x8FA4_0004, "lw      $a0, 4($sp)", ""),
        (0x0000_0000, "nop", ""),
        # Bits that later processors took for other instructions.
        (0x0020_2042, "srl     $a0, $zero, 1", "executed as 00002042"),  # rotr
        (0x00A4_2046, "srlv    $a0, $a0, $a1", "executed as 00a42006"),  # rotrv
        (0x0320_FC09, "jalr    $t9", "executed as 0320f809"),  # jalr.hb
        (0x70A4_2020, "clz     $a0, $a1", ""),
        (0x70A0_2020, "clz     $a0, $a1", "executed as 70a42020"),
        (0x0000_1812, "mflo    $v1", ""),
        (0x03FF_1812, "mflo    $v1", "executed as 00001812"),
        (0x3FE2_1234, "lui     $v0, 0x1234", "executed as 3c021234"),
        # What the machine does not know.
        (0x7C03_E83B, "rdhwr   $v1, $29", "reserved"),
        (0x4080_6000, "mtc0    $zero, $t4, 0", "reserved, the engines differ"),
        (0x4480_0000, "mtc1    $zero, $f0", "reserved"),
        (0xFFFF_FFFF, ".word   0xffffffff", "reserved"),
        (0x0417_0001, ".word   0x04170001", "reserved"),
    ],
)
def test_an_instruction_is_written_as_the_machine_executes_it(
    word: int, text: str, note: str
) -> None:
    row = only(word)
    assert (row.text, row.note) == (text, note)
    assert row.raw == f"{word:08x}"


def test_an_instruction_of_no_mips_is_listed_as_data() -> None:
    capstone = Cs(CS_ARCH_MIPS, CS_MODE_MIPS32 | CS_MODE_BIG_ENDIAN)
    undecoded = [w for w in ONE_OF_EACH if not list(capstone.disasm_lite(w.to_bytes(4), 0))]
    assert len(undecoded) > 10
    for word in undecoded:
        if mnemonic(word) is None:
            assert only(word).text == f".word   {word:#010x}"
            assert only(word).note.startswith("reserved")


# --- VM calls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name"),
    [(1, "halt"), (2, "input"), (3, "oracle_key"), (4, "oracle_read"), (5, "write")],
)
def test_vm_calls_are_shown_by_name(code: int, name: str) -> None:
    row = only(code << 6 | 0x0C)
    assert (row.text, row.note) == (f"vm.{name}", f"syscall {code}")


def test_other_codes_are_reserved_and_none_is_the_kernels() -> None:
    assert (only(0x0C).text, only(0x0C).note) == ("syscall", "to the kernel")
    assert only(0x0C, 0x8000_0000).note == "halts: this is the kernel"
    for code in (6, 7, 0xFFFFF):
        assert (only(code << 6 | 0x0C).text, only(code << 6 | 0x0C).note) == (
            f"syscall {code}",
            "reserved",
        )


# --- targets and symbols --------------------------------------------------------------------------

NAMES = Symbols([Symbol(ADDRESS, ADDRESS + 16, "main.main"), Symbol(0x30000, 0x30040, "f")])


@pytest.mark.parametrize(
    ("address", "word", "goal", "note"),
    [
        (ADDRESS + 8, 0x1000_FFFD, ADDRESS, "-> main.main"),
        (ADDRESS + 8, 0x1485_FFFE, ADDRESS + 4, "-> main.main+0x4"),
        (ADDRESS + 8, 0x0C00_C001, 0x30004, "-> f+0x4"),
        (ADDRESS + 8, 0x0800_C010, 0x30040, ""),
        (ADDRESS, 0x04110001, ADDRESS + 8, "-> main.main+0x8"),
        # The edges of the address space.
        (0xFFFF_FFF8, 0x1000_7FFF, 0x0001_FFF8, ""),
        (0x0000_1000, 0x1000_8000, 0xFFFE_1004, ""),
        (0x0001_0000, 0x1000_BFFF, 0x0000_0000, ""),
        (0x8FFF_FFFC, 0x0800_0000, 0x9000_0000, ""),
        (0x8FFF_FFF8, 0x0BFF_FFFF, 0x8FFF_FFFC, ""),
    ],
)
def test_targets_are_shown_as_addresses_and_names(
    address: int, word: int, goal: int, note: str
) -> None:
    row = only(word, address, NAMES)
    assert target(address, word) == goal
    assert row.text.split()[-1] == f"{goal:#x}"
    assert row.note == note


@settings(max_examples=1000, deadline=None)
@given(WORDS, st.integers(0x400, 0x3FFF_FFFF), st.integers(0, 0xFFFF_FFFF))
def test_a_branch_goes_where_the_listing_says_or_on(word: int, index: int, value: int) -> None:
    pc = 4 * index
    following = (pc + 4) & 0xFFFF_FFFF
    regs = (0, *([value] * 31))
    state, _ = after(word, replace(STATE, pc=pc, next_pc=following, regs=regs))
    goal = target(pc, word)
    if goal is None:
        jumps_by_register = mnemonic(word) in ("jr", "jalr")
        assert jumps_by_register or state.pc in (following, 0x8000_0000) or state.exited
    else:
        nullified = state.pc == (pc + 8) & 0xFFFF_FFFF
        assert nullified or state.next_pc in (goal, (pc + 8) & 0xFFFF_FFFF)


def test_a_taken_branch_of_each_kind_goes_where_the_listing_says() -> None:
    for word in ONE_OF_EACH:
        if target(ADDRESS, word | 0x40) is None:
            continue
        reached = set()
        for value in (0, 1, 0x8000_0000):
            regs = (0, 0, *([value] * 30))
            # rs is register 2, rt (where it selects nothing) register 1, which is zero.
            opcode = word >> 26
            operands = 2 << 21 | (0 if opcode == 1 else 1 << 16)
            state, _ = after(word | operands | 0x40, replace(STATE, regs=regs))
            reached.add(state.next_pc)
        assert target(ADDRESS, word | operands | 0x40) in reached, hex(word)


# --- listings -------------------------------------------------------------------------------------


def test_a_listing_labels_functions_and_marks_the_pc() -> None:
    words = {
        ADDRESS - 4: 0,
        ADDRESS: 0x27BD_FFE8,
        ADDRESS + 4: 0x0C00_C000,
        ADDRESS + 8: 0x0000_010C,
    }
    rows = disassemble(words.__getitem__, ADDRESS - 4, 4, NAMES)
    assert list(listing(rows, pc=ADDRESS + 4)) == [
        "  0001fffc  00000000  nop",
        "main.main:",
        "  00020000  27bdffe8  addiu   $sp, $sp, -0x18",
        "> 00020004  0c00c000  jal     0x30000                     ; -> f",
        "  00020008  0000010c  vm.oracle_read                      ; syscall 4",
    ]
    assert [row.label for row in rows] == ["", "main.main", "", ""]


def test_a_listing_wraps_around_the_address_space() -> None:
    rows = disassemble(lambda address: 0, 0xFFFF_FFFC, 2, Symbols())
    assert [row.address for row in rows] == [0xFFFF_FFFC, 0]
    assert rows[1].note == "not executable: a fetch below 0x1000 faults"


def test_an_empty_listing_reads_nothing() -> None:
    def unreadable(address: int) -> int:
        raise AssertionError

    assert disassemble(unreadable, 0, 0, Symbols()) == ()


@pytest.mark.parametrize(("start", "count"), [(2, 1), (-4, 1), (1 << 32, 1), (0, -1)])
def test_what_is_no_range_of_words_is_refused(start: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"is not the address of a word|cannot list"):
        disassemble(lambda address: 0, start, count, Symbols())
