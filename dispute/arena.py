"""A chain of our own with the contract on it, and everybody who plays there: for the demo.

Each party has an account and plays through a runner, as on a real L1. The chain mines when it is
told to: everybody looks once at each block, and what they send is in the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.clients import Step
from contracts.development import fund, mine, mine_on_demand
from contracts.l1 import L1
from dispute.adversaries import Strategy
from dispute.case import Case
from dispute.client import DisputeContract
from dispute.events import Event, Replica, decode
from dispute.report import Cost
from dispute.runner import Note, Runner
from fpvm.keccak import keccak256

#: Wei that everybody has at first.
FUNDS = 10**21


@dataclass
class Player:
    """A party with its account."""

    name: str
    l1: L1
    runner: Runner

    @property
    def address(self) -> bytes:
        return self.l1.address

    def cost(self) -> Cost:
        """What its transactions took until now."""
        report = self.runner.report()
        return Cost(report.transactions, report.gas, FUNDS - self.l1.balance(self.address))


@dataclass
class Arena:
    """``deployed``: the gas that the contracts took."""

    l1: L1
    case: Case
    contract: DisputeContract
    first_block: int
    players: list[Player] = field(default_factory=list)

    @classmethod
    def build(cls, case: Case) -> Arena:
        """A new embedded L1 with the contracts for a case."""
        l1 = L1.embedded()
        contract = DisputeContract.deploy(l1, case.table, Step.deploy(l1))
        mine_on_demand(l1)
        head = l1.block()
        return cls(l1, case, contract, head.number if head else 0)

    def join(
        self, name: str, strategy: Callable[[bytes], Strategy], note: Callable[[str, Note], None]
    ) -> Player:
        """Somebody new, with an account with money on it; ``strategy`` is made for its address."""
        account = self.l1.with_key(f"0x{keccak256(name.encode()).hex()}")
        fund(self.l1, account.address, FUNDS)
        mine(self.l1)
        runner = Runner(
            account,
            self.contract,
            strategy(account.address),
            first_block=self.first_block,
            withdraw_to=account.address,
            note=lambda each: note(name, each),
        )
        player = Player(name, account, runner)
        self.players.append(player)
        return player

    def player(self, name: str) -> Player:
        return next(player for player in self.players if player.name == name)

    def block(self) -> Replica:
        """Everybody looks at L1 and moves, and a block is mined. Returns what was seen before."""
        for player in self.players:
            player.runner.step()
        mine(self.l1)
        return self.players[-1].runner.watcher.view()

    def events(self, view: Replica) -> list[tuple[int, Event]]:
        """What the contract has logged, each with its block."""
        entries = self.l1.logs(self.contract.address, self.first_block, view.now)
        return [(entry.block, decode(entry.log)) for entry in entries]
