"""What goes to the contracts and what comes back, as bytes."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_abi.grammar import TupleType, parse

from contracts.artifacts import NAMES, load
from contracts.chain import Reverted
from fpvm.isa import SHA256_TYPE
from fpvm.keccak import keccak256
from fpvm.proof import Part, Witness

#: What Solidity itself raises.
_BUILT_IN: dict[str, tuple[str, ...]] = {
    "Error(string)": ("string",),
    "Panic(uint256)": ("uint256",),
}
#: Where a packed state has the first byte of its oracleKey.
_KEY_TYPE = 96


def selector(signature: str) -> bytes:
    """The four bytes that name a function or an error."""
    return keccak256(signature.encode())[:4]


def event_topic(signature: str) -> bytes:
    """The first topic of an event, which names it."""
    return keccak256(signature.encode())


def call_data(signature: str, *arguments: object) -> bytes:
    """A call of the function with this signature, as in ``"read(bytes32,uint32)"``."""
    return selector(signature) + encode(_argument_types(signature), arguments)


@cache
def _argument_types(signature: str) -> tuple[str, ...]:
    """The types of a function's arguments; tuples among them stay whole."""
    if signature.endswith("()"):
        return ()
    arguments = parse(signature[signature.index("(") :])
    assert isinstance(arguments, TupleType)
    return tuple(argument.to_type_str() for argument in arguments.components)


def step_call(witness: Witness) -> bytes:
    """The call of the step contract that proves the step of ``witness``."""
    return call_data("step(bytes,bytes)", witness.state, witness.pack_proof())


def part_call(state: bytes, part: Part) -> bytes:
    """The call of the preimage oracle that loads ``part`` for the step of a packed state.

    Raises Reverted if there is no such part.
    """
    if not 0 <= part.offset < 1 << 32:
        raise Reverted(reason=f"a step reads a preimage below offset 2^32, not at {part.offset}")
    function = "loadSha256" if state[_KEY_TYPE] == SHA256_TYPE else "loadKeccak256"
    return call_data(f"{function}(bytes,uint32)", part.preimage, part.offset)


def words(answer: bytes, count: int) -> list[bytes]:
    """The ``count`` words of 32 bytes that a function returned.

    Raises Reverted if it is something else: there is no contract there, or another.
    """
    if len(answer) != 32 * count:
        raise Reverted(reason=f"the answer has {len(answer)} bytes, not {32 * count}")
    return [answer[at : at + 32] for at in range(0, len(answer), 32)]


def reverted(data: bytes, otherwise: str = "no reason given") -> Reverted:
    """What a contract says with the ``data`` it reverted with; ``otherwise``, if it says
    nothing."""
    name, types = _errors().get(data[:4], ("", ()))
    if name:
        try:
            return Reverted(name, decode(types, data[4:]))
        except DecodingError:
            pass
    return Reverted(reason=f"0x{data.hex()}" if data else otherwise)


@cache
def _errors() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Name and types of every error of our contracts, by selector."""
    signatures = dict(_BUILT_IN)
    for contract in NAMES:
        for entry in load(contract).abi:
            if entry["type"] == "error":
                types = _types(entry)
                signatures[f"{entry['name']}({','.join(types)})"] = types
    return {
        selector(signature): (signature[: signature.index("(")], types)
        for signature, types in signatures.items()
    }


def _types(entry: dict[str, Any]) -> tuple[str, ...]:
    return tuple(argument["type"] for argument in entry["inputs"])
