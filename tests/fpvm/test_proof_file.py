"""Proof files: written and read again, and whatever a forger may write instead."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpvm import proof_file
from fpvm.keccak import keccak256
from fpvm.oracle import MAX_PREIMAGE
from fpvm.proof import Part, WitnessError, prove, verify
from fpvm.proof_file import MAX_FILE, Claim, ProofFileError, check, dumps, loads
from tests.fpvm.kinds import EVERY_KIND, PREIMAGE, started
from tests.fpvm.machines import PROPERTY

Document = dict[str, Any]


def made(name: str) -> Claim:
    return proof_file.claim(prove(started(name)))


def document(name: str) -> Document:
    loaded: Document = json.loads(dumps(made(name)))
    return loaded


#: With everything in it that a proof may have.
FULL = document("ORACLE_READ into a leaf")


# --- What holds -----------------------------------------------------------------------------------


@EVERY_KIND
def test_a_proof_survives_its_file(name: str) -> None:
    proof = made(name)
    text = dumps(proof)
    assert loads(text) == proof
    assert dumps(loads(text)) == text
    assert check(loads(text)).hash() == proof.post == verify(proof.witness)
    assert proof.pre == keccak256(proof.witness.state)


def test_a_file_says_what_a_step_contract_takes() -> None:
    proof = made("ORACLE_READ into a leaf")
    witness = proof.witness
    assert witness.code
    assert witness.data
    written = document("ORACLE_READ into a leaf")
    assert written == {
        "format": "axonum-proof-1",
        "step": 60,
        "preStateHash": "0x" + keccak256(witness.state).hex(),
        "postStateHash": "0x" + verify(witness).hex(),
        "state": "0x" + witness.state.hex(),
        "code": {
            "leaf": "0x" + witness.code.leaf.hex(),
            "siblings": ["0x" + sibling.hex() for sibling in witness.code.siblings],
        },
        "data": {
            "leaf": "0x" + witness.data.leaf.hex(),
            "siblings": ["0x" + sibling.hex() for sibling in witness.data.siblings],
        },
        "part": {"offset": 40, "preimage": "0x" + PREIMAGE.hex()},
        "proofCalldata": "0x" + witness.pack_proof().hex(),
    }
    empty = document("halted")
    assert (empty["code"], empty["data"], empty["part"]) == (None, None, None)
    assert empty["proofCalldata"] == "0x"


def test_the_largest_proof_fits_into_a_file() -> None:
    largest = replace(made("ORACLE_READ").witness, part=Part(0, bytes(MAX_PREIMAGE)))
    text = dumps(Claim(largest, bytes(32), bytes(32)))
    assert len(text) < MAX_FILE // 4
    assert loads(text).witness == largest


def test_a_file_is_written_and_read(tmp_path: Path) -> None:
    path, proof = tmp_path / "proof.json", made("sw")
    proof_file.save(path, proof)
    assert path.read_text() == dumps(proof)
    assert proof_file.load(path) == proof


def test_hexadecimal_digits_may_be_large() -> None:
    text = dumps(made("sw"))
    digits = json.loads(text)["proofCalldata"][2:]
    assert loads(text.replace(digits, digits.upper())) == made("sw")


# --- A claim that does not hold -------------------------------------------------------------------


@pytest.mark.parametrize("at", range(32))
def test_a_forged_hash_is_refused(at: int) -> None:
    proof = made("sw")
    pre, post = bytearray(proof.pre), bytearray(proof.post)
    pre[at] ^= 1
    post[at] ^= 1
    with pytest.raises(WitnessError, match="preStateHash"):
        check(replace(proof, pre=bytes(pre)))
    with pytest.raises(WitnessError, match="postStateHash"):
        check(replace(proof, post=bytes(post)))


def test_another_proofs_hashes_are_refused() -> None:
    proof, other = made("sw"), made("swl")
    for forged in (
        replace(proof, pre=other.pre),
        replace(proof, post=other.post),
        replace(proof, pre=other.pre, post=other.post),
        replace(proof, pre=proof.post, post=proof.pre),
        replace(proof, post=proof.pre),
        replace(proof, witness=other.witness),
    ):
        with pytest.raises(WitnessError):
            check(forged)


def test_a_witness_that_proves_nothing_makes_no_claim() -> None:
    proof = made("lw")
    forged = replace(proof.witness, data=proof.witness.code)
    with pytest.raises(WitnessError):
        proof_file.claim(forged)
    with pytest.raises(WitnessError):
        check(replace(proof, witness=forged))


# --- What is not a proof file ---------------------------------------------------------------------


def refused(text: str) -> str:
    """The one line that says why ``text`` is refused."""
    with pytest.raises(ProofFileError) as refusal:
        loads(text)
    message = str(refusal.value)
    assert len(message) < 300
    assert message.isprintable()
    return message


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "null",
        "[]",
        "3",
        '"axonum-proof-1"',
        "{}",
        '{"format": "axonum-proof-2"}',
        '{"format": ["axonum-proof-1"]}',
        "[" * 100_000,
        '{"format":' * 50_000,
        "[" * 100_000 + "]" * 100_000,
        "9" * 5000,
        "-" + "9" * 100_000,
        "1e999999999",
        "NaN",
        "-Infinity",
        '"\\ud800"',
        "\0",
        "\ufeff{}",
        "\ufffd\ufffd",
        "'format'",
        dumps(made("sw"))[:-1],
        dumps(made("sw")) * 2,
    ],
)
def test_what_is_no_document_is_refused(text: str) -> None:
    assert refused(text).startswith(("not JSON: ", "not a proof file: "))


def test_a_file_has_a_largest_size() -> None:
    text = dumps(made("sw"))
    assert loads(text.ljust(MAX_FILE)) == made("sw")
    assert refused(text.ljust(MAX_FILE + 1)) == f"a proof file has at most {MAX_FILE} characters"


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value in a document, the document itself but for the format first."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            yield (*path, name)
            yield from paths(item, (*path, name))


PATHS = sorted(paths(FULL), key=str)


def put(at: tuple[str | int, ...], change: Callable[[Any, str | int], None]) -> str:
    """FULL, changed at one place: ``change`` gets the container and the name of the value in it."""
    changed = copy.deepcopy(FULL)
    container: Any = changed
    for name in at[:-1]:
        container = container[name]
    change(container, at[-1])
    return json.dumps(changed)


def replaced(value: Any) -> Callable[[Any, str | int], None]:
    def change(container: Any, name: str | int) -> None:
        container[name] = value

    return change


WRONG = [
    *(True, False, 0, 1, -1, 1.5, 60.0, 1e300, 2**32, 2**64, 10**4000),
    *("", "0x", "0", "x", "0x0", "0xzz", "0x 00", "0x00 ", "0x00\n", " 0x00", "0X00", "0x٣٣"),
    *("0x" + "00" * 31, "0x" + "00" * 33, "0x" + " 00" * 32, "00" * 33, "\ud800", "0x\ud800\udc00"),
    *([], {}, [[]], [None] * 27, ["0x" + "00" * 32], {"leaf": None}, {"offset": 0}),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: repr(wrong)[:20])
def test_no_value_may_be_something_else(wrong: object) -> None:
    for at in PATHS:
        if at == ("part", "preimage") and wrong in ("0x", "0x" + "00" * 31, "0x" + "00" * 33):
            continue  # preimages have any length
        if at == ("part", "offset") and wrong in (0, 1) and type(wrong) is int:
            continue
        message = refused(put(at, replaced(wrong)))
        assert message.startswith(str(at[0])) or at == ("format",)


def test_leaves_and_preimages_may_be_absent_and_nothing_else() -> None:
    for at in PATHS:
        text = put(at, replaced(None))
        if at == ("part",):
            assert loads(text).witness.part is None
        elif at in [("code",), ("data",)]:
            assert refused(text) == "proofCalldata: not the packing of code and data"
        else:
            refused(text)


def test_no_field_may_be_missing() -> None:
    for at in PATHS:
        text = put(at, lambda container, name: container.pop(name))
        named = ".".join(map(str, at))
        if at == ("format",):
            refused(text)
        elif isinstance(at[-1], int):
            assert refused(text) == f"{at[0]}.siblings: not a list of 27 nodes"
        else:
            assert refused(text) == f"{named}: missing"


@pytest.mark.parametrize("at", [("more",), ("code", "more"), ("part", "more"), ("\x1b[2J" * 1000,)])
def test_no_field_may_be_added(at: tuple[str, ...]) -> None:
    assert "no field of a proof file" in refused(put(at, replaced("0x")))


@pytest.mark.parametrize("count", [0, 1, 26, 28, 54])
def test_a_leaf_has_27_siblings(count: int) -> None:
    """The packing is no help: with the other leaf gone, it may have the right length."""
    changed = copy.deepcopy(FULL)
    nodes = [changed["code"]["leaf"], *(changed["code"]["siblings"] * 2)[:count]]
    changed["code"]["siblings"] = nodes[1:]
    changed |= {"data": None, "proofCalldata": "0x" + "".join(node[2:] for node in nodes)}
    assert refused(json.dumps(changed)) == "code.siblings: not a list of 27 nodes"


def test_no_field_may_be_there_twice() -> None:
    """One reader would take the first, another the last."""
    text = json.dumps(FULL)
    for name in ("state", "leaf", "offset", "format"):
        at = text.index(f'"{name}"')
        twice = f'{text[:at]}"{name}": null, {text[at:]}'
        assert refused(twice) == "not JSON: two fields of one object have the same name"


def test_numbers_are_numbers() -> None:
    """In Python, True is 1 and 60.0 is 60."""
    for step in ("60.0", "6e1", "true", "NaN", "-60", "061"):
        refused(json.dumps(FULL).replace('"step": 60', f'"step": {step}'))
    for offset in ("40.0", "4e1", "-1", "4294967296", "NaN", "Infinity"):
        refused(json.dumps(FULL).replace('"offset": 40', f'"offset": {offset}'))


def test_a_step_is_that_of_the_state() -> None:
    assert refused(put(("step",), replaced(61))) == "step: not the step of the state"


def test_a_preimage_has_a_largest_size() -> None:
    text = put(("part", "preimage"), replaced("0x" + "00" * (MAX_PREIMAGE + 1)))
    assert refused(text) == f"part.preimage: longer than {MAX_PREIMAGE} bytes"


def test_a_file_that_is_refused_is_named(tmp_path: Path) -> None:
    for content in (b"{}", b"\xff\xfe\x00", b"\x80" * (MAX_FILE + 5)):
        path = tmp_path / "odd.json"
        path.write_bytes(content)
        with pytest.raises(ProofFileError, match=f"^{path}: "):
            proof_file.load(path)
    with pytest.raises(OSError, match="No such file"):
        proof_file.load(tmp_path / "absent.json")


def test_a_file_that_never_ends_is_not_read_to_its_end() -> None:
    with pytest.raises(ProofFileError, match="/dev/zero: a proof file has at most"):
        proof_file.load(Path("/dev/zero"))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "proof.json"
    with pytest.raises(OSError, match=str(path)) as refusal:
        proof_file.save(path, made("sw"))
    assert refusal.value.filename == str(path)
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        proof_file.save(Path("/dev/full"), made("sw"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=40).map(lambda data: "0x" + data.hex()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(PROPERTY, max_examples=400)
@given(data=st.data())
def test_a_mutilated_document_is_refused_or_claims_what_it_says(data: st.DataObject) -> None:
    """No error but ProofFileError; and what is read proves nothing but the step of its own
    state."""
    changed = copy.deepcopy(FULL)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(PATHS))
        container: Any = changed
        try:
            for name in at[:-1]:
                container = container[name]
            container[at[-1]] = data.draw(json_values)
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change has removed the place
    text = json.dumps(changed)
    try:
        proof = loads(text)
    except ProofFileError:
        refused(text)
        return
    assert json.loads(dumps(proof)) == changed
    try:
        check(proof)
    except WitnessError:
        return
    assert proof == made("ORACLE_READ into a leaf")


@settings(PROPERTY, max_examples=400)
@given(data=st.data())
def test_a_mutilated_text_is_refused_or_claims_what_it_says(data: st.DataObject) -> None:
    text = dumps(made("lw"))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.sampled_from([0, 1, 2, 64, 1000]))
        text = text[:start] + data.draw(st.text(max_size=8)) + text[end:]
    try:
        check(loads(text))
    except (ProofFileError, WitnessError):
        return
    assert loads(text) == made("lw")
