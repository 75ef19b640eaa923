"""The report: whole, self-contained, and safe whatever names and programs say."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from dispute.adversaries import Lie, honest, idle, liar, sybils
from dispute.agent import honest_places
from dispute.events import Confirmed, Proved
from dispute.instruction import instruction
from dispute.lineage import Kinship
from dispute.protocol import Dispute
from dispute.report import Cost, Subject, render, winning_side
from dispute.simulate import Party, Play
from dispute.status import status
from dispute.timeline import timeline
from fpvm.proof import WitnessError
from fpvm.state import State
from fpvm.symbols import Symbol, Symbols
from tests.dispute.worlds import ORIGIN, World, chain_world, vm_world

HONEST = b"honest".rjust(20, b"\0")
HOSTILE = "<script>alert(1)</script>\"'&\x1b[31m"
#: Elements without an end tag, and those whose end tag HTML lets one leave out.
VOID = {"meta", "br", "circle", "line"}
OPTIONAL = {"tr", "td", "th", "dt", "dd", "thead", "tbody"}


class Checker(HTMLParser):
    """Raises AssertionError for elements that are not nested as they should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        assert not {name for name in names if name.startswith("on")}
        assert "src" not in names
        if "id" in names:
            self.ids.append(names["id"])
        if tag == "a":
            self.links.append(names["href"])
        if tag not in VOID | OPTIONAL:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID | OPTIONAL:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert not checker.open
    assert len(set(checker.ids)) == len(checker.ids)
    assert set(checker.links) <= {f"#{name}" for name in checker.ids}
    assert not re.search(r"https?://|@import|url\(", page)
    return checker


def played(world: World, *evil: object, settled: bool = True) -> Dispute:
    parties = [Party(f"evil{number}", each) for number, each in enumerate(evil)]
    parties.append(Party("honest", honest(world.histories, ORIGIN, HONEST), is_honest=True))
    play = Play(world.model(), ORIGIN, parties)
    play.run(until_settled=settled)
    return play.stage


def test_a_decided_dispute_with_its_instruction() -> None:
    world = vm_world()
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (2, 3, 1))))
    [proved] = view.provers
    kinship = Kinship(view)
    node = view.graph[proved].node
    found = instruction(world.histories.witness(ORIGIN, (*kinship.path(node), node.pos)), Symbols())
    events = [(7, Proved(proved, HONEST))]
    costs = {HONEST: Cost(31, 4_200_000, -3 * 10**15)}
    page = render(
        Subject(view, "A run", {HONEST: "honest"}, costs, events=events, instruction=found)
    )
    checker = check(page)
    text = " ".join(checker.text)
    for said in ("Decided", "honest", "4,200,000", "+0.003", "proved by honest in block 7"):
        assert said in text
    assert found.text in text
    assert page.count('class="node') == len(view.graph.entries)


def test_a_dispute_that_hangs_and_one_that_is_foretold() -> None:
    world = chain_world((2, 2))
    evil = [liar(world.histories, world.table, ORIGIN, Lie(n, (n + 1, 1))) for n in range(2)]
    play = Play(world.model(), ORIGIN, [Party(f"e{n}", idle(each)) for n, each in enumerate(evil)])
    play.block()
    assert "nobody wins" in render(Subject(play.stage))
    one = Play(world.model(), ORIGIN, [Party("only", evil[0])])
    one.block()
    page = render(Subject(one.stage))
    assert "If nobody moves any more, the root" in page
    check(page)


def test_of_an_empty_contract_there_is_a_page() -> None:
    page = render(Subject(chain_world((2,)).model()))
    check(page)
    assert "Nobody has claimed anything" in page


def test_whatever_comes_from_elsewhere_is_escaped() -> None:
    world = vm_world()
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (1, 1, 1))))
    witness = world.histories.witness(ORIGIN, (0, 0, 0))
    pc = State.unpack(witness.state).pc
    found = instruction(witness, Symbols([Symbol(pc, pc + 64, HOSTILE)]))
    names = {entry.mover: HOSTILE for entry in view.graph.entries.values()}
    page = render(Subject(view, HOSTILE, names, instruction=found))
    check(page)
    assert "<script>alert" not in page
    assert page.count("<script>") == 1


def test_a_witness_that_proves_nothing_is_no_instruction() -> None:
    witness = vm_world().histories.witness(ORIGIN, (0, 0, 0))
    with pytest.raises(WitnessError):
        instruction(type(witness)(witness.state), Symbols())


def test_what_an_instruction_changes() -> None:
    found = instruction(vm_world().histories.witness(ORIGIN, (0, 0, 0)), Symbols())
    assert [change.name for change in found.changes] == ["$a0", "pc", "nextPC", "step"]
    assert found.text.startswith("lui")
    assert found.before != found.after


@pytest.mark.slow
def test_thousands_of_nodes() -> None:
    world = chain_world((2, 3, 3))
    view = played(world, *sybils(world.histories, world.table, ORIGIN, 80), settled=False)
    page = render(Subject(view))
    assert len(view.graph.entries) > 1000
    check(page)
    assert page.count('class="node') == len(view.graph.entries)


def test_the_winning_side_is_the_honest_one() -> None:
    world = chain_world()
    view = played(world, *sybils(world.histories, world.table, ORIGIN, 3))
    side = winning_side(view, status(view))
    assert side == {place.id for place in honest_places(view, world.histories, ORIGIN)}


def test_the_timeline_has_every_move_in_its_block() -> None:
    world = chain_world((2, 2))
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (2, 2))))
    [proved] = view.provers
    root = view.contests[ORIGIN, 0].winner
    events = [(9, Proved(proved, HONEST)), (11, Confirmed(root, ORIGIN, 0, HONEST))]
    moves = timeline(view, events)
    assert [moved.block for moved in moves] == sorted(moved.block for moved in moves)
    kinds = [moved.kind for moved in moves]
    assert kinds.count("Bisect") == len(view.graph.halves)
    assert kinds.count("Prove") == kinds.count("Confirm") == 1
    for moved in moves:
        if moved.kind in ("Open", "Refine"):
            assert view.graph[moved.id].created == moved.block
