// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Core} from "./Core.sol";
import {Flow, NEXT, fault} from "./Flow.sol";
import {Cause, Fn, Fn2, Op, immediateOf, rdOf, rsOf, rtOf} from "./Isa.sol";

/// Arithmetic and logic: SPECIAL, the immediates, SPECIAL2. The functions of fpvm/step.py, in its
/// order.
/// @dev Unchecked throughout: arithmetic of uint32 then wraps modulo 2^32, as the machine's does,
/// and int32 is two's complement.
library Arithmetic {
    // --- SPECIAL ---

    /// SLL SRL SRA by the shift amount in bits 10-6; SLLV SRLV SRAV by the low five bits of rs.
    function shift(Core core, uint256 word) internal pure returns (Flow) {
        uint32 value = core.reg(rtOf(word));
        uint32 amount = word & 4 != 0 ? core.reg(rsOf(word)) & 31 : uint32(word >> 6 & 31);
        uint32 result;
        if (word & 3 == 0) result = value << amount;
        else if (word & 3 == 2) result = value >> amount;
        else result = uint32(int32(value) >> amount);
        core.setReg(rdOf(word), result);
        return NEXT;
    }

    /// ADD, SUB: Ov on signed overflow.
    function addTrapping(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            int256 left = int32(core.reg(rsOf(word)));
            int256 right = int32(core.reg(rtOf(word)));
            int256 result = word & 63 == Fn.ADD ? left + right : left - right;
            if (!inRange(result)) return fault(Cause.OV);
            core.setReg(rdOf(word), uint32(int32(result)));
            return NEXT;
        }
    }

    /// Whether `result` has 32 bits.
    function inRange(int256 result) private pure returns (bool) {
        return result == int32(result);
    }

    /// ADDU SUBU AND OR XOR NOR SLT SLTU.
    function arithmetic(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 left = core.reg(rsOf(word));
            uint32 right = core.reg(rtOf(word));
            uint256 fn = word & 63;
            uint32 result;
            if (fn == Fn.ADDU) result = left + right;
            else if (fn == Fn.SUBU) result = left - right;
            else if (fn == Fn.AND) result = left & right;
            else if (fn == Fn.OR) result = left | right;
            else if (fn == Fn.XOR) result = left ^ right;
            else if (fn == Fn.NOR) result = ~(left | right);
            else if (fn == Fn.SLT) result = toUint32(int32(left) < int32(right));
            else result = toUint32(left < right);
            core.setReg(rdOf(word), result);
            return NEXT;
        }
    }

    function toUint32(bool condition) internal pure returns (uint32) {
        return condition ? 1 : 0;
    }

    /// MOVZ, MOVN: rd takes rs if rt is zero, if it is not.
    function moveIf(Core core, uint256 word) internal pure returns (Flow) {
        bool isZero = core.reg(rtOf(word)) == 0;
        if (isZero == (word & 63 == Fn.MOVZ)) core.setReg(rdOf(word), core.reg(rsOf(word)));
        return NEXT;
    }

    /// MFHI MFLO MTHI MTLO.
    function moveHiLo(Core core, uint256 word) internal pure returns (Flow) {
        uint256 fn = word & 63;
        if (fn == Fn.MFHI) core.setReg(rdOf(word), core.hi());
        else if (fn == Fn.MTHI) core.setHi(core.reg(rsOf(word)));
        else if (fn == Fn.MFLO) core.setReg(rdOf(word), core.lo());
        else core.setLo(core.reg(rsOf(word)));
        return NEXT;
    }

    /// MULT, MULTU: the 64-bit product goes to hi and lo.
    function multiply(Core core, uint256 word) internal pure returns (Flow) {
        setHiLo(core, product(core, word, word & 63 == Fn.MULT));
        return NEXT;
    }

    /// rs times rt, modulo 2^64.
    function product(Core core, uint256 word, bool isSigned) private pure returns (uint64) {
        unchecked {
            uint32 left = core.reg(rsOf(word));
            uint32 right = core.reg(rtOf(word));
            if (isSigned) return uint64(int64(int32(left)) * int32(right));
            return uint64(left) * right;
        }
    }

    function setHiLo(Core core, uint64 value) private pure {
        core.setHi(uint32(value >> 32));
        core.setLo(uint32(value));
    }

    /// DIV, DIVU: lo takes the quotient, rounded to zero, and hi the remainder, of the sign of rs.
    /// Division by zero divides by one; -2^31 / -1 gives -2^31, remainder 0, which is what
    /// unchecked int32 gives.
    function divide(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 left = core.reg(rsOf(word));
            uint32 right = core.reg(rtOf(word));
            if (right == 0) right = 1;
            if (word & 63 == Fn.DIV) {
                core.setHi(uint32(int32(left) % int32(right)));
                core.setLo(uint32(int32(left) / int32(right)));
            } else {
                core.setHi(left % right);
                core.setLo(left / right);
            }
            return NEXT;
        }
    }

    // --- Immediates ---

    /// ADDI: Ov on signed overflow. ADDIU.
    function addImmediate(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 left = core.reg(rsOf(word));
            uint32 right = immediateOf(word);
            if (word >> 26 == Op.ADDI && !inRange(int256(int32(left)) + int32(right))) {
                return fault(Cause.OV);
            }
            core.setReg(rtOf(word), left + right);
            return NEXT;
        }
    }

    /// SLTI, SLTIU; the immediate is sign-extended for both, then compared as the name says.
    function setImmediate(Core core, uint256 word) internal pure returns (Flow) {
        uint32 left = core.reg(rsOf(word));
        uint32 right = immediateOf(word);
        bool below = word >> 26 == Op.SLTI ? int32(left) < int32(right) : left < right;
        core.setReg(rtOf(word), toUint32(below));
        return NEXT;
    }

    /// ANDI ORI XORI, zero-extended; LUI.
    function logicImmediate(Core core, uint256 word) internal pure returns (Flow) {
        uint32 left = core.reg(rsOf(word));
        uint32 right = uint16(word);
        uint256 op = word >> 26;
        uint32 result;
        if (op == Op.ANDI) result = left & right;
        else if (op == Op.ORI) result = left | right;
        else if (op == Op.XORI) result = left ^ right;
        else result = right << 16;
        core.setReg(rtOf(word), result);
        return NEXT;
    }

    // --- SPECIAL2 ---

    /// MADD MADDU MSUB MSUBU: the 64-bit product is added to, or taken from, hi and lo.
    function multiplyAdd(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint256 fn = word & 63;
            uint64 term = product(core, word, fn == Fn2.MADD || fn == Fn2.MSUB);
            uint64 sum = uint64(core.hi()) << 32 | core.lo();
            setHiLo(core, fn == Fn2.MADD || fn == Fn2.MADDU ? sum + term : sum - term);
            return NEXT;
        }
    }

    /// MUL: the low 32 bits of the product. hi and lo, which the manual leaves open, stay.
    function multiplyLow(Core core, uint256 word) internal pure returns (Flow) {
        core.setReg(rdOf(word), uint32(product(core, word, false)));
        return NEXT;
    }

    /// CLZ, CLO: how many leading bits of rs are zero, are one; 32 if all are.
    function countLeading(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 value = core.reg(rsOf(word));
            if (word & 63 == Fn2.CLO) value = ~value;
            core.setReg(rdOf(word), 32 - bitLength(value));
            return NEXT;
        }
    }

    /// Python's int.bit_length: by halves, which is what a loop over the bits comes to.
    function bitLength(uint32 value) private pure returns (uint32 length) {
        unchecked {
            for (uint32 half = 16; half != 0; half >>= 1) {
                if (value >> half != 0) {
                    value >>= half;
                    length += half;
                }
            }
            return length + value;
        }
    }
}
