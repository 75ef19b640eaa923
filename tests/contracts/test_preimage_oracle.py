"""The preimage oracle serves true parts, exact at the edges, and nothing else."""

from __future__ import annotations

import hashlib
import random

import pytest

from contracts.abi import call_data, selector
from contracts.chain import Reverted
from contracts.clients import PreimageOracle
from contracts.evm import PyEvm, Revm
from fpvm.keccak import keccak256
from fpvm.oracle import MAX_PREIMAGE, keccak_key, sha256_key

KINDS = {"keccak256": keccak_key, "sha256": sha256_key}
EVERY_KEY = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(params=[Revm, PyEvm], ids=["revm", "py-evm"])
def oracle(request: pytest.FixtureRequest) -> PreimageOracle:
    return PreimageOracle.deploy(request.param())


def load(oracle: PreimageOracle, kind: str, preimage: bytes, offset: int) -> bytes:
    """Loads a part; returns its key."""
    (oracle.load_sha256 if kind == "sha256" else oracle.load_keccak256)(preimage, offset)
    return KINDS[kind](preimage)


def refused(oracle: PreimageOracle, key: bytes, offset: int) -> bool:
    """Whether the part at ``offset`` cannot be read, and the contract says so by its name."""
    loaded = oracle.is_loaded(key, offset)
    try:
        oracle.read(key, offset)
    except Reverted as error:
        return not loaded and (error.error, error.arguments) == (
            "PreimageNotLoaded",
            (key, offset),
        )
    return not loaded


@EVERY_KEY
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63, 64, 65, 1000, MAX_PREIMAGE])
def test_a_part_is_what_the_preimage_has_there(
    oracle: PreimageOracle, kind: str, length: int
) -> None:
    preimage = random.Random(length).randbytes(length)
    key = KINDS[kind](preimage)
    offsets = {0, 1, 31, 32, length // 2, length - 33, length - 32, length - 31, length - 1}
    offsets |= {length, length + 1, length + 31, length + 32, (1 << 31) + length, (1 << 32) - 1}
    for offset in sorted(o for o in offsets if o >= 0):
        assert refused(oracle, key, offset)
        assert load(oracle, kind, preimage, offset) == key
        inside = offset < length
        part = preimage[offset : offset + 32] if inside else b""
        data, size = oracle.read(key, offset)
        assert data[:32] == part
        assert size == (length if inside else 0)


def test_what_is_behind_the_end_of_a_part_is_zero(oracle: PreimageOracle) -> None:
    preimage = b"\xff" * 40
    load(oracle, "keccak256", preimage, 30)
    call = call_data("read(bytes32,uint32)", keccak_key(preimage), 30)
    assert oracle.chain.call(oracle.address, call) == (
        b"\xff" * 10 + bytes(22) + (40).to_bytes(32)
    )  # fmt: skip


@EVERY_KEY
def test_a_part_is_loaded_at_its_offset_and_under_its_key_only(
    oracle: PreimageOracle, kind: str
) -> None:
    preimage = b"a preimage that is longer than a single part of one"
    key = load(oracle, kind, preimage, 8)
    assert not refused(oracle, key, 8)
    for offset in (0, 7, 9, 40, 1 << 8, 8 << 8, (1 << 31) + 8):
        assert refused(oracle, key, offset)
    other = {"keccak256": sha256_key, "sha256": keccak_key}[kind](preimage)
    digest = {"keccak256": keccak256, "sha256": lambda p: hashlib.sha256(p).digest()}[kind]
    keys = [other, digest(preimage), other[:1] + key[1:], bytes(32)]
    keys += [bytes([kind]) + key[1:] for kind in (0, 1, 3, 5, 0x82)]
    keys += [key[:at] + bytes([key[at] ^ 1]) + key[at + 1 :] for at in range(1, 32)]
    for wrong in keys:
        assert refused(oracle, wrong, 8)


@EVERY_KEY
def test_loading_again_changes_nothing(oracle: PreimageOracle, kind: str) -> None:
    preimage = bytes(range(100))
    key = load(oracle, kind, preimage, 64)
    before = oracle.read(key, 64)
    load(oracle, kind, preimage, 100)
    load(oracle, kind, preimage, 64)
    load(oracle, kind, preimage[:99], 64)
    assert oracle.read(key, 64) == before == (preimage[64:96], 100)
    assert oracle.read(key, 100) == (b"", 0)


def test_a_part_of_zeros_is_not_taken_for_none(oracle: PreimageOracle) -> None:
    key = load(oracle, "keccak256", bytes(50), 3)
    assert oracle.read(key, 3)[1] == 50
    assert refused(oracle, key, 4)


@EVERY_KEY
def test_a_preimage_that_is_too_large_is_refused(oracle: PreimageOracle, kind: str) -> None:
    for length in (MAX_PREIMAGE + 1, 2 * MAX_PREIMAGE):
        with pytest.raises(Reverted) as refusal:
            load(oracle, kind, bytes(length), 0)
        assert (refusal.value.error, refusal.value.arguments) == ("PreimageTooLarge", (length,))


@EVERY_KEY
def test_a_load_says_what_it_loaded(oracle: PreimageOracle, kind: str) -> None:
    function = {"keccak256": oracle.load_keccak256, "sha256": oracle.load_sha256}[kind]
    for offset, length in ((8, 40), (40, 0)):
        (log,) = function(bytes(40), offset).logs
        assert log.address == oracle.address
        assert log.data == offset.to_bytes(32) + length.to_bytes(32)


def test_an_offset_has_32_bits(oracle: PreimageOracle) -> None:
    """A wider one would be another offset to a contract that cuts it."""
    for offset in (1 << 32, 1 << 64, (1 << 256) - 1):
        for function in ("loadKeccak256", "loadSha256"):
            head = (64).to_bytes(32) + offset.to_bytes(32) + bytes(32)
            with pytest.raises(Reverted):
                oracle.chain.send(oracle.address, selector(f"{function}(bytes,uint32)") + head)
        with pytest.raises(Reverted):
            oracle.chain.call(
                oracle.address, selector("read(bytes32,uint32)") + bytes(32) + offset.to_bytes(32)
            )


def test_there_is_no_way_to_write_a_part_but_by_its_preimage(oracle: PreimageOracle) -> None:
    """The contract has two functions that write, and none that takes a key."""
    from contracts.artifacts import load as artifact

    writing = {
        entry["name"]: [argument["type"] for argument in entry["inputs"]]
        for entry in artifact("PreimageOracle").abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert writing == {"loadKeccak256": ["bytes", "uint32"], "loadSha256": ["bytes", "uint32"]}
    for data in (b"", b"\0\0\0\0", bytes(100)):
        with pytest.raises(Reverted):
            oracle.chain.send(oracle.address, data)
