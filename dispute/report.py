"""A dispute as one page of HTML: who said what, who moved when, what L1 executed, how it ended.

The page needs nothing but itself: no other file, no network. Whatever comes from L1 or from a
program is escaped, and the page's own policy forbids it to load anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files

from dispute.events import Event
from dispute.instruction import Instruction
from dispute.lineage import Kinship
from dispute.protocol import Dispute
from dispute.report_tree import Tree
from dispute.status import ContestStatus, PartyStatus, Status, status
from dispute.text import ether, full, plural, short
from dispute.timeline import Moved, timeline

#: Parties that have a lane of their own in the picture of who moved when.
LANES = 12
_WIDTH, _LANE, _MARGIN = 1080, 24, 150
_KINDS = ("Open", "Bisect", "Refine", "Prove", "Confirm")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a party's transactions took; ``spent``: all wei that it has less than before."""

    transactions: int
    gas: int
    spent: int


@dataclass(frozen=True)
class Subject:
    """What there is to report.

    ``right``: the nodes that are known to be right, by somebody's histories; without any, the
    winners' sides are shown as such. ``events`` of the contract, each with its block, tell when
    something was proved or confirmed.
    """

    view: Dispute
    title: str = "A dispute"
    names: Mapping[bytes, str] = field(default_factory=dict)
    costs: Mapping[bytes, Cost] = field(default_factory=dict)
    right: frozenset[bytes] = frozenset()
    events: Sequence[tuple[int, Event]] = ()
    instruction: Instruction | None = None

    def name(self, address: bytes) -> str:
        """What to call a party."""
        if address == self.view.table.terms.sink:
            return "the sink"
        return self.names.get(address) or short(address)


def render(subject: Subject) -> str:
    """The page."""
    kinship = Kinship(subject.view)
    now = status(subject.view, kinship)
    moves = timeline(subject.view, subject.events)
    right = subject.right or winning_side(subject.view, now)
    tree = Tree(kinship, now, moves, right, subject.name)
    body = (
        *_header(subject, now, moves),
        *(_instruction(subject.instruction) if subject.instruction else ()),
        *_parties(subject, now),
        *_contests(subject, now),
        *_picture(subject, now, moves),
        *_tree(tree),
    )
    return _PAGE.format(
        title=escape(subject.title),
        css=_data("report.css"),
        js=_data("report.js"),
        body="\n".join(body),
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
{css}</style>
</head>
<body>
<main>
{body}
</main>
<script>
{js}</script>
</body>
</html>
"""


def _data(name: str) -> str:
    return (files("dispute") / "data" / name).read_text()


def winning_side(view: Dispute, now: Status) -> frozenset[bytes]:
    """The nodes of the histories that have won, or will if nobody moves any more."""
    winners = {contest.winner for contest in now.contests if contest.winner}
    found: set[bytes] = set()
    waiting = [contest.winner for contest in now.contests if contest.winner and not contest.path]
    while waiting:
        node_id = waiting.pop()
        found.add(node_id)
        waiting.extend(view.graph.halves.get(node_id, ()))
        waiting.extend(r for r in view.graph.refinements.get(node_id, ()) if r in winners)
    return frozenset(found)


# --- The parts of the page ------------------------------------------------------------------------


def _header(subject: Subject, now: Status, moves: Sequence[Moved]) -> Iterator[str]:
    main = now.contests[0] if now.contests else None
    terms = subject.view.table.terms
    kind = "hangs" if main and not main.winners else "decided" if main and main.decision else ""
    yield f'<header class="{kind}"><h1>{escape(subject.title)}</h1>'
    yield f"<p>{outcome(subject, main)}</p>"
    levels = " | ".join(str(level.height) for level in subject.view.table.levels)
    yield (
        f'<p class="soft">Levels {levels}. T is {plural(terms.confirm_after, "block")}; the honest'
        f" root comes to it within {plural(subject.view.table.bound, 'block')}, whatever others do."
        f" As of block {now.now:,}.</p></header>"
    )
    graph = subject.view.graph
    lost = sum(party.lost for party in now.parties)
    cards = [
        (f"{len(now.parties):,}", "parties"),
        (f"{len(graph.entries):,}", "nodes"),
        (f"{len(moves):,}", "moves"),
        (f"{len(now.contests):,}", "contests"),
    ]
    if moves:
        cards.append((f"{now.now - moves[0].block:,}", "blocks since the first"))
    if subject.costs:
        cards.append((f"{sum(cost.gas for cost in subject.costs.values()):,}", "gas"))
    cards.append((f"{ether(lost)}", "ETH slashed"))
    shown = (f'<div class="card"><b>{value}</b><span>{name}</span></div>' for value, name in cards)
    yield f'<div class="cards">{"".join(shown)}</div>'


def outcome(subject: Subject, contest: ContestStatus | None) -> str:
    """How the dispute stands, in one sentence of HTML."""
    if contest is None:
        return "Nobody has claimed anything yet."
    if contest.decision:
        root = subject.view.graph[contest.decision.winner]
        said = len(contest.standings) - 1
        refuted = f"; {plural(said, 'rival')} refuted" if said else ""
        return (
            f"<b>Decided</b> in block {contest.decision.decided:,}: the root"
            f" {_link(root.id)} of <b>{escape(subject.name(root.mover))}</b> has won{refuted}."
        )
    if contest.winner and contest.block is not None:
        mover = subject.view.graph[contest.winner].mover
        return (
            f"If nobody moves any more, the root {_link(contest.winner)} of"
            f" <b>{escape(subject.name(mover))}</b> wins in block {contest.block:,}."
        )
    if contest.winners:
        return f"{len(contest.winners)} rivals have come to T: whoever is confirmed first wins."
    return "If nobody moves any more, nobody wins: every root waits for a move."


def _link(node_id: bytes) -> str:
    return f'<a href="#n{node_id.hex()[:16]}"><code>{short(node_id)}</code></a>'


def _instruction(found: Instruction) -> Iterator[str]:
    place = f" in <code>{escape(found.place)}</code>" if found.place else ""
    yield "<h2>The one step that L1 executed</h2>"
    yield (
        f"<p>Step {found.step:,}{place}: <code>{escape(found.text)}</code>. The rest of the"
        " computation was never executed on L1.</p>"
    )
    yield '<div class="columns"><div class="scroll"><pre class="listing">'
    lines = []
    for row in found.rows:
        if row.label:
            lines.append(f"{escape(row.label)}:")
        note = f"  ; {row.note}" if row.note else ""
        line = escape(f"  {row.address:08x}  {row.raw}  {row.text:<28}{note}".rstrip())
        is_here = row.address == found.pc & ~3
        lines.append(f'<span class="here">{line}</span>' if is_here else line)
    yield "\n".join(lines) + "</pre></div>"
    rows = (
        f"<tr><td><code>{escape(change.name)}</code></td>"
        f'<td class="mono">{_brief(change.before)}</td><td class="mono">{_brief(change.after)}</td>'
        for change in found.changes
    )
    yield _table("<th>changes<th>before<th>after", rows) + "</div>"
    yield (
        f'<p class="soft">State <code>{short(found.before)}…</code> →'
        f" <code>{short(found.after)}…</code></p>"
    )


def _brief(value: str) -> str:
    """A value, or the beginning of one that is a hash."""
    if len(value) <= 24:
        return escape(value)
    return f'<span title="{escape(value)}">{escape(value[:18])}…</span>'


def _parties(subject: Subject, now: Status) -> Iterator[str]:
    yield "<h2>Parties</h2>"
    has_costs = bool(subject.costs)
    costs = '<th class="n">transactions<th class="n">gas' if has_costs else ""
    balance = '<th class="n">gained, after gas' if has_costs else ""
    kinds = "".join(f'<th class="n">{kind.lower()}' for kind in _KINDS[:4])
    money = '<th class="n">staked<th class="n">at risk<th class="n">lost<th class="n">bounties'
    head = f'<th>party{kinds}{costs}{money}<th class="n">owed by L1{balance}'
    yield _table(head, (_party(subject, party) for party in now.parties))
    yield '<p class="soft">Amounts in ETH.</p>'


def _party(subject: Subject, party: PartyStatus) -> str:
    cells = [
        f'<td title="{full(party.address)}"><b>{escape(subject.name(party.address))}</b>',
        *(f'<td class="n">{party.moves[kind] or "·"}' for kind in _KINDS[:4]),
    ]
    cost = subject.costs.get(party.address)
    if subject.costs:
        cells += [
            f'<td class="n">{cost.transactions:,}<td class="n">{cost.gas:,}'
            if cost
            else '<td class="n">·<td class="n">·'
        ]
    lost = party.lost + party.losing
    cells += [
        f'<td class="n">{ether(party.staked)}',
        f'<td class="n">{ether(party.at_risk)}',
        f'<td class="n{" wrong" if lost else ""}">{ether(party.lost)}'
        + (f" (+ {ether(party.losing)})" if party.losing else ""),
        f'<td class="n">{ether(party.earned)}'
        + (f" (+ {ether(party.claimable)})" if party.claimable else ""),
        f'<td class="n">{ether(party.owed)}',
    ]
    if subject.costs:
        cells += [_balance(cost.spent) if cost else '<td class="n">·']
    return f"<tr>{''.join(cells)}"


def _balance(spent: int) -> str:
    sign = "+" if spent < 0 else ""
    return f'<td class="n {"right" if spent <= 0 else "wrong"}">{sign}{ether(-spent)}'


def _contests(subject: Subject, now: Status) -> Iterator[str]:
    yield "<h2>Contests</h2>"
    head = (
        "<th>level<th>refines step<th class=n>roots<th>decided or foretold<th>winner"
        '<th class="n">block<th class="n">ETH at risk'
    )
    yield _table(head, (_contest(subject, contest) for contest in now.contests))


def _contest(subject: Subject, contest: ContestStatus) -> str:
    where = " › ".join(f"{position:,}" for position in contest.path) or "—"
    winner = contest.winner
    name = escape(subject.name(subject.view.graph[winner].mover)) if winner else ""
    state = "decided" if contest.decision else "foretold" if contest.winners else "hangs"
    block = f"{contest.block:,}" if contest.block is not None else "never"
    return (
        f'<tr><td>{contest.key[1]}<td>{where}<td class="n">{len(contest.standings)}<td>{state}'
        f"<td>{_link(winner) + ' ' + name if winner else '—'}"
        f'<td class="n">{block}<td class="n">{ether(contest.at_risk)}'
    )


def _table(head: str, rows: Iterator[str]) -> str:
    return (
        f'<div class="scroll"><table><thead><tr>{head}</thead><tbody>{"".join(rows)}'
        "</tbody></table></div>"
    )


# --- Who moved when -------------------------------------------------------------------------------


def _picture(subject: Subject, now: Status, moves: Sequence[Moved]) -> Iterator[str]:
    """A lane for each party, a dot for each move; the x axis is L1's blocks."""
    if not moves:
        return
    lanes = [party.address for party in now.parties if any(party.moves.values())]
    shown = {address: number for number, address in enumerate(lanes[:LANES])}
    first, last = moves[0].block, max(moves[-1].block, now.now)
    scale = (_WIDTH - _MARGIN - 20) / max(last - first, 1)
    height = _LANE * len(shown) + 26
    yield "<h2>Who moved when</h2>"
    yield f'<div class="scroll"><svg width="{_WIDTH}" height="{height}" role="img">'
    for address, lane in shown.items():
        y = _LANE * lane + 18
        yield f'<text x="10" y="{y + 4}">{escape(subject.name(address)[:18])}</text>'
        yield f'<line class="lane" x1="{_MARGIN}" x2="{_WIDTH - 20}" y1="{y}" y2="{y}"/>'
    for moved in _distinct(moves):
        if moved.mover in shown:
            x, y = _MARGIN + (moved.block - first) * scale, _LANE * shown[moved.mover] + 18
            yield (
                f'<circle class="{moved.kind}" cx="{x:.1f}" cy="{y}" r="4">'
                f"<title>block {moved.block:,}: {moved.kind.lower()}</title></circle>"
            )
    yield f'<text x="{_MARGIN}" y="{height - 4}">block {first:,}</text>'
    yield f'<text x="{_WIDTH - 20}" y="{height - 4}" text-anchor="end">{last:,}</text>'
    yield "</svg></div>"
    dot = '<svg width="9" height="9"><circle class="{0}" cx="4.5" cy="4.5" r="4"/></svg>{1}'
    key = (f"<span>{dot.format(kind, kind.lower())}</span>" for kind in _KINDS)
    hidden = len(lanes) - len(shown)
    more = f"<span>and {hidden:,} more who moved</span>"
    yield f'<div class="key">{"".join(key)}{more if hidden else ""}</div>'


def _distinct(moves: Sequence[Moved]) -> list[Moved]:
    """One of those that would lie on one another."""
    places = {(moved.block, moved.mover, moved.kind): moved for moved in moves}
    return list(places.values())


def _tree(tree: Tree) -> Iterator[str]:
    yield "<h2>The tree</h2>"
    yield (
        '<p class="soft">Each node claims what states follow a prefix. A rivalled one is bisected;'
        " a terminal is refined by a finer history, and one of the finest is proved."
        ' <span class="right">Green</span> is what is right.</p>'
    )
    yield (
        '<div class="buttons"><button id="way">Way to the proof</button>'
        '<button id="all">Open all</button><button id="none">Close all</button></div>'
    )
    yield '<div class="scroll tree">'
    yield from tree.html()
    yield "</div>"
