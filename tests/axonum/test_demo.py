"""``axonum demo`` and ``axonum dispute simulate``: small disputes, whole."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from axonum.cli import main
from dispute.parties import ADVERSARIES
from tests.axonum.test_cli import Result
from tests.dispute.test_report import check
from tests.fpvm.guests import ECHO, ENDLESS

#: 2^9 steps: what the small program takes.
LEVELS = "1,4,5"
Axonum = Callable[..., Result]


@pytest.fixture
def axonum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Axonum:
    """Runs ``axonum`` with arguments, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["axonum", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Result(exit_.value.code, out, err)

    return call


# --- demo -----------------------------------------------------------------------------------------


def test_the_demo(axonum: Axonum, tmp_path: Path) -> None:
    program = tmp_path / "echo"
    program.write_bytes(ECHO)
    result = axonum("demo", program, "--levels", LEVELS)
    assert result.code == 0
    assert result.err == ""
    for part in ("1. A program", "2. A quarrel", "3. The dispute", "4. The step", "5. The end"):
        assert part in result.out
    assert "proves a step" in result.out
    assert "is refused: WrongStep" in result.out
    check((tmp_path / "report.html").read_text())


def test_the_demo_as_json(axonum: Axonum, tmp_path: Path) -> None:
    program = tmp_path / "echo"
    program.write_bytes(ECHO)
    page = tmp_path / "page.html"
    result = axonum("demo", program, "--levels", LEVELS, "--report", page, "--seed", 1, "--json")
    document = result.json()
    assert result.code == 0
    honest, liar, idler = document["parties"]
    assert honest["gainedWei"] > 0 > max(liar["gainedWei"], idler["gainedWei"])
    assert honest["lostWei"] == 0
    assert liar["lostWei"] == 3 * 10**18
    assert document["gas"] == sum(party["gas"] for party in document["parties"])
    assert 0 <= document["provedStep"] < document["steps"] == 509
    assert page.exists()


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ("1,4,4", "does not halt within 2^8 steps"),
        ("1", "2 to 8 levels"),
        ("1,4,,5", "heights look like"),
        ("1,4,99", "a height is 1 to 32"),
        ("0,4,5", "a height is 1 to 32"),
        ("a,b", "heights look like"),
        ("²,3", "heights look like"),
    ],
)
def test_levels_that_a_demo_cannot_have(
    axonum: Axonum, tmp_path: Path, levels: str, reason: str
) -> None:
    program = tmp_path / "echo"
    program.write_bytes(ECHO)
    assert reason in axonum("demo", program, "--levels", levels, "--json").line()


def test_programs_that_a_demo_cannot_have(axonum: Axonum, tmp_path: Path) -> None:
    program = tmp_path / "endless"
    program.write_bytes(ENDLESS)
    line = axonum("demo", program, "--levels", LEVELS, "--json").line()
    assert "does not halt" in line
    assert "No such file" in axonum("demo", tmp_path / "none").line()
    program.write_bytes(b"\x7fELF")
    assert "ELF" in axonum("demo", program).line()


# --- simulate -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ADVERSARIES)
def test_every_adversary_loses(axonum: Axonum, name: str) -> None:
    document = axonum(
        *("dispute", "simulate", "--adversary", f"{name}:2", "--levels", "2,2,2", "--json")
    ).json()
    assert document["truthHasWon"]
    assert document["withinBound"]
    *others, honest = document["parties"]
    assert len(others) == 2
    assert honest["gainedWei"] >= 0 > max(party["gainedWei"] for party in others)


def test_a_game_on_the_contract(axonum: Axonum, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    call = ("dispute", "simulate", "--on", "embedded", "--adversary", "liar", "--adversary", "idle")
    document = axonum(*call, "--levels", "2,2,2", "--report", page, "--json").json()
    assert document["truthHasWon"]
    assert all(party["gas"] > 21_000 * party["transactions"] for party in document["parties"])
    same = axonum(*call, "--levels", "2,2,2", "--json").json()
    assert same == document
    checker = check(page.read_text())
    assert "honest" in " ".join(checker.text)


def test_many_games_in_a_table(axonum: Axonum) -> None:
    result = axonum(
        *("dispute", "simulate", "--levels", "2,2", "--games", 4, "--seed", 7),
        *("--honest", 2, "--censor", "random:0.5", "--delay", 1),
    )
    assert result.code == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert [row[0] for row in rows if row[1:2] == ["truth"]] == ["7", "8", "9", "10"]
    lines = axonum("dispute", "simulate", "--levels", "2,2", "--games", 3, "--json").out
    assert [json.loads(line)["seed"] for line in lines.splitlines()] == [0, 1, 2]


@pytest.mark.parametrize("censor", ["none", "burst:3", "split:2", "random:0.3"])
def test_censorship_delays_but_within_the_bound(axonum: Axonum, censor: str) -> None:
    call = ("dispute", "simulate", "--levels", "2,2", "--censor", censor, "--json")
    document = axonum(*call).json()
    assert document["withinBound"]
    assert document["delay"] <= document["bound"]


def test_without_anybody_honest_a_lie_wins(axonum: Axonum) -> None:
    result = axonum("dispute", "simulate", "--honest", 0, "--levels", "2,2", "--json")
    assert result.code == 1
    assert not json.loads(result.out)["truthHasWon"]


def test_the_adversaries_are_listed(axonum: Axonum) -> None:
    assert axonum("dispute", "simulate", "--list", "--json").json().keys() == ADVERSARIES.keys()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--adversary", "saint"], "no adversary is called 'saint'"),
        (["--adversary", "liar:0"], "1 to 512"),
        (["--adversary", "liar:x"], "1 to 512"),
        (["--adversary", "liar:²"], "1 to 512"),
        (["--adversary", "liar:" + "9" * 5000], "1 to 512"),
        (["--adversary", "liar:300", "--adversary", "idle:300"], "512 adversaries"),
        (["--adversary", "liar", "--adversary", "liar"], "named twice"),
        (["--on", "mars"], "neither model nor embedded"),
        (["--censor", "burst"], "--censor"),
        (["--censor", "split:0"], "--censor"),
        (["--censor", "random:nan"], "--censor"),
        (["--levels", "10,10,10"], "up to 20"),
        (["--levels", "x"], "heights look like"),
        (["--games", "0"], "--games"),
        (["--report", "/nowhere/page.html", "--levels", "2,2"], "No such file"),
    ],
)
def test_what_cannot_be_simulated(axonum: Axonum, arguments: list[str], reason: str) -> None:
    assert reason in axonum("dispute", "simulate", *arguments, "--json").line()
