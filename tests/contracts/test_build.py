"""What is committed is what the sources compile to; and tools are what they should be."""

from __future__ import annotations

import io
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from contracts import build as builder
from contracts import npm
from contracts.artifacts import NAMES, ArtifactError, load
from contracts.build import MAX_CODE_SIZE, SOURCES, BuildError, build, check, write
from contracts.npm import SOLC, ToolError
from contracts.solc import SETTINGS, CompileError, compile_sources, fingerprint, read_sources


def test_the_committed_contracts_are_what_the_sources_compile_to() -> None:
    check(build())


def test_the_committed_contracts_know_their_sources() -> None:
    assert {load(name).fingerprint for name in NAMES} == {fingerprint(read_sources(SOURCES))}


def test_another_source_or_setting_has_another_fingerprint() -> None:
    sources = read_sources(SOURCES)
    one = fingerprint(sources)
    assert fingerprint({**sources, "Step.sol": sources["Step.sol"] + " "}) != one
    assert fingerprint(sources, {**SETTINGS, "viaIR": False}) != one


def test_contracts_can_be_deployed() -> None:
    assert all(len(load(name).runtime) < MAX_CODE_SIZE for name in NAMES)


def test_a_contract_too_large_to_deploy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    code = {"object": "00" * (MAX_CODE_SIZE + 1)}
    output = {"abi": [], "immutables": {}, "evm": {"bytecode": code, "deployedBytecode": code}}
    monkeypatch.setattr(builder, "compile_sources", lambda sources: dict.fromkeys(NAMES, output))
    with pytest.raises(BuildError, match="has 24577 bytes: too large"):
        build()


def test_what_the_compiler_complains_of_is_refused_and_told() -> None:
    broken = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\ncontract A { nonsense }"
    with pytest.raises(CompileError, match="ParserError"):
        compile_sources({"A.sol": broken})
    warned = broken.replace("nonsense", "function f() public { uint256 x; }")
    with pytest.raises(CompileError, match="Unused local variable"):
        compile_sources({"A.sol": warned})


def test_check_names_the_file_that_differs(tmp_path: Path) -> None:
    artifacts = {name: load(name) for name in NAMES}
    write(artifacts, tmp_path)
    check(artifacts, tmp_path)
    artifacts["Step"] = replace(artifacts["Step"], runtime=b"\0" + artifacts["Step"].runtime[1:])
    with pytest.raises(BuildError, match=r"Step\.json is not what"):
        check(artifacts, tmp_path)
    (tmp_path / "Step.json").unlink()
    with pytest.raises(BuildError, match=r"Step\.json is not what"):
        check(artifacts, tmp_path)


def test_a_damaged_artifact_is_named(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"name": 1}', '{"creation": "zz"}'):
        (tmp_path / "Step.json").write_text(text)
        with pytest.raises(ArtifactError, match=r"Step\.json: no compiled contract"):
            load.__wrapped__("Step", tmp_path)
    with pytest.raises(ArtifactError, match=r"None\.json: no compiled contract"):
        load("None")


def test_immutables_are_all_given_and_are_words() -> None:
    step = load("Step")
    code = step.with_immutables(ORACLE=b"\x11" * 32)
    assert code.count(b"\x11" * 32) == len(step.immutables["ORACLE"]) > 0
    for wrong in ({}, {"ORACLE": b"\x11" * 20}, {"ORACLE": bytes(32), "PC": bytes(32)}):
        with pytest.raises(ValueError, match="Step"):
            step.with_immutables(**wrong)


# --- Tools from npm -------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the registry answers, by URL; what is not there cannot be had."""
    answers: dict[str, bytes] = {}

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        if url not in answers:
            raise OSError("connection refused")
        return io.BytesIO(answers[url])

    monkeypatch.setattr(npm.urllib.request, "urlopen", urlopen)
    return answers


def test_an_archive_with_another_hash_is_not_used(
    served: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://registry.example/")
    served["https://registry.example/solc/-/solc-0.8.37.tgz"] = b"something else"
    with pytest.raises(ToolError, match=r"solc-0.8.37.tgz: sha512 .* not ieUYd"):
        npm.soljson(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("served")
def test_a_registry_out_of_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ToolError, match=r"solc 0\.8\.37 is not to be had: connection refused"):
        npm.soljson(tmp_path)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "file:///etc")
    with pytest.raises(ToolError, match="is no URL"):
        npm.soljson(tmp_path)


def test_an_archive_without_the_file_is_told() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz"):
        pass
    with pytest.raises(ToolError, match=r"solc 0\.8\.37 has no file package/soljson\.js"):
        npm.extract(SOLC, archive.getvalue(), "package/soljson.js")


def test_a_machine_without_a_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm.platform, "machine", lambda: "vax")
    with pytest.raises(ToolError, match="no package is pinned for linux vax"):
        npm.anvil()


@pytest.mark.parametrize(("machine", "name"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_every_machine_has_its_node(
    machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm.platform, "machine", lambda: machine)
    monkeypatch.setattr(npm, "member", lambda package, name, tools: package.name)
    assert npm.anvil() == f"@foundry-rs/anvil-linux-{name}"


def test_the_node_here_is_for_this_machine() -> None:
    """For the one that Python is for, by the headers of both files."""

    def machine(program: str | Path) -> bytes:
        with open(program, "rb") as file:
            return file.read(20)[18:]

    assert machine(npm.anvil()) == machine(sys.executable)


def test_what_was_fetched_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm, "fetch", lambda package: b"")
    monkeypatch.setattr(npm, "extract", lambda package, archive, name: b"a tool")
    first = npm.soljson(tmp_path)
    monkeypatch.setattr(npm, "fetch", lambda package: pytest.fail("fetched again"))
    assert npm.soljson(tmp_path) == first
    assert first.read_bytes() == b"a tool"
