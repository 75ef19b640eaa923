"""Wei: where they come from, and who may take them; payees that are contracts, and hostile."""

from __future__ import annotations

import pytest

from contracts.abi import call_data
from contracts.chain import Reverted
from contracts.evm import PyEvm, Revm
from dispute.client import call_of
from dispute.moves import (
    Bisect,
    ClaimBisection,
    ClaimProof,
    ClaimRefinement,
    Confirm,
    Open,
    Prove,
    UpdateTimers,
)
from dispute.protocol import Update
from tests.contracts.recorder import deployment
from tests.dispute.lockstep import Lockstep
from tests.dispute.scenes import HONEST, LIAR, OTHER, Scene, refused
from tests.dispute.worlds import BOUNTY, STAKE, vm_world

NOWHERE = b"\x99" * 32


def reverted(call: object, error: str, *arguments: object) -> None:
    with pytest.raises(Reverted) as caught:
        call()  # type: ignore[operator]
    assert (caught.value.error, caught.value.arguments) == (error, arguments)


@pytest.fixture(params=[Revm, PyEvm], ids=["revm", "py-evm"])
def stage(request: pytest.FixtureRequest) -> Lockstep:
    return Lockstep(vm_world(), request.param(), thorough=1)


# --- Payees ---------------------------------------------------------------------------------------

REVERT = bytes.fromhex("5f5ffd")


def wallet(contract: bytes, paid: bytes) -> bytes:
    """The code of an account that does ``paid`` when it is paid, and else passes on to the contract
    what it is called with."""
    start = bytes.fromhex("36 60ff 57") + paid + b"\0"
    forward = bytes.fromhex(
        # calldatacopy(0, 0, calldatasize())
        # call(gas(), contract, callvalue(), 0, calldatasize(), 0, 0)
        f"5b 365f5f37 5f5f365f3473{contract.hex()}5af1"
        # if it fails, so does this
        "8015 60ff 57 00 5b5f5ffd"
    )
    fails = len(start) + len(forward) - 4
    forward = forward.replace(b"\x60\xff\x57", bytes([0x60, fails, 0x57]))
    return start.replace(b"\x60\xff", bytes([0x60, len(start)]), 1) + forward


def greedy(contract: bytes) -> bytes:
    """Withdraws twice more to itself when it is paid."""
    again = f"5f5f60245f5f73{contract.hex()}5af150"
    selector = call_data("withdraw(address)", bytes(20))[:4].hex()
    body = bytes.fromhex(f"63{selector}60e01b5f52 30600452 {again}{again}")
    # if iszero(callvalue()) return; the jump is from byte 4 of the wallet's code.
    return bytes.fromhex("3415 60") + bytes([4 + 5 + len(body)]) + b"\x57" + body + b"\x5b"


def deployed(stage: Lockstep, code: bytes) -> bytes:
    return stage.chain.deploy(deployment(code))


def test_a_payee_that_calls_back_is_paid_once(stage: Lockstep) -> None:
    """reentrant_bounty: whoever is paid tries to be paid again before the payment is done."""
    contract, chain = stage.contract, stage.chain
    stage.deposit(HONEST, 10_000)
    payee = deployed(stage, wallet(contract.address, greedy(contract.address)))
    chain.sender = OTHER
    chain.send(payee, call_data("deposit()"), 1000)
    assert contract.credit(payee) == 1000
    receipt = chain.send(payee, call_data("withdraw(address)", payee))
    assert len(receipt.logs) == 3  # it has tried, and was paid nothing more
    assert chain.balance(payee) == 1000
    assert chain.balance(contract.address) == 10_000
    assert contract.credit(payee) == 0


def test_a_winner_that_does_not_take_its_money_is_confirmed_all_the_same(stage: Lockstep) -> None:
    contract, chain, origin = stage.contract, stage.chain, stage.world.origin
    payee = deployed(stage, wallet(contract.address, REVERT))
    chain.sender = OTHER
    chain.send(payee, call_of(Open(origin, NOWHERE)), STAKE)
    stage.model.open(payee, origin, NOWHERE, STAKE)
    stage.now += stage.table.terms.confirm_after
    (entry,) = stage.graph.entries.values()
    contract.confirm(Update(entry.node))
    assert contract.contest(origin, 0).winner == entry.id
    assert contract.credit(payee) == STAKE
    with pytest.raises(Reverted) as caught:
        chain.send(payee, call_data("withdraw(address)", payee))
    assert caught.value.reason
    chain.send(payee, call_data("withdraw(address)", OTHER))
    assert contract.credit(payee) == 0


def test_a_bounty_is_paid_once_however_often_it_is_claimed_at_once() -> None:
    scene = Scene().settle()
    stage, node = scene.stage, scene.honest.roots[0]
    claim = ClaimBisection(node, *scene.halves(scene.honest, node))
    before = stage.credits[HONEST]
    for _ in range(2):
        stage.multicall(OTHER, [claim, claim])
    assert stage.credits[HONEST] == before + BOUNTY
    stage.check_all()


def test_a_payee_that_does_not_take_its_money_harms_nobody_else(stage: Lockstep) -> None:
    """payee_that_reverts: what it is owed stays owed."""
    refuses = deployed(stage, REVERT)
    stage.deposit(OTHER, 50)
    stage.deposit(HONEST, 70)
    stage.chain.sender = OTHER
    reverted(lambda: stage.contract.withdraw(refuses), "PaymentFailed", f"0x{refuses.hex()}")
    assert stage.contract.credit(OTHER) == 50
    stage.withdraw(HONEST)
    stage.withdraw(OTHER)


def test_a_payee_that_returns_a_lot(stage: Lockstep) -> None:
    """It is the caller's own transaction that it harms."""
    returns_a_lot = deployed(stage, bytes.fromhex("62ffffff5ff3"))
    stage.deposit(OTHER, 9)
    stage.chain.sender = OTHER
    stage.contract.withdraw(returns_a_lot)
    assert stage.chain.balance(returns_a_lot) == 9


def test_to_withdraw_takes_all_and_to_whom_one_likes(stage: Lockstep) -> None:
    stage.deposit(OTHER, 9)
    stage.deposit(HONEST, 5)
    stage.chain.sender = OTHER
    to = b"\x77" * 19 + b"\1"
    stage.contract.withdraw(to)
    assert stage.chain.balance(to) == 9
    stage.contract.withdraw(to)
    assert stage.chain.balance(to) == 9
    assert stage.contract.credit(HONEST) == 5


# --- Value ----------------------------------------------------------------------------------------


def test_value_comes_with_moves_that_post_stakes_and_with_no_other() -> None:
    """What else is sent would be lost."""
    scene = Scene().settle().wait()
    stage, root = scene.stage, scene.honest.roots[0]
    halves = scene.halves(scene.honest, root)
    calls = [
        call_data("withdraw(address)", OTHER),
        call_data("multicall(bytes[])", []),
        call_data("sweep(bytes32,uint8)", scene.world.origin, 0),
        call_of(Bisect(root, *halves)),
        call_of(UpdateTimers(())),
        call_of(Confirm(Update(root))),
        call_of(ClaimBisection(root, *halves)),
        call_of(ClaimRefinement(scene.honest.terminals[0], scene.honest.roots[1])),
        call_of(ClaimProof(scene.honest.terminals[-1])),
        call_of(Prove(scene.honest.terminals[-1], scene.step())),
        call_data("levels()"),
        b"",
        b"\x01\x02\x03\x04",
    ]
    stage.chain.sender = OTHER
    for call in calls:
        with pytest.raises(Reverted):
            stage.chain.send(stage.contract.address, call, 1)
    stage.check_all()


def test_what_comes_by_force_is_nobody_s(stage: Lockstep) -> None:
    """selfdestruct sends wei that no function has seen: more is there than is owed, not less."""
    stage.deposit(OTHER, 5)
    bomb = deployed(stage, bytes.fromhex(f"73{stage.contract.address.hex()}ff"))
    stage.chain.sender = OTHER
    stage.chain.send(bomb, b"", 11)
    assert stage.chain.balance(stage.contract.address) == 16
    assert stage.contract.credit(OTHER) == 5
    stage.contract.withdraw(OTHER)
    assert stage.chain.balance(stage.contract.address) == 11


# --- Several calls at once ------------------------------------------------------------------------


def test_several_moves_in_one_transaction() -> None:
    scene = Scene().open()
    root, other = scene.honest.roots[0], scene.liar.roots[0]
    halves, theirs = scene.halves(scene.honest, root), scene.halves(scene.liar, other)
    scene.stage.multicall(OTHER, [Bisect(root, *halves), Bisect(other, *theirs)])
    assert scene.stage.graph[root.halves(*halves)[1].id()].mover == OTHER


def test_one_refusal_refuses_all_and_is_told() -> None:
    scene = Scene().open()
    root = scene.honest.roots[0]
    halves = scene.halves(scene.honest, root)
    moves = [Bisect(root, *halves), Bisect(root, *reversed(halves))]
    refused(lambda: scene.stage.multicall(OTHER, moves), "WrongHalves", root.id())
    assert root.id() not in scene.stage.graph.halves
    scene.stage.check_all()


def test_a_stake_is_not_counted_twice() -> None:
    """Two roots for the wei of one."""
    scene = Scene()
    stage, origin = scene.stage, scene.world.origin
    poor = b"\x42" * 20
    moves = [Open(origin, NOWHERE), Open(bytes(32), NOWHERE)]
    stage.chain.sender = poor
    data = call_data("multicall(bytes[])", [call_of(move) for move in moves])
    with pytest.raises(Reverted):
        stage.chain.send(stage.contract.address, data, STAKE)
    stage.deposit(poor, 2 * STAKE - 1)
    refused(lambda: stage.multicall(poor, moves), "StakeTooLow", STAKE)
    stage.deposit(poor, 1)
    stage.multicall(poor, moves)
    assert stage.credits[poor] == 0


def test_calls_within_calls() -> None:
    """Several calls, of which one is several, are made by the same sender."""
    scene = Scene()
    stage = scene.stage
    stage.deposit(LIAR, 1)
    inner = call_data("multicall(bytes[])", [call_data("withdraw(address)", OTHER)])
    stage.chain.sender = LIAR
    before = stage.chain.balance(OTHER)
    stage.chain.send(stage.contract.address, call_data("multicall(bytes[])", [inner]))
    assert stage.chain.balance(OTHER) == before + 10**24 + 1
    assert stage.contract.credit(LIAR) == 0
