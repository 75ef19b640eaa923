"""Compiles the contracts: `python -m contracts.build [--check]`.

Writes `contracts/artifacts/NAME.json`, which are committed and used at run time. With ``--check``
nothing is written; it fails if what is committed is not what the sources compile to.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from contracts.artifacts import ARTIFACTS, NAMES, Artifact
from contracts.npm import ToolError
from contracts.solc import CompileError, Output, compile_sources, fingerprint, read_sources

SOURCES = Path(__file__).parent / "src"
#: EIP-170: the longest code that a chain deploys.
MAX_CODE_SIZE = 24_576


class BuildError(Exception):
    """The contracts could not be built, or are not what is committed: one line."""


def build(sources: Path = SOURCES) -> dict[str, Artifact]:
    """The artifacts of the sources, by name. Raises BuildError, CompileError and ToolError."""
    texts = read_sources(sources)
    outputs = compile_sources(texts)
    digest = fingerprint(texts)
    artifacts = {name: _artifact(name, outputs[name], digest) for name in NAMES}
    for artifact in artifacts.values():
        if len(artifact.runtime) > MAX_CODE_SIZE:
            raise BuildError(f"{artifact.name} has {len(artifact.runtime)} bytes: too large")
    return artifacts


def _artifact(name: str, output: Output, digest: str) -> Artifact:
    runtime: dict[str, Any] = output["evm"]["deployedBytecode"]
    return Artifact(
        name=name,
        abi=output["abi"],
        creation=bytes.fromhex(output["evm"]["bytecode"]["object"]),
        runtime=bytes.fromhex(runtime["object"]),
        immutables=output["immutables"],
        fingerprint=digest,
    )


def check(artifacts: dict[str, Artifact], folder: Path = ARTIFACTS) -> None:
    """Raises BuildError unless ``folder`` holds these artifacts, to the byte."""
    for name, artifact in artifacts.items():
        path = folder / f"{name}.json"
        if not path.exists() or path.read_text() != artifact.to_json():
            raise BuildError(f"{path} is not what the sources compile to; make contracts")


def write(artifacts: dict[str, Artifact], folder: Path = ARTIFACTS) -> None:
    folder.mkdir(exist_ok=True)
    for name, artifact in artifacts.items():
        (folder / f"{name}.json").write_text(artifact.to_json())


def main() -> None:
    parser = argparse.ArgumentParser(prog="contracts.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is committed")
    options = parser.parse_args()
    try:
        artifacts = build()
        (check if options.check else write)(artifacts)
    except (BuildError, CompileError, ToolError) as error:
        sys.exit(f"contracts: {error}")
    for artifact in artifacts.values():
        print(f"{artifact.name}: {len(artifact.runtime):,} bytes deployed")


if __name__ == "__main__":
    main()
