"""The contracts of boundaries: how, for each kind of them, one is deployed, and found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contracts.abi import call_data, words
from contracts.artifacts import load
from contracts.chain import Chain, Reverted
from contracts.clients import Program, WrongContract, address_word, check_code
from dispute.table import Boundary
from dispute.vm import GivenWords, ProgramRuns, SameStates


@dataclass(frozen=True)
class Kind:
    """A kind of boundary.

    ``deploy``: the contract that stands for a boundary of this kind; its address. ``find``: what
    the contract at an address stands for; :class:`contracts.clients.WrongContract` or Reverted
    unless its code is that of this kind.
    """

    deploy: Callable[[Chain, Any], bytes]
    find: Callable[[Chain, bytes], Boundary]


def _plain(kind: type[GivenWords | SameStates]) -> Kind:
    """A boundary of which there is only one."""

    def deploy(chain: Chain, boundary: Boundary) -> bytes:
        return chain.deploy(load(kind.__name__).creation)

    def find(chain: Chain, address: bytes) -> Boundary:
        check_code(chain, address, kind.__name__)
        return kind()

    return Kind(deploy, find)


def deploy_runs(chain: Chain, name: str, mem_root: bytes, pc: int) -> bytes:
    """The contract ``name``, of the kind of contracts/src/dispute/Runs.sol, of a program."""
    program = Program.deploy(chain, mem_root, pc)
    return chain.deploy(load(name).creation + address_word(program.address))


def find_runs(chain: Chain, name: str, address: bytes) -> tuple[bytes, int]:
    """Memory and start of the program that the contract at an address, of this name, is of."""
    # What it answers is a guess, of which its code says whether it is right.
    (answer,) = words(chain.call(address, call_data("PROGRAM()")), 1)
    check_code(chain, address, name, PROGRAM=answer)
    program = answer[12:]
    (mem_root,) = words(chain.call(program, call_data("MEM_ROOT()")), 1)
    (start,) = words(chain.call(program, call_data("PC()")), 1)
    pc = int.from_bytes(start, "big") & 0xFFFF_FFFF
    Program.attach(chain, program, mem_root, pc)
    return mem_root, pc


_PROGRAM_RUNS = Kind(
    deploy=lambda chain, runs: deploy_runs(chain, "ProgramRuns", runs.mem_root, runs.pc),
    find=lambda chain, address: ProgramRuns(*find_runs(chain, "ProgramRuns", address)),
)
#: All kinds that there are. Whoever has another one adds it.
KINDS: dict[type[Boundary], Kind] = {
    GivenWords: _plain(GivenWords),
    SameStates: _plain(SameStates),
    ProgramRuns: _PROGRAM_RUNS,
}


def deploy_boundary(chain: Chain, boundary: Boundary) -> bytes:
    """The contract of a boundary. Returns its address."""
    kind = KINDS.get(type(boundary))
    if kind is None:
        raise TypeError(f"no contract stands for the boundary {boundary}")
    return kind.deploy(chain, boundary)


def find_boundary(chain: Chain, address: bytes) -> Boundary:
    """What the contract at an address stands for. Raises :class:`WrongContract`."""
    for kind in KINDS.values():
        try:
            return kind.find(chain, address)
        except (WrongContract, Reverted):
            continue
    raise WrongContract(f"the contract at 0x{address.hex()} is no boundary of disputes")


def check_boundary(chain: Chain, address: bytes, boundary: Boundary) -> None:
    """Raises :class:`WrongContract` unless the contract is that of ``boundary``."""
    found = find_boundary(chain, address)
    if found != boundary:
        raise WrongContract(f"the contract at 0x{address.hex()} is {found}, not {boundary}")
