"""``axonum dispute status``, ``why``, ``watch`` and ``report``: how a dispute on L1 stands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from axonum.onchain import Place
from axonum.output import show
from contracts.l1 import Block
from dispute.client import DisputeContract
from dispute.events import Event, Replica
from dispute.graph import INFINITE, Node
from dispute.lineage import Account, Kinship, Stretch, account, find
from dispute.protocol import Dispute
from dispute.status import ContestStatus, PartyStatus, Status, status
from dispute.text import ether, full, plural, short

#: Blocks that are remembered, to notice when L1 is reorganised.
_REMEMBERED = 64


# --- status ---------------------------------------------------------------------------------------


def show_status(contract: DisputeContract, view: Dispute, as_json: bool) -> None:
    now = status(view)
    if as_json:
        print(json.dumps(status_document(contract, now)))
        return
    terms = contract.table.terms
    print(f"block {now.now:,}; T is {plural(terms.confirm_after, 'block')}")
    for contest in now.contests:
        print(f"level {contest.key[1]}{_where(contest)}: {_foretold(view, contest)}")
    if not now.contests:
        print("nobody has claimed anything yet")
        return
    grid = Grid(box=None, padding=(0, 1))
    for column in ("party", "moves", "staked", "at risk", "losing", "lost", "earned", "owed"):
        grid.add_column(column, justify="left" if column == "party" else "right", no_wrap=True)
    for party in now.parties:
        amounts = (party.staked, party.at_risk, party.losing, party.lost)
        grid.add_row(
            f"{short(party.address)}…",
            f"{sum(party.moves.values())}",
            *(ether(amount) for amount in (*amounts, party.earned + party.claimable, party.owed)),
        )
    Console().print(grid)


def _where(contest: ContestStatus) -> str:
    return f", step {' › '.join(f'{at:,}' for at in contest.path)}" if contest.path else ""


def _foretold(view: Dispute, contest: ContestStatus) -> str:
    risk = f"{ether(contest.at_risk)} ETH at risk"
    roots = plural(len(contest.standings), "root")
    if contest.winner is None:
        hangs = "nobody wins unless somebody moves"
        several = f"{len(contest.winners)} of them have come to T"
        return f"{roots}; {several if contest.winners else hangs}; {risk}"
    by = f"{short(contest.winner)} of {short(view.graph[contest.winner].mover)}"
    if contest.decision:
        return f"{by} has won in block {contest.block:,}, of {roots}"
    return f"{by} wins in block {contest.block:,} if nobody moves, of {roots}; {risk}"


def status_document(contract: DisputeContract, now: Status) -> dict[str, Any]:
    return {
        "contract": full(contract.address),
        "block": now.now,
        "confirmAfter": contract.table.terms.confirm_after,
        "bound": contract.table.bound,
        "atRiskWei": sum(contest.at_risk for contest in now.contests),
        "contests": [contest_document(contest) for contest in now.contests],
        "parties": [party_document(party) for party in now.parties],
    }


def contest_document(contest: ContestStatus) -> dict[str, Any]:
    return {
        "origin": full(contest.key[0]),
        "level": contest.key[1],
        "path": list(contest.path),
        "decided": contest.decision is not None,
        "winners": [full(winner) for winner in contest.winners],
        "block": contest.block,
        "atRiskWei": contest.at_risk,
        "roots": [
            {
                "id": full(standing.root),
                "mover": full(standing.mover),
                "rank": standing.rank,
                "stakeWei": standing.stake,
                "timer": standing.timer,
                "reachesT": standing.reaches,
            }
            for standing in contest.standings
        ],
    }


def party_document(party: PartyStatus) -> dict[str, Any]:
    return {
        "address": full(party.address),
        "moves": dict(party.moves),
        "stakedWei": party.staked,
        "atRiskWei": party.at_risk,
        "losingWei": party.losing,
        "lostWei": party.lost,
        "returnedWei": party.returned,
        "earnedWei": party.earned,
        "claimableWei": party.claimable,
        "owedWei": party.owed,
    }


# --- why ------------------------------------------------------------------------------------------


def show_why(view: Dispute, prefix: str, as_json: bool) -> None:
    kinship = Kinship(view)
    found = account(kinship, find(view, prefix))
    if as_json:
        print(json.dumps(_account_document(kinship, found)))
        return
    document = _account_document(kinship, found)
    document |= {"lineage": f"{len(found.lineage)} nodes", "rivals": len(found.rivals)}
    document |= {"children": len(found.children), "path": _path(found.path)}
    del document["node"]
    show({name: value for name, value in document.items() if value is not None}, False)
    for title, nodes in (
        ("lineage", found.lineage),
        ("rivals", found.rivals),
        ("children", found.children),
    ):
        if nodes:
            print(f"\n{title}")
        for node_id in nodes:
            print(_node_line(kinship, node_id, node_id == found.entry.id))


def _node_line(kinship: Kinship, node_id: bytes, is_here: bool) -> str:
    view, entry = kinship.view, kinship.view.graph[node_id]
    node = entry.node
    timers = f"λ {view.graph.local_timer(node_id, view.now):,}, β {_timer(kinship.timer(node_id))}"
    mark = ">" if is_here else " "
    return (
        f"{mark} {short(node_id)}  level {node.level}, depth {node.depth:>2},"
        f" {stretch_text(kinship.stretch(node))}: {timers}; {short(entry.mover)},"
        f" block {entry.created:,}"
    )


def _account_document(kinship: Kinship, found: Account) -> dict[str, Any]:
    return {
        "id": full(found.entry.id),
        "node": node_document(found.entry.node),
        "about": stretch_text(found.stretch),
        "path": list(found.path),
        "mover": full(found.entry.mover),
        "created": found.entry.created,
        "localTimer": found.local,
        "timer": _timer(found.timer),
        "storedTimer": _timer(found.stored),
        "waitsFor": str(found.waits_for),
        "binding": full(found.binding) if found.binding else None,
        "lineage": [full(node_id) for node_id in found.lineage],
        "rivals": [full(node_id) for node_id in found.rivals],
        "children": [full(node_id) for node_id in found.children],
        "parents": [full(node_id) for node_id in kinship.parents(found.entry.id)],
    }


def node_document(node: Node) -> dict[str, Any]:
    return {
        "origin": full(node.origin),
        "level": node.level,
        "pos": node.pos,
        "depth": node.depth,
        "base": full(node.base),
        "span": full(node.span),
    }


def stretch_text(found: Stretch) -> str:
    """What a node is about, in words."""
    if found.word is None:
        return f"words {found.first + 1:,} to {found.last:,}"
    return f"steps {found.first:,} to {found.last - 1:,} of run {found.word:,}"


def _path(path: tuple[int, ...]) -> str:
    return " › ".join(f"{position:,}" for position in path) or "level 0"


def _timer(blocks: int) -> int | str:
    return "infinite" if blocks == INFINITE else blocks


# --- watch ----------------------------------------------------------------------------------------


class Watch:
    """Tells each event and each look at L1, once; after a reorganisation, those that are new."""

    def __init__(self, place: Place, as_json: bool) -> None:
        self._place, self._as_json = place, as_json
        self._watcher = place.watcher()
        #: The last blocks that were told.
        self._told: list[Block] = []

    def run(
        self,
        is_over: Callable[[Replica], bool],
        interval: float,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Look until it is over."""
        while True:
            view = self.look()
            if is_over(view):
                return
            wait(interval)

    def look(self) -> Replica:
        view = self._watcher.follow()
        self._go_back()
        first = self._told[-1].number + 1 if self._told else self._place.first
        if view.now >= first:
            for block, event in self._place.events(first, view.now):
                self._tell({"block": block, **event_document(event)})
            self._tell_block(view)
            head = self._place.l1.block(view.now)
            if head is not None:
                self._told = [*self._told[-_REMEMBERED:], head]
        return view

    def _go_back(self) -> None:
        """Forget what was told of blocks that are not part of the chain any more."""
        before = len(self._told)
        while self._told:
            found = self._place.l1.block(self._told[-1].number)
            if found is not None and found.hash == self._told[-1].hash:
                break
            self._told.pop()
        if len(self._told) < before:
            last = self._told[-1].number if self._told else self._place.first - 1
            self._tell({"block": last, "event": "Reorganised"})

    def _tell_block(self, view: Replica) -> None:
        now = status(view)
        foretold = [
            {
                "origin": full(contest.key[0]),
                "level": contest.key[1],
                "winners": [full(winner) for winner in contest.winners],
                "block": contest.block,
            }
            for contest in now.contests
            if contest.decision is None
        ]
        risk = sum(contest.at_risk for contest in now.contests)
        document = {"block": now.now, "event": "Block", "atRiskWei": risk, "foretold": foretold}
        if self._as_json:
            self._tell(document)
        else:
            open_ones = plural(len(foretold), "open contest")
            print(f"{now.now:>9,}  {open_ones}, {ether(risk)} ETH at risk", flush=True)

    def _tell(self, document: dict[str, Any]) -> None:
        if self._as_json:
            print(json.dumps(document), flush=True)
            return
        names = ("id", "mover", "by", "stakeWei", "timer", "amountWei")
        shown = (f"{name} {str(document[name])[:12]}" for name in names if name in document)
        print(f"{document['block']:>9,}  {document['event']}  {', '.join(shown)}", flush=True)


def event_document(event: Event) -> dict[str, Any]:
    """An event with its fields, as JSON has them."""
    document: dict[str, Any] = {"event": type(event).__name__}
    for each in fields(event):
        value = getattr(event, each.name)
        name = f"{each.name}Wei" if each.name in ("stake", "amount") else each.name
        if isinstance(value, Node):
            value = node_document(value)
        document[name] = full(value) if isinstance(value, bytes) else value
    return document


def say(console: Console, line: str) -> None:
    """A line, as it is."""
    console.print(escape(line), highlight=False, soft_wrap=True)
