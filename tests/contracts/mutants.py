"""Contracts with one small fault each, and the test that has to notice it (tests/mutation.py)."""

from __future__ import annotations

from collections.abc import Callable

from contracts import clients
from contracts.clients import PreimageOracle, Step
from contracts.evm import Revm
from fpvm.isa import Op
from tests.contracts import test_preimage_oracle as oracles
from tests.contracts import test_program as programs
from tests.contracts import test_step as steps
from tests.contracts import test_step_witness as witnesses
from tests.mutation import Check, Suite, mutants_in

#: What a test may ask for.
FIXTURES: dict[str, Callable[[], object]] = {
    "step": lambda: Step.deploy(Revm()),
    "any_step": lambda: Step.deploy(Revm()),
    "oracle": lambda: PreimageOracle.deploy(Revm()),
    "chain": Revm,
}
SUITE = Suite(
    {name: f"{name}.sol" for name in ("PreimageOracle", "Program", "Step")}, (clients,), FIXTURES
)

# --- The mutants ----------------------------------------------------------------------------------

CHECKS = (
    # --- What is a witness ---
    Check(
        witnesses.test_bytes_that_pack_no_state_are_named,
        mutants_in(
            "Core",
            ("if (state.length != STATE_SIZE) revert", "if (false) revert"),
            ("state.length != STATE_SIZE", "state.length < STATE_SIZE"),
            ("state.length != STATE_SIZE", "state.length > STATE_SIZE"),
            ("if (core.byteAt(EXITED) > 1) revert", "if (false) revert"),
            ("core.byteAt(EXITED) > 1", "core.byteAt(EXITED) > 2"),
            ("if (core.reg(0) != 0) revert", "if (false) revert"),
            ("core.reg(0) != 0", "int32(core.reg(0)) > 0"),
        ),
    ),
    Check(
        witnesses.test_a_witness_has_one_encoding,
        mutants_in(
            "Step",
            ("        checkCanonical(state, proof);\n", ""),
            ("if (!canonical) revert NotCanonical();", ""),
            (
                "and(eq(state.offset, stateAt), eq(proof.offset, proofAt))",
                "eq(state.offset, stateAt)",
            ),
            (
                "and(canonical, iszero(shl(16, calldataload(add(stateAt, 288)))))",
                "canonical",
            ),
            ("iszero(shl(16, calldataload", "iszero(shl(24, calldataload"),
            (
                "shl(16, calldataload(add(stateAt, 288)))",
                "and(255, calldataload(add(stateAt, 288)))",
            ),
            (
                "and(canonical, eq(calldatasize(), add(proofAt, padded)))",
                "canonical",
            ),
            (
                "eq(calldatasize(), add(proofAt, padded))",
                "iszero(lt(calldatasize(), add(proofAt, padded)))",
            ),
        ),
    ),
    Check(
        witnesses.test_a_state_that_starts_a_byte_later_is_refused,
        mutants_in(
            "Step",
            (
                "and(eq(state.offset, stateAt), eq(proof.offset, proofAt))",
                "eq(proof.offset, proofAt)",
            ),
        ),
    ),
    Check(
        witnesses.test_a_wrong_proof_is_named,
        (
            *mutants_in("Step", ("        core.checkUsed();\n", "")),
            *mutants_in(
                "Leaves",
                ("if (core.proofRest() != core.proofEnd()) revert", "if (false) revert"),
                ("core.proofRest() != core.proofEnd()", "core.proofRest() > core.proofEnd()"),
                ("if (core.proofEnd() - proof < PROOF_SIZE) revert", "if (false) revert"),
                ("revert LeafNotInMemory(leafAddress);", ""),
            ),
        ),
    ),
    Check(
        witnesses.test_no_other_proof_of_a_step_is_accepted,
        mutants_in(
            "Leaves",
            ("setProofRest(proof + PROOF_SIZE)", "setProofRest(core.proofStart() + PROOF_SIZE)"),
            (
                "let end := add(siblings, SIBLINGS_SIZE)",
                "let end := add(siblings, sub(SIBLINGS_SIZE, 32))",
            ),
        ),
        {"name": "lw"},
    ),
    Check(
        witnesses.test_another_state_is_refused_or_leads_where_the_specification_says,
        mutants_in("Leaves", ("!= core.memRoot()", ">> 8 != core.memRoot() >> 8")),
        {"name": "lw"},
    ),
    Check(
        witnesses.test_no_other_proof_of_a_step_is_accepted,
        mutants_in(
            "VmCalls",
            # What INPUT overwrites is not proved.
            ("core.readLeaf(leafAddress); // what it held", "// what it held"),
        ),
        {"name": "INPUT"},
    ),
    # --- A step ---
    Check(
        steps.test_a_halted_machine_stays,
        mutants_in("Step", ("if (core.exited()) return;", "")),
    ),
    Check(
        steps.test_every_instruction_with_one_register_for_all,
        mutants_in("Step", ("core.setReg(0, 0);", "")),
        {"name": "NOR"},
    ),
    Check(
        steps.test_the_count_of_steps_wraps,
        (
            *mutants_in("Step", ("        core.countStep();\n", "")),
            *mutants_in(
                "Core",
                ("add(shr(192, word), 1)", "and(add(shr(192, word), 1), 0xFFFFFFFF)"),
                ("or(step, shr(64, shl(64, word)))", "step"),
            ),
        ),
    ),
    Check(
        steps.test_no_word_at_a_pc_that_is_unaligned_or_null,
        mutants_in(
            "Step",
            ("pc & 3 != 0 || pc < NULL_GUARD", "pc < NULL_GUARD"),
            ("pc & 3 != 0 || pc < NULL_GUARD", "pc & 1 != 0 || pc < NULL_GUARD"),
            ("pc & 3 != 0 || pc < NULL_GUARD", "pc & 3 != 0"),
            ("pc < NULL_GUARD", "pc <= NULL_GUARD"),
            ("return fault(Cause.ADEL);", "return fault(Cause.ADES);"),
        ),
    ),
    Check(
        steps.test_an_exception_of_the_kernel_halts,
        (
            *mutants_in(
                "Step",
                ("if (pc >= KERNEL) {", "if (false) {"),
                ("pc >= KERNEL", "pc > KERNEL"),
                ("pc >= KERNEL", "pc >= KERNEL - 4"),
                ("core.exit(UNHANDLED_EXIT_CODE);", ""),
                ("core.exit(UNHANDLED_EXIT_CODE);", "core.exit(1);"),
                ("core.setOutput(0);", ""),
                ("core.setOutput(0);\n            return;", "core.setOutput(0);"),
                # A step that ends in an exception is not counted.
                (
                    "takeException(core, flow.cause());",
                    "takeException(core, flow.cause()); return;",
                ),
            ),
            *mutants_in("Core", ("mstore8(add(core, EXITED), 1)", "")),
        ),
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in(
            "Step",
            ("cause == Cause.SYS ? core.nextPc() : pc", "pc"),
            ("core.setReg(K0, cause);", ""),
            ("core.setNextPc(KERNEL + 4);", ""),
        ),
        {"name": "system call"},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in("Step", ("cause == Cause.SYS ? core.nextPc() : pc", "pc + 4")),
        {"name": "system call in a delay slot"},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in("Step", ("cause == Cause.SYS ? core.nextPc() : pc", "core.nextPc()")),
        {"name": "break"},
    ),
    Check(
        steps.test_every_reserved_encoding_is_an_exception,
        mutants_in(
            "Step",
            # The last lines of the four tables.
            ("caches\n        return reserved()", "caches\n        return NEXT"),
            (
                "trap(core, word);\n        return reserved()",
                "trap(core, word);\n        return NEXT",
            ),
            ("ng(core, word);\n        return reserved()", "ng(core, word);\n        return NEXT"),
            ("        }\n        return reserved()", "        }\n        return NEXT"),
            ("fn <= Fn.SRAV && fn & 3 != 1", "fn <= Fn.SRAV"),
            ("fn <= Fn.TEQ || fn == Fn.TNE", "fn <= Fn.TNE"),
            ("rt <= Rt.TEQI || rt == Rt.TNEI", "rt <= Rt.TNEI"),
            ("rt <= Rt.BGEZL", "rt <= Rt.BGEZL + 1"),
            ("rt <= Rt.BGEZALL", "rt <= Rt.BGEZALL + 1"),
            ("op <= Op.BGTZL", "op <= Op.BGTZL + 1"),
            ("fn == Fn2.CLZ || fn == Fn2.CLO", "fn >= Fn2.CLZ"),
        ),
    ),
    # --- Arithmetic ---
    Check(
        steps.test_shifts_by_register_take_five_bits,
        mutants_in(
            "Arithmetic",
            ("core.reg(rsOf(word)) & 31", "core.reg(rsOf(word))"),
            ("core.reg(rsOf(word)) & 31", "core.reg(rsOf(word)) & 63"),
            ("uint32(int32(value) >> amount)", "value >> amount"),
        ),
    ),
    Check(
        steps.test_signed_overflow_is_an_exception_that_writes_nothing,
        mutants_in(
            "Arithmetic",
            ("if (!inRange(result)) return fault(Cause.OV);", ""),
            (
                "if (!inRange(result)) return",
                "if (word & 63 == Fn.ADD && !inRange(result)) return",
            ),
            (
                "if (!inRange(result)) return",
                "core.setReg(rdOf(word), uint32(int32(result))); if (!inRange(result)) return",
            ),
            ("word >> 26 == Op.ADDI && !inRange", "false && !inRange"),
            ("word >> 26 == Op.ADDI && !inRange", "!inRange"),
            ("int256(int32(left)) + int32(right)", "int256(uint256(left) + right)"),
            ("return result == int32(result);", "return result <= type(int32).max;"),
            ("return result == int32(result);", "return result >= type(int32).min;"),
        ),
    ),
    Check(
        steps.test_every_instruction_on_every_pair_of_corners,
        mutants_in(
            "Arithmetic",
            ("if (right == 0) right = 1;", ""),
            ("core.setHi(uint32(int32(left) % int32(right)));", "core.setHi(left % right);"),
        ),
        {"name": "DIV"},
    ),
    Check(
        steps.test_every_instruction_on_every_pair_of_corners,
        mutants_in(
            "Arithmetic",
            # As a machine may that takes MUL for a MULT.
            (
                "core.setReg(rdOf(word), uint32(product(core, word, false)));",
                "multiply(core, word); core.setReg(rdOf(word), core.lo());",
            ),
        ),
        {"name": "MUL"},
    ),
    Check(
        steps.test_an_immediate_is_extended_as_its_instruction_wants,
        (
            *mutants_in(
                "Arithmetic", ("uint32 right = uint16(word);", "uint32 right = immediateOf(word);")
            ),
            *mutants_in("Isa", ("uint32(int32(int16(uint16(word))))", "uint16(word)")),
        ),
    ),
    Check(
        steps.test_every_instruction_on_every_pair_of_corners,
        mutants_in("Branches", ("raised = left >= right;", "raised = int32(left) > int32(right);")),
        {"name": "TGEU"},
    ),
    # --- Branches ---
    Check(
        steps.test_branches_wrap_and_obey_the_delay_slot,
        mutants_in(
            "Branches",
            ("if (likely) core.setNextPc(core.nextPc() + 4);", ""),
            ("(pc + 4 & 0xF0000000)", "(pc & 0xF0000000)"),
            ("if (rt & 0x10 != 0)", "if (rt & 0x10 != 0 && negative == (rt & 1 == 0))"),
            (
                "0x10 != 0) core.setReg(RA, core.pc() + 8)",
                "0x10 != 0) core.setReg(RA, core.nextPc() + 4)",
            ),
            ("goTo(core.pc() + 4 + (", "goTo(core.nextPc() + ("),
        ),
    ),
    Check(
        steps.test_every_instruction_with_one_register_for_all,
        mutants_in(
            "Branches",
            (
                "            return goTo(target);",
                "            return goTo(core.reg(rsOf(word)));",
            ),
        ),
        {"name": "JALR"},
    ),
    Check(
        steps.test_every_instruction_with_one_register_for_all,
        mutants_in(
            "Branches",
            (
                "return branchIf(core, word, negative ==",
                "return branchIf(core, word, int32(core.reg(rsOf(word))) < 0 ==",
            ),
        ),
        {"name": "BLTZAL"},
    ),
    # --- Loads and stores ---
    Check(
        steps.test_an_unaligned_access_is_an_exception,
        mutants_in(
            "LoadsAndStores",
            ("addr % size != 0 || addr < NULL_GUARD", "addr < NULL_GUARD"),
            # Silently aligned, as Cannon does.
            (
                "reg(rsOf(word)) + immediateOf(word)",
                "reg(rsOf(word)) + immediateOf(word) & ~uint32(3)",
            ),
            ("addr % size != 0", "addr % 2 != 0"),
            ("size)) return fault(Cause.ADEL)", "size)) return fault(Cause.ADES)"),
            ("size)) return fault(Cause.ADES)", "size)) return fault(Cause.ADEL)"),
        ),
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        (
            *mutants_in(
                "LoadsAndStores",
                ("addr % size != 0 || addr < NULL_GUARD", "addr % size != 0"),
                ("addr < NULL_GUARD", "addr <= NULL_GUARD"),
            ),
            *mutants_in("Leaves", ("core.proofRest() - SIBLINGS_SIZE", "core.proofStart() + LEAF")),
        ),
        {"op": Op.SW},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        mutants_in("Leaves", ("(value & mask(size)) << shift", "value << shift")),
        {"op": Op.SB},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        mutants_in("LoadsAndStores", ("uint32(int32(int8(uint8(value))))", "uint8(value)")),
        {"op": Op.LB},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        mutants_in(
            "LoadsAndStores",
            ("if (faults(addr, 1)) return fault(Cause.ADEL);", ""),
            ("if (word >> 26 == Op.LWL) {", "if (word >> 26 != Op.LWL) {"),
        ),
        {"op": Op.LWL},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        mutants_in(
            "LoadsAndStores",
            ("if (faults(addr, 1)) return fault(Cause.ADES);", ""),
            ("addr & ~uint32(3), offset + 1", "addr & ~uint32(3), 4"),
        ),
        {"op": Op.SWR},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        mutants_in(
            "LoadsAndStores",
            ("if (faults(addr, 4)) return fault(Cause.ADEL);", ""),
        ),
        {"op": Op.LL},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in(
            "LoadsAndStores", ("core.setLlAddr(addr);", ""), ("core.setLlValue(value);", "")
        ),
        {"name": "ll"},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        mutants_in(
            "LoadsAndStores",
            ("if (faults(addr, 4)) return fault(Cause.ADES);", ""),
            ("core.setReg(rt, Arithmetic.toUint32(same));", "core.setReg(rt, 0);"),
            ("if (same) core.writeLeaf", "if (false) core.writeLeaf"),
        ),
        {"op": Op.SC},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in(
            "LoadsAndStores",
            # SC succeeds whatever it finds.
            ("4) == core.llValue();", "4) == core.llValue() || true;"),
        ),
        {"name": "sc of a word that has changed"},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in("LoadsAndStores", ("if (addr != core.llAddr()) {", "if (false) {")),
        {"name": "sc elsewhere"},
    ),
    # --- VM calls ---
    Check(
        steps.test_unknown_vm_calls_are_reserved,
        mutants_in(
            "Step",
            ("word >> 6 & 0xFFFFF;", "word >> 6 & 0xFFFF;"),
            ("word >> 6 & 0xFFFFF;", "word >> 6 & 0xFF;"),
            ("write(core);\n        return reserved()", "write(core);\n        return NEXT"),
            ("if (code == Call.WRITE)", "if (code >= Call.WRITE)"),
        ),
    ),
    Check(
        steps.test_a_vm_call_takes_whole_leaves_only,
        mutants_in(
            "VmCalls",
            ("leafAddress % Leaves.LEAF == 0 &&", ""),
            ("&& leafAddress >= NULL_GUARD", ""),
            ("leafAddress % Leaves.LEAF == 0 &&", "leafAddress % 16 == 0 &&"),
            ("leafAddress >= NULL_GUARD", "leafAddress > NULL_GUARD"),
            ("(leafAddress)) return fault(Cause.ADES)", "(leafAddress)) return fault(Cause.ADEL)"),
            ("core.exit(uint8(core.reg(A0)));", ""),
            ("core.setOutput(bytes32(core.readLeaf(leafAddress)))", "core.readLeaf(leafAddress)"),
            ("core.writeLeaf(leafAddress, uint256(core.input()));", ""),
            (
                "core.setOracleKey(bytes32(core.readLeaf(leafAddress)))",
                "core.readLeaf(leafAddress)",
            ),
        ),
    ),
    Check(
        steps.test_a_step_of_every_kind,
        mutants_in("VmCalls", ("if (to < NULL_GUARD) return fault(Cause.ADES);", "")),
        {"name": "ORACLE_READ to null"},
    ),
    Check(
        steps.test_a_key_of_unknown_type_has_nothing_and_needs_no_oracle,
        mutants_in(
            "VmCalls",
            ("== SHA256_TYPE)", "== SHA256_TYPE || true)"),
            ("uint8(key[0]) == KECCAK_TYPE", "uint8(key[0]) & 127 == KECCAK_TYPE"),
            ("core.setReg(V0, uint32(size));", ""),
            ("core.setReg(V1, uint32(length));", ""),
        ),
    ),
    Check(
        steps.test_a_preimage_is_read_exactly_to_its_end,
        (
            *mutants_in(
                "VmCalls",
                ("uint8(key[0]) == KECCAK_TYPE ||", ""),
                ("|| uint8(key[0]) == SHA256_TYPE", ""),
                ("if (length != 0) {", "{"),
                ("min(Leaves.LEAF - start, length - offset)", "Leaves.LEAF - start"),
                ("Leaves.LEAF - start, length - offset", "Leaves.LEAF, length - offset"),
                ("Leaves.LEAF - start, length - offset", "Leaves.LEAF - start, length"),
                ("            core.writeLeaf(to, leaf);\n", ""),
                ("uint256(part) >> 8 * (Leaves.LEAF - size)", "uint256(part)"),
            ),
            *mutants_in(
                "PreimageOracle",
                ("offset < preimage.length", "offset <= preimage.length"),
                ("if (offset < preimage.length) {", "if (true) {"),
            ),
        ),
        {"length": 33},
    ),
    Check(
        steps.test_a_preimage_that_is_not_loaded_is_named,
        mutants_in(
            "PreimageOracle", ("if (!part.loaded) revert PreimageNotLoaded(key, offset);", "")
        ),
    ),
    Check(
        steps.test_write_shows_nothing_and_needs_no_memory,
        mutants_in("VmCalls", ("core.setReg(V0, core.reg(A2));", "")),
    ),
    # --- Preimages ---
    Check(
        oracles.test_a_preimage_that_is_too_large_is_refused,
        mutants_in(
            "PreimageOracle",
            ("if (preimage.length > MAX_PREIMAGE) revert", "if (false) revert"),
            ("preimage.length > MAX_PREIMAGE", "preimage.length > MAX_PREIMAGE + 1"),
            ("= 32 * 1024;", "= 64 * 1024;"),
        ),
    ),
    Check(
        oracles.test_a_part_is_what_the_preimage_has_there,
        mutants_in(
            "PreimageOracle",
            ("preimage.length > MAX_PREIMAGE", "preimage.length >= MAX_PREIMAGE"),
            ("part.loaded = true;", ""),
            ("bytes32(preimage[offset:])", "bytes32(preimage)"),
            ("= uint32(preimage.length);", "= uint16(preimage.length) & 0x7FFF;"),
            ("= uint32(preimage.length);", "= uint32(preimage.length) - offset;"),
        ),
    ),
    Check(
        oracles.test_a_part_is_loaded_at_its_offset_and_under_its_key_only,
        mutants_in(
            "PreimageOracle",
            ("parts[key][offset];\n        if (!", "parts[key][offset & 0xFF];\n        if (!"),
            ("uint248(uint256(digest))", "uint256(digest)"),
            ("uint248(uint256(digest))", "uint240(uint256(digest))"),
            ("keyOf(SHA256_TYPE,", "keyOf(KECCAK_TYPE,"),
            ("keyOf(KECCAK_TYPE,", "keyOf(SHA256_TYPE,"),
        ),
    ),
    # --- Genesis and outcome ---
    Check(
        programs.test_genesis_is_that_of_the_specification,
        mutants_in(
            "Program",
            ("core.setMemRoot(MEM_ROOT);", ""),
            ("core.setPc(PC);", ""),
            ("core.setNextPc(PC + 4);", ""),
            ("core.setInput(input);", ""),
        ),
    ),
    Check(
        programs.test_every_state_has_its_outcome,
        mutants_in(
            "Program",
            ('if (!core.exited()) return keccak256("running");', ""),
            ("if (code != 0) return", "if (code > 1) return"),
            ('"failed", code, core.output()', '"failed", core.output()'),
            ('"failed", code, core.output()', '"failed", code'),
        ),
    ),
    Check(
        programs.test_bytes_that_pack_no_state_have_no_outcome,
        mutants_in("Core", ("if (core.byteAt(EXITED) > 1) revert", "if (false) revert")),
    ),
)
