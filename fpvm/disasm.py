"""Listings of code as the machine executes it, with the names that a reader knows.

Capstone writes the instructions, but the machine is not capstone's idea of MIPS: it ignores bits
that must be zero (docs/vm.md, "Step"), and rejects what came after MIPS32 release 1. So a word is
first brought into the form that the machine gives it, and a word that the machine rejects is marked
as reserved, whatever other processors call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from capstone import CS_ARCH_MIPS, CS_MODE_BIG_ENDIAN, CS_MODE_MIPS32, Cs

from fpvm.isa import KERNEL, NULL_GUARD, Call, Fn, Fn2, Op, Rt, call_code, engines_differ
from fpvm.symbols import Symbols

_MASK32 = 0xFFFF_FFFF
_RS, _RT, _RD, _SHAMT = 0x1F << 21, 0x1F << 16, 0x1F << 11, 0x1F << 6

_SHIFTS = {Fn.SLL, Fn.SRL, Fn.SRA}
_TO_HI_LO, _FROM_HI_LO = {Fn.MTHI, Fn.MTLO}, {Fn.MFHI, Fn.MFLO}
_TO_BOTH = {Fn.MULT, Fn.MULTU, Fn.DIV, Fn.DIVU}
_WITH_CODE = {Fn.SYSCALL, Fn.BREAK, Fn.TGE, Fn.TGEU, Fn.TLT, Fn.TLTU, Fn.TEQ, Fn.TNE}
_COMPARE_TWO = {Op.BEQ, Op.BNE, Op.BEQL, Op.BNEL}
_COMPARE_ZERO = {Op.BLEZ, Op.BGTZ, Op.BLEZL, Op.BGTZL}
_SIGN_BRANCHES = {
    Rt.BLTZ,
    Rt.BGEZ,
    Rt.BLTZL,
    Rt.BGEZL,
    Rt.BLTZAL,
    Rt.BGEZAL,
    Rt.BLTZALL,
    Rt.BGEZALL,
}
#: Opcodes that are tables of their own, or that have a name but are not in the machine.
_NOT_AN_INSTRUCTION = {
    Op.SPECIAL,
    Op.REGIMM,
    Op.SPECIAL2,
    Op.SPECIAL3,
    Op.COP0,
    Op.CACHE,
}


@dataclass(frozen=True)
class Row:
    """One word of a listing.

    ``label`` is the function that starts here, if one does; ``raw`` the word as 8 hex digits;
    ``text`` the instruction; ``note`` what is worth knowing about it, or nothing.
    """

    address: int
    label: str
    raw: str
    text: str
    note: str


def disassemble(
    read_word: Callable[[int], int], start: int, count: int, symbols: Symbols
) -> tuple[Row, ...]:
    """List ``count`` words from address ``start``; ``read_word`` gives the word at an address.

    :raises ValueError: ``start`` is not the address of a word, or ``count`` is negative.
    """
    if start % 4 or not 0 <= start <= _MASK32:
        raise ValueError(f"{start:#x} is not the address of a word")
    if count < 0:
        raise ValueError(f"cannot list {count} words")
    capstone = Cs(CS_ARCH_MIPS, CS_MODE_MIPS32 | CS_MODE_BIG_ENDIAN)
    addresses = ((start + 4 * i) & _MASK32 for i in range(count))
    return tuple(_row(capstone, address, read_word(address), symbols) for address in addresses)


def listing(rows: Iterable[Row], pc: int | None = None) -> Iterator[str]:
    """The lines of a listing; the one at ``pc`` is marked."""
    for row in rows:
        if row.label:
            yield f"{row.label}:"
        mark = ">" if row.address == pc else " "
        note = f"  ; {row.note}" if row.note else ""
        yield f"{mark} {row.address:08x}  {row.raw}  {row.text:<34}{note}".rstrip()


def mnemonic(word: int) -> str | None:
    """What the machine executes ``word`` as, in the manual's name; None: exception 10, reserved."""
    opcode = word >> 26
    if opcode == Op.SPECIAL:
        return _name(Fn, word & 0x3F)
    if opcode == Op.REGIMM:
        return _name(Rt, word >> 16 & 0x1F)
    if opcode == Op.SPECIAL2:
        return _name(Fn2, word & 0x3F)
    return None if opcode in _NOT_AN_INSTRUCTION else _name(Op, opcode)


def _name(table: type[IntEnum], number: int) -> str | None:
    try:
        return table(number).name.lower()
    except ValueError:
        return None


def canonical(word: int) -> int:
    """``word`` as the manual writes it: the bits that the machine ignores are what they must be."""
    if mnemonic(word) in ("clz", "clo"):
        # These repeat in rt the register that they write, and the machine reads only rd.
        return word & ~(_RT | _SHAMT) | (word & _RD) << 5
    return word & ~_ignored(word)


def _ignored(word: int) -> int:
    """The bits of an instruction that do not matter, by the fields of its encoding."""
    opcode, function = word >> 26, word & 0x3F
    if opcode == Op.SPECIAL:
        return _ignored_special(function)
    if opcode == Op.SPECIAL2:
        return _SHAMT if function == Fn2.MUL else _RD | _SHAMT
    if opcode in _COMPARE_ZERO:
        return _RT
    return _RS if opcode == Op.LUI else 0


def _ignored_special(function: int) -> int:
    if function in _SHIFTS:
        return _RS
    if function in _WITH_CODE:
        return 0
    if function == Fn.JR or function in _TO_HI_LO:
        return _RT | _RD | _SHAMT
    if function in _FROM_HI_LO:
        return _RS | _RT | _SHAMT
    if function in _TO_BOTH:
        return _RD | _SHAMT
    if function == Fn.JALR:
        return _RT | _SHAMT
    return _RS | _RT | _RD if function == Fn.SYNC else _SHAMT


def target(address: int, word: int) -> int | None:
    """Where the branch or jump ``word`` at ``address`` goes, if the word says so."""
    opcode = word >> 26
    following = (address + 4) & _MASK32
    if opcode in (Op.J, Op.JAL):
        return following & 0xF000_0000 | (word & 0x3FF_FFFF) << 2
    on_sign = opcode == Op.REGIMM and word >> 16 & 0x1F in _SIGN_BRANCHES
    if opcode in _COMPARE_TWO | _COMPARE_ZERO or on_sign:
        offset = (word & 0x7FFF) - (word & 0x8000)
        return (following + 4 * offset) & _MASK32
    return None


def _row(capstone: Cs, address: int, word: int, symbols: Symbols) -> Row:
    symbol = symbols.find(address)
    label = symbol.name if symbol is not None and symbol.address == address else ""
    text, note = _instruction(capstone, address, word, symbols)
    if address < NULL_GUARD:
        note = "not executable: a fetch below 0x1000 faults"
    return Row(address, label, f"{word:08x}", text, note)


def _instruction(capstone: Cs, address: int, word: int, symbols: Symbols) -> tuple[str, str]:
    """An instruction and the note on it."""
    name = mnemonic(word)
    if name == "syscall":
        return _system_call(address, call_code(word))
    if name is None:
        differs = ", the engines differ" if engines_differ(word) else ""
        return _capstone(capstone, address, word), f"reserved{differs}"
    plain = canonical(word)
    text = _capstone(capstone, address, plain)
    notes = [f"executed as {plain:08x}"] if plain != word else []
    goal = target(address, word)
    if goal is not None:
        # The target is the last operand. Capstone's own does not wrap around.
        text = f"{text.rpartition(' ')[0]} {goal:#x}"
        notes += [f"-> {symbol}" for symbol in [symbols.at(goal)] if symbol]
    return text, ", ".join(notes)


def _system_call(address: int, code: int) -> tuple[str, str]:
    if code == 0:
        return "syscall", "to the kernel" if address < KERNEL else "halts: this is the kernel"
    name = _name(Call, code)
    return (f"vm.{name}", f"syscall {code}") if name else (f"syscall {code}", "reserved")


def _capstone(capstone: Cs, address: int, word: int) -> str:
    for _, _, name, operands in capstone.disasm_lite(word.to_bytes(4), address):
        return f"{name:<7} {operands}".rstrip()
    return f".word   {word:#010x}"
