// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Core} from "./Core.sol";
import {Flow, NEXT, fault, goTo} from "./Flow.sol";
import {Cause, Fn, Op, RA, immediateOf, rdOf, rsOf, rtOf} from "./Isa.sol";

/// Jumps, branches and traps. The functions of fpvm/step.py, in its order.
/// @dev Unchecked: addresses wrap modulo 2^32.
library Branches {
    // --- Jumps and branches ---

    /// J, JAL: within the 256 MB of the delay slot.
    function jump(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 pc = core.pc();
            if (word >> 26 == Op.JAL) core.setReg(RA, pc + 8);
            return goTo((pc + 4 & 0xF0000000) | uint32(word << 2 & 0x0FFFFFFC));
        }
    }

    /// JR, JALR. The target is read before the link is written: they may be one register.
    function jumpRegister(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint32 target = core.reg(rsOf(word));
            if (word & 63 == Fn.JALR) core.setReg(rdOf(word), core.pc() + 8);
            return goTo(target);
        }
    }

    /// BEQ BNE BLEZ BGTZ, and the same *likely*.
    function branch(Core core, uint256 word) internal pure returns (Flow) {
        uint32 left = core.reg(rsOf(word));
        uint32 right = core.reg(rtOf(word));
        uint256 kind = word >> 26 & 0xF; // the likely forms differ in bit 30 only
        bool taken;
        if (kind == Op.BEQ) taken = left == right;
        else if (kind == Op.BNE) taken = left != right;
        else if (kind == Op.BLEZ) taken = int32(left) <= 0;
        else taken = int32(left) > 0;
        return branchIf(core, word, taken, word >> 26 >= Op.BEQL);
    }

    /// The target if `taken`. A likely branch that is not taken nullifies its delay slot.
    function branchIf(Core core, uint256 word, bool taken, bool likely)
        private
        pure
        returns (Flow)
    {
        unchecked {
            if (taken) return goTo(core.pc() + 4 + (immediateOf(word) << 2));
            if (likely) core.setNextPc(core.nextPc() + 4);
            return NEXT;
        }
    }

    /// BLTZ BGEZ, and the same with link, likely, or both. A link is written even if not taken.
    function branchOnSign(Core core, uint256 word) internal pure returns (Flow) {
        unchecked {
            uint256 rt = rtOf(word);
            bool negative = int32(core.reg(rsOf(word))) < 0;
            if (rt & 0x10 != 0) core.setReg(RA, core.pc() + 8);
            return branchIf(core, word, negative == (rt & 1 == 0), rt & 2 != 0);
        }
    }

    // --- Traps ---

    /// Tr if the condition holds that the low bits of TGE … TNE and TGEI … TNEI encode.
    function trapIf(uint256 kind, uint32 left, uint32 right) private pure returns (Flow) {
        kind &= 7;
        bool raised;
        if (kind == 0) raised = int32(left) >= int32(right);
        else if (kind == 1) raised = left >= right;
        else if (kind == 2) raised = int32(left) < int32(right);
        else if (kind == 3) raised = left < right;
        else if (kind == 4) raised = left == right;
        else raised = left != right;
        return raised ? fault(Cause.TR) : NEXT;
    }

    /// TGE TGEU TLT TLTU TEQ TNE.
    function trap(Core core, uint256 word) internal pure returns (Flow) {
        return trapIf(word, core.reg(rsOf(word)), core.reg(rtOf(word)));
    }

    /// TGEI TGEIU TLTI TLTIU TEQI TNEI; the immediate is sign-extended for all of them.
    function trapImmediate(Core core, uint256 word) internal pure returns (Flow) {
        return trapIf(rtOf(word), core.reg(rsOf(word)), immediateOf(word));
    }
}
