// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Arithmetic} from "./Arithmetic.sol";
import {Branches} from "./Branches.sol";
import {Core, CoreLib} from "./Core.sol";
import {Flow, NEXT, fault} from "./Flow.sol";
import {
    Call,
    Cause,
    Fn,
    Fn2,
    K0,
    K1,
    KERNEL,
    NULL_GUARD,
    Op,
    Rt,
    UNHANDLED_EXIT_CODE,
    rtOf
} from "./Isa.sol";
import {Leaves} from "./Leaves.sol";
import {LoadsAndStores} from "./LoadsAndStores.sol";
import {PreimageOracle} from "./PreimageOracle.sol";
import {VmCalls} from "./VmCalls.sol";

/// Verifies one step of the virtual machine (docs/vm.md). Written to be read beside fpvm/step.py: it
/// has the same functions, in the same order (docs/step-contract.md).
///
/// It is total: for every valid witness it returns. It reverts only if the witness is not valid, or
/// reads a part of a preimage that has not been loaded.
contract Step {
    using Leaves for Core;

    /// The arguments are not in the one encoding that the ABI calls strict: offsets and lengths as
    /// short as can be, padding of zeros, nothing behind.
    error NotCanonical();

    /// Where preimages come from.
    PreimageOracle public immutable ORACLE;

    constructor(PreimageOracle oracle) {
        ORACLE = oracle;
    }

    /// The hash of the state after `state`.
    /// @param state The packed pre-state; the caller knows it by its keccak256.
    /// @param proof The proofs of the leaves that the step uses: the code leaf's, then the data
    /// leaf's. Each is the leaf and its 27 siblings from the bottom up, 896 bytes, or nothing.
    function step(bytes calldata state, bytes calldata proof)
        external
        view
        returns (bytes32 postStateHash)
    {
        Core core = CoreLib.unpack(state);
        checkCanonical(state, proof);
        uint256 start;
        uint256 end;
        assembly ("memory-safe") {
            start := proof.offset
            end := add(start, proof.length)
        }
        core.setProof(start, end);
        execute(core);
        core.checkUsed();
        return core.hash();
    }

    /// A witness has one encoding. Solidity's decoder would take others: of a proof that overlaps
    /// the state, of padding that is not zero, with bytes behind the end.
    function checkCanonical(bytes calldata state, bytes calldata proof) private pure {
        // 4 bytes of selector, two offsets, a length and the 290 bytes padded to 320, a length.
        uint256 stateAt = 4 + 2 * 32 + 32;
        uint256 proofAt = stateAt + 320 + 32;
        bool canonical;
        assembly ("memory-safe") {
            canonical := and(eq(state.offset, stateAt), eq(proof.offset, proofAt))
            // The last 30 of the 320 bytes are padding.
            canonical := and(canonical, iszero(shl(16, calldataload(add(stateAt, 288)))))
            // Rounded up to words, as the ABI pads: a length that is not right is named elsewhere.
            let padded := and(add(proof.length, 31), not(31))
            canonical := and(canonical, eq(calldatasize(), add(proofAt, padded)))
        }
        if (!canonical) revert NotCanonical();
    }

    /// Execute one instruction. Stands for `step` in fpvm/step.py.
    function execute(Core core) private view {
        if (core.exited()) return;
        Flow flow = instruction(core);
        if (flow.isFault()) {
            takeException(core, flow.cause());
        } else {
            unchecked {
                uint32 nextPc = core.nextPc();
                core.setPc(nextPc);
                core.setNextPc(flow.isNext() ? nextPc + 4 : flow.target());
            }
            core.setReg(0, 0); // an instruction may name register 0 as its destination
        }
        core.countStep();
    }

    /// Fetch the word at pc, and what it says. AdEL at an unaligned pc, and below the null guard.
    function instruction(Core core) private view returns (Flow) {
        uint32 pc = core.pc();
        if (pc & 3 != 0 || pc < NULL_GUARD) return fault(Cause.ADEL);
        return opcodes(core, Leaves.part(core.readLeaf(pc), pc % Leaves.LEAF, 4));
    }

    /// Enter the kernel; an exception of the kernel itself halts, for nobody could handle it.
    function takeException(Core core, uint32 cause) private pure {
        uint32 pc = core.pc();
        if (pc >= KERNEL) {
            core.exit(UNHANDLED_EXIT_CODE);
            core.setOutput(0);
            return;
        }
        core.setReg(K0, cause);
        // A system call returns behind itself, a fault to the faulting instruction.
        core.setReg(K1, cause == Cause.SYS ? core.nextPc() : pc);
        core.setPc(KERNEL);
        core.setNextPc(KERNEL + 4);
    }

    /// Whatever the machine has not: floating point, coprocessors, later releases, unused encodings.
    function reserved() private pure returns (Flow) {
        return fault(Cause.RI);
    }

    /// SYSCALL: code 0 enters the kernel, to return behind it; any other code is a VM call.
    function systemCall(Core core, uint256 word) private view returns (Flow) {
        uint256 code = word >> 6 & 0xFFFFF;
        if (code == 0) return fault(Cause.SYS);
        if (code == Call.HALT) return VmCalls.halt(core);
        if (code == Call.INPUT) return VmCalls.giveInput(core);
        if (code == Call.ORACLE_KEY) return VmCalls.selectPreimage(core);
        if (code == Call.ORACLE_READ) return VmCalls.readPreimage(core, ORACLE);
        if (code == Call.WRITE) return VmCalls.write(core);
        return reserved();
    }

    // --- The tables ---

    function opcodes(Core core, uint256 word) private view returns (Flow) {
        uint256 op = word >> 26;
        if (op == Op.SPECIAL) return special(core, word);
        if (op == Op.REGIMM) return registerImmediate(core, word);
        if (op == Op.SPECIAL2) return special2(core, word);
        if (op == Op.J || op == Op.JAL) return Branches.jump(core, word);
        if (Op.BEQ <= op && op <= Op.BGTZ) return Branches.branch(core, word);
        if (Op.BEQL <= op && op <= Op.BGTZL) return Branches.branch(core, word);
        if (op == Op.ADDI || op == Op.ADDIU) return Arithmetic.addImmediate(core, word);
        if (op == Op.SLTI || op == Op.SLTIU) return Arithmetic.setImmediate(core, word);
        if (Op.ANDI <= op && op <= Op.LUI) return Arithmetic.logicImmediate(core, word);
        if (op == Op.LB || op == Op.LBU) return LoadsAndStores.load(core, word);
        if (op == Op.LH || op == Op.LHU) return LoadsAndStores.load(core, word);
        if (op == Op.LW) return LoadsAndStores.load(core, word);
        if (op == Op.LWL || op == Op.LWR) return LoadsAndStores.loadUnaligned(core, word);
        if (op == Op.SB || op == Op.SH || op == Op.SW) return LoadsAndStores.save(core, word);
        if (op == Op.SWL || op == Op.SWR) return LoadsAndStores.saveUnaligned(core, word);
        if (op == Op.LL) return LoadsAndStores.loadLinked(core, word);
        if (op == Op.SC) return LoadsAndStores.storeConditional(core, word);
        if (op == Op.PREF) return NEXT; // nothing to fetch early in a machine without caches
        return reserved();
    }

    function special(Core core, uint256 word) private view returns (Flow) {
        uint256 fn = word & 63;
        if (fn <= Fn.SRAV && fn & 3 != 1) return Arithmetic.shift(core, word);
        if (fn == Fn.JR || fn == Fn.JALR) return Branches.jumpRegister(core, word);
        if (fn == Fn.MOVZ || fn == Fn.MOVN) return Arithmetic.moveIf(core, word);
        if (fn == Fn.SYSCALL) return systemCall(core, word);
        if (fn == Fn.BREAK) return fault(Cause.BP);
        if (fn == Fn.SYNC) return NEXT; // nothing to order
        if (Fn.MFHI <= fn && fn <= Fn.MTLO) return Arithmetic.moveHiLo(core, word);
        if (fn == Fn.MULT || fn == Fn.MULTU) return Arithmetic.multiply(core, word);
        if (fn == Fn.DIV || fn == Fn.DIVU) return Arithmetic.divide(core, word);
        if (fn == Fn.ADD || fn == Fn.SUB) return Arithmetic.addTrapping(core, word);
        if (Fn.ADDU <= fn && fn <= Fn.NOR) return Arithmetic.arithmetic(core, word);
        if (fn == Fn.SLT || fn == Fn.SLTU) return Arithmetic.arithmetic(core, word);
        if (Fn.TGE <= fn && fn <= Fn.TEQ || fn == Fn.TNE) return Branches.trap(core, word);
        return reserved();
    }

    function special2(Core core, uint256 word) private pure returns (Flow) {
        uint256 fn = word & 63;
        if (fn == Fn2.MADD || fn == Fn2.MADDU) return Arithmetic.multiplyAdd(core, word);
        if (fn == Fn2.MSUB || fn == Fn2.MSUBU) return Arithmetic.multiplyAdd(core, word);
        if (fn == Fn2.MUL) return Arithmetic.multiplyLow(core, word);
        if (fn == Fn2.CLZ || fn == Fn2.CLO) return Arithmetic.countLeading(core, word);
        return reserved();
    }

    function registerImmediate(Core core, uint256 word) private pure returns (Flow) {
        uint256 rt = rtOf(word);
        if (rt <= Rt.BGEZL) return Branches.branchOnSign(core, word);
        if (Rt.BLTZAL <= rt && rt <= Rt.BGEZALL) return Branches.branchOnSign(core, word);
        if (Rt.TGEI <= rt && rt <= Rt.TEQI || rt == Rt.TNEI) {
            return Branches.trapImmediate(core, word);
        }
        return reserved();
    }
}
