"""The guests are the recorded ones, byte for byte, wherever they are built."""

from __future__ import annotations

import os
import shutil
import site
from pathlib import Path

import pytest

from fpvm.elf import kernel_image
from programs import build
from programs.build import RECORD, BuildError, differences, main, recorded, sha256
from programs.recipes import GUESTS, NATIVE
from programs.toolchain import CHECKOUT, ToolError

SMALL = "sha256chain_c"


def copy_sources(checkout: Path) -> Path:
    """A checkout with the guests' sources only."""
    ignored = shutil.ignore_patterns("build", "__pycache__")
    shutil.copytree(CHECKOUT / "programs", checkout / "programs", ignore=ignored)
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_sources(tmp_path / "checkout")


def test_guests_are_the_recorded_ones() -> None:
    assert set(recorded()) == set(GUESTS)
    assert differences({name: sha256(build.build(name)) for name in GUESTS}) == []


def test_the_kernel_that_axonum_carries_is_the_one_that_is_built() -> None:
    assert kernel_image() == build.build("kernel").read_bytes()


def test_guests_do_not_depend_on_the_folder_they_are_built_in(tmp_path: Path) -> None:
    here = copy_sources(tmp_path / "a")
    there = copy_sources(tmp_path / "another/and/a/longer one")
    for name in GUESTS:
        assert (
            build.build(name, checkout=here).read_bytes()
            == build.build(name, checkout=there).read_bytes()
        ), name


@pytest.mark.parametrize("name", GUESTS)
def test_guests_hold_no_path_of_the_machine_that_built_them(name: str) -> None:
    program = build.build(name).read_bytes()
    for path in (str(CHECKOUT), str(Path.home()), *site.getsitepackages()):
        assert os.fsencode(path) + b"/" not in program


def test_every_example_has_a_native_twin() -> None:
    assert set(NATIVE) == set(GUESTS) - {"kernel"}


def test_what_is_up_to_date_is_not_built_again(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build.build(SMALL, checkout=checkout)
    assert "building" in capsys.readouterr().out
    build.build(SMALL, checkout=checkout)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("file", ["c/sha256.h", "c/sha256.c", "strip.ld", f"{SMALL}/main.c"])
def test_a_changed_source_is_built_again(
    checkout: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    build.build(SMALL, checkout=checkout)
    source = checkout / "programs/examples" / file
    source.write_text("/* More. */\n" + source.read_text())
    capsys.readouterr()
    build.build(SMALL, checkout=checkout)
    assert "building" in capsys.readouterr().out


def test_a_damaged_program_is_built_again(checkout: Path) -> None:
    program = build.build(SMALL, checkout=checkout)
    good = program.read_bytes()
    program.write_bytes(good[:-1])
    assert build.build(SMALL, checkout=checkout).read_bytes() == good


def test_check_names_the_guest_that_is_not_as_recorded(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([SMALL, "preimage_c", "--record"], checkout) == 0
    assert main([SMALL, "preimage_c", "--check"], checkout) == 0
    source = checkout / f"programs/examples/{SMALL}/main.c"
    source.write_text(source.read_text().replace("20000", "20001"))
    capsys.readouterr()
    assert main([SMALL, "preimage_c", "--check"], checkout) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert SMALL in lines[0]


def test_recording_one_guest_keeps_the_others(checkout: Path) -> None:
    before = recorded(checkout)
    assert main([SMALL, "--record"], checkout) == 0
    assert recorded(checkout).items() >= before.items()


def test_a_record_that_is_no_table_is_refused(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / RECORD).write_text("[]")
    assert main([SMALL, "--check"], checkout) == 2
    assert capsys.readouterr().err == f"programs.build: {RECORD}: not a table of hashes\n"


def test_an_unknown_name_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("programs.build: nothing: no such program; there are kernel, ")
    assert error.count("\n") == 1


def test_a_missing_compiler_is_one_line_and_exit_code_2(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise ToolError(f"{name} is missing")

    monkeypatch.setattr(build, "find_tool", missing)
    assert main([SMALL], checkout) == 2
    assert capsys.readouterr().err == "programs.build: zig is missing\n"


def test_a_source_that_does_not_compile_leaves_no_program(checkout: Path) -> None:
    (checkout / f"programs/examples/{SMALL}/main.c").write_text("int main(void) { return; }\n")
    with pytest.raises(BuildError, match=f"{SMALL}: zig failed"):
        build.build(SMALL, checkout=checkout)
    assert not (checkout / f"programs/build/{SMALL}.elf").exists()


def test_settings_of_the_user_do_not_change_a_guest(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = build.build("sha256chain", checkout=checkout).read_bytes()
    shutil.rmtree(checkout / "programs/build")
    for key, value in {
        "GOFLAGS": "-tags=other -gcflags=-N",
        "GOMIPS": "hardfloat",
        "GOARCH": "mips64",
        "GOEXPERIMENT": "none",
        "GOWORK": "nowhere/go.work",
    }.items():
        monkeypatch.setenv(key, value)
    assert build.build("sha256chain", checkout=checkout).read_bytes() == usual
