"""Chains to hold disputes on, with everybody on them: the embedded L1, or a node of our own."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contracts.clients import Step
from contracts.development import fund, mine, mine_at_once, mine_on_demand
from contracts.l1 import L1
from contracts.npm import anvil
from dispute.adversaries import Strategy
from dispute.client import DisputeContract
from dispute.runner import Note, Runner
from fpvm.keccak import keccak256
from tests.contracts.conftest import START_TIMEOUT, wait_for
from tests.dispute.worlds import World

#: Wei that everybody has.
FUNDS = 10**21


@dataclass
class Ground:
    """A chain with the contract on it, which mines when told to. ``notes``: what runners said."""

    l1: L1
    world: World
    contract: DisputeContract
    first_block: int
    notes: list[tuple[str, Note]] = field(default_factory=list)

    @classmethod
    def prepare(cls, l1: L1, world: World, *names: str) -> Ground:
        """Deploy the contract, and give money to everybody by name."""
        first_block = head(l1)
        contract = DisputeContract.deploy(l1, world.table, Step.deploy(l1))
        for name in names:
            fund(l1, l1.with_key(key(name)).address, FUNDS)
        mine_on_demand(l1)
        return cls(l1, world, contract, first_block)

    def account(self, name: str) -> L1:
        """Somebody's own client."""
        return self.l1.with_key(key(name))

    def address(self, name: str) -> bytes:
        return self.account(name).address

    def runner(self, name: str, strategy: Strategy, **more: object) -> Runner:
        """Plays from somebody's account."""
        return Runner(
            self.account(name),
            self.contract,
            strategy,
            first_block=self.first_block,
            note=lambda note: self.notes.append((name, note)),
            **more,  # type: ignore[arg-type]
        )

    def mine(self, blocks: int = 1) -> None:
        mine(self.l1, blocks)

    def said(self, name: str, what: str) -> list[Note]:
        """What somebody's runner said of one kind."""
        return [note for who, note in self.notes if (who, note.what) == (name, what)]

    def winner(self) -> bytes | None:
        """The root that the contract has confirmed for the world's origin."""
        contest = self.contract.contest(self.world.origin, 0)
        return contest.winner if contest else None


def key(name: str) -> str:
    return f"0x{keccak256(name.encode()).hex()}"


def head(l1: L1) -> int:
    """The number of the newest block."""
    block = l1.block()
    assert block is not None
    return block.number


@dataclass
class Node:
    """A real node of our own, whose chain outlives its process."""

    url: str
    state: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> L1:
        port = self.url.rpartition(":")[2]
        command = [anvil(), "--port", port, "--silent", "--hardfork", "cancun"]
        self.process = subprocess.Popen([*command, "--state", self.state])
        wait_for(self.url, self.process)
        l1 = L1.connect(self.url)
        mine_on_demand(l1)
        return l1

    def stop(self) -> None:
        """What waits to be mined is lost; the chain is not."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_TIMEOUT)
            self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def node(folder: Path) -> Iterator[Node]:
    """A node; it is stopped in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Node(f"http://127.0.0.1:{port}", folder / "state.json")
    try:
        mine_at_once(running.start())
        yield running
    finally:
        running.stop()
