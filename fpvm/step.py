"""The executable specification: what one step of the machine does (docs/vm.md, "Step").

Written to be read beside the MIPS32 manual (Volume II) and beside the step contract, which has the
same functions in the same order. The same code runs on a whole memory and on a *witness*: it sees
memory only as leaves of 32 bytes, and a step asks for at most two of them.

Every instruction group is one function ``(core, word) -> branch target | None``. It computes first
and writes last: it may raise :class:`Fault`, or an error of the host, only while the core is
untouched. That makes a fault precise, and lets a run that lacks a preimage stop before the step and
resume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from fpvm.isa import (
    A0,
    A1,
    A2,
    K0,
    K1,
    KECCAK_TYPE,
    KERNEL,
    NULL_GUARD,
    RA,
    SHA256_TYPE,
    V0,
    V1,
    Call,
    Cause,
    Fn,
    Fn2,
    Op,
    Rt,
    call_code,
)
from fpvm.state import ZERO_WORD, State

MASK32: Final = 0xFFFFFFFF
MASK64: Final = 0xFFFFFFFFFFFFFFFF
SIGN: Final = 0x80000000
LEAF: Final = 32
UNHANDLED_EXIT_CODE: Final = 255


class Leaves(Protocol):
    """Memory as a step sees it. Addresses are multiples of 32; a leaf is 32 bytes."""

    def read_leaf(self, address: int) -> bytes: ...

    def write_leaf(self, address: int, leaf: bytes) -> None: ...


class Host(Protocol):
    """What surrounds a machine."""

    def preimage(self, key: bytes) -> bytes:
        """The preimage of ``key``. Raises an error of its own if there is none."""
        ...

    def write(self, channel: int, address: int, length: int) -> None:
        """The program shows ``length`` bytes of its memory. Must not change what a step does."""
        ...


class Fault(Exception):
    """The instruction raises a MIPS exception. It has had no effect."""

    def __init__(self, cause: Cause, return_to: int | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        #: Where to return to; None: the faulting instruction itself.
        self.return_to = return_to


class Core:
    """A state unpacked for stepping, with the memory and the host it runs on."""

    __slots__ = (
        "exit_code",
        "exited",
        "hi",
        "host",
        "input",
        "ll_addr",
        "ll_value",
        "lo",
        "memory",
        "next_pc",
        "oracle_key",
        "output",
        "pc",
        "regs",
        "step",
    )

    def __init__(self, state: State, memory: Leaves, host: Host) -> None:
        self.memory = memory
        self.host = host
        self.regs: list[int] = []
        self.restore(state)

    def restore(self, state: State) -> None:
        """Take the registers from ``state``. Its memory is the caller's concern."""
        self.input = state.input
        self.output = state.output
        self.oracle_key = state.oracle_key
        self.pc = state.pc
        self.next_pc = state.next_pc
        self.hi = state.hi
        self.lo = state.lo
        self.ll_addr = state.ll_addr
        self.ll_value = state.ll_value
        self.exited = state.exited
        self.exit_code = state.exit_code
        self.step = state.step
        self.regs[:] = state.regs

    def state(self, mem_root: bytes) -> State:
        """The core as a state; ``mem_root`` is the root of its memory now."""
        return State(
            mem_root=mem_root,
            pc=self.pc,
            next_pc=self.next_pc,
            input=self.input,
            output=self.output,
            oracle_key=self.oracle_key,
            hi=self.hi,
            lo=self.lo,
            ll_addr=self.ll_addr,
            ll_value=self.ll_value,
            exited=self.exited,
            exit_code=self.exit_code,
            step=self.step,
            regs=tuple(self.regs),
        )


def step(core: Core) -> None:
    """Execute one instruction. Total, but for an error of the host, which leaves ``core`` as it
    was."""
    if core.exited:
        return
    try:
        word = fetch(core)
        target = OPCODES[word >> 26](core, word)
    except Fault as fault:
        take_exception(core, fault)
    else:
        core.pc = core.next_pc
        core.next_pc = (core.next_pc + 4) & MASK32 if target is None else target
        core.regs[0] = 0  # an instruction may name register 0 as its destination
    core.step = (core.step + 1) & MASK64


def fetch(core: Core) -> int:
    """The word at pc. AdEL at an unaligned pc, and below the null guard."""
    pc = core.pc
    if pc & 3 or pc < NULL_GUARD:
        raise Fault(Cause.ADEL)
    leaf = core.memory.read_leaf(pc & ~31)
    return int.from_bytes(leaf[pc & 31 : (pc & 31) + 4], "big")


def take_exception(core: Core, fault: Fault) -> None:
    """Enter the kernel; an exception of the kernel itself halts, for nobody could handle it."""
    if core.pc >= KERNEL:
        core.exited, core.exit_code, core.output = True, UNHANDLED_EXIT_CODE, ZERO_WORD
        return
    core.regs[K0] = int(fault.cause)
    core.regs[K1] = core.pc if fault.return_to is None else fault.return_to
    core.pc, core.next_pc = KERNEL, KERNEL + 4


# --- Fields of an encoding, and numbers ----------------------------------------------------------


def signed(value: int) -> int:
    """The 32-bit ``value`` as a two's complement number."""
    return value - ((value & SIGN) << 1)


def immediate(word: int) -> int:
    """Bits 15-0, sign-extended to 32 bits, unsigned."""
    return (word & 0x7FFF) | (0xFFFF8000 if word & 0x8000 else 0)


def rs_rt(core: Core, word: int) -> tuple[int, int]:
    """The values of the registers that bits 25-21 and 20-16 name."""
    return core.regs[word >> 21 & 31], core.regs[word >> 16 & 31]


# --- SPECIAL: arithmetic and logic ----------------------------------------------------------------


def reserved(core: Core, word: int) -> None:
    """Whatever the machine has not: floating point, coprocessors, later releases, unused
    encodings."""
    raise Fault(Cause.RI)


def special(core: Core, word: int) -> int | None:
    return SPECIAL[word & 63](core, word)


def shift(core: Core, word: int) -> None:
    """SLL SRL SRA by the shift amount in bits 10-6; SLLV SRLV SRAV by the low five bits of rs."""
    by_rs, value = rs_rt(core, word)
    amount = by_rs & 31 if word & 4 else word >> 6 & 31
    match word & 3:
        case 0:
            result = value << amount & MASK32
        case 2:
            result = value >> amount
        case _:
            result = signed(value) >> amount & MASK32
    core.regs[word >> 11 & 31] = result


def add_trapping(core: Core, word: int) -> None:
    """ADD, SUB: Ov on signed overflow."""
    left, right = map(signed, rs_rt(core, word))
    core.regs[word >> 11 & 31] = in_range(left + right if word & 63 == Fn.ADD else left - right)


def in_range(result: int) -> int:
    """``result`` as 32 bits; Ov if it has more."""
    if not -SIGN <= result < SIGN:
        raise Fault(Cause.OV)
    return result & MASK32


def arithmetic(core: Core, word: int) -> None:
    """ADDU SUBU AND OR XOR NOR SLT SLTU."""
    left, right = rs_rt(core, word)
    match word & 63:
        case Fn.ADDU:
            result = left + right
        case Fn.SUBU:
            result = left - right
        case Fn.AND:
            result = left & right
        case Fn.OR:
            result = left | right
        case Fn.XOR:
            result = left ^ right
        case Fn.NOR:
            result = ~(left | right)
        case Fn.SLT:
            result = signed(left) < signed(right)
        case _:
            result = left < right
    core.regs[word >> 11 & 31] = result & MASK32


def move_if(core: Core, word: int) -> None:
    """MOVZ, MOVN: rd takes rs if rt is zero, if it is not."""
    value, condition = rs_rt(core, word)
    if (condition == 0) == (word & 63 == Fn.MOVZ):
        core.regs[word >> 11 & 31] = value


def move_hi_lo(core: Core, word: int) -> None:
    """MFHI MFLO MTHI MTLO."""
    rd, rs = word >> 11 & 31, word >> 21 & 31
    match word & 63:
        case Fn.MFHI:
            core.regs[rd] = core.hi
        case Fn.MTHI:
            core.hi = core.regs[rs]
        case Fn.MFLO:
            core.regs[rd] = core.lo
        case _:
            core.lo = core.regs[rs]


def multiply(core: Core, word: int) -> None:
    """MULT, MULTU: the 64-bit product goes to hi and lo."""
    left, right = rs_rt(core, word)
    if word & 63 == Fn.MULT:
        left, right = signed(left), signed(right)
    set_hi_lo(core, left * right)


def set_hi_lo(core: Core, value: int) -> None:
    core.hi, core.lo = value >> 32 & MASK32, value & MASK32


def divide(core: Core, word: int) -> None:
    """DIV, DIVU: lo takes the quotient, rounded to zero, and hi the remainder, of the sign of rs.

    The manual leaves division by zero open: it divides by one here, as QEMU does, and -2^31 / -1
    gives -2^31, remainder 0.
    """
    left, right = rs_rt(core, word)
    if word & 63 == Fn.DIV:
        left, right = signed(left), signed(right)
    right = right or 1
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    core.hi, core.lo = (left - quotient * right) & MASK32, quotient & MASK32


# --- Jumps and branches ---------------------------------------------------------------------------


def jump(core: Core, word: int) -> int:
    """J, JAL: within the 256 MB of the delay slot."""
    if word >> 26 == Op.JAL:
        core.regs[RA] = (core.pc + 8) & MASK32
    return (core.pc + 4 & 0xF0000000) | (word << 2 & 0x0FFFFFFC)


def jump_register(core: Core, word: int) -> int:
    """JR, JALR. The target is read before the link is written: they may be one register."""
    target = core.regs[word >> 21 & 31]
    if word & 63 == Fn.JALR:
        core.regs[word >> 11 & 31] = (core.pc + 8) & MASK32
    return target


def branch(core: Core, word: int) -> int | None:
    """BEQ BNE BLEZ BGTZ, and the same *likely*."""
    left, right = rs_rt(core, word)
    match word >> 26 & 0xF:  # the likely forms differ in bit 30 only
        case Op.BEQ:
            taken = left == right
        case Op.BNE:
            taken = left != right
        case Op.BLEZ:
            taken = signed(left) <= 0
        case _:
            taken = signed(left) > 0
    return branch_if(core, word, taken, likely=word >> 26 >= Op.BEQL)


def branch_if(core: Core, word: int, taken: bool, likely: bool) -> int | None:
    """The target if ``taken``. A likely branch that is not taken nullifies its delay slot."""
    if taken:
        return (core.pc + 4 + (immediate(word) << 2)) & MASK32
    if likely:
        core.next_pc = (core.next_pc + 4) & MASK32
    return None


def register_immediate(core: Core, word: int) -> int | None:
    return REGIMM[word >> 16 & 31](core, word)


def branch_on_sign(core: Core, word: int) -> int | None:
    """BLTZ BGEZ, and the same with link, likely, or both. A link is written even if not taken."""
    rt = word >> 16 & 31
    negative = core.regs[word >> 21 & 31] >= SIGN
    if rt & 0x10:
        core.regs[RA] = (core.pc + 8) & MASK32
    return branch_if(core, word, taken=negative == (rt & 1 == 0), likely=bool(rt & 2))


# --- Traps and system calls -----------------------------------------------------------------------


def trap_if(kind: int, left: int, right: int) -> None:
    """Tr if the condition holds that the low bits of TGE … TNE and TGEI … TNEI encode."""
    match kind & 7:
        case 0:
            raised = signed(left) >= signed(right)
        case 1:
            raised = left >= right
        case 2:
            raised = signed(left) < signed(right)
        case 3:
            raised = left < right
        case 4:
            raised = left == right
        case _:
            raised = left != right
    if raised:
        raise Fault(Cause.TR)


def trap(core: Core, word: int) -> None:
    """TGE TGEU TLT TLTU TEQ TNE."""
    trap_if(word, *rs_rt(core, word))


def trap_immediate(core: Core, word: int) -> None:
    """TGEI TGEIU TLTI TLTIU TEQI TNEI; the immediate is sign-extended for all of them."""
    trap_if(word >> 16, core.regs[word >> 21 & 31], immediate(word))


def breakpoint_(core: Core, word: int) -> None:
    """BREAK."""
    raise Fault(Cause.BP)


def no_operation(core: Core, word: int) -> None:
    """SYNC, PREF: nothing to order and nothing to fetch early in a machine without caches."""


def system_call(core: Core, word: int) -> None:
    """SYSCALL: code 0 enters the kernel, to return behind it; any other code is a VM call."""
    code = call_code(word)
    if code == 0:
        raise Fault(Cause.SYS, return_to=core.next_pc)
    VM_CALLS.get(code, reserved)(core, word)


# --- VM calls -------------------------------------------------------------------------------------


def whole_leaf(address: int, cause: Cause) -> int:
    """``address``, if a VM call may take the leaf there: a multiple of 32, above the null guard."""
    if address % LEAF or address < NULL_GUARD:
        raise Fault(cause)
    return address


def halt(core: Core, word: int) -> None:
    core.output = core.memory.read_leaf(whole_leaf(core.regs[A1], Cause.ADEL))
    core.exited, core.exit_code = True, core.regs[A0] & 0xFF


def give_input(core: Core, word: int) -> None:
    core.memory.write_leaf(whole_leaf(core.regs[A0], Cause.ADES), core.input)


def select_preimage(core: Core, word: int) -> None:
    core.oracle_key = core.memory.read_leaf(whole_leaf(core.regs[A0], Cause.ADEL))


def read_preimage(core: Core, word: int) -> None:
    """Copy up to the end of one leaf; v0 takes how many bytes, v1 the preimage's length."""
    address, offset = core.regs[A0], core.regs[A1]
    if address < NULL_GUARD:
        raise Fault(Cause.ADES)
    start = address % LEAF
    leaf = core.memory.read_leaf(address - start)
    length = 0
    part = b""
    if core.oracle_key[0] in (KECCAK_TYPE, SHA256_TYPE):
        preimage = core.host.preimage(core.oracle_key)
        if offset < len(preimage):
            length = len(preimage)
            part = preimage[offset : offset + LEAF - start]
    # Written back even if unchanged: a witness then needs the leaf in every case, not in some.
    core.memory.write_leaf(address - start, leaf[:start] + part + leaf[start + len(part) :])
    core.regs[V0], core.regs[V1] = len(part), length


def write(core: Core, word: int) -> None:
    """Console output and hints: for the host, without effect here."""
    core.host.write(core.regs[A0], core.regs[A1], core.regs[A2])
    core.regs[V0] = core.regs[A2]


# --- Immediates -----------------------------------------------------------------------------------


def add_immediate(core: Core, word: int) -> None:
    """ADDI: Ov on signed overflow. ADDIU."""
    left, right = core.regs[word >> 21 & 31], immediate(word)
    if word >> 26 == Op.ADDI:
        result = in_range(signed(left) + signed(right))
    else:
        result = (left + right) & MASK32
    core.regs[word >> 16 & 31] = result


def set_immediate(core: Core, word: int) -> None:
    """SLTI, SLTIU; the immediate is sign-extended for both, then compared as the name says."""
    left, right = core.regs[word >> 21 & 31], immediate(word)
    below = signed(left) < signed(right) if word >> 26 == Op.SLTI else left < right
    core.regs[word >> 16 & 31] = int(below)


def logic_immediate(core: Core, word: int) -> None:
    """ANDI ORI XORI, zero-extended; LUI."""
    left, right = core.regs[word >> 21 & 31], word & 0xFFFF
    match word >> 26:
        case Op.ANDI:
            result = left & right
        case Op.ORI:
            result = left | right
        case Op.XORI:
            result = left ^ right
        case _:
            result = right << 16
    core.regs[word >> 16 & 31] = result


# --- SPECIAL2 -------------------------------------------------------------------------------------


def special2(core: Core, word: int) -> int | None:
    return SPECIAL2[word & 63](core, word)


def multiply_add(core: Core, word: int) -> None:
    """MADD MADDU MSUB MSUBU: the 64-bit product is added to, or taken from, hi and lo."""
    left, right = rs_rt(core, word)
    if word & 63 in (Fn2.MADD, Fn2.MSUB):
        left, right = signed(left), signed(right)
    product = left * right if word & 63 in (Fn2.MADD, Fn2.MADDU) else -left * right
    set_hi_lo(core, (core.hi << 32 | core.lo) + product)


def multiply_low(core: Core, word: int) -> None:
    """MUL: the low 32 bits of the product. hi and lo, which the manual leaves open, stay."""
    left, right = rs_rt(core, word)
    core.regs[word >> 11 & 31] = left * right & MASK32


def count_leading(core: Core, word: int) -> None:
    """CLZ, CLO: how many leading bits of rs are zero, are one; 32 if all are."""
    value = core.regs[word >> 21 & 31]
    if word & 63 == Fn2.CLO:
        value ^= MASK32
    core.regs[word >> 11 & 31] = 32 - value.bit_length()


# --- Loads and stores -----------------------------------------------------------------------------


def data_address(core: Core, word: int, size: int, cause: Cause) -> int:
    """base + offset; ``cause`` is raised if it is not a multiple of ``size``, or a null pointer."""
    address = (core.regs[word >> 21 & 31] + immediate(word)) & MASK32
    if address % size or address < NULL_GUARD:
        raise Fault(cause)
    return address


def read(core: Core, address: int, size: int) -> int:
    """``size`` bytes at ``address``, which lie within one leaf, big-endian."""
    start = address % LEAF
    leaf = core.memory.read_leaf(address - start)
    return int.from_bytes(leaf[start : start + size], "big")


def store(core: Core, address: int, size: int, value: int) -> None:
    """The low ``size`` bytes of ``value`` to ``address``, within one leaf, big-endian."""
    start = address % LEAF
    leaf = core.memory.read_leaf(address - start)
    data = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")
    core.memory.write_leaf(address - start, leaf[:start] + data + leaf[start + size :])


def load(core: Core, word: int) -> None:
    """LB LBU LH LHU LW."""
    opcode = word >> 26
    size = (opcode & 3) + 1  # 0 byte, 1 halfword, 3 word
    value = read(core, data_address(core, word, size, Cause.ADEL), size)
    if opcode in (Op.LB, Op.LH) and value >> (8 * size - 1):
        value |= MASK32 << 8 * size & MASK32
    core.regs[word >> 16 & 31] = value


def load_unaligned(core: Core, word: int) -> None:
    """LWL: from the address up to the word's end, into the register's high bytes.
    LWR: from the word's start up to the address, into its low bytes."""
    address = data_address(core, word, 1, Cause.ADEL)
    value, rt, offset = read(core, address & ~3, 4), word >> 16 & 31, address & 3
    if word >> 26 == Op.LWL:
        kept = (1 << 8 * offset) - 1
        result = (value << 8 * offset & MASK32) | (core.regs[rt] & kept)
    else:
        taken = (1 << 8 * (offset + 1)) - 1
        result = (value >> 8 * (3 - offset)) | (core.regs[rt] & ~taken)
    core.regs[rt] = result


def save(core: Core, word: int) -> None:
    """SB SH SW."""
    size = (word >> 26 & 3) + 1
    address = data_address(core, word, size, Cause.ADES)
    store(core, address, size, core.regs[word >> 16 & 31])


def save_unaligned(core: Core, word: int) -> None:
    """SWL, SWR: the converse of LWL, LWR."""
    address = data_address(core, word, 1, Cause.ADES)
    value, offset = core.regs[word >> 16 & 31], address & 3
    if word >> 26 == Op.SWL:
        store(core, address, 4 - offset, value >> 8 * offset)
    else:
        store(core, address & ~3, offset + 1, value)


def load_linked(core: Core, word: int) -> None:
    """LL: LW, and remember what was seen and where."""
    address = data_address(core, word, 4, Cause.ADEL)
    value = read(core, address, 4)
    core.regs[word >> 16 & 31] = value
    core.ll_addr, core.ll_value = address, value


def store_conditional(core: Core, word: int) -> None:
    """SC: store rt and set it to 1 if the address is LL's and its word is what LL saw; else 0.

    An address that is not LL's fails without a look at it: the manual calls that unpredictable, and
    QEMU does so.
    """
    rt = word >> 16 & 31
    if (core.regs[word >> 21 & 31] + immediate(word)) & MASK32 != core.ll_addr:
        core.regs[rt] = 0
        return
    address = data_address(core, word, 4, Cause.ADES)
    same = read(core, address, 4) == core.ll_value
    if same:
        store(core, address, 4, core.regs[rt])
    core.regs[rt] = int(same)


# --- The tables -----------------------------------------------------------------------------------

Instruction = Callable[[Core, int], "int | None"]


def table(size: int, entries: dict[Instruction, Sequence[int]]) -> tuple[Instruction, ...]:
    """A dispatch table of ``size`` entries, reserved but for ``entries``."""
    rows: list[Instruction] = [reserved] * size
    for instruction, numbers in entries.items():
        for number in numbers:
            rows[number] = instruction
    return tuple(rows)


VM_CALLS: Final[dict[int, Instruction]] = {
    Call.HALT: halt,
    Call.INPUT: give_input,
    Call.ORACLE_KEY: select_preimage,
    Call.ORACLE_READ: read_preimage,
    Call.WRITE: write,
}

OPCODES: Final = table(
    64,
    {
        special: [Op.SPECIAL],
        register_immediate: [Op.REGIMM],
        special2: [Op.SPECIAL2],
        jump: [Op.J, Op.JAL],
        branch: [Op.BEQ, Op.BNE, Op.BLEZ, Op.BGTZ, Op.BEQL, Op.BNEL, Op.BLEZL, Op.BGTZL],
        add_immediate: [Op.ADDI, Op.ADDIU],
        set_immediate: [Op.SLTI, Op.SLTIU],
        logic_immediate: [Op.ANDI, Op.ORI, Op.XORI, Op.LUI],
        load: [Op.LB, Op.LH, Op.LW, Op.LBU, Op.LHU],
        load_unaligned: [Op.LWL, Op.LWR],
        save: [Op.SB, Op.SH, Op.SW],
        save_unaligned: [Op.SWL, Op.SWR],
        load_linked: [Op.LL],
        store_conditional: [Op.SC],
        no_operation: [Op.PREF],
    },
)

SPECIAL: Final = table(
    64,
    {
        shift: [Fn.SLL, Fn.SRL, Fn.SRA, Fn.SLLV, Fn.SRLV, Fn.SRAV],
        jump_register: [Fn.JR, Fn.JALR],
        move_if: [Fn.MOVZ, Fn.MOVN],
        system_call: [Fn.SYSCALL],
        breakpoint_: [Fn.BREAK],
        no_operation: [Fn.SYNC],
        move_hi_lo: [Fn.MFHI, Fn.MTHI, Fn.MFLO, Fn.MTLO],
        multiply: [Fn.MULT, Fn.MULTU],
        divide: [Fn.DIV, Fn.DIVU],
        add_trapping: [Fn.ADD, Fn.SUB],
        arithmetic: [Fn.ADDU, Fn.SUBU, Fn.AND, Fn.OR, Fn.XOR, Fn.NOR, Fn.SLT, Fn.SLTU],
        trap: [Fn.TGE, Fn.TGEU, Fn.TLT, Fn.TLTU, Fn.TEQ, Fn.TNE],
    },
)

SPECIAL2: Final = table(
    64,
    {
        multiply_add: [Fn2.MADD, Fn2.MADDU, Fn2.MSUB, Fn2.MSUBU],
        multiply_low: [Fn2.MUL],
        count_leading: [Fn2.CLZ, Fn2.CLO],
    },
)

REGIMM: Final = table(
    32,
    {
        branch_on_sign: [
            *(Rt.BLTZ, Rt.BGEZ, Rt.BLTZL, Rt.BGEZL),
            *(Rt.BLTZAL, Rt.BGEZAL, Rt.BLTZALL, Rt.BGEZALL),
        ],
        trap_immediate: [Rt.TGEI, Rt.TGEIU, Rt.TLTI, Rt.TLTIU, Rt.TEQI, Rt.TNEI],
    },
)
