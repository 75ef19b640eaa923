"""The view of L1 is the dispute as it is there, whatever the node answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from contracts.development import request
from contracts.l1 import L1, L1Error, LogEntry
from dispute import watch as module
from dispute.adversaries import Lie, honest, liar, spammer
from dispute.events import Confirmed, Entered, Paid, Proved, Replica, Updated, decode
from dispute.protocol import Dispute
from dispute.runner import Runner, play
from dispute.watch import Watcher, WatchError
from tests.dispute.ground import Ground, head
from tests.dispute.worlds import vm_world

HONEST, LIAR, THIRD = "honest", "liar", "third"


@pytest.fixture(scope="module")
def settled() -> Ground:
    """A dispute from its first move to its last, with all kinds of moves on its way."""
    ground = Ground.prepare(L1.embedded(), vm_world("count"), HONEST, LIAR, THIRD)
    runners = players(ground)
    account = ground.address(HONEST)
    play(runners, ground.mine, lambda view: (ground.world.origin, 0) in view.contests, 200)
    paid = play(runners, ground.mine, lambda view: not view.credits.get(account), 20)
    assert paid is not None
    return ground


def players(ground: Ground) -> list[Runner]:
    world = ground.world
    lies = liar(world.histories, world.table, world.origin, Lie(0, (2, 3, 1)))
    account = ground.address(HONEST)
    return [
        ground.runner(HONEST, honest(world.histories, world.origin, account), withdraw_to=account),
        ground.runner(LIAR, lies),
        ground.runner(THIRD, lambda view: spammer(view) if view.now % 7 == 0 else []),
    ]


def watcher(ground: Ground) -> Watcher:
    return Watcher(ground.l1, ground.contract, ground.first_block)


def content(dispute: Dispute) -> tuple[object, ...]:
    """All that a model knows."""
    graph = dispute.graph
    return (
        *(graph.entries, graph.cohorts, graph.halves, graph.refinements),
        *(dispute.contests, dispute.won, dispute.paid, dispute.provers),
        *({k: v for k, v in dispute.credits.items() if v}, dispute.balance, dispute.now),
    )


# --- What is there --------------------------------------------------------------------------------


def test_the_view_is_what_the_contract_says(settled: Ground) -> None:
    watching = watcher(settled)
    view = watching.follow()
    watching.check()
    assert view.now == head(settled.l1)
    assert len(view.graph.entries) > 20
    assert view.contests
    assert view.paid
    assert view.provers
    for (origin, level), contest in view.contests.items():
        assert settled.contract.contest(origin, level) == contest
    for node_id, prover in view.provers.items():
        assert settled.contract.prover(node_id) == prover
    for account, owed in view.credits.items():
        assert settled.contract.credit(account) == owed
    assert settled.l1.balance(settled.contract.address) == view.balance


def test_block_by_block_or_at_once_it_is_one_view(
    settled: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = watcher(settled).follow()
    for size in (1, 7):
        monkeypatch.setattr(module, "RANGE", size)
        assert content(watcher(settled).follow()) == content(at_once)
    growing = watcher(settled)
    newest = head(settled.l1)
    for number in range(settled.first_block, newest + 1):
        with at_block(settled.l1, number):
            assert growing.follow().now == number
            growing.check()
    assert content(growing.view()) == content(at_once)


def test_a_view_is_the_callers_own(settled: Ground) -> None:
    watching = watcher(settled)
    before = content(watching.follow())
    view = watching.view()
    view.deposit(b"x" * 20, 1)
    view.graph.entries.clear()
    view.now += 9
    assert content(watching.view()) == before == content(watching.follow())


def test_before_the_contract_there_is_nothing() -> None:
    ground = Ground.prepare(L1.embedded(), vm_world("count"))
    watching = watcher(ground)
    assert content(watching.view()) == content(replaced_now(watching.view(), 0))
    assert not watching.follow().graph.entries
    watching.check()


def replaced_now(view: Replica, now: int) -> Replica:
    view.now = now
    return view


# --- Reorganisations ------------------------------------------------------------------------------


def at_block(l1: L1, number: int) -> Any:
    """As long as this lasts, the newest block is one of the past."""
    block = l1.block

    def newest_is(asked: int | None = None) -> Any:
        if asked is None:
            return block(number)
        return block(asked) if asked <= number else None

    patch = pytest.MonkeyPatch()
    patch.setattr(l1, "block", newest_is)

    class Context:
        def __enter__(self) -> None:
            """It is in force."""

        def __exit__(self, *exception: object) -> None:
            patch.undo()

    return Context()


@pytest.mark.parametrize("kept", [1, 3, 64])
def test_what_is_not_on_the_chain_any_more_is_forgotten(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain goes back to a snapshot and grows otherwise, whatever is still kept of it."""
    monkeypatch.setattr(module, "KEPT", kept)
    ground = Ground.prepare(L1.embedded(), vm_world("count"), HONEST, LIAR, THIRD)
    runners, watching = players(ground), watcher(ground)
    for _ in range(4):
        watching.follow()
        play(runners, ground.mine, lambda view: False, 1)
    snapshot = request(ground.l1, "evm_snapshot")
    for _ in range(3):
        play(runners, ground.mine, lambda view: False, 1)
        watching.follow()
    before = content(watching.view())
    request(ground.l1, "evm_revert", snapshot)
    ground.mine(5)
    after = watching.follow()
    assert content(after) == content(watcher(ground).follow()) != before
    watching.check()


def test_a_node_that_is_behind_changes_nothing(settled: Ground) -> None:
    watching = watcher(settled)
    before = content(watching.follow())
    for blocks in (1, 5, 50):
        with at_block(settled.l1, head(settled.l1) - blocks):
            assert content(watching.follow()) == before
    assert content(watching.follow()) == before


def test_a_chain_that_never_stands_still_is_told(
    settled: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, count = settled.l1.block, iter(range(1000))

    def changing(number: int | None = None) -> Any:
        found = block(number)
        return found and replace(found, hash=next(count).to_bytes(32))

    monkeypatch.setattr(settled.l1, "block", changing)
    with pytest.raises(WatchError, match="its chain changes each time that we look"):
        watcher(settled).follow()


def test_a_newest_block_that_cannot_be_is_told(
    settled: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = settled.l1.block()
    assert newest is not None
    watching = watcher(settled)
    for answer, message in (
        (replace(newest, number=1 << 60), "says that its newest block is 1152921504606846976"),
        (None, "has no newest block"),
    ):
        monkeypatch.setattr(settled.l1, "block", lambda *_, answer=answer: answer)
        with pytest.raises(WatchError, match=f"^the embedded L1 {message}$"):
            watching.follow()


# --- Nodes that are no good -----------------------------------------------------------------------

Change = Callable[[list[LogEntry]], list[LogEntry]]


def changed(entry: LogEntry, **fields: Any) -> LogEntry:
    return replace(entry, log=replace(entry.log, **fields))


def hostile() -> Iterator[tuple[str, Change]]:
    """What a node may make of the logs."""
    yield "none but the first", lambda logs: logs[:1] + logs[2:]
    yield "some left out", lambda logs: logs[::2]
    yield "out of order", lambda logs: logs[::-1]
    yield "one twice", lambda logs: [*logs[:5], logs[4], *logs[5:]]
    yield "topics cut off", lambda logs: [changed(logs[0], topics=())]
    yield "a strange topic", lambda logs: [changed(logs[0], topics=(b"\1" * 32,))]
    yield "a short topic", lambda logs: [changed(logs[0], topics=(logs[0].log.topics[0], b""))]
    yield "data cut off", lambda logs: [changed(logs[0], data=logs[0].log.data[:-1])]
    yield "more data", lambda logs: [changed(log, data=log.log.data + bytes(32)) for log in logs]
    yield "an id of another node", lambda logs: [*logs[:1], swapped(logs[1]), *logs[2:]]
    yield "bits flipped", lambda logs: [changed(log, data=flipped(log.log.data)) for log in logs]
    yield "everything later", lambda logs: [replace(log, block=log.block + 1) for log in logs[::-1]]


def swapped(entry: LogEntry) -> LogEntry:
    topics = entry.log.topics
    return changed(entry, topics=(topics[0], b"\7" * 32, *topics[2:]))


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else b""


@pytest.mark.parametrize(("name", "change"), list(hostile()), ids=lambda value: str(value)[:20])
def test_logs_that_cannot_be_are_told_in_one_line(
    settled: Ground, monkeypatch: pytest.MonkeyPatch, name: str, change: Change
) -> None:
    logs = settled.l1.logs
    with monkeypatch.context() as patched:
        patched.setattr(settled.l1, "logs", lambda *range_: change(logs(*range_)))
        watching = watcher(settled)
        for _ in range(2):
            with pytest.raises(WatchError) as error:
                watching.follow()
            assert str(error.value).startswith("the embedded L1: ")
            assert "\n" not in str(error.value)
            assert len(str(error.value)) < 400
        assert not watching.view().graph.entries
    assert content(watching.follow()) == content(watcher(settled).follow())


def test_a_log_that_was_left_out_is_found_when_the_next_one_does_not_fit(
    settled: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching, logs, left_out = watcher(settled), settled.l1.logs, [True]

    def leaving_out(*range_: Any) -> list[LogEntry]:
        entries = logs(*range_)
        if left_out and len(entries) > 3:
            left_out.clear()
            return entries[:2] + entries[3:]
        return entries

    monkeypatch.setattr(settled.l1, "logs", leaving_out)
    assert content(watching.follow()) == content(watcher(settled).follow())
    assert not left_out


@pytest.mark.parametrize("kind", [Entered, Proved, Updated, Confirmed, Paid])
def test_a_last_log_that_was_left_out_is_found_by_asking_the_contract(
    settled: Ground, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    """Nothing comes after it that would not fit."""
    logs = settled.l1.logs
    everything = logs(settled.contract.address, 0, head(settled.l1))
    *_, last = (entry for entry in everything if isinstance(decode(entry.log), kind))
    until = everything.index(last)

    def without_it(*range_: Any) -> list[LogEntry]:
        return [entry for entry in logs(*range_) if entry in everything[:until]]

    monkeypatch.setattr(settled.l1, "logs", without_it)
    with at_block(settled.l1, last.block):
        watching = watcher(settled)
        watching.follow()
        with pytest.raises(WatchError, match=r"the embedded L1: the log and the contract differ"):
            watching.check()
        assert not watching.view().graph.entries


def test_a_node_that_finds_logs_too_many_is_asked_for_fewer(
    settled: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, asked = settled.l1.logs, []

    def few(address: bytes, first: int, last: int) -> list[LogEntry]:
        asked.append(last - first + 1)
        if last - first > 4:
            raise L1Error("too many")
        return logs(address, first, last)

    monkeypatch.setattr(settled.l1, "logs", few)
    watching = watcher(settled)
    watching.follow()
    monkeypatch.undo()
    assert content(watching.view()) == content(watcher(settled).follow())
    assert max(asked) <= module.RANGE
    monkeypatch.setattr(settled.l1, "logs", lambda *_: (_ for _ in ()).throw(L1Error("no")))
    with pytest.raises(L1Error, match="no"):
        watcher(settled).follow()


RAW: list[tuple[str, object]] = [
    ("removed", True),
    ("address", "0x" + "11" * 20),
    ("blockNumber", 10**6),
    ("logIndex", -1),
    ("logIndex", 1.5),
    ("blockHash", b"\1"),
    ("blockHash", None),
    ("topics", None),
    ("topics", [7, None]),
    ("data", None),
    ("transactionIndex", "zz"),
    ("transactionIndex", 1 << 300),
]


@pytest.mark.parametrize(("name", "value"), RAW)
def test_an_answer_that_is_no_log_is_told_in_one_line(
    settled: Ground, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    get_logs = settled.l1.web3.eth.get_logs
    monkeypatch.setattr(
        settled.l1.web3.eth,
        "get_logs",
        lambda query: [{**log, name: value} for log in get_logs(query)],
    )
    with pytest.raises(L1Error, match=r"^the embedded L1 gave logs that are none: .*$"):
        watcher(settled).follow()


@pytest.mark.parametrize("answer", [None, 7, [7], [{}], "0x", {"a": 1}])
def test_an_answer_without_logs_is_told_in_one_line(
    settled: Ground, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(settled.l1.web3.eth, "get_logs", lambda query: answer)
    with pytest.raises(L1Error, match=r"^the embedded L1 gave logs that are none: .*$"):
        watcher(settled).follow()
