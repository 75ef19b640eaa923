"""Keys, verification, and the oracle's promises to a run."""

import hashlib
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from fpvm.oracle import (
    MAX_PREIMAGE,
    Oracle,
    OracleError,
    PreimageCorrupt,
    PreimageMissing,
    PreimageTooLarge,
    SourceFailed,
    keccak_key,
    known_type,
    sha256_key,
    verify,
)


class CountingSource:
    """A source under the test's control that counts its requests."""

    def __init__(self, preimages: dict[bytes, bytes]) -> None:
        self.preimages = preimages
        self.asked: list[bytes] = []
        self.hints: list[bytes] = []

    def __str__(self) -> str:
        return "counting source"

    def get(self, key: bytes) -> bytes:
        self.asked.append(key)
        if key not in self.preimages:
            raise PreimageMissing(key, self)
        return self.preimages[key]

    def hint(self, hint: bytes) -> None:
        self.hints.append(hint)


def test_keys_of_the_empty_preimage_are_the_published_digests() -> None:
    keccak = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert keccak_key(b"").hex() == "02" + keccak[2:]
    assert sha256_key(b"").hex() == "04" + sha256[2:]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_a_key_is_a_type_byte_and_the_last_31_bytes_of_the_digest(preimage: bytes) -> None:
    assert keccak_key(preimage) == b"\x02" + keccak256(preimage)[1:]
    assert sha256_key(preimage) == b"\x04" + hashlib.sha256(preimage).digest()[1:]
    verify(keccak_key(preimage), preimage)
    verify(sha256_key(preimage), preimage)


@pytest.mark.parametrize("key_of", [keccak_key, sha256_key])
def test_changing_any_byte_of_key_or_preimage_is_noticed(
    key_of: Callable[[bytes], bytes],
) -> None:
    preimage = bytes(range(200))
    key = key_of(preimage)
    for index in range(len(preimage)):
        changed = bytearray(preimage)
        changed[index] ^= 1
        with pytest.raises(PreimageCorrupt):
            verify(key, bytes(changed))
    for index in range(len(key)):
        changed = bytearray(key)
        changed[index] ^= 6  # Turns type 2 into 4 and 4 into 2: both known.
        with pytest.raises(PreimageCorrupt):
            verify(bytes(changed), preimage)


def test_the_largest_preimage_is_accepted_and_one_byte_more_is_not() -> None:
    largest = bytes(MAX_PREIMAGE)
    verify(keccak_key(largest), largest)
    with pytest.raises(PreimageTooLarge):
        verify(keccak_key(largest + b"\0"), largest + b"\0")


def test_only_types_2_and_4_are_known_and_only_at_full_length() -> None:
    assert [kind for kind in range(256) if known_type(bytes([kind]) + bytes(31))] == [2, 4]
    assert not known_type(b"")
    assert not known_type(b"\x02" + bytes(30))
    assert not known_type(b"\x02" + bytes(32))


@pytest.mark.parametrize("key", [b"", b"\x02", b"\x01" + bytes(31), b"\x02" + bytes(32)])
def test_a_key_of_another_form_is_refused_before_the_source_is_asked(key: bytes) -> None:
    source = CountingSource({key: b"anything"})
    with pytest.raises(PreimageMissing, match="no preimage has a key of this form"):
        Oracle(source).get(key)
    with pytest.raises(PreimageCorrupt):
        verify(key, b"anything")
    assert source.asked == []


def test_an_error_names_the_key_and_the_source() -> None:
    key = keccak_key(b"absent")
    with pytest.raises(PreimageMissing) as caught:
        Oracle(CountingSource({})).get(key)
    assert caught.value.key == key
    assert str(caught.value) == f"preimage 0x{key.hex()} from counting source: missing"


def test_a_corrupt_or_oversized_answer_is_never_served() -> None:
    key = sha256_key(b"right")
    source = CountingSource({key: b"wrong"})
    with pytest.raises(PreimageCorrupt, match="counting source"):
        Oracle(source).get(key)
    source.preimages[key] = bytes(MAX_PREIMAGE + 1)
    with pytest.raises(PreimageTooLarge):
        Oracle(source).get(key)


@pytest.mark.parametrize("before", [{}, {keccak_key(b"late"): b"corrupt"}])
def test_a_failure_is_forgotten_once_the_preimage_is_there(before: dict[bytes, bytes]) -> None:
    source = CountingSource(before)
    oracle = Oracle(source)
    for _ in range(2):
        with pytest.raises(OracleError):
            oracle.get(keccak_key(b"late"))
    source.preimages[keccak_key(b"late")] = b"late"
    assert oracle.get(keccak_key(b"late")) == b"late"


def test_a_preimage_at_hand_is_not_asked_for_again() -> None:
    source = CountingSource({keccak_key(b"x"): b"x"})
    oracle = Oracle(source)
    assert [oracle.get(keccak_key(b"x")) for _ in range(3)] == [b"x"] * 3
    assert oracle.get(bytearray(keccak_key(b"x"))) == b"x"  # type: ignore[arg-type]
    assert len(source.asked) == 1


def test_only_the_last_preimages_stay_at_hand() -> None:
    preimages = [bytes([i]) for i in range(3)]
    source = CountingSource({keccak_key(preimage): preimage for preimage in preimages})
    oracle = Oracle(source, cached=2)
    for preimage in [*preimages, preimages[2], preimages[1], preimages[0]]:
        assert oracle.get(keccak_key(preimage)) == preimage
    assert source.asked == [keccak_key(preimages[i]) for i in (0, 1, 2, 0)]


def test_a_cached_preimage_cannot_be_changed_by_its_source() -> None:
    preimage = bytearray(b"mutable")
    key = keccak_key(bytes(preimage))
    oracle = Oracle(CountingSource({key: preimage}))  # type: ignore[dict-item]
    oracle.get(key)
    preimage[0] ^= 1
    assert oracle.get(key) == b"mutable"


def test_hints_reach_the_source() -> None:
    source = CountingSource({})
    Oracle(source).hint(b"block 7")
    assert source.hints == [b"block 7"]


@pytest.mark.parametrize("kind", [PreimageMissing, PreimageCorrupt, PreimageTooLarge, SourceFailed])
def test_errors_pass_between_processes(kind: type[OracleError]) -> None:
    error = pickle.loads(pickle.dumps(kind(keccak_key(b""), "a source", "a reason")))
    assert type(error) is kind
    assert (error.key, error.source, error.reason) == (keccak_key(b""), "a source", "a reason")
    assert isinstance(error, OracleError)
