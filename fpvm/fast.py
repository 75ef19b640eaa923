"""The machine at native speed: Unicorn runs it, the specification has the last word.

Unicorn executes whole blocks; compiled callbacks (:mod:`fpvm.callbacks`) count instructions and
stop it at a block boundary. Everything out of the ordinary, an exception, a VM call, a store to
code, the last few instructions before a chosen step, is left to :func:`fpvm.step.step`, on the same
registers and the same memory. So what this engine adds to the meaning of a program is only what a
block of ordinary instructions does, and that is what the differential tests are about
(docs/engines.md).
"""

from __future__ import annotations

import ctypes
import weakref

import numpy as np
from unicorn import unicorn_const as uc
from unicorn.mips_const import UC_CPU_MIPS32_4KC
from unicorn.unicorn_py3.unicorn import Uc, uclib

from fpvm import callbacks as cb
from fpvm.cpu import Cpu, EngineError
from fpvm.isa import Op, is_likely
from fpvm.machine import Console, Machine, silent
from fpvm.memory import CODE, Memory
from fpvm.merkle import PAGE_SIZE, PAGES
from fpvm.oracle import Source
from fpvm.state import ZERO_WORD, State
from fpvm.step import MASK32, step

#: Below this distance to the target, entering Unicorn costs more than it saves.
_WORTH_ENTERING = 24
#: Unicorn runs until told to stop: no instruction is executed at this address. (Of any other it
#: would look the page up, each time that it has run.)
_NEVER = 0
#: The longest run in one piece: what the callbacks can count.
_FAR = 1 << 62
#: No epoch of any memory.
_NO_EPOCH = -1
_TLB_FLUSH = uc.UC_CTL_TLB_FLUSH | uc.UC_CTL_IO_WRITE << 30


class FastMachine(Machine):
    """Runs from a state to any later step, on Unicorn."""

    def __init__(
        self, state: State, memory: Memory, oracle: Source, console: Console = silent
    ) -> None:
        super().__init__(state, memory, oracle, console)
        self._engine = Uc(uc.UC_ARCH_MIPS, uc.UC_MODE_MIPS32 | uc.UC_MODE_BIG_ENDIAN)
        self._engine.ctl_set_cpu_model(UC_CPU_MIPS32_4KC)
        self._engine.ctl_set_tlb_mode(uc.UC_TLB_VIRTUAL)
        self._engine.mem_map_ptr(0, memory.ram.size, uc.UC_PROT_ALL, memory.ram.ctypes.data)
        self._handle = self._engine._uch
        self._cpu = Cpu(self._engine)
        weakref.finalize(self, self._cpu.free)
        self._control = memory.control
        #: Whose preimage is where the callbacks find it; empty if none is.
        self._served_key = b""
        self._control[cb.CONTEXT] = self._cpu.context_address
        self._control[cb.HFLAGS_ADDRESS] = self._cpu.hflags_address
        self._epoch = _NO_EPOCH
        self._mark = state
        #: What steps before this one show has been shown.
        self._shown_until = 0
        for kind, callback in (
            (uc.UC_HOOK_BLOCK, cb.on_block),
            (uc.UC_HOOK_TLB_FILL, cb.on_tlb_fill),
            (uc.UC_HOOK_INTR, cb.on_interrupt),
        ):
            self._add_hook(kind, callback.address)

    def _add_hook(self, kind: int, address: int) -> None:
        error = uclib.uc_hook_add(
            self._handle,
            ctypes.byref(ctypes.c_size_t()),
            ctypes.c_int(kind),
            ctypes.c_void_p(address),
            ctypes.c_void_p(self.memory.arena.ctypes.data),
            ctypes.c_uint64(1),  # begin > end: everywhere
            ctypes.c_uint64(0),
        )
        if error:
            raise EngineError(f"unicorn: uc_hook_add failed with error {error}")

    def run(self, until: int) -> None:
        core = self.core
        while core.step < until and not core.exited:
            if until - core.step < _WORTH_ENTERING or not self._can_enter():
                self._specify()
            else:
                self._run_blocks(until)

    def _can_enter(self) -> bool:
        """Unicorn cannot start in a delay slot, and takes an odd pc for MIPS16 code."""
        return self.core.next_pc == (self.core.pc + 4) & MASK32 and self.core.pc % 4 == 0

    def _specify(self) -> None:
        """One step by the specification. A preimage it read is put where the callbacks find it."""
        self.surroundings.served = None
        self.surroundings.muted = self.core.step < self._shown_until
        step(self.core)
        served = self.surroundings.served
        if served is not None and len(served) <= cb.PREIMAGE_ROOM:
            start = cb.PREIMAGE_AT
            self.memory.arena[start : start + len(served)] = np.frombuffer(served, np.uint8)
            self._control[cb.PREIMAGE_LENGTH] = len(served)
            self._served_key = self.core.oracle_key

    def _run_blocks(self, until: int) -> None:
        """Run blocks, and then what the specification has to execute before blocks can run
        again."""
        self._refresh()
        core, control = self.core, self._control
        control[cb.REASON], control[cb.STEPS] = cb.RUNNING, 0
        control[cb.LIMIT] = min(until - core.step, _FAR)
        control[cb.BLOCK], control[cb.BLOCK_SIZE] = 0, 0
        self._cpu.enter(core)
        uclib.uc_emu_start(
            self._handle,
            ctypes.c_uint64(core.pc),
            ctypes.c_uint64(_NEVER),
            ctypes.c_uint64(0),
            ctypes.c_size_t(0),
        )
        self._cpu.leave(core)
        core.step += int(control[cb.STEPS])
        match int(control[cb.REASON]):
            case cb.AT_LIMIT:
                # The next block does not fit. Unicorn would have to translate its parts, one by
                # one.
                while core.step < until and not core.exited:
                    self._specify()
            case cb.AT_SLOT:
                pass  # pc and nextPC say whether the slot comes next
            case cb.AT_CALL:
                self._resume_at((core.pc - 4) & MASK32)
                core.step -= 1
                self._specify()
            case cb.FAULT:
                self._take_fault()
            case _:
                self._leave_page(until)

    def _resume_at(self, pc: int) -> None:
        """Unicorn stopped before the instruction at ``pc``."""
        self.core.pc, self.core.next_pc = pc, self._cpu.next_pc(pc)

    def _leave_page(self, until: int) -> None:
        """An access that Unicorn may not make. The block was counted whole, but ended at pc."""
        core, control = self.core, self._control
        block, size = int(control[cb.BLOCK]), int(control[cb.BLOCK_SIZE])
        page = core.pc >> 12
        if block <= core.pc < block + size:
            if self.word(core.pc) >> 26 == Op.LL:
                # Unicorn notes the address of an LL before it finds that it may not read there.
                self._replay(core.step - size // 4, core.step)
            else:
                core.step -= (block + size - core.pc) // 4
                self._specify()
            return
        # A fetch: the page holds an encoding that the engines differ on.
        if core.pc == (block + size) & MASK32 and size >= 8 and is_likely(self.word(core.pc - 8)):
            core.step -= 1  # as on_block does
        while core.pc >> 12 == page and core.step < until and not core.exited:
            self._specify()

    def _take_fault(self) -> None:
        """An exception in a block. Where, is known only if the instruction ends its block."""
        core, control = self.core, self._control
        ends_block = control[cb.INTERRUPT] in (
            cb.INTERRUPT_BREAK,
            cb.INTERRUPT_COPROCESSOR,
            cb.INTERRUPT_RESERVED,
        )
        if ends_block:
            self._resume_at(int(control[cb.BLOCK] + control[cb.BLOCK_SIZE]) - 4)
            core.step -= 1
            self._specify()
        else:
            self._replay(core.step - int(control[cb.BLOCK_SIZE]) // 4, core.step)

    def _replay(self, block: int, end: int) -> None:
        """Go back to the mark, run to step ``block`` again, and from there on specify.

        The fault is raised before step ``end``. Up to step ``block``, what the program shows was
        shown before, and a preimage it reads is not one to stop at.
        """
        self.memory.rewind()
        self.core.restore(self._mark)
        self._shown_until = max(self._shown_until, block)
        stop_at, self.surroundings.stop_at = self.surroundings.stop_at, None
        try:
            self.run(block)
        finally:
            self.surroundings.stop_at = stop_at
        self._epoch = _NO_EPOCH  # the next mark is here: no fault is ever replayed twice
        while self.core.step < end and not self.core.exited:
            self._specify()

    def _refresh(self) -> None:
        """Let Unicorn see what happened to memory since it last ran; set a mark if there is
        none."""
        memory = self.memory
        if self._served_key != self.core.oracle_key or self.surroundings.stop_at is not None:
            self._served_key, self._control[cb.PREIMAGE_LENGTH] = b"", -1
        if memory.epoch != self._epoch:
            memory.mark()
            self._mark = self.core.state(ZERO_WORD)
        for page in memory.stale_code:
            self._drop_translations(page)
        if memory.stale_code or memory.epoch != self._epoch:
            memory.stale_code.clear()
            self._epoch = memory.epoch
            if uclib.uc_ctl(self._handle, ctypes.c_int(_TLB_FLUSH)):
                raise EngineError("unicorn: cannot flush its TLB")

    def _drop_translations(self, page: int) -> None:
        """Make Unicorn forget its translations of ``page``.

        And that of the next page's first word: in the delay slot of a branch, the target is part of
        the translation.
        """
        memory, end = self.memory, (page + 1) * PAGE_SIZE
        self._control[cb.DROPPING] = 1
        try:
            self._engine.ctl_remove_cache(page * PAGE_SIZE, end)
            if page + 1 < PAGES and memory.flags[page + 1] & CODE:
                self._engine.ctl_remove_cache(end, end + 4)
        finally:
            self._control[cb.DROPPING] = 0
