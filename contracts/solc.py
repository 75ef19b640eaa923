"""The Solidity compiler, run in an embedded JavaScript engine. Its settings are fixed: they decide
the bytes of the contracts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from py_mini_racer import MiniRacer

from contracts.npm import SOLC, soljson

VERSION = SOLC.version
#: Metadata would make the bytes depend on comments and on where the sources lie.
SETTINGS: dict[str, Any] = {
    "evmVersion": "cancun",
    "optimizer": {"enabled": True, "runs": 10_000},
    "viaIR": True,
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    "debug": {"revertStrings": "strip"},
}
OUTPUTS = [
    "abi",
    "evm.bytecode.object",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.immutableReferences",
    "evm.deployedBytecode.sourceMap",
]
Output = dict[str, Any]
"""What the compiler says of one contract, in the form of its standard JSON. Besides, "immutables":
where in the deployed code they go, by name; and "files": its numbers of the source files."""


class CompileError(Exception):
    """The compiler refuses the sources, or warns: its message."""


def read_sources(folder: Path) -> dict[str, str]:
    """All sources below ``folder``, by their paths from there."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*.sol"))
    }


def fingerprint(sources: dict[str, str], settings: dict[str, Any] = SETTINGS) -> str:
    """The sha256 of all that decides what the compiler puts out."""
    described = json.dumps([VERSION, settings, sources], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()


def compile_sources(
    sources: dict[str, str], settings: dict[str, Any] = SETTINGS
) -> dict[str, Output]:
    """What the compiler puts out, by contract. Raises CompileError; a warning is an error too."""
    request = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sources.items()},
        "settings": {**settings, "outputSelection": {"*": {"*": OUTPUTS, "": ["ast"]}}},
    }
    answer = compile_json(request)
    complaints = [error["formattedMessage"] for error in answer.get("errors", [])]
    if complaints:
        raise CompileError("\n".join(complaints))
    return _named_outputs(answer)


def compile_json(request: dict[str, Any]) -> dict[str, Any]:
    """The compiler's answer to a request in the form of its standard JSON."""
    engine = MiniRacer()
    engine.eval(soljson().read_text())
    engine.eval(
        "function compile(request) {"
        ' const run = Module.cwrap("solidity_compile", "string", ["string", "number", "number"]);'
        " return run(request, 0, 0); }"
    )
    answer: dict[str, Any] = json.loads(str(engine.call("compile", json.dumps(request))))
    return answer


def _named_outputs(answer: dict[str, Any]) -> dict[str, Output]:
    files = {source["id"]: name for name, source in answer["sources"].items()}
    variables = dict(
        variable
        for source in answer["sources"].values()
        for variable in _immutable_variables(source["ast"])
    )
    outputs: dict[str, Output] = {}
    for contracts in answer["contracts"].values():
        for name, output in contracts.items():
            places = output["evm"]["deployedBytecode"].get("immutableReferences", {})
            output["files"] = files
            output["immutables"] = {
                variables[int(node)]: tuple(sorted(place["start"] for place in found))
                for node, found in places.items()
            }
            outputs[name] = output
    return outputs


def _immutable_variables(node: object) -> Iterator[tuple[int, str]]:
    """The number and the name of every immutable below a node of the syntax tree."""
    if isinstance(node, list):
        for child in node:
            yield from _immutable_variables(child)
    elif isinstance(node, dict):
        if node.get("mutability") == "immutable":
            yield node["id"], node["name"]
        for child in node.values():
            yield from _immutable_variables(child)
