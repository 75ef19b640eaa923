"""Contracts with one small fault each, and the tests that have to notice it.

Every check that a contract makes is deleted or weakened, and a test is run on what is left. A test
that still passes does not test what it is there for. The mutants themselves are beside the tests:
tests/contracts/mutants.py, tests/dispute/mutants.py.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from types import ModuleType
from typing import Any

import pytest

from contracts.artifacts import Artifact, load
from contracts.build import SOURCES
from contracts.chain import Reverted
from contracts.solc import SETTINGS, CompileError, compile_json, read_sources

#: Twenty times faster than what is committed: the meaning of a contract is not the compiler's.
FAST_SETTINGS = {**SETTINGS, "viaIR": False, "optimizer": {"enabled": False}}
#: How a test fails: an assertion, a refusal where there should be none, none where there should be.
FAILURES = (AssertionError, Reverted, pytest.fail.Exception)

Fixtures = Mapping[str, Callable[[], object]]
"""What a test may ask for, by name."""


@dataclass(frozen=True)
class Mutant:
    """In ``file``, ``new`` instead of ``old``, which is there once."""

    file: str
    old: str
    new: str

    def applied(self, sources: Mapping[str, str]) -> dict[str, str]:
        text = sources[self.file]
        assert text.count(self.old) == 1, self
        return {**sources, self.file: text.replace(self.old, self.new)}

    def __str__(self) -> str:
        return f"{self.file}: {self.old!r} → {self.new!r}"


def mutants_in(file: str, *pairs: tuple[str, str]) -> tuple[Mutant, ...]:
    """Mutants of one file: what stands there, and what instead."""
    return tuple(Mutant(f"{file}.sol", old, new) for old, new in pairs)


@dataclass(frozen=True)
class Check:
    """A test, and the mutants that it has to notice. ``only`` picks among its parameters, by name:
    the test need not be run on what has nothing to do with the mutants."""

    test: Callable[..., None]
    mutants: tuple[Mutant, ...]
    only: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.test.__name__, *map(str, self.only.values())])

    def passes(self, fixtures: Fixtures, failures: tuple[type[BaseException], ...]) -> bool:
        """Whether the test passes, with the contracts as they are at the moment."""
        try:
            for arguments in self._calls(fixtures):
                self.test(**arguments)
        except failures:
            return False
        return True

    def _calls(self, fixtures: Fixtures) -> Iterator[dict[str, Any]]:
        """The arguments of every call of the test that pytest would make."""
        marks = [
            mark for mark in getattr(self.test, "pytestmark", ()) if mark.name == "parametrize"
        ]
        parameters = [list(_values(*mark.args)) for mark in marks]
        names = self.test.__code__.co_varnames[: self.test.__code__.co_argcount]
        for choice in product(*parameters):
            given = {name: value for values in choice for name, value in values.items()}
            if all(given[name] == value for name, value in self.only.items()):
                yield given | {name: fixtures[name]() for name in names if name in fixtures}


def _values(names: str | tuple[str, ...], rows: Any) -> Iterator[dict[str, object]]:
    for row in rows:
        yield {names: row} if isinstance(names, str) else dict(zip(names, row, strict=True))


@dataclass(frozen=True)
class Suite:
    """Contracts to put faults in: the file of each, by name. ``clients``: the modules that load
    them. ``fixtures``, ``failures``: what their tests ask for, and how those fail."""

    contracts: Mapping[str, str]
    clients: tuple[ModuleType, ...]
    fixtures: Fixtures
    failures: tuple[type[BaseException], ...] = FAILURES

    def assert_noticed(self, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        """The test passes with what there is, and fails with each of the mutants."""
        sound, *faulty = self.compiled((None, *check.mutants))
        self._deploy_instead(sound, monkeypatch)
        assert check.passes(self.fixtures, self.failures)
        for mutant, artifacts in zip(check.mutants, faulty, strict=True):
            self._deploy_instead(artifacts, monkeypatch)
            assert not check.passes(self.fixtures, self.failures), mutant

    def compiled(self, mutants: tuple[Mutant | None, ...]) -> list[dict[str, Artifact]]:
        """The contracts with each of the faults, by name; in one run of the compiler."""
        sources = needed(self.contracts.values())
        variants = [mutant.applied(sources) if mutant else sources for mutant in mutants]
        answer = compile_json(
            {
                "language": "Solidity",
                # Imports are relative: every variant has a folder of its own.
                "sources": {
                    f"{number}/{file}": {"content": text}
                    for number, variant in enumerate(variants)
                    for file, text in variant.items()
                },
                "settings": {
                    **FAST_SETTINGS,
                    "outputSelection": {
                        f"{number}/{file}": {name: ["evm.bytecode.object"]}
                        for number, _ in enumerate(variants)
                        for name, file in self.contracts.items()
                    },
                },
            }
        )
        errors = [
            error["formattedMessage"]
            for error in answer.get("errors", [])
            if error["severity"] == "error"
        ]
        if errors:
            raise CompileError("\n".join(errors))
        return [
            {
                name: _artifact(name, answer["contracts"][f"{number}/{file}"][name])
                for name, file in self.contracts.items()
            }
            for number, _ in enumerate(variants)
        ]

    def _deploy_instead(
        self, artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From now on the clients deploy these."""
        for client in self.clients:
            monkeypatch.setattr(client, "load", artifacts.__getitem__)


def needed(files: Iterable[str]) -> dict[str, str]:
    """The sources of these files, and all that they import."""
    sources, found = read_sources(SOURCES), {}
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found[file] = sources[file]
            imported = re.findall(r'from "(.+)";', sources[file])
            folder = posixpath.dirname(file)
            waiting += (posixpath.normpath(posixpath.join(folder, name)) for name in imported)
    return found


def _artifact(name: str, output: dict[str, Any]) -> Artifact:
    committed = load(name)
    creation = bytes.fromhex(output["evm"]["bytecode"]["object"])
    return Artifact(name, committed.abi, creation, b"", {}, "")
