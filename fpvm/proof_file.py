"""A witness as JSON, with what it claims to prove: the file that a prover hands to a verifier.

Everything in it may be forged. :func:`check` believes nothing but what the witness proves.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpvm.keccak import keccak256
from fpvm.merkle import DEPTH, LEAF_SIZE, LeafProof
from fpvm.oracle import MAX_PREIMAGE
from fpvm.proof import Part, Witness, WitnessError, post_state
from fpvm.state import STATE_SIZE, State

FORMAT = "axonum-proof-1"
#: A proof file is at most about 80 KB: a state, two leaf proofs and a preimage, in hexadecimal.
MAX_FILE = 1 << 20
#: It opens six brackets. Python's parser recurses at each, and other libraries may have raised its
#: recursion limit so far that a deep file would overflow the stack and end the process.
MAX_BRACKETS = 64
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

_FIELDS = (
    *("format", "step", "preStateHash", "postStateHash"),
    *("state", "code", "data", "part", "proofCalldata"),
)


class ProofFileError(ValueError):
    """The file is not a proof file."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A proof file: a witness, and the two state hashes that it is said to link."""

    witness: Witness
    pre: bytes
    post: bytes


def claim(witness: Witness) -> Claim:
    """What ``witness`` does prove."""
    return Claim(witness, keccak256(witness.state), post_state(witness).hash())


def check(proof: Claim) -> State:
    """The post-state, if the witness is valid and links the two hashes claimed.

    Raises :class:`fpvm.proof.WitnessError` if it is not or does not.
    """
    after = post_state(proof.witness)
    if keccak256(proof.witness.state) != proof.pre:
        raise WitnessError("preStateHash is not the hash of the state")
    if after.hash() != proof.post:
        raise WitnessError(f"the step leads to 0x{after.hash().hex()}, not to postStateHash")
    return after


# --- Writing --------------------------------------------------------------------------------------


def dumps(proof: Claim) -> str:
    """The file's text."""
    witness = proof.witness
    part = witness.part
    return json.dumps(
        {
            "format": FORMAT,
            "step": int.from_bytes(witness.state[-136:-128], "big"),
            "preStateHash": _hex(proof.pre),
            "postStateHash": _hex(proof.post),
            "state": _hex(witness.state),
            "code": _leaf_proof(witness.code),
            "data": _leaf_proof(witness.data),
            "part": part and {"offset": part.offset, "preimage": _hex(part.preimage)},
            "proofCalldata": _hex(witness.pack_proof()),
        },
        indent=2,
    )


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _leaf_proof(proof: LeafProof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    return {"leaf": _hex(proof.leaf), "siblings": [_hex(s) for s in proof.siblings]}


def save(path: Path, proof: Claim) -> None:
    """Write the file. Raises OSError, naming ``path``."""
    try:
        path.write_text(dumps(proof), encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


# --- Reading --------------------------------------------------------------------------------------


def load(path: Path) -> Claim:
    """The claim in a file. Raises :class:`ProofFileError`, naming the file, and OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MAX_FILE + 1)
    try:
        return loads(text)
    except ProofFileError as error:
        raise ProofFileError(f"{path}: {error}") from None


def loads(text: str) -> Claim:
    """The claim in a file's text. Raises :class:`ProofFileError`, naming the field that is
    wrong."""
    if len(text) > MAX_FILE:
        raise ProofFileError(f"a proof file has at most {MAX_FILE} characters")
    outside_strings = _STRING.sub("", text)
    if outside_strings.count("[") + outside_strings.count("{") > MAX_BRACKETS:
        raise ProofFileError("not a proof file: nested too deeply")
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ProofFileError(f"not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProofFileError(f'not a proof file: no "format": "{FORMAT}"')
    _check_names(document, "", _FIELDS)
    state = _bytes(document, "state", STATE_SIZE)
    witness = Witness(
        state=state,
        code=_read_leaf_proof(document, "code"),
        data=_read_leaf_proof(document, "data"),
        part=_read_part(document),
    )
    step = document["step"]
    if type(step) is not int or step != int.from_bytes(state[-136:-128], "big"):
        raise ProofFileError("step: not the step of the state")
    if _bytes(document, "proofCalldata") != witness.pack_proof():
        raise ProofFileError("proofCalldata: not the packing of code and data")
    return Claim(
        witness, _bytes(document, "preStateHash", 32), _bytes(document, "postStateHash", 32)
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of two fields of one name, one reader may take the first and another the last."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("two fields of one object have the same name")
    return document


def _check_names(document: dict[str, Any], prefix: str, names: Iterable[str]) -> None:
    """A proof file holds all its fields and no others: there is one file for one proof."""
    for name in names:
        if name not in document:
            raise ProofFileError(f"{prefix}{name}: missing")
    for name in document.keys() - names:
        raise ProofFileError(f"{prefix}{name[:32]!r}: no field of a proof file")


def _bytes(document: dict[str, Any], name: str, size: int | None = None) -> bytes:
    value = document[name]
    # bytes.fromhex would let white space pass.
    if (
        not isinstance(value, str)
        or not value.startswith("0x")
        or len(value) % 2
        or not set(value[2:]) <= set(string.hexdigits)
    ):
        raise ProofFileError(f"{name}: not a string of 0x and hexadecimal digits")
    data = bytes.fromhex(value[2:])
    if size is not None and len(data) != size:
        raise ProofFileError(f"{name}: has {len(data)} bytes, not {size}")
    return data


def _object(document: dict[str, Any], name: str, *names: str) -> dict[str, Any] | None:
    """The object in a field, its own fields named ``name.field``; or null."""
    value = document[name]
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ProofFileError(f"{name}: neither null nor an object")
    _check_names(value, f"{name}.", names)
    return {f"{name}.{key}": content for key, content in value.items()}


def _read_leaf_proof(document: dict[str, Any], name: str) -> LeafProof | None:
    value = _object(document, name, "leaf", "siblings")
    if value is None:
        return None
    field = f"{name}.siblings"
    siblings = value[field]
    if not isinstance(siblings, list) or len(siblings) != DEPTH:
        raise ProofFileError(f"{field}: not a list of {DEPTH} nodes")
    nodes = [_bytes({field: sibling}, field, LEAF_SIZE) for sibling in siblings]
    return LeafProof(_bytes(value, f"{name}.leaf", LEAF_SIZE), tuple(nodes))


def _read_part(document: dict[str, Any]) -> Part | None:
    value = _object(document, "part", "offset", "preimage")
    if value is None:
        return None
    offset = value["part.offset"]
    if type(offset) is not int or not 0 <= offset < 1 << 32:
        raise ProofFileError("part.offset: not an unsigned 32-bit number")
    preimage = _bytes(value, "part.preimage")
    if len(preimage) > MAX_PREIMAGE:
        raise ProofFileError(f"part.preimage: longer than {MAX_PREIMAGE} bytes")
    return Part(offset, preimage)
