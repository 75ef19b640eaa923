"""Random instruction words, states and programs for the comparison of the engines.

Everything follows from a seed. Words are drawn evenly over what selects an instruction (opcode,
function, the rt of REGIMM, the rs of coprocessors), so that rare encodings come as often as common
ones; programs are drawn from what engines trip over.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from fpvm.isa import A0, A1, A2, K1, KERNEL, Fn, Fn2, Op, Rt, engines_differ
from fpvm.keccak import keccak256
from tests.fpvm.machines import (
    BREAK,
    CODE,
    CORNERS,
    DATA,
    NOP,
    PAGE,
    RDHWR,
    RETURN,
    SKIP,
    Setup,
    assemble,
    imm,
    jr,
    jump,
    li,
    loop,
    regimm,
    special,
    special2,
    syscall,
)

WORD = 0xFFFF_FFFF


class AnyPreimage:
    """An oracle that has a preimage for every key: it need not hash to it, for nobody checks."""

    def get(self, key: bytes) -> bytes:
        return keccak256(key) * (key[1] % 4) + keccak256(key)[: key[2] % 32]

    def hint(self, hint: bytes) -> None:
        """Nothing to do."""


# --- Words ----------------------------------------------------------------------------------------


def _selectors() -> list[tuple[int, int]]:
    """For everything that selects an instruction: its fixed bits, and which bits are free."""
    rows = []
    for opcode in range(64):
        fixed = opcode << 26
        if opcode in (Op.SPECIAL, Op.SPECIAL2, Op.SPECIAL3):
            rows += [(fixed | function, 0x03FF_FFC0) for function in range(64)]
        elif opcode == Op.REGIMM:
            rows += [(fixed | rt << 16, 0x03E0_FFFF) for rt in range(32)]
        elif Op.COP0 <= opcode <= Op.COP0 + 3:
            rows += [(fixed | rs << 21, 0x001F_FFFF) for rs in range(32)]
        else:
            rows.append((fixed, 0x03FF_FFFF))
    return rows


SELECTORS = _selectors()
#: The selectors of what the machine has, which deserve more than their share.
_OWN = [
    *((int(fn), 0x03FF_FFC0) for fn in Fn),
    *((Op.SPECIAL2 << 26 | fn, 0x03FF_FFC0) for fn in Fn2),
    *((Op.REGIMM << 26 | rt << 16, 0x03E0_FFFF) for rt in Rt),
    *((op << 26, 0x03FF_FFFF) for op in Op if op >= Op.J and op != Op.COP0),
]
_CALL = int(Fn.SYSCALL)
_OFFSETS = (0, 1, 2, 3, 4, 7, 8, 0x7FFF, 0x8000, 0xFFFC, 0xFFFE, 0xFFFF)


def random_word(rng: random.Random, selector: tuple[int, int]) -> int:
    """A word of ``selector``; its fields are zero, small, or anything."""
    fixed, free = selector
    kind = rng.random()
    if fixed == _CALL and kind < 0.7:
        return syscall(rng.randrange(7))
    fields = rng.getrandbits(32)
    if kind < 0.4:  # as compilers write it: five-bit fields that are not used are zero
        for field in (0x03E0_0000, 0x001F_0000, 0x0000_F800, 0x0000_07C0):
            if rng.random() < 0.4:
                fields &= ~field
    elif kind < 0.7:
        fields = fields & ~0xFFFF | rng.choice(_OFFSETS)
    return fixed | fields & free


# --- States ---------------------------------------------------------------------------------------


def values(rng: random.Random, code: int) -> list[int]:
    """What registers may hold around code at ``code``: numbers, pointers good and bad."""
    page = code & -PAGE
    pointers = [
        *(code + 4 * rng.randrange(PAGE // 4) & WORD for _ in range(6)),
        *(code + rng.randrange(PAGE) & WORD for _ in range(2)),
        *(DATA + 4 * rng.randrange(3 * PAGE // 4) for _ in range(4)),
        *(DATA + rng.randrange(3 * PAGE) for _ in range(2)),
        *(DATA + 32 * rng.randrange(8), DATA + PAGE - 4, DATA + PAGE - 3, DATA + PAGE - 1),
        *(page + PAGE - 4 & WORD, page + PAGE & WORD, page - 4 & WORD),
        *(0xFFC, 0xFFF, 0x1000, 0x7FFF_FFFC, KERNEL, KERNEL + 4, 0xFFFF_FFFC, 0xFFFF_F000),
    ]
    numbers = [*rng.sample(CORNERS, 12), *(rng.getrandbits(32) for _ in range(4))]
    return pointers + numbers


def random_fields(rng: random.Random, pool: list[int]) -> dict[str, object]:
    """Fields of a state: registers and what else an instruction may read."""
    address = rng.choice(pool)
    return {
        "regs": (0, *rng.choices(pool, k=31)),
        "hi": rng.choice(pool),
        "lo": rng.choice(pool),
        "ll_addr": address,
        "ll_value": rng.choice((0, 0, rng.choice(pool))),
        "oracle_key": bytes([rng.choice((2, 4, 0, 3))]) + rng.randbytes(31),
        "input": rng.randbytes(32),
    }


# --- Pages of words, each a little program of its own ---------------------------------------------

#: A unit is eight words: perhaps some that do nothing, perhaps a branch, the word, another, a loop.
UNIT = 32
UNITS = PAGE // UNIT
#: Where pages of units are put: low, below the kernel, in it, at both ends of memory.
PLACES = (CODE, CODE, CODE, CODE, 0x1000, 0x7FFF_F000, KERNEL + 0x1000, 0xFFFF_F000)


@dataclass(frozen=True)
class Unit:
    """A word in its surroundings: where to start, and where the word is."""

    start: int
    word_at: int
    word: int


def _branch_before(rng: random.Random) -> int:
    """A branch whose delay slot the word is in."""
    rs, rt, offset = rng.randrange(32), rng.randrange(32), rng.choice((1, 2, 3, -2, 5))
    opcode = rng.choice((Op.BEQ, Op.BNE, Op.BLEZ, Op.BGTZ, Op.BEQL, Op.BNEL, Op.BLEZL, Op.BGTZL))
    kinds = (Rt.BLTZ, Rt.BGEZ, Rt.BLTZL, Rt.BGEZL, Rt.BLTZAL, Rt.BGEZAL, Rt.BLTZALL, Rt.BGEZALL)
    likely_over_itself = 2 if offset == 1 else offset
    return rng.choice(
        (
            imm(opcode, rs, rt, likely_over_itself),
            imm(opcode, rs, rt, likely_over_itself),
            regimm(rng.choice(kinds), rs, likely_over_itself),
            jr(rs),
            special(Fn.JALR, rs, 0, rt),
            jump(CODE + 8 * rt, rng.choice((Op.J, Op.JAL))),
        )
    )


def page_of_units(rng: random.Random, place: int, words: list[int]) -> tuple[bytes, list[Unit]]:
    """A page at ``place`` with a unit for each of ``words``, and what follows the page."""
    code: list[int] = []
    units = []
    for word in words:
        start = place + 4 * len(code)
        before = [NOP] * rng.choice((0, 0, 1, 2))
        if rng.random() < 0.3:
            branch = _branch_before(rng)
            before.append(NOP if engines_differ(branch) else branch)
        behind = [NOP if rng.random() < 0.8 else _tame(rng), *loop()]
        if len(code) == 1024 - 8 and rng.random() < 0.7:  # the word comes last in the page
            before = [NOP] * (7 - len(before)) + before
            behind = []
        units.append(Unit(start, start + 4 * len(before), word))
        unit = [*before, word, *behind]
        code += unit + [NOP] * (8 - len(unit))
    return assemble(code, [_tame(rng), *loop()]), units


def _tame(rng: random.Random) -> int:
    """An instruction that neither jumps nor faults, most of the time."""
    rs, rt, rd = (rng.randrange(32) for _ in range(3))
    return rng.choice(
        (
            special(rng.choice((Fn.ADDU, Fn.XOR, Fn.SLTU, Fn.MULTU, Fn.MFLO)), rs, rt, rd),
            imm(rng.choice((Op.ADDIU, Op.ORI, Op.LBU, Op.SB, Op.LWL, Op.SWR)), rs, rt, rd),
        )
    )


def pages_of_words(rng: random.Random, count: int) -> Iterator[list[int]]:
    """Words by the page, until about ``count`` have come.

    The engines differ on all words of a page, or on none: one such word would send the whole page
    to the specification, and hide the others.
    """
    deck: list[tuple[int, int]] = []
    waiting: dict[bool, list[int]] = {False: [], True: []}
    while count > 0:
        if not deck:
            deck = SELECTORS + _OWN * 3
            rng.shuffle(deck)
        word = random_word(rng, deck.pop())
        page = waiting[engines_differ(word)]
        page.append(word)
        if len(page) == UNITS:
            yield page
            page.clear()
            count -= UNITS


# --- Programs -------------------------------------------------------------------------------------

#: A kernel that shows something, and returns behind what faulted.
_TELL = assemble(
    imm(Op.ORI, 0, A0, 1), imm(Op.ORI, 0, A2, 4), syscall(5), imm(Op.ADDIU, K1, K1, 4), jr(K1), NOP
)
#: Registers with a purpose: pointers to data and to code, an instruction to patch in, a counter.
_DATA_POINTERS, _CODE_POINTERS, _PATCH, _COUNTER = (16, 17, 18, 19), (20, 21, 22, 23), 25, 24


class Writer:
    """Writes one random program; what it is fond of changes from program to program."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        #: Code that starts shortly before a page ends, or anywhere.
        self.at = CODE + rng.choice((0, 0xF00, 0xF80, 0xFC0, 0xFF0, 0xFFC))
        self.length = rng.choice((16, 40, 100, 300))
        kinds = (
            *(self.arithmetic, self.memory, self.branch, self.likely, self.jump, self.trap),
            *(self.call, self.linked, self.patch, self.preimage, self.anything, self.repeat),
        )
        self.kinds = [kind for kind in kinds for _ in range(rng.choice((0, 1, 3, 10)))]
        self.kinds = self.kinds or [self.arithmetic]

    def setup(self) -> Setup:
        """The program in a random state. At its end it starts again, most of the time."""
        rng = self.rng
        fields = random_fields(rng, values(rng, self.at))
        regs = list(fields.pop("regs"))  # type: ignore[call-overload]
        for number in _DATA_POINTERS:
            regs[number] = self.pointer(DATA, 3 * PAGE)
        for number in _CODE_POINTERS:
            regs[number] = self.code_address()
        regs[_PATCH] = self.instruction()
        code: list[int] = []
        if rng.random() < 0.05:  # longer than any block
            code += self.arithmetic() * 240
            code += [rng.choice((NOP, code[0])) for _ in range(rng.randrange(28, 34))]
        while len(code) < self.length:
            code += rng.choice(self.kinds)()
        again = [jump(self.at), self.instruction()] if rng.random() < 0.8 else loop()
        kernels = (SKIP, SKIP, SKIP, SKIP, _TELL, _TELL, RETURN, assemble(self.anything()))
        memory = {
            self.at: assemble(code, again),
            KERNEL: rng.choice(kernels),
            DATA: rng.randbytes(256),
        }
        return Setup(memory, self.at, dict(enumerate(regs)), fields)

    def pointer(self, base: int, size: int) -> int:
        aligned = self.rng.random() < 0.95
        return base + (4 * self.rng.randrange(size // 4) if aligned else self.rng.randrange(size))

    def code_address(self) -> int:
        """Somewhere in the program; often where a page ends."""
        if self.at % PAGE > 0xE00 and self.rng.random() < 0.4:
            return (self.at & -PAGE) + PAGE + 4 * self.rng.randrange(-2, 2)
        return self.pointer(self.at, 4 * self.length)

    def register(self) -> int:
        """Any register, but rarely one with a purpose."""
        number = self.rng.randrange(32)
        return number if number < 16 or self.rng.random() < 0.05 else number & 15

    def instruction(self) -> int:
        """One word, of a kind that is worth patching in."""
        kinds = (self.arithmetic, self.branch, self.jump, self.likely, self.memory, self.anything)
        return self.rng.choice(kinds)()[0]

    def arithmetic(self) -> list[int]:
        rng, a, b, c = self.rng, self.register(), self.register(), self.register()
        safe = [fn for fn in Fn if fn not in (Fn.JR, Fn.JALR, Fn.SYSCALL, Fn.BREAK) and fn < 0x30]
        opcode = rng.choice([op for op in Op if Op.ADDIU <= op <= Op.LUI])
        word = rng.choice(
            (
                special(rng.choice(safe), a, b, c, rng.randrange(32)),
                special2(rng.choice(list(Fn2)), a, b, c),
                imm(opcode, a, b, rng.choice((0, 1, -1, 4, rng.randrange(1 << 16)))),
            )
        )
        return [word]

    def memory(self) -> list[int]:
        rng = self.rng
        opcode = rng.choice([op for op in Op if Op.LB <= op <= Op.SWR])
        size = 4 if opcode in (Op.LW, Op.SW) else 2 if opcode in (Op.LH, Op.LHU, Op.SH) else 1
        offset = rng.choice((0, 0, 1, 2, 3, 4, 31, 32, -4, -1, 4095, 4096))
        if rng.random() < 0.97:
            offset &= -size
        return [imm(opcode, rng.choice(_DATA_POINTERS), self.register(), offset)]

    def branch(self) -> list[int]:
        rng, a, b = self.rng, self.register(), self.register()
        offset = rng.choice((-9, -3, -2, 0, 1, 1, 2, 2, 3, 3, 5, 5, 9, 9))
        kind = rng.choice((Rt.BLTZ, Rt.BGEZ, Rt.BLTZAL, Rt.BGEZAL))
        opcode = rng.choice((Op.BEQ, Op.BNE, Op.BLEZ, Op.BGTZ))
        return [rng.choice((imm(opcode, a, b, offset), regimm(kind, a, offset)))]

    def likely(self) -> list[int]:
        rng, a, b = self.rng, self.register(), self.register()
        offset = rng.choice((-9, -3, -2, 0, 2, 2, 3, 3, 5, 5, 9, 9))
        kind = rng.choice((Rt.BLTZL, Rt.BGEZL, Rt.BLTZALL, Rt.BGEZALL))
        opcode = rng.choice((Op.BEQL, Op.BNEL, Op.BLEZL, Op.BGTZL))
        word = rng.choice((imm(opcode, a, b, offset), regimm(kind, a, offset)))
        # What keeps a page from Unicorn: once in a while.
        return [word if not engines_differ(word) or rng.random() < 0.01 else NOP]

    def jump(self) -> list[int]:
        rng, target = self.rng, self.rng.choice(_CODE_POINTERS)
        word = rng.choice(
            (
                jump(self.code_address(), rng.choice((Op.J, Op.JAL))),
                jr(target),
                special(Fn.JALR, target, 0, rng.choice((31, self.register()))),
                jr(31),
            )
        )
        return [word]

    def trap(self) -> list[int]:
        rng, a, b, c = self.rng, self.register(), self.register(), self.register()
        kind = rng.choice((Rt.TGEI, Rt.TGEIU, Rt.TLTI, Rt.TLTIU, Rt.TEQI, Rt.TNEI))
        condition = rng.choice((Fn.TGE, Fn.TGEU, Fn.TLT, Fn.TLTU, Fn.TEQ, Fn.TNE))
        word = rng.choice(
            (
                special(rng.choice((Fn.ADD, Fn.SUB)), a, b, c),
                imm(Op.ADDI, a, b, rng.choice((1, -1, 0x7FFF))),
                regimm(kind, a, rng.choice((0, 1, -1))),
                special(condition, a, b),
                imm(rng.choice((Op.LW, Op.SH, Op.LL)), rng.choice(_DATA_POINTERS), b, 1),
                imm(rng.choice((Op.LB, Op.SW)), 0, b, rng.randrange(0x1000)),
                BREAK,
                RDHWR,
            )
        )
        return [word]

    def call(self) -> list[int]:
        """A call of any kind; to WRITE with arguments that show something."""
        code = self.rng.choice((0, 0, 0, 2, 3, 4, 5, 6, 1 if self.rng.random() < 0.1 else 0))
        if code != 5:
            return [syscall(code)]
        channel = self.rng.choice((1, 2, 3))
        show = [imm(Op.ORI, 0, A0, channel), imm(Op.ORI, 0, A2, 5), syscall(5)]
        return [imm(Op.ADDIU, self.rng.choice(_DATA_POINTERS), A1), *show]

    def preimage(self) -> list[int]:
        """Select a key, read some of its preimage, to a page that was written or was not."""
        rng, base = self.rng, self.rng.choice(_DATA_POINTERS)
        key = [*li(A0, DATA + 32 * rng.randrange(9)), syscall(3)]
        write = [imm(Op.SB, base, self.register(), rng.randrange(64))]
        read = [imm(Op.ADDIU, base, A0, rng.randrange(64)), imm(Op.ORI, 0, A1, rng.randrange(80))]
        some = rng.choice((key, [], []))
        return [*some, *rng.choice((write, [])), *read, syscall(4)]

    def linked(self) -> list[int]:
        offset, rt = self.rng.choice((0, 0, 4)), self.register()
        between = self.arithmetic() if self.rng.random() < 0.7 else self.memory()
        start, end = imm(Op.LL, 16, rt, 0), imm(Op.SC, 16, self.register(), offset)
        return self.rng.choice(([start], [end], [start, end], [start, *between, end]))

    def patch(self) -> list[int]:
        """A store to code."""
        rng, opcode = self.rng, self.rng.choice((Op.SW, Op.SW, Op.SW, Op.SB, Op.SWL, Op.SC))
        rt = _PATCH if rng.random() < 0.8 else self.register()
        store = imm(opcode, rng.choice(_CODE_POINTERS), rt, 4 * rng.randrange(-2, 3))
        load = li(_PATCH, self.instruction())
        return [*(load if rng.random() < 0.5 else []), store]

    def repeat(self) -> list[int]:
        """A loop of a few rounds."""
        rng, body = self.rng, self.arithmetic() + self.memory() + self.arithmetic()
        start = imm(Op.ORI, 0, _COUNTER, rng.randrange(1, 12))
        opcode = rng.choice((Op.BGTZ, Op.BGTZ, Op.BGTZL))
        back = imm(opcode, _COUNTER, 0, -len(body) - 1)
        return [start, *body, back, imm(Op.ADDIU, _COUNTER, _COUNTER, -1)]

    def anything(self) -> list[int]:
        return [random_word(self.rng, self.rng.choice(SELECTORS + _OWN))]
