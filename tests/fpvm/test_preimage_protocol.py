"""The preimage and hint protocol: its bytes, short reads, and peers that lie or leave."""

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm.oracle import (
    MAX_PREIMAGE,
    PreimageCorrupt,
    PreimageMissing,
    PreimageTooLarge,
    keccak_key,
    sha256_key,
)
from fpvm.preimage_protocol import (
    MAX_HINT,
    HintStream,
    ProtocolError,
    acknowledge,
    hints,
    keys,
    request_preimage,
    send_hint,
    send_preimage,
    serve,
)
from fpvm.sources import DictSource

KEY = keccak_key(b"abc")


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as pipes may, and counts what it was asked for."""

    def __init__(self, data: bytes, piece: int = 1) -> None:
        self._data, self._piece, self.largest = io.BytesIO(data), piece, 0

    def read(self, size: int = -1) -> bytes:
        self.largest = max(self.largest, size)
        return self._data.read(min(size, self._piece))


class ReluctantWriter(io.BytesIO):
    """A stream that takes at most three bytes at a time."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return super().write(data[:3])


# --- bytes on the wire ----------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_preimage_is_asked_for_by_key_and_answered_with_length_and_bytes(piece: int) -> None:
    asked = io.BytesIO()
    answer = bytes.fromhex("0000000000000003") + b"abc"
    assert request_preimage(Dribble(answer, piece), asked, KEY, "server") == b"abc"
    assert asked.getvalue() == KEY


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_hint_is_a_length_and_bytes_answered_with_one_byte(piece: int) -> None:
    sent = io.BytesIO()
    send_hint(Dribble(b"\xff", piece), sent, b"l1-block 0x00")
    assert sent.getvalue() == bytes.fromhex("0000000d") + b"l1-block 0x00"
    assert list(hints(Dribble(sent.getvalue(), piece))) == [b"l1-block 0x00"]
    noted = io.BytesIO()
    acknowledge(noted)
    assert len(noted.getvalue()) == 1


def test_an_empty_preimage_and_an_empty_hint_are_messages_too() -> None:
    answer, sent = io.BytesIO(), io.BytesIO()
    send_preimage(answer, b"")
    assert answer.getvalue() == bytes(8)
    assert request_preimage(Dribble(bytes(8)), io.BytesIO(), KEY, "server") == b""
    send_hint(Dribble(b"\0"), sent, b"")
    assert list(hints(Dribble(sent.getvalue() * 2))) == [b"", b""]


def test_a_stream_that_takes_a_few_bytes_at_a_time_gets_all_of_them() -> None:
    sent = ReluctantWriter()
    send_preimage(sent, b"0123456789")
    assert sent.getvalue() == (10).to_bytes(8) + b"0123456789"


class FullWriter(io.RawIOBase):
    """A stream that would block, as one set not to block says so."""

    def write(self, data: bytes) -> None:  # type: ignore[override]
        return None


def test_a_stream_that_takes_nothing_is_an_error_and_not_a_loss() -> None:
    with pytest.raises(ProtocolError, match="does not take"):
        send_preimage(FullWriter(), b"x")


@settings(deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=8), st.integers(1, 50))
def test_what_one_end_says_the_other_understands(messages: list[bytes], piece: int) -> None:
    sent, acknowledgements = io.BytesIO(), Dribble(bytes(len(messages)))
    for message in messages:
        send_hint(acknowledgements, sent, message)
    assert list(hints(Dribble(sent.getvalue(), piece))) == messages

    asked, answers = io.BytesIO(), io.BytesIO()
    for message in messages:
        send_preimage(answers, message)
    incoming = Dribble(answers.getvalue(), piece)
    got = [request_preimage(incoming, asked, keccak_key(m), "server") for m in messages]
    assert got == messages
    assert list(keys(Dribble(asked.getvalue(), piece))) == [keccak_key(m) for m in messages]


# --- peers that lie or leave ----------------------------------------------------------------------


@pytest.mark.parametrize("length", [MAX_PREIMAGE + 1, 1 << 40, (1 << 64) - 1])
def test_an_announced_length_above_the_limit_is_refused_before_it_is_read(length: int) -> None:
    stream = Dribble(length.to_bytes(8) + b"data", piece=100)
    with pytest.raises(PreimageTooLarge, match=f"from liar: {length} bytes") as caught:
        request_preimage(stream, io.BytesIO(), KEY, "liar")
    assert caught.value.key == KEY
    assert stream.largest == 8


@pytest.mark.parametrize("length", [MAX_HINT + 1, (1 << 32) - 1])
def test_a_hint_above_the_limit_is_refused_before_it_is_read(length: int) -> None:
    stream = Dribble(length.to_bytes(4) + b"data", piece=100)
    with pytest.raises(ProtocolError, match=str(length)):
        list(hints(stream))
    assert stream.largest == 4


def test_a_hint_above_the_limit_is_not_sent() -> None:
    sent = io.BytesIO()
    with pytest.raises(ProtocolError):
        send_hint(Dribble(b"\0"), sent, bytes(MAX_HINT + 1))
    assert sent.getvalue() == b""


def test_a_hint_of_the_largest_size_is_sent_and_understood() -> None:
    sent = io.BytesIO()
    send_hint(Dribble(b"\0"), sent, bytes(MAX_HINT))
    assert list(hints(io.BytesIO(sent.getvalue()))) == [bytes(MAX_HINT)]


@pytest.mark.parametrize("cut", range(11))
def test_an_answer_that_is_cut_off_is_an_error_at_every_byte(cut: int) -> None:
    answer = ((3).to_bytes(8) + b"abc")[:cut]
    with pytest.raises(ProtocolError, match="the stream ended"):
        request_preimage(Dribble(answer, 100), io.BytesIO(), KEY, "server")


def test_a_missing_acknowledgement_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="acknowledgement"):
        send_hint(Dribble(b""), io.BytesIO(), b"hint")


@pytest.mark.parametrize("cut", range(1, 32))
def test_requests_end_between_keys_only(cut: int) -> None:
    assert list(keys(Dribble(KEY * 2))) == [KEY, KEY]
    with pytest.raises(ProtocolError, match=f"after {cut} of 32 bytes"):
        list(keys(Dribble(KEY + KEY[:cut])))


@pytest.mark.parametrize("cut", range(1, 8))
def test_hints_end_between_hints_only(cut: int) -> None:
    message = (4).to_bytes(4) + b"hint"
    with pytest.raises(ProtocolError, match="the stream ended"):
        list(hints(Dribble(message + message[:cut])))


# --- serving a native program ---------------------------------------------------------------------


class Client:
    """The client's ends of four pipes, and a thread that serves the others."""

    def __init__(self, source: DictSource) -> None:
        self.error: Exception | None = None
        server_ends: dict[str, BinaryIO] = {}
        ends: dict[str, BinaryIO] = {}
        for name in ("hint", "preimage"):
            for theirs, ours in (("in", "out"), ("out", "in")):
                read, write = os.pipe()
                incoming = os.fdopen(read, "rb", buffering=0)
                outgoing = os.fdopen(write, "wb", buffering=0)
                server_ends[f"{name}_{theirs}"] = incoming if theirs == "in" else outgoing
                ends[f"{name}_{ours}"] = outgoing if theirs == "in" else incoming
        self.hint_in, self.hint_out = ends["hint_in"], ends["hint_out"]
        self.preimage_in, self.preimage_out = ends["preimage_in"], ends["preimage_out"]
        self._ends = [*ends.values(), *server_ends.values()]

        def work() -> None:
            try:
                serve(source, **server_ends)
            except Exception as error:
                self.error = error

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def get(self, key: bytes) -> bytes:
        return request_preimage(self.preimage_in, self.preimage_out, key, "served")

    def hint(self, hint: bytes) -> None:
        send_hint(self.hint_in, self.hint_out, hint)

    def leave(self) -> None:
        """Close our ends; wait for the server to notice."""
        self.hint_out.close()
        self.preimage_out.close()
        self.join()

    def join(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()

    def close(self) -> None:
        for end in self._ends:
            end.close()


class NotingSource(DictSource):
    """A source that notes its hints; the hint ``bad`` it cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[bytes] = []

    def hint(self, hint: bytes) -> None:
        self.hints.append(hint)
        if hint == b"bad":
            raise PreimageMissing(KEY, self)


@pytest.fixture
def serving() -> Iterator[Callable[[DictSource], Client]]:
    """Starts servers; sees to it that nothing is left open."""
    clients: list[Client] = []

    def start(source: DictSource) -> Client:
        clients.append(Client(source))
        return clients[-1]

    yield start
    for client in clients:
        with suppress(BrokenPipeError):
            client.leave()
        client.close()


def test_a_program_gets_hints_noted_and_preimages_served(
    serving: Callable[[DictSource], Client],
) -> None:
    source = NotingSource()
    client = serving(source)
    for preimage in (b"", b"abc", bytes(MAX_PREIMAGE)):
        for key in (keccak_key(preimage), sha256_key(preimage)):
            client.hint(b"about to ask for " + key)
            assert source.hints[-1] == b"about to ask for " + key
            source.put(key, preimage)
            assert client.get(key) == preimage
    client.leave()
    assert client.error is None


@pytest.mark.parametrize("kind", [0, 1, 3, 5, 6, 255])
def test_a_key_of_unknown_type_is_answered_with_nothing_as_in_the_vm(
    serving: Callable[[DictSource], Client], kind: int
) -> None:
    key = bytes([kind]) + bytes(31)
    client = serving(DictSource({key: b"not to be served"}))
    assert client.get(key) == b""
    client.leave()
    assert client.error is None


def test_a_missing_preimage_ends_the_conversation_with_an_error(
    serving: Callable[[DictSource], Client],
) -> None:
    client = serving(DictSource())
    with pytest.raises(ProtocolError, match="the stream ended"):
        client.get(KEY)
    client.join()  # Though our end of the hints is still open.
    assert isinstance(client.error, PreimageMissing)
    assert client.error.key == KEY


def test_a_corrupt_preimage_is_not_served(serving: Callable[[DictSource], Client]) -> None:
    client = serving(DictSource({KEY: b"wrong"}))
    with pytest.raises(ProtocolError, match="the stream ended after 0 of 8"):
        client.get(KEY)
    client.join()
    assert isinstance(client.error, PreimageCorrupt)


def test_a_hint_that_cannot_be_followed_is_acknowledged(
    serving: Callable[[DictSource], Client],
) -> None:
    source = NotingSource()
    source.put(KEY, b"abc")
    client = serving(source)
    client.hint(b"bad")
    assert client.get(KEY) == b"abc"
    client.leave()
    assert client.error is None


def test_an_oversized_hint_ends_the_hints(serving: Callable[[DictSource], Client]) -> None:
    client = serving(DictSource())
    client.hint_out.write((MAX_HINT + 1).to_bytes(4))
    assert client.hint_in.read(1) == b""
    client.leave()
    assert isinstance(client.error, ProtocolError)


def test_a_program_that_leaves_in_the_middle_of_a_key_is_an_error(
    serving: Callable[[DictSource], Client],
) -> None:
    client = serving(DictSource())
    client.preimage_out.write(KEY[:5])
    client.leave()
    assert isinstance(client.error, ProtocolError)


def test_a_program_that_does_not_wait_for_its_answer_has_only_left(
    serving: Callable[[DictSource], Client],
) -> None:
    source = DictSource()
    large = bytes(MAX_PREIMAGE)
    source.put(keccak_key(large), large)
    client = serving(source)
    client.preimage_out.write(keccak_key(large) * 4)  # More answers than the pipe holds.
    client.preimage_in.close()
    client.leave()
    assert client.error is None


# --- hints out of the VM --------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=10), st.data())
def test_hints_are_recognised_however_they_are_cut(
    messages: list[bytes], data: st.DataObject
) -> None:
    written = b"".join(len(message).to_bytes(4) + message for message in messages)
    stream, found = HintStream(), []
    while written:
        size = data.draw(st.integers(1, len(written)))
        found += stream.feed(written[:size])
        written = written[size:]
    assert found == messages
    assert not stream.broken


def test_a_hint_above_the_limit_ends_the_hints_but_nothing_else() -> None:
    stream = HintStream()
    assert stream.feed((1).to_bytes(4) + b"a" + (MAX_HINT + 1).to_bytes(4)) == [b"a"]
    assert stream.broken
    assert stream.feed((1).to_bytes(4) + b"b") == []


def test_a_hint_of_the_largest_size_is_recognised() -> None:
    stream = HintStream()
    assert stream.feed(MAX_HINT.to_bytes(4) + bytes(MAX_HINT - 1)) == []
    assert stream.feed(b"\1") == [bytes(MAX_HINT - 1) + b"\1"]
