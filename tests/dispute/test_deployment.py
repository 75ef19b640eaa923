"""The terms that the contract is deployed with, and the contract that a client finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.artifacts import load
from contracts.build import MAX_CODE_SIZE
from contracts.chain import Reverted
from contracts.clients import Step, WrongContract
from contracts.evm import PyEvm, Revm
from dispute.boundaries import deploy_boundary
from dispute.client import DisputeContract, creation
from dispute.table import Boundary, Level, Table, Terms, TermsError
from dispute.vm import GivenWords, ProgramRuns, SameStates
from tests.dispute.worlds import BOUNTY, SINK, chain_world, vm_world

TABLE = vm_world().table


def deploy(levels: tuple[Level, ...], terms: Terms) -> bytes:
    chain = Revm()
    boundary = deploy_boundary(chain, GivenWords())
    step = Step.deploy(chain)
    return chain.deploy(creation(levels, [boundary] * len(levels), terms, step))


def refused(levels: tuple[Level, ...], terms: Terms, error: str, *arguments: object) -> None:
    """By the contract, and by the table."""
    with pytest.raises(Reverted) as caught:
        deploy(levels, terms)
    assert (caught.value.error, caught.value.arguments) == (error, arguments)
    with pytest.raises(TermsError):
        Table(levels, terms)


def same_levels(*heights: int, stake: int = 10**18) -> tuple[Level, ...]:
    return tuple(Level(height, GivenWords(), stake) for height in heights)


LONG = Terms(10_000, 0, 0, 0, BOUNTY, SINK)


def test_a_dispute_has_one_to_eight_levels() -> None:
    refused((), LONG, "WrongLevelCount", 0)
    refused(same_levels(*[1] * 9), LONG, "WrongLevelCount", 9)
    deploy(same_levels(1), LONG)
    deploy(same_levels(*[32] * 8), LONG)


def test_a_height_is_one_to_thirty_two() -> None:
    refused(same_levels(4, 0), LONG, "WrongHeight", 1, 0)
    refused(same_levels(33, 4), LONG, "WrongHeight", 0, 33)
    deploy(same_levels(32), LONG)


def test_every_stake_covers_the_bounties() -> None:
    enough = BOUNTY * (5 + 3)
    levels = (*same_levels(4), *same_levels(5, stake=enough))
    deploy(levels, LONG)
    short = (levels[0], replace(levels[1], stake=enough - 1))
    refused(short, LONG, "StakeBelowBounties", 1)
    deploy(same_levels(4, stake=0), replace(LONG, bounty=0))


@pytest.mark.parametrize(
    ("terms", "allowance"),
    [
        (Terms(0, 0, 0, 0, 0, SINK), 9),
        (Terms(0, 100, 0, 0, 0, SINK), 109),
        (Terms(0, 0, 3, 0, 0, SINK), 36),
        (Terms(0, 0, 0, 50, 0, SINK), 59),
        (Terms(0, 7, 2, 11, 0, SINK), 45),
    ],
)
def test_t_is_above_what_censorship_and_delay_may_gain(terms: Terms, allowance: int) -> None:
    """Heights 4 and 2, two levels: 9 moves one after another."""
    levels = same_levels(4, 2)
    at_the_bound = replace(terms, confirm_after=allowance)
    refused(levels, at_the_bound, "BoundViolated", allowance, allowance)
    above = replace(terms, confirm_after=allowance + 1)
    deploy(levels, above)
    assert Table(levels, above).allowance == allowance


def test_terms_have_the_widths_that_the_contract_gives_them() -> None:
    """A number that is cut would be another one."""
    good = same_levels(4)
    last = Terms((1 << 40) - 1, 0, 0, 0, 0, SINK)
    deploy(good, last)
    Table(good, last)
    wide = [
        (good, replace(last, confirm_after=1 << 40)),
        (good, replace(last, censorship=1 << 40, confirm_after=(1 << 40) + 100)),
        (good, replace(last, delay=-1)),
        (good, replace(last, compute=1 << 41)),
        (same_levels(4, stake=1 << 88), last),
        (same_levels(4, stake=1 << 88), replace(last, bounty=(1 << 88) // 7)),
        (good, replace(last, sink=b"\1" * 19)),
    ]
    for levels, terms in wide:
        with pytest.raises(TermsError):
            Table(levels, terms)
    deploy(same_levels(4, stake=(1 << 88) - 1), last)


def test_what_is_deployed_tells_its_terms() -> None:
    for chain in (Revm(), PyEvm()):
        step = Step.deploy(chain)
        contract = DisputeContract.deploy(chain, TABLE, step)
        DisputeContract.attach(chain, contract.address, TABLE, step)
        assert contract.terms() == TABLE.terms
        assert len(chain.code(contract.address)) < MAX_CODE_SIZE


def _with_terms(**fields: object) -> Table:
    return Table(TABLE.levels, replace(TABLE.terms, **fields))  # type: ignore[arg-type]


def _with_level(number: int, **fields: object) -> Table:
    levels = list(TABLE.levels)
    levels[number] = replace(levels[number], **fields)  # type: ignore[arg-type]
    return Table(tuple(levels), TABLE.terms)


OTHERS: dict[str, Callable[[], Table]] = {
    "T": lambda: _with_terms(confirm_after=TABLE.terms.confirm_after + 1),
    "C": lambda: _with_terms(censorship=TABLE.terms.censorship - 1),
    "delay": lambda: _with_terms(delay=1, censorship=0),
    "compute": lambda: _with_terms(compute=1, censorship=0),
    "bounty": lambda: _with_terms(bounty=BOUNTY - 1),
    "sink": lambda: _with_terms(sink=b"\x52" * 20),
    "height": lambda: _with_level(0, height=1),
    "stake": lambda: _with_level(1, stake=1 << 70),
    "program": lambda: _with_level(1, boundary=ProgramRuns(b"\1" * 32, 4)),
    "boundary 0": lambda: _with_level(0, boundary=SameStates()),
    "boundary 1": lambda: _with_level(1, boundary=SameStates()),
    "boundary 2": lambda: _with_level(2, boundary=GivenWords()),
    "levels": lambda: Table(TABLE.levels[:2], TABLE.terms),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_contract_on_other_terms_is_another_contract(other: str) -> None:
    chain = Revm()
    step = Step.deploy(chain)
    contract = DisputeContract.deploy(chain, OTHERS[other](), step)
    with pytest.raises(WrongContract):
        DisputeContract.attach(chain, contract.address, TABLE, step)


def test_a_client_takes_nothing_else_for_the_contract() -> None:
    chain = Revm()
    step = Step.deploy(chain)
    contract = DisputeContract.deploy(chain, TABLE, step)
    other_step = Step.deploy(chain)
    for address, steps in (
        (step.address, step),
        (b"\x99" * 20, step),
        (contract.address, other_step),
    ):
        with pytest.raises(WrongContract):
            DisputeContract.attach(chain, address, TABLE, steps)


def test_boundaries_that_have_no_contract() -> None:
    boundary: Boundary = chain_world().table.levels[0].boundary
    with pytest.raises(TypeError, match="no contract stands for"):
        deploy_boundary(Revm(), boundary)


def test_nothing_can_be_changed_afterwards() -> None:
    """Every function that can write is a move or moves money; the table has no setter."""
    writing = {
        entry["name"]
        for entry in load("Dispute").abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert writing == {
        *("open", "bisect", "refine", "prove", "update", "confirm", "sweep"),
        *("claimBisection", "claimRefinement", "claimProof"),
        *("deposit", "withdraw", "multicall"),
    }


def test_boundaries_cannot_write() -> None:
    for name in ("GivenWords", "ProgramRuns", "SameStates"):
        functions = [entry for entry in load(name).abi if entry["type"] == "function"]
        assert all(entry["stateMutability"] in ("view", "pure") for entry in functions)
