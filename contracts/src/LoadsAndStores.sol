// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Arithmetic} from "./Arithmetic.sol";
import {Core} from "./Core.sol";
import {Flow, NEXT, fault} from "./Flow.sol";
import {Cause, NULL_GUARD, Op, immediateOf, rsOf, rtOf} from "./Isa.sol";
import {Leaves} from "./Leaves.sol";

/// Loads and stores. The functions of fpvm/step.py, in its order.
/// @dev Unchecked: addresses wrap modulo 2^32, and every offset is within a leaf.
library LoadsAndStores {
    using Leaves for Core;

    /// base + offset.
    function dataAddress(Core core, uint256 word) private pure returns (uint32) {
        unchecked {
            return core.reg(rsOf(word)) + immediateOf(word);
        }
    }

    /// Whether a load or store of `size` bytes faults there: the address is not a multiple of
    /// `size`, or a null pointer.
    function faults(uint32 addr, uint32 size) private pure returns (bool) {
        unchecked {
            return addr % size != 0 || addr < NULL_GUARD;
        }
    }

    /// `size` bytes at `addr`, which lie within one leaf, big-endian.
    function read(Core core, uint32 addr, uint32 size) private pure returns (uint32) {
        return uint32(Leaves.part(core.readLeaf(addr), addr % Leaves.LEAF, size));
    }

    /// The low `size` bytes of `value` to `addr`, within one leaf, big-endian.
    function store(Core core, uint32 addr, uint32 size, uint32 value) private pure {
        uint256 leaf = core.readLeaf(addr);
        core.writeLeaf(addr, Leaves.patched(leaf, addr % Leaves.LEAF, size, value));
    }

    /// LB LBU LH LHU LW.
    function load(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint256 op = word >> 26;
            uint32 size = sizeOf(op);
            uint32 addr = dataAddress(core, word);
            if (faults(addr, size)) return fault(Cause.ADEL);
            uint32 value = read(core, addr, size);
            if (op == Op.LB) value = uint32(int32(int8(uint8(value))));
            else if (op == Op.LH) value = uint32(int32(int16(uint16(value))));
            core.setReg(rtOf(word), value);
            return NEXT;
        }
    }

    /// How many bytes LB LBU LH LHU LW SB SH SW take: the low bits are 0 for a byte, 1 for a
    /// halfword, 3 for a word.
    function sizeOf(uint256 op) private pure returns (uint32) {
        unchecked {
            return uint32(op & 3) + 1;
        }
    }

    /// LWL: from the address up to the word's end, into the register's high bytes.
    /// LWR: from the word's start up to the address, into its low bytes.
    function loadUnaligned(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 addr = dataAddress(core, word);
            if (faults(addr, 1)) return fault(Cause.ADEL);
            uint32 value = read(core, addr & ~uint32(3), 4);
            uint32 old = core.reg(rtOf(word));
            uint32 offset = addr & 3;
            uint32 result;
            if (word >> 26 == Op.LWL) {
                uint32 kept = (uint32(1) << 8 * offset) - 1;
                result = value << 8 * offset | (old & kept);
            } else {
                uint32 taken = type(uint32).max >> 8 * (3 - offset);
                result = value >> 8 * (3 - offset) | (old & ~taken);
            }
            core.setReg(rtOf(word), result);
            return NEXT;
        }
    }

    /// SB SH SW.
    function save(Core core, uint256 word) internal pure returns (Flow) {
        uint32 size = sizeOf(word >> 26);
        uint32 addr = dataAddress(core, word);
        if (faults(addr, size)) return fault(Cause.ADES);
        store(core, addr, size, core.reg(rtOf(word)));
        return NEXT;
    }

    /// SWL, SWR: the converse of LWL, LWR.
    function saveUnaligned(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 addr = dataAddress(core, word);
            if (faults(addr, 1)) return fault(Cause.ADES);
            uint32 value = core.reg(rtOf(word));
            uint32 offset = addr & 3;
            if (word >> 26 == Op.SWL) store(core, addr, 4 - offset, value >> 8 * offset);
            else store(core, addr & ~uint32(3), offset + 1, value);
            return NEXT;
        }
    }

    /// LL: LW, and remember what was seen and where.
    function loadLinked(Core core, uint256 word) internal pure returns (Flow) {
        uint32 addr = dataAddress(core, word);
        if (faults(addr, 4)) return fault(Cause.ADEL);
        uint32 value = read(core, addr, 4);
        core.setReg(rtOf(word), value);
        core.setLlAddr(addr);
        core.setLlValue(value);
        return NEXT;
    }

    /// SC: store rt and set it to 1 if the address is LL's and its word is what LL saw; else 0. An
    /// address that is not LL's fails without a look at it.
    function storeConditional(Core core, uint256 word) internal pure returns (Flow) {
        uint256 rt = rtOf(word);
        uint32 addr = dataAddress(core, word);
        if (addr != core.llAddr()) {
            core.setReg(rt, 0);
            return NEXT;
        }
        if (faults(addr, 4)) return fault(Cause.ADES);
        uint256 leaf = core.readLeaf(addr);
        bool same = Leaves.part(leaf, addr % Leaves.LEAF, 4) == core.llValue();
        if (same) core.writeLeaf(addr, Leaves.patched(leaf, addr % Leaves.LEAF, 4, core.reg(rt)));
        core.setReg(rt, Arithmetic.toUint32(same));
        return NEXT;
    }
}
