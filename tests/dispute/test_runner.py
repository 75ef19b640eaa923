"""Whole disputes on the embedded L1: whatever happens to agents, transactions and nodes on the way,
the honest root is confirmed, and nobody honest loses more than gas."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from requests.exceptions import ConnectionError, Timeout

from contracts.l1 import L1, Fees, L1Error
from dispute import runner as module
from dispute.adversaries import Lie, honest, liar
from dispute.agent import honest_root, moves
from dispute.events import Replica
from dispute.moves import (
    Bisect,
    Confirm,
    Move,
    Open,
    Prove,
    UpdateTimers,
)
from dispute.protocol import Update
from dispute.runner import Runner, batches, play
from dispute.sender import GIVEN_UP_AFTER, STUCK_AFTER, Limits
from fpvm.oracle import PreimageMissing
from tests.dispute.ground import FUNDS, Ground
from tests.dispute.worlds import STAKE, World, vm_world

HONEST, LIAR, OTHER = "honest", "liar", "other"
LIE = Lie(0, (2, 3, 1))
#: Wei that all transactions of one side of a small dispute cost at most.
GAS_MONEY = 10**17


def ground_for(world: World, *names: str) -> Ground:
    return Ground.prepare(L1.embedded(), world, *(names or (HONEST, LIAR)))


def truthful(ground: Ground, name: str = HONEST, **more: Any) -> Runner:
    """An honest agent, as if just started."""
    world, account = ground.world, ground.address(name)
    strategy = honest(world.histories, world.origin, account)
    return ground.runner(name, strategy, withdraw_to=account, **more)


def lying(ground: Ground, name: str = LIAR, lie: Lie = LIE) -> Runner:
    world = ground.world
    return ground.runner(name, liar(world.histories, world.table, world.origin, lie))


def decided(ground: Ground) -> Callable[[Replica], bool]:
    return lambda view: (ground.world.origin, 0) in view.contests


def finish(ground: Ground, runners: Sequence[Runner]) -> None:
    """Play to the end: the right root is confirmed, and every honest one has its money."""
    right = honest_root(ground.world.model(), ground.world.histories, ground.world.origin).id()
    blocks = 2 * ground.world.table.bound
    assert play(runners, ground.mine, decided(ground), blocks) is not None
    assert ground.winner() == right
    honest_ones = [ground.address(n) for n in {HONEST, OTHER} & {who for who, _ in ground.notes}]

    def are_paid(view: Replica) -> bool:
        return not any(view.credits.get(account) for account in honest_ones)

    assert play(runners, ground.mine, are_paid, blocks) is not None
    for account in honest_ones:
        assert ground.l1.balance(account) > FUNDS - GAS_MONEY


# --- Whole games ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["count", "trap", "loop", "preimage"])
def test_two_parties(name: str) -> None:
    ground = ground_for(vm_world(name))
    agent, adversary = truthful(ground), lying(ground)
    finish(ground, [agent, adversary])
    assert ground.l1.balance(ground.address(HONEST)) > FUNDS  # bounties are more than gas
    assert ground.l1.balance(ground.address(LIAR)) < FUNDS - 5 * STAKE
    report = agent.report()
    assert report.at_stake == 0
    assert report.made["Open"] == report.made["Prove"] == report.made["Withdraw"] == 1
    assert report.made["Refine"] == 2
    assert report.gas > report.transactions * 21_000
    assert report.fees > report.gas
    assert not report.problems
    assert adversary.report().at_stake == 0
    agent.watcher.check()


def test_a_preimage_is_loaded_before_its_step_is_proved() -> None:
    """The step that reads it is the first one that is false."""
    ground = ground_for(vm_world("preimage"))
    agent = truthful(ground)
    finish(ground, [agent, lying(ground, lie=Lie(0, (1, 2, 4)))])
    assert agent.report().made["Load"] == agent.report().made["Prove"] == 1
    assert not ground.said(HONEST, "refused")


def test_uncontested_root() -> None:
    ground = ground_for(vm_world("count"))
    agent = truthful(ground)
    finish(ground, [agent])
    assert agent.report().made == {"Open": 1, "Confirm": 1, "Withdraw": 1}


def test_a_challenger_answers_only_what_is_false() -> None:
    ground = ground_for(vm_world("count"))
    world, account = ground.world, ground.address(HONEST)

    def strategy(view: Replica) -> Sequence[Move]:
        return moves(view, world.histories, world.origin, account, is_challenger=True)

    challenger = ground.runner(HONEST, strategy, withdraw_to=account)
    play([challenger], ground.mine, lambda view: False, 5)
    assert not ground.notes
    finish(ground, [challenger, lying(ground)])


def test_two_honest_agents() -> None:
    """They make the same moves, and neither costs the other anything but gas."""
    ground = ground_for(vm_world("count"), HONEST, OTHER, LIAR)
    finish(ground, [truthful(ground), truthful(ground, OTHER), lying(ground)])
    assert not ground.said(HONEST, "failed")
    assert not ground.said(OTHER, "failed")


def test_late_joiner() -> None:
    """An agent that starts when the dispute is under way, against two liars who have moved."""
    ground = ground_for(vm_world("count"), HONEST, LIAR, "liar 2")
    liars = [lying(ground), lying(ground, "liar 2", Lie(1, (1, 2, 3)))]
    play(liars, ground.mine, lambda view: False, 8)
    finish(ground, [truthful(ground), *liars])


def games(world: World, restarted: bool) -> list[list[str]]:
    """The moves of an honest agent in a game, which is a new one in each block if ``restarted``."""
    ground = ground_for(world)
    agent, adversary = truthful(ground), lying(ground)
    for _ in range(2 * world.table.bound):
        if restarted:
            agent = truthful(ground)
        agent.step()
        view = adversary.step()
        if view is not None and decided(ground)(view):
            break
        ground.mine()
    finish(ground, [truthful(ground), adversary])
    return [note.details["moves"] for note in ground.said(HONEST, "sent")]  # type: ignore[misc]


@pytest.mark.parametrize("name", ["count", "preimage"])
def test_crash_restart_each_move(name: str) -> None:
    world = vm_world(name)
    assert games(world, restarted=True) == games(world, restarted=False)


def test_an_agent_that_is_started_again_waits_for_what_it_has_sent() -> None:
    ground = ground_for(vm_world("count"))
    truthful(ground).step()
    again = truthful(ground)
    again.step()
    assert len(ground.said(HONEST, "sent")) == 1
    ground.mine()
    again.step()
    assert decided_root(ground)
    assert len(ground.said(HONEST, "sent")) == 1


def decided_root(ground: Ground) -> bool:
    """Whether the honest root is on L1."""
    right = honest_root(ground.world.model(), ground.world.histories, ground.world.origin)
    return ground.contract.record(right.id()).created > 0


# --- Transactions ---------------------------------------------------------------------------------


def answer_by(l1: L1, answer: Callable[[Any, Any], Any], patch: pytest.MonkeyPatch) -> None:
    """Put ``answer`` in a provider's place; web3 keeps the function that it calls."""
    patch.setattr(l1.web3.provider, "make_request", answer)
    patch.setattr(l1.web3.provider, "_request_func_cache", (None, None))


def pool(ground: Ground) -> dict[Any, Any]:
    """The transactions that wait to be mined."""
    return ground.l1.web3.provider.waiting  # type: ignore[attr-defined, no-any-return]


def test_a_dropped_transaction_is_sent_again() -> None:
    ground = ground_for(vm_world("count"))
    agent, adversary = truthful(ground), lying(ground)
    for block in range(40):
        agent.step()
        if block % 2:
            pool(ground).clear()
        adversary.step()
        ground.mine()
    assert ground.said(HONEST, "resent")
    finish(ground, [agent, adversary])


def test_a_replaced_transaction_is_made_again() -> None:
    """Somebody with our key sends something else instead."""
    ground = ground_for(vm_world("count"))
    agent, account = truthful(ground), ground.account(HONEST)
    agent.step()
    fees = account.fees()
    account.submit(
        account.sign(
            b"\x99" * 20, b"", 1, nonce=account.nonce(), gas=21_000, fees=Fees(2 * fees.most, 1)
        )
    )
    ground.mine()
    agent.step()
    assert [note.details["moves"] for note in ground.said(HONEST, "replaced")] == [["Open"]]
    finish(ground, [agent, lying(ground)])


def test_a_stuck_transaction_is_replaced_by_one_that_pays_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ground = ground_for(vm_world("count"))
    agent = truthful(ground)
    agent.step()
    ((_, first),) = pool(ground).items()
    held = dict(pool(ground))
    for _ in range(2 * STUCK_AFTER):
        held |= pool(ground)
        pool(ground).clear()  # nobody mines it
        ground.mine()
        pool(ground).update(held)
        agent.step()
    ((_, last),) = pool(ground).items()
    assert last.fee >= first.fee * 125 // 100
    assert len(ground.said(HONEST, "raised")) == 2
    assert not ground.said(HONEST, "problem")
    finish(ground, [agent, lying(ground)])


def test_a_transaction_that_is_never_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = ground_for(vm_world("count"))
    agent = truthful(ground)
    provider, refused = ground.l1.web3.provider, [True]
    make_request = provider.make_request

    def refusing(method: Any, params: Any) -> Any:
        if refused and method == "eth_sendRawTransaction":
            raise ValueError("we do not like it")
        return make_request(method, params)

    answer_by(ground.l1, refusing, monkeypatch)
    for _ in range(GIVEN_UP_AFTER + 1):
        agent.step()
        ground.mine()
    assert ground.said(HONEST, "given up")
    assert len(ground.said(HONEST, "problem")) <= 4
    refused.clear()
    finish(ground, [agent, lying(ground)])


def test_what_an_earlier_process_has_sent_is_waited_for_and_then_replaced() -> None:
    ground = ground_for(vm_world("count"))
    account = ground.account(HONEST)
    for nonce in (0, 1):
        account.submit(
            account.sign(b"\x99" * 20, b"", 1, nonce=nonce, gas=21_000, fees=account.fees())
        )
    held = dict(pool(ground))
    agent = truthful(ground)
    for _ in range(STUCK_AFTER):
        agent.step()
        assert not ground.said(HONEST, "sent")
        pool(ground).clear()
        ground.mine()
        pool(ground).update(held)
    agent.step()
    assert ground.said(HONEST, "sent")
    finish(ground, [agent, lying(ground)])


def test_a_move_that_fails_on_l1_is_not_sent_over_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node that estimates as if all were well."""
    ground = ground_for(vm_world("count"), HONEST)
    agent = ground.runner(HONEST, lambda view: [Bisect(honest_of(ground), bytes(32), bytes(32))])
    monkeypatch.setattr(agent._l1, "estimate", lambda *_: 200_000)
    play([agent], ground.mine, lambda view: False, 40)
    assert 2 <= len(ground.said(HONEST, "failed")) <= 6
    assert agent.report().transactions == len(ground.said(HONEST, "failed"))
    assert not agent.report().made


def honest_of(ground: Ground) -> Any:
    return honest_root(ground.world.model(), ground.world.histories, ground.world.origin)


# --- Nodes that fail ------------------------------------------------------------------------------


class Failing:
    """Answers of a node, of which some are lost or spoiled."""

    def __init__(self, answer: Callable[[Any, Any], Any], seed: str, share: float) -> None:
        self._answer, self._share = answer, share
        self._rng = random.Random(seed)
        self.failures = 0

    def __call__(self, method: Any, params: Any) -> Any:
        if method.startswith("evm_") or self._rng.random() > self._share:
            return self._answer(method, params)
        self.failures += 1
        kind = self._rng.randrange(5)
        if kind == 0:
            raise Timeout
        if kind == 1:
            raise ConnectionError
        if kind == 2:
            self._answer(method, params)  # it was done, but the answer is lost
            raise Timeout
        if kind == 3:
            return {"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "out\nof order"}}
        return {"jsonrpc": "2.0", "id": 0, "result": self._rng.choice([None, 7, "0x", [], {}])}


@pytest.mark.parametrize(("seed", "share"), [("a", 0.02), ("b", 0.05), ("c", 0.1)])
def test_an_rpc_that_fails_at_random(
    seed: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = ground_for(vm_world("count"))
    agent, adversary = truthful(ground), lying(ground)
    failing = Failing(ground.l1.web3.provider.make_request, seed, share)
    with monkeypatch.context() as patched:
        answer_by(ground.l1, failing, patched)
        for _ in range(2 * ground.world.table.bound):
            view = agent.step() or agent.step()
            adversary.step()
            if view is not None and decided(ground)(view):
                break
            ground.mine()
    assert failing.failures > 5
    assert agent.report().problems == len(ground.said(HONEST, "problem")) > 0
    for note in ground.said(HONEST, "problem"):
        assert "\n" not in str(note.details["reason"])
    finish(ground, [truthful(ground), adversary])


def test_a_problem_that_lasts_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ground = ground_for(vm_world("count"))
    agent = truthful(ground)
    agent.step()
    pauses: list[float] = []
    monkeypatch.setattr(agent.watcher._l1, "block", lambda *_: dead())
    assert agent.step() is None
    assert agent.step() is None
    assert [note.details for note in ground.said(HONEST, "problem")] == [
        {"reason": "the embedded L1 cannot be reached"}
    ]

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            monkeypatch.undo()
        ground.mine()

    agent.run(lambda view: decided_root(ground), interval=1, wait=wait)
    assert pauses[:9] == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def dead() -> Any:
    raise L1Error("the embedded L1 cannot be reached")


def test_a_preimage_that_is_missing_is_a_problem_until_it_is_there() -> None:
    ground = ground_for(vm_world("count"))
    strategy, missing = honest(ground.world.histories, ground.world.origin), [True]

    def lacking(view: Replica) -> Sequence[Move]:
        if missing:
            raise PreimageMissing(b"\2" * 32, "the folder")
        return strategy(view)

    agent = ground.runner(HONEST, lacking)
    assert agent.step() is None
    (note,) = ground.said(HONEST, "problem")
    assert str(note.details["reason"]).startswith("preimage 0x0202")
    missing.clear()
    assert agent.step() is not None
    assert ground.said(HONEST, "sent")


# --- Limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(stake=STAKE), "wei would be at stake"),
        (Limits(fee=7), "gas costs"),
        (Limits(reserve=FUNDS), "the account has"),
    ],
)
def test_nothing_is_spent_above_a_limit(limits: Limits, reason: str) -> None:
    ground = ground_for(vm_world("count"))
    agent = truthful(ground, limits=limits)
    play([agent], ground.mine, lambda view: False, 3)
    assert not ground.said(HONEST, "sent")
    (problem,) = ground.said(HONEST, "problem")
    assert reason in str(problem.details["reason"])
    assert ground.l1.balance(ground.address(HONEST)) == FUNDS


def test_a_limit_on_one_move_is_none_on_the_others() -> None:
    """Bisections go on, though there is no money left for a refinement."""
    ground = ground_for(vm_world("count"))
    agent, adversary = truthful(ground, limits=Limits(stake=4 * STAKE)), lying(ground)
    play([agent, adversary], ground.mine, lambda view: False, 8)
    assert agent.report().made["Bisect"] == 2
    assert agent.report().at_stake <= 4 * STAKE
    assert "wei would be at stake" in str(ground.said(HONEST, "problem")[0].details)


def test_a_batch_that_takes_too_much_gas_is_cut() -> None:
    ground = ground_for(vm_world("count"))
    agent = truthful(ground, limits=Limits(gas=180_000))
    finish(ground, [agent, lying(ground)])
    assert agent.report().made["UpdateTimers"] > 1


def test_somebody_who_comes_first_in_a_contest_does_not_stop_us() -> None:
    """Two others open before our root is mined: the stake is higher by then."""
    ground = ground_for(vm_world("count"), HONEST, LIAR, OTHER)
    agent = truthful(ground)
    agent.step()
    waiting = dict(pool(ground))
    pool(ground).clear()
    for name, lie in ((LIAR, LIE), (OTHER, Lie(1, (1, 1, 1)))):
        lying(ground, name, lie).step()
        ground.mine()
    pool(ground).update(waiting)
    ground.mine()
    assert decided_root(ground)
    assert not ground.said(HONEST, "failed")


# --- What goes together ---------------------------------------------------------------------------


def some_moves() -> Iterator[Move]:
    world = vm_world("count")
    node = honest_root(world.model(), world.histories, world.origin)
    yield Open(world.origin, node.span)
    for number in range(100):
        yield Bisect(node, number.to_bytes(32), bytes(32))
    yield UpdateTimers(tuple(Update(node, n.to_bytes(32)) for n in range(1000)))
    yield Confirm(Update(node))
    yield Prove(node, None)  # type: ignore[arg-type]


def test_batches_keep_all_moves_in_order_and_bound_the_gas() -> None:
    given = list(some_moves())
    found = list(batches(given))
    assert found[0] == [given[0]]
    free = [move for batch in found[1:] for move in batch]
    updates = [u for move in free if isinstance(move, UpdateTimers) for u in move.updates]
    assert tuple(updates) == given[101].updates  # type: ignore[attr-defined]
    others = [move for move in free if not isinstance(move, UpdateTimers)]
    assert others == [*given[1:101], *given[102:]]
    for batch in found:
        assert sum(module._gas_of(move) for move in batch if move.staked_level is None) <= (
            module.BATCH_GAS
        )
    assert 4 <= len(found) <= 20
    assert not list(batches([]))
