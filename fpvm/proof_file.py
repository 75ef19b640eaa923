"""A witness as JSON, with what it claims to prove: the file that a prover hands to a verifier.

Everything in it may be forged. :func:`check` believes nothing but what the witness proves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fpvm.keccak import keccak256
from fpvm.merkle import DEPTH, LEAF_SIZE, LeafProof
from fpvm.oracle import MAX_PREIMAGE
from fpvm.proof import Part, Witness, WitnessError, post_state
from fpvm.state import STATE_SIZE, State

FORMAT = "axonum-proof-1"
#: A proof file is at most about 80 KB: a state, two leaf proofs and a preimage, in hexadecimal.
MAX_FILE = 1 << 20


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


# --- Reading --------------------------------------------------------------------------------------


def loads(text: str) -> Claim:
    """The claim in a file's text. Raises :class:`ProofFileError`, naming the field that is
    wrong."""
    if len(text) > MAX_FILE:
        raise ProofFileError(f"a proof file has at most {MAX_FILE} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProofFileError(f"not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ProofFileError(f'not a proof file: no "format": "{FORMAT}"')
    state = _bytes(document, "state", STATE_SIZE)
    witness = Witness(
        state=state,
        code=_read_leaf_proof(document, "code"),
        data=_read_leaf_proof(document, "data"),
        part=_read_part(document),
    )
    if document.get("step") != int.from_bytes(state[-136:-128], "big"):
        raise ProofFileError("step: not the step of the state")
    if document.get("proofCalldata") != _hex(witness.pack_proof()):
        raise ProofFileError("proofCalldata: not the packing of code and data")
    return Claim(
        witness, _bytes(document, "preStateHash", 32), _bytes(document, "postStateHash", 32)
    )


def _bytes(document: dict[str, Any], name: str, size: int | None = None) -> bytes:
    value = document.get(name)
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ProofFileError(f"{name}: not a string of 0x and hexadecimal digits")
    try:
        data = bytes.fromhex(value[2:])
    except ValueError:
        raise ProofFileError(f"{name}: not a string of 0x and hexadecimal digits") from None
    if size is not None and len(data) != size:
        raise ProofFileError(f"{name}: has {len(data)} bytes, not {size}")
    return data


def _object(document: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        raise ProofFileError(f"{name}: neither null nor an object")
    return value


def _read_leaf_proof(document: dict[str, Any], name: str) -> LeafProof | None:
    value = _object(document, name)
    if value is None:
        return None
    siblings = value.get("siblings")
    if not isinstance(siblings, list) or len(siblings) != DEPTH:
        raise ProofFileError(f"{name}.siblings: not a list of {DEPTH} nodes")
    nodes = [_bytes({f"{name}.siblings": s}, f"{name}.siblings", LEAF_SIZE) for s in siblings]
    leaf = _bytes({f"{name}.leaf": value.get("leaf")}, f"{name}.leaf", LEAF_SIZE)
    return LeafProof(leaf, tuple(nodes))


def _read_part(document: dict[str, Any]) -> Part | None:
    value = _object(document, "part")
    if value is None:
        return None
    offset = value.get("offset")
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset < 1 << 32:
        raise ProofFileError("part.offset: not an unsigned 32-bit number")
    preimage = _bytes({"part.preimage": value.get("preimage")}, "part.preimage")
    if len(preimage) > MAX_PREIMAGE:
        raise ProofFileError(f"part.preimage: longer than {MAX_PREIMAGE} bytes")
    return Part(offset, preimage)
