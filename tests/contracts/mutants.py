"""Contracts with one small fault each, and the test that has to notice it.

Every check that the contracts make is deleted or weakened here, and a test of this folder is run on
what is left. A test that still passes does not test what it is there for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from contracts import clients
from contracts.artifacts import Artifact, load
from contracts.build import SOURCES
from contracts.chain import Reverted
from contracts.clients import PreimageOracle, Step
from contracts.evm import Revm
from contracts.solc import SETTINGS, CompileError, compile_json, read_sources
from fpvm.isa import Op
from tests.contracts import test_preimage_oracle as oracles
from tests.contracts import test_program as programs
from tests.contracts import test_step as steps
from tests.contracts import test_step_witness as witnesses

#: Twenty times faster than what is committed: the meaning of a contract is not the compiler's.
FAST_SETTINGS = {**SETTINGS, "viaIR": False, "optimizer": {"enabled": False}}
#: The contracts that are tested here; what they are made of lies beside them, in no folder.
NAMES = ("PreimageOracle", "Program", "Step")
#: What a test may ask for.
FIXTURES: dict[str, Callable[[], object]] = {
    "step": lambda: Step.deploy(Revm()),
    "any_step": lambda: Step.deploy(Revm()),
    "oracle": lambda: PreimageOracle.deploy(Revm()),
    "chain": Revm,
}
#: How a test fails: an assertion, a refusal where there should be none, none where there should be.
FAILURES = (AssertionError, Reverted, pytest.fail.Exception)


@dataclass(frozen=True)
class Mutant:
    """In ``file``, ``new`` instead of ``old``, which is there once."""

    file: str
    old: str
    new: str

    def applied(self, sources: Mapping[str, str]) -> dict[str, str]:
        text = sources[self.file]
        assert text.count(self.old) == 1, self
        return {**sources, self.file: text.replace(self.old, self.new)}

    def __str__(self) -> str:
        return f"{self.file}: {self.old!r} → {self.new!r}"


@dataclass(frozen=True)
class Check:
    """A test, and the mutants that it has to notice. ``only`` picks among its parameters, by name:
    the test need not be run on what has nothing to do with the mutants."""

    test: Callable[..., None]
    mutants: tuple[Mutant, ...]
    only: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.test.__name__, *map(str, self.only.values())])

    def passes(self) -> bool:
        """Whether the test passes, with the contracts as they are at the moment."""
        try:
            for arguments in self._calls():
                self.test(**arguments)
        except FAILURES:
            return False
        return True

    def _calls(self) -> Iterator[dict[str, Any]]:
        """The arguments of every call of the test that pytest would make."""
        marks = [
            mark for mark in getattr(self.test, "pytestmark", ()) if mark.name == "parametrize"
        ]
        parameters = [list(_values(*mark.args)) for mark in marks]
        names = self.test.__code__.co_varnames[: self.test.__code__.co_argcount]
        for choice in product(*parameters):
            given = {name: value for values in choice for name, value in values.items()}
            if all(given[name] == value for name, value in self.only.items()):
                yield given | {name: FIXTURES[name]() for name in names if name in FIXTURES}


def _values(names: str | tuple[str, ...], rows: Any) -> Iterator[dict[str, object]]:
    for row in rows:
        yield {names: row} if isinstance(names, str) else dict(zip(names, row, strict=True))


def compiled(mutants: tuple[Mutant, ...]) -> list[dict[str, Artifact]]:
    """The contracts with each of the faults, by name; in one run of the compiler."""
    sources = {file: text for file, text in read_sources(SOURCES).items() if "/" not in file}
    variants = [mutant.applied(sources) for mutant in mutants]
    answer = compile_json(
        {
            "language": "Solidity",
            # Imports are relative: every variant has a folder of its own.
            "sources": {
                f"{number}/{file}": {"content": text}
                for number, variant in enumerate(variants)
                for file, text in variant.items()
            },
            "settings": {
                **FAST_SETTINGS,
                "outputSelection": {
                    f"{number}/{name}.sol": {name: ["evm.bytecode.object"]}
                    for number, _ in enumerate(variants)
                    for name in NAMES
                },
            },
        }
    )
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise CompileError("\n".join(errors))
    return [
        {name: _artifact(name, answer["contracts"][f"{number}/{name}.sol"][name]) for name in NAMES}
        for number, _ in enumerate(variants)
    ]


def _artifact(name: str, output: dict[str, Any]) -> Artifact:
    committed = load(name)
    creation = bytes.fromhex(output["evm"]["bytecode"]["object"])
    return Artifact(name, committed.abi, creation, b"", {}, "")


def deploy_instead(artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the clients deploy these."""
    monkeypatch.setattr(clients, "load", artifacts.__getitem__)


# --- The mutants ----------------------------------------------------------------------------------


def _in(file: str, *pairs: tuple[str, str]) -> tuple[Mutant, ...]:
    return tuple(Mutant(f"{file}.sol", old, new) for old, new in pairs)


#: Changes nothing.
NONE = Mutant("Step.sol", "contract Step {", "contract Step {")

CHECKS = (
    # --- What is a witness ---
    Check(
        witnesses.test_bytes_that_pack_no_state_are_named,
        _in(
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
        _in(
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
        _in(
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
            *_in("Step", ("        core.checkUsed();\n", "")),
            *_in(
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
        _in(
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
        _in("Leaves", ("!= core.memRoot()", ">> 8 != core.memRoot() >> 8")),
        {"name": "lw"},
    ),
    Check(
        witnesses.test_no_other_proof_of_a_step_is_accepted,
        _in(
            "VmCalls",
            # What INPUT overwrites is not proved.
            ("core.readLeaf(leafAddress); // what it held", "// what it held"),
        ),
        {"name": "INPUT"},
    ),
    # --- A step ---
    Check(
        steps.test_a_halted_machine_stays,
        _in("Step", ("if (core.exited()) return;", "")),
    ),
    Check(
        steps.test_every_instruction_with_one_register_for_all,
        _in("Step", ("core.setReg(0, 0);", "")),
        {"name": "NOR"},
    ),
    Check(
        steps.test_the_count_of_steps_wraps,
        (
            *_in("Step", ("        core.countStep();\n", "")),
            *_in(
                "Core",
                ("add(shr(192, word), 1)", "and(add(shr(192, word), 1), 0xFFFFFFFF)"),
                ("or(step, shr(64, shl(64, word)))", "step"),
            ),
        ),
    ),
    Check(
        steps.test_no_word_at_a_pc_that_is_unaligned_or_null,
        _in(
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
            *_in(
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
            *_in("Core", ("mstore8(add(core, EXITED), 1)", "")),
        ),
    ),
    Check(
        steps.test_a_step_of_every_kind,
        _in(
            "Step",
            ("cause == Cause.SYS ? core.nextPc() : pc", "pc"),
            ("core.setReg(K0, cause);", ""),
            ("core.setNextPc(KERNEL + 4);", ""),
        ),
        {"name": "system call"},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        _in("Step", ("cause == Cause.SYS ? core.nextPc() : pc", "pc + 4")),
        {"name": "system call in a delay slot"},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        _in("Step", ("cause == Cause.SYS ? core.nextPc() : pc", "core.nextPc()")),
        {"name": "break"},
    ),
    Check(
        steps.test_every_reserved_encoding_is_an_exception,
        _in(
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
        _in(
            "Arithmetic",
            ("core.reg(rsOf(word)) & 31", "core.reg(rsOf(word))"),
            ("core.reg(rsOf(word)) & 31", "core.reg(rsOf(word)) & 63"),
            ("uint32(int32(value) >> amount)", "value >> amount"),
        ),
    ),
    Check(
        steps.test_signed_overflow_is_an_exception_that_writes_nothing,
        _in(
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
        _in(
            "Arithmetic",
            ("if (right == 0) right = 1;", ""),
            ("core.setHi(uint32(int32(left) % int32(right)));", "core.setHi(left % right);"),
        ),
        {"name": "DIV"},
    ),
    Check(
        steps.test_every_instruction_on_every_pair_of_corners,
        _in(
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
            *_in(
                "Arithmetic", ("uint32 right = uint16(word);", "uint32 right = immediateOf(word);")
            ),
            *_in("Isa", ("uint32(int32(int16(uint16(word))))", "uint16(word)")),
        ),
    ),
    Check(
        steps.test_every_instruction_on_every_pair_of_corners,
        _in("Branches", ("raised = left >= right;", "raised = int32(left) > int32(right);")),
        {"name": "TGEU"},
    ),
    # --- Branches ---
    Check(
        steps.test_branches_wrap_and_obey_the_delay_slot,
        _in(
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
        _in(
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
        _in(
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
        _in(
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
            *_in(
                "LoadsAndStores",
                ("addr % size != 0 || addr < NULL_GUARD", "addr % size != 0"),
                ("addr < NULL_GUARD", "addr <= NULL_GUARD"),
            ),
            *_in("Leaves", ("core.proofRest() - SIBLINGS_SIZE", "core.proofStart() + LEAF")),
        ),
        {"op": Op.SW},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        _in("Leaves", ("(value & mask(size)) << shift", "value << shift")),
        {"op": Op.SB},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        _in("LoadsAndStores", ("uint32(int32(int8(uint8(value))))", "uint8(value)")),
        {"op": Op.LB},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        _in(
            "LoadsAndStores",
            ("if (faults(addr, 1)) return fault(Cause.ADEL);", ""),
            ("if (word >> 26 == Op.LWL) {", "if (word >> 26 != Op.LWL) {"),
        ),
        {"op": Op.LWL},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        _in(
            "LoadsAndStores",
            ("if (faults(addr, 1)) return fault(Cause.ADES);", ""),
            ("addr & ~uint32(3), offset + 1", "addr & ~uint32(3), 4"),
        ),
        {"op": Op.SWR},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        _in(
            "LoadsAndStores",
            ("if (faults(addr, 4)) return fault(Cause.ADEL);", ""),
        ),
        {"op": Op.LL},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        _in("LoadsAndStores", ("core.setLlAddr(addr);", ""), ("core.setLlValue(value);", "")),
        {"name": "ll"},
    ),
    Check(
        steps.test_loads_and_stores_at_every_edge,
        _in(
            "LoadsAndStores",
            ("if (faults(addr, 4)) return fault(Cause.ADES);", ""),
            ("core.setReg(rt, Arithmetic.toUint32(same));", "core.setReg(rt, 0);"),
            ("if (same) core.writeLeaf", "if (false) core.writeLeaf"),
        ),
        {"op": Op.SC},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        _in(
            "LoadsAndStores",
            # SC succeeds whatever it finds.
            ("4) == core.llValue();", "4) == core.llValue() || true;"),
        ),
        {"name": "sc of a word that has changed"},
    ),
    Check(
        steps.test_a_step_of_every_kind,
        _in("LoadsAndStores", ("if (addr != core.llAddr()) {", "if (false) {")),
        {"name": "sc elsewhere"},
    ),
    # --- VM calls ---
    Check(
        steps.test_unknown_vm_calls_are_reserved,
        _in(
            "Step",
            ("word >> 6 & 0xFFFFF;", "word >> 6 & 0xFFFF;"),
            ("word >> 6 & 0xFFFFF;", "word >> 6 & 0xFF;"),
            ("write(core);\n        return reserved()", "write(core);\n        return NEXT"),
            ("if (code == Call.WRITE)", "if (code >= Call.WRITE)"),
        ),
    ),
    Check(
        steps.test_a_vm_call_takes_whole_leaves_only,
        _in(
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
        _in("VmCalls", ("if (to < NULL_GUARD) return fault(Cause.ADES);", "")),
        {"name": "ORACLE_READ to null"},
    ),
    Check(
        steps.test_a_key_of_unknown_type_has_nothing_and_needs_no_oracle,
        _in(
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
            *_in(
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
            *_in(
                "PreimageOracle",
                ("offset < preimage.length", "offset <= preimage.length"),
                ("if (offset < preimage.length) {", "if (true) {"),
            ),
        ),
        {"length": 33},
    ),
    Check(
        steps.test_a_preimage_that_is_not_loaded_is_named,
        _in("PreimageOracle", ("if (!part.loaded) revert PreimageNotLoaded(key, offset);", "")),
    ),
    Check(
        steps.test_write_shows_nothing_and_needs_no_memory,
        _in("VmCalls", ("core.setReg(V0, core.reg(A2));", "")),
    ),
    # --- Preimages ---
    Check(
        oracles.test_a_preimage_that_is_too_large_is_refused,
        _in(
            "PreimageOracle",
            ("if (preimage.length > MAX_PREIMAGE) revert", "if (false) revert"),
            ("preimage.length > MAX_PREIMAGE", "preimage.length > MAX_PREIMAGE + 1"),
            ("= 32 * 1024;", "= 64 * 1024;"),
        ),
    ),
    Check(
        oracles.test_a_part_is_what_the_preimage_has_there,
        _in(
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
        _in(
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
        _in(
            "Program",
            ("core.setMemRoot(MEM_ROOT);", ""),
            ("core.setPc(PC);", ""),
            ("core.setNextPc(PC + 4);", ""),
            ("core.setInput(input);", ""),
        ),
    ),
    Check(
        programs.test_every_state_has_its_outcome,
        _in(
            "Program",
            ('if (!core.exited()) return keccak256("running");', ""),
            ("if (code != 0) return", "if (code > 1) return"),
            ('"failed", code, core.output()', '"failed", core.output()'),
            ('"failed", code, core.output()', '"failed", code'),
        ),
    ),
    Check(
        programs.test_bytes_that_pack_no_state_have_no_outcome,
        _in("Core", ("if (core.byteAt(EXITED) > 1) revert", "if (false) revert")),
    ),
)
