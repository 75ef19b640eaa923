"""History commitments: what a party says about all the states of a stretch (docs/history.md).

A history of height h over the states S0 … S(2^h) is a perfect binary tree with the leaves
leaf(S1) … leaf(S(2^h)). A node of the dispute commits to a *prefix* and a *stretch*: its ``base``
to S0 … S(pos), its ``span`` to S(pos+1) … S(pos+2^depth). To bisect it is to reveal the two halves
of its span; at depth 0 one proves which state the base ends in.

The three tags keep the three meanings of a hash apart: without them an inner node could be passed
off as a leaf, or a prefix as a stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fpvm.keccak import keccak256


def leaf(state: bytes) -> bytes:
    """The commitment to one state hash (or any other word)."""
    return keccak256(b"\0" + state)


def node(left: bytes, right: bytes) -> bytes:
    """The span that two adjacent spans of equal depth make."""
    return keccak256(b"\1" + left + right)


def base(left: bytes, right: bytes) -> bytes:
    """The prefix that a prefix and the span after it make."""
    return keccak256(b"\2" + left + right)


def trailing_zeros(position: int) -> int:
    """How many bisections to the left end at ``position``, which is not 0."""
    return (position & -position).bit_length() - 1


class History:
    """The states S0 … S(2^height), committed to.

    Where a history only repeats its last state, all spans of one depth are one span: they are kept
    once, so a history costs what its trace does, however high it is.
    """

    def __init__(self, first: bytes, rest: Iterable[bytes], height: int) -> None:
        """``first`` is S0; ``rest`` S1 and on, at most 2^height of them.

        A shorter trace is padded by repeating its last state: a halted machine steps to itself.
        Raises ValueError if there are too many states.
        """
        states = [first, *rest]
        if len(states) > (1 << height) + 1:
            raise ValueError(f"{len(states) - 1} states after the first do not fit height {height}")
        self.height = height
        self._states = states
        #: By depth: the spans that begin in the trace, and the one that all others are.
        self._levels = [[leaf(state) for state in states[1:]]]
        self._repeated = [leaf(states[-1])]
        for _ in range(height):
            self._levels.append(self._level_above(self._levels[-1], self._repeated[-1]))
            self._repeated.append(node(self._repeated[-1], self._repeated[-1]))

    @staticmethod
    def _level_above(level: list[bytes], repeated: bytes) -> list[bytes]:
        lefts, rights = level[::2], level[1::2]
        if len(rights) < len(lefts):
            rights.append(repeated)
        return [node(left, right) for left, right in zip(lefts, rights, strict=True)]

    @property
    def traced(self) -> Sequence[bytes]:
        """S0 and on, as far as they were given: the last of them is repeated from there on."""
        return self._states

    def state(self, position: int) -> bytes:
        """S(position). Raises ValueError for a position outside of the history."""
        self._check_position(position)
        return self._states[min(position, len(self._states) - 1)]

    def _check_position(self, position: int) -> None:
        if not 0 <= position <= 1 << self.height:
            raise ValueError(f"a history of height {self.height} has no position {position}")

    def span(self, position: int, depth: int) -> bytes:
        """The commitment to S(position+1) … S(position+2^depth).

        Raises ValueError unless ``position`` is a multiple of 2^depth within the history.
        """
        if (
            not 0 <= depth <= self.height
            or not 0 <= position < 1 << self.height
            or position % (1 << depth)
        ):
            raise ValueError(f"no span of depth {depth} starts at {position}")
        spans, index = self._levels[depth], position >> depth
        return spans[index] if index < len(spans) else self._repeated[depth]

    def root(self) -> bytes:
        """The commitment to S1 … S(2^height)."""
        return self.span(0, self.height)

    def base(self, position: int) -> bytes:
        """The commitment to S0 … S(position). Raises ValueError as :meth:`state` does."""
        self._check_position(position)
        prefix, start = leaf(self._states[0]), 0
        for depth in reversed(range(self.height + 1)):  # at the very end, the root is one span
            if position >> depth & 1:
                prefix = base(prefix, self.span(start, depth))
                start += 1 << depth
        return prefix

    def prove_last(self, position: int) -> list[bytes]:
        """The proof that base(position) ends in S(position): trailing_zeros + 1 siblings, or none.

        The siblings are the left ones on the right-most path, from the leaf up; the last one is the
        prefix before the span that the path is in. Raises ValueError as :meth:`state` does.
        """
        self._check_position(position)
        if position == 0:
            return []
        zeros = trailing_zeros(position)
        path = [self.span(position - (2 << depth), depth) for depth in range(zeros)]
        return [*path, self.base(position - (1 << zeros))]

    def prove_end(self) -> list[bytes]:
        """The proof that the root ends in S(2^height): the left siblings from its leaf up."""
        last = (1 << self.height) - 1
        return [
            self.span((last >> depth << depth) - (1 << depth), depth)
            for depth in range(self.height)
        ]


def verify_last(position: int, last: bytes, path: Sequence[bytes]) -> bytes:
    """The base at ``position`` of which ``path`` proves that it ends in the state ``last``.

    Raises ValueError for a path of the wrong length, which would prove an inner node, for a node of
    the wrong length, which could be read as two, and for a position below 0.
    """
    if position < 0 or len(last) != 32:
        raise ValueError(f"no position {position}, or a state of {len(last)} bytes and not 32")
    expected = trailing_zeros(position) + 1 if position else 0
    if len(path) != expected or any(len(sibling) != 32 for sibling in path):
        raise ValueError(f"the proof of the last state at {position} has {expected} siblings")
    result = leaf(last)
    for sibling in path[:-1]:
        result = node(sibling, result)
    return base(path[-1], result) if path else result
