"""The instruction tests have the results of the manual, on qemu and in the VM, line by line."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fpvm.fast import FastMachine
from fpvm.machine import Machine
from tests.isa.assemble import SOURCES, assemble, sources
from tests.programs.native import Run, run, under_qemu
from tests.programs.vm import run_in_vm

#: Linux on MIPS has numbers of its own; qemu ends with the host's.
SIGNALS_OF_MIPS = {
    signal.SIGILL: 4,
    signal.SIGTRAP: 5,
    signal.SIGFPE: 8,
    signal.SIGBUS: 10,
    signal.SIGSEGV: 11,
}

#: What an instruction ends in when $t0 = 0x7fffffff, $t1 = 0x80000000, $t2 = 1, $t3 = -1 and $t4 is
#: the address of a word. Where qemu differs from Linux (the codes of BREAK and of the traps, jumps
#: to odd addresses) the kernel's own tests have the case.
FAULTS = {
    "add $t5, $t0, $t2": signal.SIGFPE,
    "add $t5, $t1, $t3": signal.SIGFPE,
    "add $zero, $t0, $t2": signal.SIGFPE,
    "addi $t5, $t0, 1": signal.SIGFPE,
    "addi $t5, $t1, -1": signal.SIGFPE,
    "sub $t5, $t1, $t2": signal.SIGFPE,
    "sub $t5, $zero, $t1": signal.SIGFPE,
    "teq $t0, $t0": signal.SIGTRAP,
    "tne $t0, $t1": signal.SIGTRAP,
    "tge $t0, $t1": signal.SIGTRAP,
    "tge $t0, $t0": signal.SIGTRAP,
    "tgeu $t1, $t0": signal.SIGTRAP,
    "tlt $t1, $t0": signal.SIGTRAP,
    "tltu $t0, $t1": signal.SIGTRAP,
    "teqi $t2, 1": signal.SIGTRAP,
    "tnei $t2, 2": signal.SIGTRAP,
    "tgei $t2, 1": signal.SIGTRAP,
    "tgeiu $t3, -1": signal.SIGTRAP,
    "tlti $t3, 0": signal.SIGTRAP,
    "tltiu $t2, -1": signal.SIGTRAP,
    "break": signal.SIGTRAP,
    "lh $t5, 1($t4)": signal.SIGBUS,
    "lhu $t5, 3($t4)": signal.SIGBUS,
    "lw $t5, 1($t4)": signal.SIGBUS,
    "lw $t5, 2($t4)": signal.SIGBUS,
    "lw $zero, 3($t4)": signal.SIGBUS,
    "sh $t5, 1($t4)": signal.SIGBUS,
    "sw $t5, 2($t4)": signal.SIGBUS,
    "ll $t5, 2($t4)": signal.SIGBUS,
    "lb $t5, 0($zero)": signal.SIGSEGV,
    "lbu $zero, 0($zero)": signal.SIGSEGV,
    "lw $t5, 0xffc($zero)": signal.SIGSEGV,
    "lwl $t5, 1($zero)": signal.SIGSEGV,
    "lwr $t5, 1($zero)": signal.SIGSEGV,
    "ll $t5, 0($zero)": signal.SIGSEGV,
    "sb $t5, 16($zero)": signal.SIGSEGV,
    "sw $t5, 0($zero)": signal.SIGSEGV,
    "swl $t5, 2($zero)": signal.SIGSEGV,
    "swr $t5, 2($zero)": signal.SIGSEGV,
    "jr $zero": signal.SIGSEGV,
    "jalr $zero": signal.SIGSEGV,
    # Reserved encodings, floating point (add.s), a later release (ext).
    ".word 0x0000003f": signal.SIGILL,
    ".word 0x7000003e": signal.SIGILL,
    ".word 0xffffffff": signal.SIGILL,
    ".word 0x46000000": signal.SIGILL,
    ".word 0x7d0a1840": signal.SIGILL,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("isa")


@pytest.mark.parametrize("engine", [FastMachine, Machine])
@pytest.mark.parametrize("source", sources(), ids=lambda source: source.stem)
def test_qemu_and_vm_agree_with_the_manual_and_line_by_line(
    source: Path, engine: type[Machine], folder: Path
) -> None:
    elf = assemble(source, folder / f"{source.stem}.elf")
    expected = run(under_qemu(elf))
    assert wrong_lines(expected) == []
    assert (expected.exit_code, expected.stderr) == (0, b"")
    actual = run_in_vm(elf, engine=engine)
    assert actual.stdout.splitlines() == expected.stdout.splitlines()
    assert (actual.exit_code, actual.stderr) == (0, b"")


@pytest.mark.parametrize("instruction", FAULTS)
def test_exceptions_end_a_program_with_the_signal_that_linux_gives_it(
    instruction: str, folder: Path
) -> None:
    name = "".join(letter if letter.isalnum() else "_" for letter in instruction)
    elf = assemble(SOURCES / "fault.S", folder / f"{name}.elf", INSTRUCTION=instruction)
    expected, actual = run(under_qemu(elf)), run_in_vm(elf)
    number = FAULTS[instruction]
    assert expected.exit_code == 128 + number
    assert actual.exit_code == 128 + SIGNALS_OF_MIPS[number]
    assert actual.stdout == expected.stdout == b"before 00000001\n"


def test_a_wrong_result_is_noticed(folder: Path) -> None:
    source = folder / "wrong.S"
    source.write_text(
        f'#include "{SOURCES}/report.inc"\n'
        " BEGIN\n li $t0, 5\n CHECK five, $t0, 5\n CHECK six, $t0, 6\n END\n"
    )
    elf = assemble(source, folder / "wrong.elf")
    for result in (run(under_qemu(elf)), run_in_vm(elf)):
        assert wrong_lines(result) == [b"six 00000005 want 00000006"]
        assert result.exit_code == 1


def wrong_lines(result: Run) -> list[bytes]:
    """The lines of the CHECKs that failed."""
    return [line for line in result.stdout.splitlines() if b" want " in line]
