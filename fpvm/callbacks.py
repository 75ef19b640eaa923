"""What Unicorn calls while the fast engine runs: three small functions, compiled by numba.

They run millions of times a second, so they are machine code and share memory with Python instead
of talking to it: ``arena`` is :attr:`fpvm.memory.Memory.arena`, whose control words they read and
write. What they cannot settle themselves they leave to the specification: they note a *reason* and
stop the engine at an instruction boundary.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from llvmlite import binding
from numba import carray, cfunc, types
from numba.core.types import ExternalFunction
from unicorn import unicorn_const as uc
from unicorn.mips_const import (
    UC_MIPS_REG_2,
    UC_MIPS_REG_3,
    UC_MIPS_REG_4,
    UC_MIPS_REG_5,
    UC_MIPS_REG_26,
    UC_MIPS_REG_27,
    UC_MIPS_REG_PC,
)
from unicorn.unicorn_py3.unicorn import uclib

from fpvm.cpu import BRANCH_MASK
from fpvm.isa import (
    EXT,
    FLOAT_BRANCH,
    INS,
    KERNEL,
    NULL_GUARD,
    PMON,
    RDHWR,
    Call,
    Cause,
    Fn,
    Op,
)
from fpvm.jit import inlined, use_code_cache
from fpvm.memory import (
    ARENA_SIZE,
    CODE,
    DIRTY,
    DIRTY_AT,
    DIRTY_COUNT,
    FIRST_FREE_CONTROL,
    FLAGS_AT,
    FRAMES_USED,
    RAM_AT,
    SAVED,
    SAVED_AT,
    SAVED_COUNT,
    TABLE_AT,
    UNDO_AT,
)
from fpvm.merkle import LEAF_SIZE, PAGE_SIZE, PAGES

# Control words of the fast engine.
#: Since Unicorn was entered: instructions retired at the end of the current block; how many may be.
STEPS, LIMIT = FIRST_FREE_CONTROL, FIRST_FREE_CONTROL + 1
#: Why the engine was stopped.
REASON = FIRST_FREE_CONTROL + 2
#: Whether translations are being dropped: Unicorn then looks pages up as if to execute them.
DROPPING = FIRST_FREE_CONTROL + 3
#: The block that runs: its address and its size in bytes.
BLOCK, BLOCK_SIZE = FIRST_FREE_CONTROL + 4, FIRST_FREE_CONTROL + 5
#: The length of the preimage of oracleKey if it is in the arena at PREIMAGE_AT, else -1.
PREIMAGE_LENGTH = FIRST_FREE_CONTROL + 6
#: Where register values are passed to and from Unicorn.
SCRATCH = FIRST_FREE_CONTROL + 7
#: QEMU's number of the exception that was raised.
INTERRUPT = FIRST_FREE_CONTROL + 8
#: A uc_context to save the CPU to, and the address of hflags in it (fpvm.cpu).
CONTEXT, HFLAGS_ADDRESS = FIRST_FREE_CONTROL + 9, FIRST_FREE_CONTROL + 10
#: Whether a page with a branch-likely instruction has been translated.
LIKELY_SEEN = FIRST_FREE_CONTROL + 11

PREIMAGE_AT = 2 << 20
PREIMAGE_ROOM = TABLE_AT - PREIMAGE_AT

#: Values of REASON. AT_LIMIT: before a block that does not fit. AT_SLOT: before the delay slot of a
#: branch-likely that is a block of its own. AT_CALL: pc is behind a SYSCALL instruction. FAULT:
#: somewhere in the block, for the reason in INTERRUPT; Unicorn does not say where. RUNNING: it
#: stopped of its own accord, because of a page that it may not access in this way; pc is right.
RUNNING, AT_LIMIT, AT_SLOT, AT_CALL, FAULT = 0, 1, 2, 3, 4

#: What Unicorn gives its interrupt hook: QEMU's exception numbers.
INTERRUPT_SYSCALL, INTERRUPT_BREAK, INTERRUPT_COPROCESSOR, INTERRUPT_RESERVED = 17, 18, 19, 20

_ARENA_WORDS = RAM_AT // 8
# Plain integers: numba compares enumerations as floating point.
_ORACLE_READ = int(Call.ORACLE_READ)
_SYS = int(Cause.SYS)
_JR = int(Fn.JR)
_BEQL = int(Op.BEQL)
_BNEL = int(Op.BNEL)
_BGTZ = int(Op.BGTZ)
_BGTZL = int(Op.BGTZL)
_CACHE = int(Op.CACHE)
_COP0 = int(Op.COP0)
_REGIMM = int(Op.REGIMM)
_SPECIAL = int(Op.SPECIAL)
_SPECIAL3 = int(Op.SPECIAL3)


def _external(name: str, function: Any, signature: Any) -> Any:
    """A C function, for compiled code. By name, not by address, so that the code can be cached."""
    binding.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return ExternalFunction(name, signature)


use_code_cache()
_libc = ctypes.CDLL(None)
_emu_stop = _external("axonum_emu_stop", uclib.uc_emu_stop, types.int32(types.voidptr))
_reg_read = _external(
    "axonum_reg_read", uclib.uc_reg_read, types.int32(types.voidptr, types.int32, types.voidptr)
)
_reg_write = _external(
    "axonum_reg_write", uclib.uc_reg_write, types.int32(types.voidptr, types.int32, types.voidptr)
)
# In the following, an address may be a number.
_context_save = _external(
    "axonum_context_save", uclib.uc_context_save, types.int32(types.voidptr, types.intp)
)
_context_restore = _external(
    "axonum_context_restore", uclib.uc_context_restore, types.int32(types.voidptr, types.intp)
)
_memcpy_in = _external(
    "axonum_memcpy_in", _libc.memcpy, types.intp(types.voidptr, types.intp, types.intp)
)
_memcpy_out = _external(
    "axonum_memcpy_out", _libc.memcpy, types.intp(types.intp, types.voidptr, types.intp)
)


@inlined
def _word(ram: Any, at: int) -> Any:
    """The big-endian word at index ``at`` of ``ram``."""
    return (
        np.int64(ram[at]) << 24
        | np.int64(ram[at + 1]) << 16
        | np.int64(ram[at + 2]) << 8
        | np.int64(ram[at + 3])
    )


@inlined
def _word_at(ram: Any, tables: Any, address: int) -> Any:
    """The instruction word at ``address``; 0 on a page without a frame."""
    frame = tables[TABLE_AT // 4 + (address >> 12)]
    if frame == 0:
        return 0
    return _word(ram, RAM_AT + (frame - 1) * PAGE_SIZE + (address & 0xFFF))


@inlined
def _differs(word: int) -> bool:
    """As :func:`fpvm.isa.engines_differ`."""
    opcode, rs, rt = word >> 26, word >> 21 & 31, word >> 16 & 31
    if opcode in (_COP0, _CACHE) or (word & 0xFC00003F) == PMON or word >> 24 == FLOAT_BRANCH:
        return True
    if opcode == _SPECIAL3:
        return (word & 63) not in (EXT, INS, RDHWR)
    if not _is_likely(word):
        return False
    if opcode == _BNEL:
        never = rs == rt
    else:
        of_sign = opcode == _REGIMM and rt & 1 == 0
        never = rs == 0 and (of_sign or opcode == _BGTZL)
    return never or (word & 0xFFFF) == 1


@inlined
def _may_branch(word: int) -> bool:
    """Whether the instruction after ``word`` may be in its delay slot."""
    opcode = word >> 26
    register_jump = opcode == _SPECIAL and (word & 0x3E) == _JR
    return register_jump or _REGIMM <= opcode <= _BGTZ or _BEQL <= opcode <= _BGTZL


@inlined
def _is_likely(word: int) -> bool:
    """Whether ``word`` is a branch that skips its delay slot when it is not taken."""
    opcode = word >> 26
    of_sign = opcode == _REGIMM and (word >> 16 & 0x0E) == 2
    return of_sign or _BEQL <= opcode <= _BGTZL


@inlined
def _register(engine: Any, number: int, scratch: Any) -> Any:
    scratch[0] = 0
    _reg_read(engine, number, scratch.ctypes)
    return scratch[0]


@inlined
def _set_register(engine: Any, number: int, value: int, scratch: Any) -> None:
    scratch[0] = value
    _reg_write(engine, number, scratch.ctypes)


@inlined
def _forget_branch(engine: Any, control: Any) -> None:
    """Clear the flags of a pending branch in Unicorn's CPU."""
    scratch = control[SCRATCH : SCRATCH + 1]
    _context_save(engine, control[CONTEXT])
    _memcpy_in(scratch.ctypes, control[HFLAGS_ADDRESS], 4)
    scratch[0] &= ~BRANCH_MASK
    _memcpy_out(control[HFLAGS_ADDRESS], scratch.ctypes, 4)
    _context_restore(engine, control[CONTEXT])


@cfunc(types.void(types.voidptr, types.uint64, types.uint32, types.voidptr), cache=True)
def on_block(engine: Any, address: int, size: int, arena: Any) -> None:
    """Count the instructions of a basic block; stop before one that would go past the limit.

    A block that ends in a branch-likely may have skipped its last instruction, the delay slot: it
    has if the next block follows it. (That a branch *to* there was taken is impossible: see
    on_tlb_fill.)

    A block may be cut between a branch and its delay slot: where its page ends, or because it is
    very long. The slot is then a block of its own, and if the branch is a likely one, whether it is
    executed is for the specification to say.
    """
    control = carray(arena, (_ARENA_WORDS,), np.int64)
    if control[REASON] != RUNNING:
        return
    if control[LIKELY_SEEN] and control[BLOCK] + control[BLOCK_SIZE] == address:
        ram = carray(arena, (ARENA_SIZE,), np.uint8)
        tables = carray(arena, (RAM_AT // 4,), np.int32)
        if control[BLOCK_SIZE] >= 8 and _is_likely(_word_at(ram, tables, address - 8)):
            control[STEPS] -= 1
            control[BLOCK_SIZE] -= 4
        elif _is_likely(_word_at(ram, tables, address - 4)):
            control[REASON] = AT_SLOT
            _emu_stop(engine)
            return
    steps = control[STEPS] + np.int64(size >> 2)
    if steps > control[LIMIT]:
        control[REASON] = AT_LIMIT
        _emu_stop(engine)
        return
    control[STEPS] = steps
    control[BLOCK] = address
    control[BLOCK_SIZE] = size


@cfunc(
    types.uint8(types.voidptr, types.uint64, types.int32, types.voidptr, types.voidptr), cache=True
)
def on_tlb_fill(engine: Any, address: int, access: int, entry: Any, arena: Any) -> int:
    """Translate a page that is not in Unicorn's TLB, or not for this kind of access.

    Pages are writable only once they are on the list of dirty pages and their content is saved, and
    never both writable and executable. So a store to code always comes here, and is refused: the
    specification executes it, and the next fetch translates the page anew. (Unicorn alone would run
    on with the old code.) For the same reason every page is looked at before it is executed: one
    that holds an encoding on which the engines differ is never executed by Unicorn.
    """
    page = (address & 0xFFFFFFFF) >> 12
    if page < NULL_GUARD // PAGE_SIZE:
        return 0
    control = carray(arena, (_ARENA_WORDS,), np.int64)
    flags = carray(arena, (FLAGS_AT + PAGES,), np.uint8)
    tables = carray(arena, (RAM_AT // 4,), np.int32)
    frame = tables[TABLE_AT // 4 + page]
    if frame == 0:
        frame = control[FRAMES_USED] + 1
        control[FRAMES_USED] = frame
        tables[TABLE_AT // 4 + page] = frame
    result = carray(entry, (2,), np.int64)
    result[0] = np.int64(frame - 1) * PAGE_SIZE
    if control[DROPPING]:
        # Whatever the page holds now, or its old translations would stay; nothing is executed.
        result[1] = uc.UC_PROT_READ | uc.UC_PROT_EXEC
        return 1
    flag = flags[FLAGS_AT + page]
    if access == uc.UC_MEM_WRITE:
        if flag & CODE:
            return 0
        if not flag & DIRTY:
            tables[DIRTY_AT // 4 + control[DIRTY_COUNT]] = page
            control[DIRTY_COUNT] += 1
        if not flag & SAVED:
            start = np.int64(frame - 1) * PAGE_SIZE
            words = carray(arena, (ARENA_SIZE // 8,), np.int64)
            for i in range(start // 8, start // 8 + PAGE_SIZE // 8):
                words[UNDO_AT // 8 + i] = words[RAM_AT // 8 + i]
            tables[SAVED_AT // 4 + control[SAVED_COUNT]] = page
            control[SAVED_COUNT] += 1
        flag |= DIRTY | SAVED
    elif access == uc.UC_MEM_FETCH and not flag & CODE:
        first = RAM_AT + (frame - 1) * PAGE_SIZE
        ram = carray(arena, (ARENA_SIZE,), np.uint8)
        likely = False
        for i in range(first, first + PAGE_SIZE, 4):
            word = _word(ram, i)
            if _differs(word):
                return 0
            likely |= _is_likely(word)
        if likely:
            control[LIKELY_SEEN] = 1
        flag |= CODE
    flags[FLAGS_AT + page] = flag
    if access != uc.UC_MEM_FETCH:
        # Unicorn 2.1.2 restores its CPU state before it calls here, and then runs on as if it had
        # not. In a delay slot that leaves a branch pending, which it would take again later.
        pc = _register(engine, UC_MIPS_REG_PC, control[SCRATCH : SCRATCH + 1])
        if control[BLOCK] < pc < control[BLOCK] + control[BLOCK_SIZE]:
            ram = carray(arena, (ARENA_SIZE,), np.uint8)
            if _may_branch(_word_at(ram, tables, pc - 4)):
                _forget_branch(engine, control)
    if flag & CODE:
        result[1] = uc.UC_PROT_READ | uc.UC_PROT_EXEC
    elif flag & SAVED:
        result[1] = uc.UC_PROT_READ | uc.UC_PROT_WRITE
    else:
        result[1] = uc.UC_PROT_READ
    return 1


@cfunc(types.void(types.voidptr, types.uint32, types.voidptr), cache=True)
def on_interrupt(engine: Any, number: int, arena: Any) -> None:
    """Settle the two commonest exceptions here: SYSCALL 0, and ORACLE_READ of a preimage at
    hand."""
    control = carray(arena, (_ARENA_WORDS,), np.int64)
    if number != INTERRUPT_SYSCALL:
        control[REASON], control[INTERRUPT] = FAULT, number
        _emu_stop(engine)
        return
    flags = carray(arena, (FLAGS_AT + PAGES,), np.uint8)
    tables = carray(arena, (RAM_AT // 4,), np.int32)
    ram = carray(arena, (ARENA_SIZE,), np.uint8)
    scratch = control[SCRATCH : SCRATCH + 1]
    behind = _register(engine, UC_MIPS_REG_PC, scratch)
    pc = (behind - 4) & 0xFFFFFFFF
    code = _word_at(ram, tables, pc) >> 6 & 0xFFFFF
    # In a delay slot, the way on is not to the next word: the specification knows where.
    if not _may_branch(_word_at(ram, tables, (pc - 4) & 0xFFFFFFFF)):
        if code == 0 and pc < KERNEL:
            _set_register(engine, UC_MIPS_REG_26, _SYS, scratch)
            _set_register(engine, UC_MIPS_REG_27, behind, scratch)
            _set_register(engine, UC_MIPS_REG_PC, KERNEL, scratch)
            return
        length = control[PREIMAGE_LENGTH]
        if code == _ORACLE_READ and length >= 0:
            address = _register(engine, UC_MIPS_REG_4, scratch)
            offset = _register(engine, UC_MIPS_REG_5, scratch)
            page = address >> 12
            if address >= NULL_GUARD and flags[FLAGS_AT + page] & (SAVED | CODE) == SAVED:
                count = max(0, min(LEAF_SIZE - address % LEAF_SIZE, length - offset))
                start = RAM_AT + np.int64(tables[TABLE_AT // 4 + page] - 1) * PAGE_SIZE
                start += address & 0xFFF
                for i in range(count):
                    ram[start + i] = ram[PREIMAGE_AT + offset + i]
                _set_register(engine, UC_MIPS_REG_2, count, scratch)
                _set_register(engine, UC_MIPS_REG_3, length if count else 0, scratch)
                return
    control[REASON] = AT_CALL
    _emu_stop(engine)


def address_of(callback: Any) -> ctypes.c_void_p:
    """The address of a compiled callback, for ``uc_hook_add``."""
    return ctypes.c_void_p(callback.address)
