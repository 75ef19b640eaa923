"""What the kernel promises to programs (docs/kernel.md), checked from inside them.

Most checks are made by the guests themselves, in `guests/`; where Linux does the same, the same
binary runs under qemu, too.
"""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpvm.machine import Machine
from fpvm.oracle import MAX_PREIMAGE, keccak_key
from fpvm.sources import DictSource
from tests.programs.guests.run import GO, C, VmRun, guest, in_vm
from tests.programs.native import WORD, run, under_qemu

#: Every example runs a program: few of them, and none is slow by itself.
few = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def good(scenario: str, word: bytes = bytes(WORD)) -> VmRun:
    """A scenario of the C guest that found nothing wrong."""
    result = in_vm(C, scenario, word=word)
    assert (result.stdout.decode(errors="replace"), result.exit_code) == (f"{scenario}: good\n", 0)
    return result


# --- Go ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "stdout"),
    [
        ("channels", "sum 1190\nselected\n"),
        ("timers", "1 2 3 4 5 \ncontext deadline exceeded\nwoken\n"),
        ("mutexes", "2400 240 2160\nready 9\n"),
        ("threads", "token 100\ntoken 100\ntoken 100\ndone\n"),
        ("memory", "kept 8191\nwords 12961\n"),
        ("signals", 3 * "user defined signal 1\n" + "0\n"),
    ],
)
def test_go_programs_run_as_on_linux(scenario: str, stdout: str) -> None:
    result = in_vm(GO, scenario)
    assert (result.stdout.decode(), result.stderr, result.exit_code) == (stdout, b"", 0)
    linux = run([*under_qemu(guest(GO)), scenario])
    assert (linux.stdout, linux.exit_code) == (result.stdout, 0)


def test_go_reuses_memory_that_the_kernel_was_not_asked_to_zero() -> None:
    result = in_vm(GO, "memory", env=["GODEBUG=madvdontneed=0"])
    assert (result.stdout, result.exit_code) == (b"kept 8191\nwords 12961\n", 0)


def test_go_recovers_from_nil_dereferences() -> None:
    result = in_vm(GO, "nil")
    nil = "runtime error: invalid memory address or nil pointer dereference"
    assert result.stdout.decode().splitlines() == [
        *[nil] * 6,
        "runtime error: integer divide by zero",
        "runtime error: index out of range [-1]",
    ]
    assert result.exit_code == 0
    assert run([*under_qemu(guest(GO)), "nil"]).stdout == result.stdout


@pytest.mark.parametrize(
    ("scenario", "message", "function"),
    [
        ("panic", "panic: on purpose", "main.thirdCall(0x1)"),
        ("divide", "panic: runtime error: integer divide by zero", "main.divide()"),
        ("deadlock", "fatal error: all goroutines are asleep - deadlock!", "main.deadlock()"),
        (
            "uncaught",
            "[signal SIGSEGV: segmentation violation code=0x1 addr=0x190 pc=",
            "main.uncaughtNilDereference()",
        ),
    ],
)
def test_a_dying_go_program_tells_why_and_where(scenario: str, message: str, function: str) -> None:
    result = in_vm(GO, scenario)
    assert result.exit_code == 2
    assert result.stdout == b""
    trace = result.stderr.decode()
    assert message in trace
    assert function in trace.splitlines()
    assert "main.main()" in trace.splitlines()
    linux = run([*under_qemu(guest(GO)), scenario])
    assert linux.exit_code == 2
    # Ids of goroutines depend on how many the runtime started before.
    assert without_ids(linux.stderr.decode()) == without_ids(trace)


def without_ids(trace: str) -> str:
    return re.sub(r"goroutine \d+", "goroutine", trace)


@pytest.mark.parametrize(("scenario", "exit_code"), [("exit", 3), ("terminate", 128 + 9)])
def test_go_exit_codes_are_those_of_linux(scenario: str, exit_code: int) -> None:
    assert in_vm(GO, scenario).exit_code == exit_code
    assert run([*under_qemu(guest(GO)), scenario]).exit_code == exit_code


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 4096, MAX_PREIMAGE])
def test_go_reads_input_and_preimage_and_writes_output(length: int) -> None:
    preimage = random.Random(length).randbytes(length)
    key = keccak_key(preimage)
    source = DictSource({key: preimage})
    result = in_vm(GO, "oracle", word=key, source=source)
    assert (result.stdout, result.exit_code) == (f"length {length}\n".encode(), 0)
    assert result.hints == (b"preimage of the input",)
    linux = run([*under_qemu(guest(GO)), "oracle"], word=key, source=source)
    assert (linux.stdout, linux.output, linux.hints) == (
        result.stdout,
        result.output,
        result.hints,
    )


def test_runs_are_the_same_every_time() -> None:
    assert in_vm(GO, "threads").state == in_vm(GO, "threads").state


# --- memory -----------------------------------------------------------------------------------


@few
@given(st.binary(min_size=WORD, max_size=WORD))
def test_mappings_belong_to_one_owner_and_are_zero_at_first(word: bytes) -> None:
    good("mappings", word)


def test_mappings_stay_out_of_image_stack_and_kernel() -> None:
    good("refusals")


def test_a_full_table_of_mappings_is_enomem_and_changes_nothing() -> None:
    good("table-limit")


def test_the_heap_grows_shrinks_and_is_zero_again() -> None:
    good("heap")


def test_reserving_memory_takes_no_steps_for_its_size() -> None:
    # The guest maps and unmaps 2 GiB; zeroing a page alone would take a thousand steps.
    assert good("refusals").state.step < 200_000


# --- threads and time -------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["threads", "interrupted", "polling"])
def test_c_threads_run_as_on_linux(scenario: str) -> None:
    result = good(scenario)
    assert run([*under_qemu(guest(C)), scenario]).stdout == result.stdout


def test_threads_are_limited_and_their_blocks_are_used_again() -> None:
    good("thread-limit")


def test_a_program_lives_as_long_as_its_last_thread() -> None:
    result = in_vm(C, "last-thread")
    assert (result.stdout, result.exit_code) == (b"first\nlast\n", 5)


def test_futexes_wake_move_and_time_out() -> None:
    good("futexes")


def test_time_passes_by_system_calls_and_jumps_when_all_wait() -> None:
    good("clocks")


def test_a_sleeper_is_not_starved_by_a_thread_that_makes_calls() -> None:
    good("starvation")


# --- system calls -----------------------------------------------------------------------------


def test_bad_arguments_are_errors() -> None:
    good("errors")


def test_an_unknown_call_is_reported_once() -> None:
    assert good("unknown").stderr.decode().splitlines() == [
        "axonum kernel: unknown system call 4511",
        "axonum kernel: unknown system call 4328",
        "axonum kernel: unknown system call 3999",
    ]


def test_descriptors_are_those_of_the_manual() -> None:
    word = bytes(range(1, 33))
    result = in_vm(C, "descriptors", word=word)
    assert (result.stdout, result.stderr) == (b"one two\none descriptors: good\n", b"error\n")
    assert (result.output, result.exit_code) == (b"0123456789" + word[:22], 0)


@few
@given(st.binary(min_size=WORD, max_size=WORD))
def test_no_call_with_any_arguments_harms_the_kernel(word: bytes) -> None:
    # The scenario closes its own descriptors sooner or later, so only the exit code speaks.
    assert in_vm(C, "fuzz", word=word).exit_code == 0


@pytest.mark.parametrize("length", [0, 1, 7, 31, 32, 33, 63, 64, 100, 1000, MAX_PREIMAGE])
def test_preimages_can_be_read_in_any_pieces(length: int) -> None:
    preimage = random.Random(length).randbytes(length)
    key = keccak_key(preimage)
    source = DictSource({key: preimage})
    result = in_vm(C, "preimages", word=key, source=source)
    assert result.exit_code == 0, result.stdout
    assert result.hints == (b"hello", b"") * 13
    linux = run([*under_qemu(guest(C)), "preimages"], word=key, source=source)
    assert (linux.stdout, linux.hints) == (result.stdout, result.hints)


def test_a_new_key_drops_what_was_not_read() -> None:
    preimage = random.Random(0).randbytes(1000)
    key = keccak_key(preimage)
    result = in_vm(C, "abandoned", word=key, source=DictSource({key: preimage}))
    assert (result.stdout, result.exit_code) == (b"abandoned: good\n", 0)


# --- exceptions -------------------------------------------------------------------------------


def test_faults_are_delivered_as_signals() -> None:
    good("signals")


@pytest.mark.parametrize("scenario", ["hardware", "registers"])
def test_rdhwr_and_calls_change_nothing_but_their_results(scenario: str) -> None:
    result = good(scenario)
    assert run([*under_qemu(guest(C)), scenario]).stdout == result.stdout


def test_hardware_registers_are_sensible() -> None:
    good("counters")


@pytest.mark.parametrize(
    ("scenario", "cause", "detail", "signal"),
    [
        ("die-load", "AdEL", "word=0x8d090014 address=0x00000034", 11),
        ("die-store", "AdES", "word=0xad090000 address=0x00000000", 11),
        ("die-unaligned", "AdEL", "word=0x85090000 address=0x50000001", 10),
        ("die-reserved", "RI", "word=0xfc000000 address=0x00000000", 4),
        ("die-overflow", "Ov", "word=0x2109ffff address=0x", 8),
        ("die-break", "Bp", "word=0x0000000d address=0x00000000", 5),
        ("die-divide", "Tr", "word=0x010001f4 address=0x", 8),
        ("die-jump", "AdEL", "word=0x00000000 address=0x00000010", 11),
        ("die-odd-jump", "AdEL", "word=0x00000000 address=0x", 10),
    ],
)
def test_a_fatal_exception_is_one_clear_line(
    scenario: str, cause: str, detail: str, signal: int
) -> None:
    result = in_vm(C, scenario)
    assert result.exit_code == 128 + signal
    line = result.stderr.decode()
    assert re.fullmatch(
        rf"axonum kernel: fatal {cause} at pc=0x[0-9a-f]{{8}} {detail}[0-9a-f]* "
        rf"ra=0x[0-9a-f]{{8}} sp=0x7fff[0-9a-f]{{4}} thread=1 signal={signal}\n",
        line,
    ), line


def test_a_deadlock_ends_the_run() -> None:
    result = in_vm(C, "die-deadlock")
    assert result.exit_code == 250
    assert result.stderr == b"axonum kernel: deadlock: no thread of 1 can ever run again\n"


def test_an_unhandled_signal_ends_the_program() -> None:
    result = in_vm(C, "die-abort")
    assert (result.exit_code, result.stderr) == (134, b"axonum kernel: killed by signal 6\n")


@pytest.mark.parametrize("scenario", ["signals", "hardware", "interrupted", "unknown", "die-load"])
def test_the_specification_agrees(scenario: str) -> None:
    assert in_vm(C, scenario, engine=Machine).state == in_vm(C, scenario).state
