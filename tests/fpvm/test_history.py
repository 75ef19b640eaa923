"""History commitments, against the definition: prefixes and stretches, written down naively."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm import history as h
from fpvm.history import History, verify_last
from fpvm.keccak import keccak256
from tests.fpvm.machines import PROPERTY

HEIGHTS = range(7)


def states(count: int) -> list[bytes]:
    """Different words that stand for state hashes."""
    return [keccak256(b"state %d" % i) for i in range(count)]


def full(height: int) -> tuple[list[bytes], History]:
    """A history that needs no padding, and its states."""
    first, *rest = every = states((1 << height) + 1)
    return every, History(first, rest, height)


# --- The oracle: docs/history.md, word for word ---------------------------------------------------


def naive_span(stretch: list[bytes]) -> bytes:
    """What commits to the states of a stretch."""
    if len(stretch) == 1:
        return keccak256(b"\x00" + stretch[0])
    half = len(stretch) // 2
    return keccak256(b"\x01" + naive_span(stretch[:half]) + naive_span(stretch[half:]))


def naive_base(prefix: list[bytes]) -> bytes:
    """What commits to the states of a prefix: its last span is the lowest bit of its length."""
    steps = len(prefix) - 1
    if steps == 0:
        return keccak256(b"\x00" + prefix[0])
    last = steps & -steps
    return keccak256(b"\x02" + naive_base(prefix[:-last]) + naive_span(prefix[-last:]))


@dataclass(frozen=True)
class Node:
    """A node of the dispute."""

    position: int
    depth: int
    base: bytes
    span: bytes


def descend(history: History, height: int, target: int) -> list[Node]:
    """The nodes from the root to the leaf at ``target``: bisections by the rule alone."""
    node = Node(0, height, h.leaf(history.state(0)), history.root())
    nodes = [node]
    while node.depth:
        depth = node.depth - 1
        middle = node.position + (1 << depth)
        left, right = history.span(node.position, depth), history.span(middle, depth)
        assert h.node(left, right) == node.span
        if target < middle:
            node = Node(node.position, depth, node.base, left)
        else:
            node = Node(middle, depth, h.base(node.base, left), right)
        nodes.append(node)
    return nodes


# --- What is committed to -------------------------------------------------------------------------


@pytest.mark.parametrize("height", HEIGHTS)
def test_every_node_of_every_bisection_commits_to_its_prefix_and_its_stretch(height: int) -> None:
    every, history = full(height)
    for target in range(1 << height):
        for node in descend(history, height, target):
            end = node.position + (1 << node.depth)
            assert (
                node.base
                == history.base(node.position)
                == naive_base(every[:end][: node.position + 1])
            )
            assert node.span == history.span(node.position, node.depth)
            assert node.span == naive_span(every[node.position + 1 : end + 1])


@pytest.mark.parametrize("height", HEIGHTS)
def test_a_bisection_ends_at_the_state_after_the_last_one_agreed_on(height: int) -> None:
    every, history = full(height)
    for target in range(1 << height):
        node = descend(history, height, target)[-1]
        assert (node.position, node.depth) == (target, 0)
        assert node.span == h.leaf(every[target + 1])
        path = history.prove_last(target)
        assert verify_last(target, every[target], path) == node.base


@pytest.mark.parametrize("height", HEIGHTS)
def test_the_end_of_a_history_has_a_base_and_a_proof_too(height: int) -> None:
    every, history = full(height)
    end = 1 << height
    assert history.base(end) == naive_base(every) == h.base(h.leaf(every[0]), history.root())
    assert verify_last(end, every[-1], history.prove_last(end)) == history.base(end)


@PROPERTY
@given(height=st.integers(0, 6), data=st.data())
def test_a_shorter_history_repeats_its_last_state(height: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 1 << height))
    first, *rest = states(count + 1)
    padded = [first, *rest] + [[first, *rest][-1]] * ((1 << height) - count)
    history = History(first, rest, height)
    assert history.root() == naive_span(padded[1:])
    for position in range((1 << height) + 1):
        assert history.state(position) == padded[position]
        assert history.base(position) == naive_base(padded[: position + 1])


@PROPERTY
@given(height=st.integers(0, 6), data=st.data())
def test_a_repeated_state_may_be_given_or_left_out(height: int, data: st.DataObject) -> None:
    """What is kept once for all that is repeated is what one gets by keeping all of it."""
    count = data.draw(st.integers(0, 1 << height))
    first, *rest = states(count + 1)
    last = [first, *rest][-1]
    short = History(first, rest, height)
    full_ = History(first, [*rest, *[last] * ((1 << height) - count)], height)
    assert short.traced == [first, *rest]
    assert short.prove_end() == full_.prove_end()
    for position in range((1 << height) + 1):
        assert short.prove_last(position) == full_.prove_last(position)
        for depth in range(height + 1):
            if position < 1 << height and position % (1 << depth) == 0:
                assert short.span(position, depth) == full_.span(position, depth)


def test_a_history_costs_what_its_trace_does() -> None:
    """Not what its height says: this one has 2^60 states."""
    first, *rest = states(6)
    history = History(first, rest, 60)
    end = 1 << 60
    assert history.state(5) == history.state(6) == history.state(end) == rest[-1]
    for position in (0, 5, 6, 1 << 30, end - 1, end):
        path = history.prove_last(position)
        assert verify_last(position, history.state(position), path) == history.base(position)
    folded = h.leaf(rest[-1])
    for sibling in history.prove_end():
        folded = h.node(sibling, folded)
    assert folded == history.root()


def test_a_history_of_four_steps_by_value() -> None:
    """A contract is deployed against these: states that are the numbers 0 to 4, as words."""
    history = History(bytes(32), [number.to_bytes(32) for number in range(1, 5)], 2)
    root = "b55ae01d8cf8596fa505bd6155f424b6ec7a567326100cd3dc2aa37c100f5375"
    bases = [
        "f39a869f62e75cf5f0bf914688a6b289caf2049435d8e68c5c5e6d05e44913f3",
        "0ad84c9fab3532c10f2b972cd76bc3430d2b94ea3153ffddbcd91ea81a107992",
        "1e2ad0f57fb3ea45bf901f8370eb34aa6b1e2ccf6491c0563856d022dcb230f8",
        "7f0f8f2e160d795a617766c44274e00df37c588d8afc2d0fdaf890c77936b989",
        "3ebc5ef4c566086d733969ce9f30697583c1221b67ba224313c1ea80c62bb27f",
    ]
    assert history.root().hex() == root
    assert [history.base(position).hex() for position in range(5)] == bases
    assert [node.hex() for node in history.prove_last(4)] == [
        h.leaf((3).to_bytes(32)).hex(),
        "251fcb979f14e4dde1a3fd0887ab08d91f9f46b6e577e534a508a6ed6ba33b93",
        bases[0],
    ]
    assert [node.hex() for node in history.prove_last(3)] == [bases[2]]


# --- What is refused ------------------------------------------------------------------------------


def accepts(history: History, position: int, last: bytes, path: list[bytes]) -> bool:
    """Whether the proof is taken for one of the base that the history has at ``position``."""
    try:
        return verify_last(position, last, path) == history.base(position)
    except ValueError:
        return False


@pytest.mark.parametrize("height", HEIGHTS)
def test_no_other_state_is_the_last_one(height: int) -> None:
    every, history = full(height)
    for position in range((1 << height) + 1):
        path = history.prove_last(position)
        for other in (*every, h.leaf(every[position]), history.root(), bytes(32)):
            assert accepts(history, position, other, path) == (other == every[position])


@pytest.mark.parametrize("height", HEIGHTS)
def test_a_proof_holds_at_its_position_only(height: int) -> None:
    every, history = full(height)
    positions = range((1 << height) + 1)
    for position in positions:
        path = history.prove_last(position)
        for other in positions:
            assert accepts(history, other, every[position], path) == (other == position)


@pytest.mark.parametrize("height", HEIGHTS)
def test_a_path_has_no_more_and_no_fewer_siblings(height: int) -> None:
    every, history = full(height)
    for position in range((1 << height) + 1):
        path = history.prove_last(position)
        for wrong in (path[1:], path[:-1], [bytes(32), *path], [*path, bytes(32)], [*path, *path]):
            if len(wrong) != len(path):
                with pytest.raises(ValueError, match="siblings"):
                    verify_last(position, every[position], wrong)


@pytest.mark.parametrize("height", range(1, 7))
def test_an_inner_node_is_not_a_state(height: int) -> None:
    """Cutting the path short and passing the folded node off as the last state, at any place."""
    every, history = full(height)
    for position in range(1, (1 << height) + 1):
        path = history.prove_last(position)
        node = h.leaf(every[position])
        for cut, sibling in enumerate(path):
            for stands_for in (position, position >> cut, max(1, position >> cut + 1)):
                assert not accepts(history, stands_for, node, path[cut:])
            node = h.node(sibling, node)


@pytest.mark.parametrize("height", range(1, 7))
def test_siblings_stay_where_they_are(height: int) -> None:
    every, history = full(height)
    for position in range(1, (1 << height) + 1):
        path = history.prove_last(position)
        for i in range(len(path)):
            for j in range(i):
                swapped = list(path)
                swapped[i], swapped[j] = path[j], path[i]
                assert not accepts(history, position, every[position], swapped)


@pytest.mark.parametrize("height", range(1, 7))
def test_a_span_is_no_base(height: int) -> None:
    """A prefix of one state and a span of one state are told apart only by their position, the
    longer ones by their tags."""
    every, history = full(height)
    bases = {history.base(position) for position in range((1 << height) + 1)}
    spans = {
        history.span(position, depth)
        for depth in range(height + 1)
        for position in range(0, 1 << height, 1 << depth)
    }
    assert not bases & spans
    for position in range(1, (1 << height) + 1):
        path = history.prove_last(position)
        span = naive_span(every[1 : 1 + (position & -position)])
        assert not accepts(history, position, every[position], [*path[:-1], span])


@PROPERTY
@given(position=st.integers(0, 64), data=st.data())
def test_a_path_that_differs_in_a_bit_proves_another_base(
    position: int, data: st.DataObject
) -> None:
    every, history = full(6)
    words = [every[position], *history.prove_last(position)]
    word = data.draw(st.integers(0, len(words) - 1))
    changed = int.from_bytes(words[word]) ^ 1 << data.draw(st.integers(0, 255))
    words[word] = changed.to_bytes(32)
    assert verify_last(position, words[0], words[1:]) != history.base(position)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_nodes_of_another_length_are_refused(size: int) -> None:
    """Two nodes of 31 and 33 bytes hash like two of 32."""
    every, history = full(2)
    path = history.prove_last(2)
    for wrong in ([bytes(size), path[1]], [path[0], bytes(size)]):
        with pytest.raises(ValueError, match="siblings"):
            verify_last(2, every[2], wrong)
    with pytest.raises(ValueError, match="32"):
        verify_last(2, bytes(size), path)


def test_positions_outside_of_a_history_are_refused() -> None:
    _, history = full(3)
    for position in (-1, 9, 16, 1 << 80):
        for ask in (history.state, history.base, history.prove_last):
            with pytest.raises(ValueError, match="position"):
                ask(position)
    with pytest.raises(ValueError, match="position -4"):
        verify_last(-4, bytes(32), [bytes(32)] * 3)


@pytest.mark.parametrize(
    ("position", "depth"),
    [(0, 4), (0, -1), (1, 1), (2, 2), (4, 3), (-1, 0), (-8, 3), (8, 0), (8, 3), (16, 0)],
)
def test_spans_outside_of_a_history_are_refused(position: int, depth: int) -> None:
    _, history = full(3)
    with pytest.raises(ValueError, match="span"):
        history.span(position, depth)


@pytest.mark.parametrize("height", HEIGHTS)
def test_more_states_than_a_history_holds_are_refused(height: int) -> None:
    first, *rest = states((1 << height) + 2)
    with pytest.raises(ValueError, match=f"height {height}"):
        History(first, rest, height)


def test_trailing_zeros_count_bisections_to_the_left() -> None:
    assert [h.trailing_zeros(position) for position in (1, 2, 3, 4, 6, 8, 96, 1 << 40)] == [
        *(0, 1, 0, 2, 1, 3, 5, 40)
    ]
