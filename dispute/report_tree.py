"""The tree of a dispute as nested ``<details>``: the part of the report that grows with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from html import escape

from dispute.graph import INFINITE, Entry
from dispute.lineage import Kinship, Stretch, Wait, waits_for
from dispute.status import Status
from dispute.text import full, short
from dispute.timeline import Moved

#: Rivals that are named at a node.
RIVALS = 6
_CHIPS = {
    Wait.TIME: ("unrivalled", "good"),
    Wait.BISECTION: ("waits for a bisection", "bad"),
    Wait.REFINEMENT: ("waits for a refinement", "bad"),
    Wait.PROOF: ("waits for a proof", "bad"),
    Wait.HALVES: ("bisected", ""),
    Wait.REFINEMENTS: ("refined", ""),
    Wait.PROVED: ("proved", "good"),
}
_DONE = {"Bisect": "bisected", "Refine": "refined", "Prove": "proved"}


class Tree:
    """All nodes below the roots of level 0. ``right``: the nodes to show as right."""

    def __init__(
        self,
        kinship: Kinship,
        now: Status,
        moves: Sequence[Moved],
        right: frozenset[bytes],
        name: Callable[[bytes], str],
    ) -> None:
        self._kinship, self._view, self._name = kinship, kinship.view, name
        self._right = right
        self._winners = {c.decision.winner for c in now.contests if c.decision}
        self._losers = {
            standing.root
            for contest in now.contests
            for standing in contest.standings
            if contest.decision and standing.root != contest.decision.winner
        }
        self._way = self._to_the_proof()
        self._moves: dict[bytes, list[Moved]] = defaultdict(list)
        for moved in moves:
            self._moves[moved.id].append(moved)
        self._shown: set[bytes] = set()

    def _to_the_proof(self) -> set[bytes]:
        """The lineage of what was proved; of nothing, what is right at level 0."""
        proved = [p for p in self._view.provers if p in self._right] or list(self._view.provers)
        if proved:
            return set(self._kinship.lineage(proved[0], self._right))
        return {node_id for node_id in self._right if not self._view.graph[node_id].node.level}

    def html(self) -> Iterator[str]:
        entries = self._view.graph.entries.values()
        roots = [entry for entry in entries if entry.rank and not entry.node.level]
        # What is right comes first.
        roots.sort(key=lambda entry: entry.id not in self._right)
        for root in roots:
            yield from self._node(root)

    def _node(self, entry: Entry) -> Iterator[str]:
        if entry.id in self._shown:
            yield (
                f'<a class="shared" href="#{_anchor(entry.id)}">the same left half as that of a'
                f" rival: <code>{short(entry.id)}</code></a>"
            )
            return
        self._shown.add(entry.id)
        kinds = [
            "node",
            *(["right"] if entry.id in self._right else []),
            *(["way"] if entry.id in self._way else []),
        ]
        is_open = " open" if entry.id in self._way else ""
        yield f'<details class="{" ".join(kinds)}" id="{_anchor(entry.id)}"{is_open}>'
        yield self._summary(entry)
        children: Sequence[bytes] = self._view.graph.children(entry.id)
        if not entry.node.depth:  # what is right comes first, with the nodes that rivals share
            children = sorted(children, key=lambda child: child not in self._right)
        facts = self._facts(entry)
        if children:
            facts = f'<details><summary class="soft">more</summary>{facts}</details>'
        yield f'<div class="inside">{facts}'
        for child in children:
            yield from self._node(self._view.graph[child])
        yield "</div></details>"

    def _summary(self, entry: Entry) -> str:
        node = entry.node
        label, kind = self._chip(entry)
        where = self._stretch(entry)
        depth = f"depth {node.depth}" if node.depth else "terminal"
        return (
            f'<summary><span class="level">L{node.level}</span>'
            f'<code class="id">{short(entry.id)}</code><span>{where}</span>'
            f'<span class="soft">{depth}</span><span class="chip {kind}">{label}</span>'
            f'<span class="soft">{escape(self._name(entry.mover))}, block {entry.created:,}</span>'
            f"{self._meter(entry)}</summary>"
        )

    def _chip(self, entry: Entry) -> tuple[str, str]:
        if entry.id in self._winners:
            return "has won", "good"
        if entry.id in self._losers:
            return "has lost", "bad"
        if entry.id in self._view.provers:
            return _CHIPS[Wait.PROVED]
        waits = waits_for(self._view, entry)
        if waits is not Wait.WON:
            return _CHIPS[waits]
        if self._view.graph.children(entry.id):
            return ("bisected" if entry.node.depth else "refined"), ""
        return ("refuted", "bad") if self._view.graph.is_rivalled(entry.id) else ("unrivalled", "")

    def _stretch(self, entry: Entry) -> str:
        found: Stretch = self._kinship.stretch(entry.node)
        if found.word is None:
            return (
                f"words {found.first + 1:,}–{found.last:,}"
                if found.last - found.first > 1
                else (f"word {found.last:,}")
            )
        if found.last - found.first == 1:
            return f"step {found.first:,}"
        return f"steps {found.first:,}–{found.last - 1:,}"

    def _meter(self, entry: Entry) -> str:
        """How far a root has come."""
        if not entry.rank:
            return ""
        limit = self._view.table.terms.confirm_after
        timer = self._kinship.timer(entry.id)
        shown = f"β {_timer(timer)} of {limit:,}"
        return (
            f'<meter min="0" max="{limit}" value="{min(timer, limit)}" title="{shown}"></meter>'
            f'<span class="soft">{shown}</span>'
        )

    def _facts(self, entry: Entry) -> str:
        graph, now, node = self._view.graph, self._view.now, entry.node
        facts = [
            ("id", f"<code>{full(entry.id)}</code>"),
            ("position", f"{node.pos:,}, depth {node.depth} of level {node.level}"),
            ("base", f"<code>{full(node.base)}</code>"),
            ("span", f"<code>{full(node.span)}</code>"),
            (
                "timers",
                f"λ {graph.local_timer(entry.id, now):,}, β"
                f" {_timer(self._kinship.timer(entry.id))}, stored {_timer(entry.timer)}",
            ),
            ("moves", "; ".join(self._made(entry))),
        ]
        rivals = self._kinship.rivals(entry.id)
        if rivals:
            links = (
                f'<a href="#{_anchor(other)}"><code>{short(other)}</code></a>'
                for other in rivals[:RIVALS]
            )
            more = f" and {len(rivals) - RIVALS:,} more" if len(rivals) > RIVALS else ""
            facts.append(("rivals", ", ".join(links) + more))
        return f"<dl>{''.join(f'<dt>{name}<dd>{value}' for name, value in facts)}</dl>"

    def _made(self, entry: Entry) -> Iterator[str]:
        yield f"created by {escape(self._name(entry.mover))} in block {entry.created:,}"
        known = self._moves[entry.id]
        for moved in known:
            if moved.kind in ("Bisect", "Prove", "Confirm"):
                done = _DONE.get(moved.kind, "confirmed")
                yield f"{done} by {escape(self._name(moved.mover))} in block {moved.block:,}"
        prover = self._view.provers.get(entry.id)
        if prover and not any(moved.kind == "Prove" for moved in known):
            yield f"proved by {escape(self._name(prover))}"
        for finer in self._view.graph.refinements.get(entry.id, ()):
            root = self._view.graph[finer]
            yield f"refined by {escape(self._name(root.mover))} in block {root.created:,}"


def _timer(blocks: int) -> str:
    return "∞" if blocks == INFINITE else f"{blocks:,}"


def _anchor(node_id: bytes) -> str:
    return f"n{node_id.hex()[:16]}"
