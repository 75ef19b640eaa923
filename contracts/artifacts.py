"""The compiled contracts that are committed with the sources: running needs no compiler."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ARTIFACTS = Path(__file__).parent / "artifacts"
#: The contracts that are deployed.
NAMES = (
    *("PreimageOracle", "Program", "Step"),
    *("Dispute", "GivenWords", "ProgramRuns", "SameStates"),
    *("Inferences", "OpML"),
)


class ArtifactError(Exception):
    """A file of the committed contracts is missing or damaged: one line says which."""


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    ``creation``: the code that deploys it, to be followed by the constructor's arguments.
    ``runtime``: what is deployed, with zeros where the immutables go; ``immutables`` says where,
    by name, as byte offsets of 32-byte words. ``fingerprint``: the sha256 of what it was compiled
    from.
    """

    name: str
    abi: list[dict[str, Any]]
    creation: bytes
    runtime: bytes
    immutables: Mapping[str, tuple[int, ...]]
    fingerprint: str

    def with_immutables(self, **values: bytes) -> bytes:
        """The runtime code of an instance: every immutable, by name, as its 32-byte word.

        Raises ValueError unless there is one word for every immutable.
        """
        if set(values) != set(self.immutables):
            raise ValueError(f"{self.name} has the immutables {', '.join(self.immutables)}")
        code = bytearray(self.runtime)
        for name, word in values.items():
            if len(word) != 32:
                raise ValueError(f"{self.name}: an immutable is one 32-byte word, {name} is not")
            for offset in self.immutables[name]:
                code[offset : offset + 32] = word
        return bytes(code)

    def to_json(self) -> str:
        """The text of its file."""
        fields = {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "abi": self.abi,
            "immutables": {name: list(places) for name, places in self.immutables.items()},
            "creation": self.creation.hex(),
            "runtime": self.runtime.hex(),
        }
        return json.dumps(fields, indent=1) + "\n"


@cache
def load(name: str, folder: Path = ARTIFACTS) -> Artifact:
    """The contract of this name. Raises :class:`ArtifactError`."""
    path = folder / f"{name}.json"
    try:
        return _parse(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path}: no compiled contract ({error}); make contracts") from None


def _parse(fields: dict[str, Any]) -> Artifact:
    return Artifact(
        name=str(fields["name"]),
        abi=list(fields["abi"]),
        creation=bytes.fromhex(fields["creation"]),
        runtime=bytes.fromhex(fields["runtime"]),
        immutables={name: tuple(places) for name, places in fields["immutables"].items()},
        fingerprint=str(fields["fingerprint"]),
    )
