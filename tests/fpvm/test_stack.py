"""The initial stack, read back as a program's start-up code reads it."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm.stack import MAX_STACK, RANDOM, STACK_HIGH, STACK_LOW, ArgumentError, initial_stack

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


class Reader:
    """Walks a stack from its pointer upwards."""

    def __init__(self, argv: list[str], env: list[str], headers: tuple[int, int] = (0, 0)) -> None:
        stack = initial_stack(argv, env, 0x20000, headers)
        self.pointer, self.data = stack.pointer, stack.data
        self.address = stack.pointer
        self.argc = self.word()
        self.argv = self.strings()
        self.env = self.strings()
        self.auxiliary: dict[int, int] = {}
        while (kind := self.word()) != 0:
            assert kind not in self.auxiliary
            self.auxiliary[kind] = self.word()
        assert self.word() == 0

    def word(self) -> int:
        (word,) = struct.unpack(">I", self.at(self.address, 4))
        self.address += 4
        return int(word)

    def at(self, address: int, size: int) -> bytes:
        offset = address - self.pointer
        assert 0 <= offset <= len(self.data) - size
        return self.data[offset : offset + size]

    def string(self, address: int) -> str:
        text, end, _ = self.data[address - self.pointer :].partition(b"\0")
        assert end == b"\0"
        return text.decode("utf-8", "surrogateescape")

    def strings(self) -> list[str]:
        found = []
        while (address := self.word()) != 0:
            found.append(self.string(address))
        return found


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6), st.lists(st.tuples(TEXT, TEXT), max_size=6))
def test_arguments_and_environment_are_found_where_the_abi_says(
    argv: list[str], pairs: list[tuple[str, str]]
) -> None:
    env = [f"{name}={value}" for name, value in pairs]
    read = Reader(argv, env)
    assert (read.argc, read.argv, read.env) == (len(argv), argv, env)
    assert read.pointer % 16 == 0
    assert read.pointer + len(read.data) == STACK_HIGH


def test_the_auxiliary_vector_says_what_the_program_must_know() -> None:
    read = Reader(["prog", "x"], ["A=1"], (0x10034, 6))
    assert read.string(read.auxiliary.pop(31)) == "prog"
    assert read.at(read.auxiliary.pop(25), 16) == RANDOM
    assert read.auxiliary == {
        3: 0x10034,  # AT_PHDR
        4: 32,  # AT_PHENT
        5: 6,  # AT_PHNUM
        6: 4096,  # AT_PAGESZ
        9: 0x20000,  # AT_ENTRY
        11: 0,
        12: 0,
        13: 0,
        14: 0,
        16: 0,  # AT_HWCAP
        17: 100,  # AT_CLKTCK
        23: 0,  # AT_SECURE
    }
    assert len(RANDOM) == 16


def test_the_stack_ends_a_page_below_the_kernel_and_has_eight_megabytes() -> None:
    assert STACK_HIGH == 0x8000_0000 - 0x1000
    assert STACK_LOW == 0x8000_0000 - 8 * 1024 * 1024


def test_bytes_that_are_no_text_are_passed_through() -> None:
    assert Reader(["prog", "\udcff\udc80"], []).argv[1] == "\udcff\udc80"


@pytest.mark.parametrize(
    ("argv", "env", "message"),
    [
        ([], [], "argv is empty"),
        (["prog", "a\0b"], [], r"argv\[1\] holds a null byte"),
        (["prog"], ["A=1", "B=\0"], "environment entry 1 holds a null byte"),
        (["prog"], ["PATH"], "environment entry 0 has no '='"),
        (["prog", "\ud800"], [], r"argv\[1\] is not text"),
        (["prog", "x" * MAX_STACK], [], "limit"),
        (["prog"], ["A=" + "x" * MAX_STACK], "limit"),
        (["prog"] + [""] * (MAX_STACK // 4), [], "limit"),
    ],
)
def test_what_no_program_can_be_started_with_is_refused(
    argv: list[str], env: list[str], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        initial_stack(argv, env, 0x20000, (0, 0))


def test_the_limit_is_exact() -> None:
    # 35 words of vectors leave 130,928 bytes, a multiple of 16, for the random bytes, the name, and
    # an argument with its null.
    largest = 130_928 - 16 - len("prog\0") - 1
    assert len(initial_stack(["prog", "x" * largest], [], 0, (0, 0)).data) == MAX_STACK
    with pytest.raises(ArgumentError):
        initial_stack(["prog", "x" * (largest + 1)], [], 0, (0, 0))
