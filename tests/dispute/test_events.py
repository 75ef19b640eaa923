"""The log: it tells the whole model, and nothing that is not of the contract gets through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from contracts.artifacts import load
from contracts.chain import Log
from dispute.events import (
    Bisected,
    Confirmed,
    Deposited,
    Entered,
    Event,
    EventError,
    Paid,
    Proved,
    Swept,
    Updated,
    Withdrawn,
    decode,
)
from fpvm.history import node as span_of
from tests.dispute.scenes import HONEST, LIAR, OTHER, Scene, changed

KINDS = {Bisected, Confirmed, Deposited, Entered, Paid, Proved, Swept, Updated, Withdrawn}


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A dispute with every event in it."""
    scene = Scene().settle()
    stage, root = scene.stage, scene.honest.roots[0]
    stage.claim_bisection(root, *scene.halves(scene.honest, root))
    scene.wait()
    stage.sweep(scene.world.origin, 0)
    stage.withdraw(LIAR)
    return scene


@pytest.fixture(scope="module")
def logs(scene: Scene) -> list[Log]:
    logs = [log for receipt in scene.stage.receipts for log in receipt.logs]
    assert {type(decode(log)) for log in logs} == KINDS
    return logs


def test_every_event_of_the_contract_is_known(logs: list[Log]) -> None:
    events = {entry["name"] for entry in load("Dispute").abi if entry["type"] == "event"}
    assert events == {kind.__name__ for kind in KINDS}


def test_the_log_tells_the_whole_model(scene: Scene) -> None:
    """tests/dispute/lockstep.py asserts it for every dispute that is played in lockstep."""
    scene.stage.check_all()


def test_a_malformed_log_is_no_event(logs: list[Log]) -> None:
    for log in {log.topics[0]: log for log in logs}.values():
        for wrong in malformed(log):
            with pytest.raises(EventError):
                decode(wrong)


def malformed(log: Log) -> Iterator[Log]:
    topics, data = log.topics, log.data
    yield replace(log, topics=())
    yield replace(log, topics=topics[:-1])
    yield replace(log, topics=(*topics, topics[-1]))
    yield replace(log, topics=(changed(topics[0]), *topics[1:]))
    yield replace(log, topics=(*topics[:-1], topics[-1] + b"\0"))
    yield replace(log, topics=(topics[0], b"", *topics[2:]))
    yield replace(log, data=b"")
    yield replace(log, data=data[:-1])
    yield replace(log, data=data + b"\0")
    yield replace(log, data=data + bytes(32))


def test_no_bytes_crash_the_decoder(logs: list[Log]) -> None:
    rng = random.Random("logs")
    for _ in range(3000):
        log = rng.choice(logs)
        topics, data = list(log.topics), bytearray(log.data)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(topics) + 1)
            if at < len(topics):
                topics[at] = rng.choice((rng.randbytes(32), b"\xff" * 32, changed(topics[at])))
            elif data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with suppress(EventError):
            decode(replace(log, topics=tuple(topics), data=bytes(data)))


def test_numbers_and_addresses_that_are_too_wide_are_no_events(logs: list[Log]) -> None:
    wide = b"\xff" * 32
    for log in logs:
        event = decode(log)
        if isinstance(event, Updated | Proved | Paid | Confirmed | Swept):
            with pytest.raises(EventError, match="is no"):
                decode(replace(log, data=wide * (len(log.data) // 32)))


def test_an_entry_must_have_the_id_of_its_node(logs: list[Log]) -> None:
    log = next(log for log in logs if isinstance(decode(log), Entered))
    other = replace(log, topics=(log.topics[0], changed(log.topics[1]), log.topics[2]))
    with pytest.raises(EventError, match="is not the id"):
        decode(other)


def test_what_cannot_have_happened_is_refused_and_changes_nothing(scene: Scene) -> None:
    """A node may tell what it likes; what is told must be the effect of a move."""
    start = Scene().open().bisect()
    stage, replica = start.stage, start.stage.replica
    root, other = start.honest.roots[0], start.liar.roots[0]
    left, right = start.halves(start.honest, root)
    terminal = start.honest.terminals[0]
    lone = span_of(left, right)
    entered = next(event for event in stage.events if isinstance(event, Entered))
    finer = next(
        event for event in scene.stage.events if isinstance(event, Entered) and event.claim
    )
    again = replace(root, span=changed(root.span))

    def entry(node: object, **fields: object) -> Entered:
        return replace(entered, id=node.id(), node=node, **fields)  # type: ignore[attr-defined]

    impossible: list[Event] = [
        entered,  # it is there
        entry(again),  # the third one's stake is another
        entry(again, stake=3 * entered.stake, mover=b"\x42" * 20),  # who has no money
        entry(again, stake=3 * entered.stake, claim=terminal.id()),
        entry(replace(again, level=7), stake=entered.stake),
        entry(replace(again, depth=1), stake=entered.stake),
        entry(replace(again, pos=4), stake=entered.stake),
        replace(finer, claim=root.id()),
        replace(finer, claim=b"\x99" * 32),
        replace(finer, claim=b""),
        Bisected(root.id(), left, right, OTHER),
        Bisected(other.id(), left, right, OTHER),
        Bisected(terminal.id(), left, right, OTHER),
        Bisected(lone, left, right, OTHER),
        Proved(root.id(), OTHER),
        Proved(terminal.id(), OTHER),
        Proved(lone, OTHER),
        Updated(lone, 3),
        Confirmed(lone, root.origin, 0, OTHER),
        Confirmed(terminal.id(), root.origin, 0, OTHER),
        Confirmed(root.id(), changed(root.origin), 0, OTHER),
        Confirmed(root.id(), root.origin, 1, OTHER),
        Paid(root.id(), OTHER),
        Paid(lone, OTHER),
        Swept(root.origin, 0, 0),
        Withdrawn(OTHER, OTHER, 1),
    ]
    for event in impossible:
        with pytest.raises(EventError, match="cannot have happened"):
            replica.apply(event, replica.now)
        stage.check_all()
    start.wait(1)
    stage.deposit(HONEST, 1)
    with pytest.raises(EventError, match="comes after block"):
        replica.apply(Deposited(OTHER, 1), replica.now - 1)


def test_what_has_happened_cannot_happen_again(scene: Scene) -> None:
    replica = scene.stage.replica
    for kind in (Confirmed, Paid, Swept, Proved):
        event = next(event for event in scene.stage.events if isinstance(event, kind))
        if isinstance(event, Swept):
            continue  # nothing is left: another amount
        with pytest.raises(EventError, match="cannot have happened"):
            replica.apply(event, replica.now)
    scene.stage.check_all()
