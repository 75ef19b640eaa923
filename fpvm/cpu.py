"""The registers inside Unicorn, in bulk.

Unicorn saves and restores its CPU as one block of bytes, QEMU's ``CPUMIPSState``. The places of the
fields in it belong to the pinned version of Unicorn and are checked when an engine is made. The
block is the only way to some of them: the LL reservation, and the branch that is under way in a
delay slot, without which a fault there could not be told from a fault anywhere else.
"""

from __future__ import annotations

import ctypes

import numpy as np
import unicorn
from numpy.typing import NDArray
from unicorn.mips_const import UC_MIPS_REG_0, UC_MIPS_REG_HI, UC_MIPS_REG_LO, UC_MIPS_REG_PC
from unicorn.unicorn_py3.unicorn import Uc, uclib

from fpvm.step import MASK32, Core

UNICORN_VERSION = "2.1.2"

# Places in the block, in 32-bit words.
_REGS, _PC, _HI, _LO = 10, 42, 43, 47
_LL_ADDR, _LL_VALUE = 401, 402
_HFLAGS, _BRANCH_TARGET, _BRANCH_CONDITION = 2799, 2800, 2801

# QEMU's hflags of a branch under way: any; and the kind, of which these two depend on a condition.
BRANCH_MASK, _BRANCH_KIND, _CONDITIONAL, _LIKELY = 0x87F800, 0x3800, 0x1000, 0x1800


class EngineError(RuntimeError):
    """Unicorn is not the version this engine was written for, or refuses to work."""


class Cpu:
    """The CPU of one Unicorn engine."""

    def __init__(self, engine: Uc) -> None:
        self._handle = engine._uch
        self._context = ctypes.c_void_p()
        if uclib.uc_context_alloc(self._handle, ctypes.byref(self._context)):
            raise EngineError("unicorn: uc_context_alloc failed")
        size = int(uclib.uc_context_size(self._handle)) // 4 * 4
        block = (ctypes.c_uint32 * (size // 4)).from_address(self._context.value or 0)
        self._block: NDArray[np.uint32] = np.ctypeslib.as_array(block)
        self._check_places(engine)

    def _check_places(self, engine: Uc) -> None:
        """Write every register by name, look for it in the block; keep a block with none set."""
        if unicorn.__version__ != UNICORN_VERSION:
            raise EngineError(
                f"unicorn {UNICORN_VERSION} is required, {unicorn.__version__} is installed"
            )
        self._save()
        self._pristine = self._block.copy()
        places = {_REGS + i: UC_MIPS_REG_0 + i for i in range(1, 32)}
        places |= {_PC: UC_MIPS_REG_PC, _HI: UC_MIPS_REG_HI, _LO: UC_MIPS_REG_LO}
        for place, register in places.items():
            engine.reg_write(register, 0x5A5A0000 + 4 * place)
        self._save()
        for place in places:
            if self._block[place] != 0x5A5A0000 + 4 * place:
                raise EngineError(f"unicorn: no register at word {place} of its CPU state")

    @property
    def context_address(self) -> int:
        """The uc_context that this object saves to and restores from."""
        return self._context.value or 0

    @property
    def hflags_address(self) -> int:
        """Where hflags are in it."""
        return int(self._block.ctypes.data) + 4 * _HFLAGS

    def free(self) -> None:
        """Release the block. The CPU cannot be used afterwards."""
        if self._context:
            uclib.uc_context_free(self._context)
            self._context = ctypes.c_void_p()

    def _save(self) -> None:
        if uclib.uc_context_save(self._handle, self._context):
            raise EngineError("unicorn: uc_context_save failed")

    def enter(self, core: Core) -> None:
        """Give Unicorn the registers of ``core``, which must not be in a delay slot."""
        block = self._block
        block[:] = self._pristine
        block[_REGS : _REGS + 32] = core.regs
        block[_PC], block[_HI], block[_LO] = core.pc, core.hi, core.lo
        block[_LL_ADDR], block[_LL_VALUE] = core.ll_addr, core.ll_value
        if uclib.uc_context_restore(self._handle, self._context):
            raise EngineError("unicorn: uc_context_restore failed")

    def leave(self, core: Core) -> None:
        """Take the registers back, pc and nextPC included."""
        self._save()
        block = self._block
        core.regs[:] = block[_REGS : _REGS + 32].tolist()
        core.pc, core.hi, core.lo = int(block[_PC]), int(block[_HI]), int(block[_LO])
        core.ll_addr, core.ll_value = int(block[_LL_ADDR]), int(block[_LL_VALUE])
        if block[_HFLAGS] & _BRANCH_KIND == _LIKELY and not block[_BRANCH_CONDITION]:
            core.pc = (core.pc + 4) & MASK32  # in a delay slot that is not executed
            core.next_pc = (core.pc + 4) & MASK32
        else:
            core.next_pc = self.next_pc(core.pc)

    def next_pc(self, pc: int) -> int:
        """Where the instruction at ``pc`` continues, which may be in a delay slot, after a
        leave."""
        flags = int(self._block[_HFLAGS])
        conditional = flags & _BRANCH_KIND == _CONDITIONAL
        if flags & BRANCH_MASK and (not conditional or self._block[_BRANCH_CONDITION]):
            return int(self._block[_BRANCH_TARGET])
        return (pc + 4) & MASK32
