"""The genesis and the outcome on chain are those of the specification."""

from __future__ import annotations

import random

import pytest

from contracts.chain import Chain, Reverted
from contracts.clients import Program
from contracts.evm import PyEvm, Revm
from fpvm.elf import load
from fpvm.memory import Memory
from fpvm.state import State, genesis, outcome
from programs.build import build


@pytest.fixture(params=[Revm, PyEvm], ids=["revm", "py-evm"])
def chain(request: pytest.FixtureRequest) -> Chain:
    return request.param()  # type: ignore[no-any-return]


@pytest.mark.parametrize("pc", [0, 0x8000_0000, 0xFFFF_FFFC, 0xFFFF_FFFF])
def test_genesis_is_that_of_the_specification(chain: Chain, pc: int) -> None:
    root = random.Random(pc).randbytes(32)
    program = Program.deploy(chain, root, pc)
    for word in (bytes(32), b"\xff" * 32, random.Random(1).randbytes(32)):
        assert program.initial_state_hash(word) == genesis(root, pc, word).hash()


def test_genesis_of_a_real_program(chain: Chain) -> None:
    image = load(build("hello").read_bytes(), build("kernel").read_bytes())
    root = Memory(image.pages).root()
    word = bytes(range(32))
    assert (
        Program.deploy(chain, root, image.pc).initial_state_hash(word)
        == genesis(root, image.pc, word).hash()
    )


def test_a_pc_has_32_bits(chain: Chain) -> None:
    with pytest.raises(Reverted):
        Program.deploy(chain, bytes(32), 1 << 32)


def test_every_state_has_its_outcome(chain: Chain) -> None:
    program = Program.deploy(chain, bytes(32), 0)
    rng = random.Random("outcomes")
    for exited in (False, True):
        for code in (0, 1, 2, 127, 128, 255):
            for output in (bytes(32), rng.randbytes(32)):
                state = State(
                    mem_root=rng.randbytes(32),
                    pc=0,
                    next_pc=4,
                    output=output,
                    exited=exited,
                    exit_code=code,
                )
                assert program.outcome(state.pack()) == outcome(state)


def test_bytes_that_pack_no_state_have_no_outcome(chain: Chain) -> None:
    program = Program.deploy(chain, bytes(32), 0)
    packed = State(mem_root=bytes(32), pc=0, next_pc=4).pack()
    for wrong, error in (
        (packed[:-1], "WrongStateLength"),
        (packed + b"\0", "WrongStateLength"),
        (packed[:152] + b"\2" + packed[153:], "WrongExited"),
        (packed[:165] + b"\1" + packed[166:], "WrongRegisterZero"),
    ):
        with pytest.raises(Reverted) as refused:
            program.outcome(wrong)
        assert refused.value.error == error
