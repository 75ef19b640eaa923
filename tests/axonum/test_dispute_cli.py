"""``axonum dispute …`` against a real node: what each command does, and how it says it cannot."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from axonum.cli import main
from contracts.clients import Step, WrongContract
from contracts.development import fund, mine
from contracts.l1 import L1
from dispute.client import DisputeContract
from dispute.discovery import discover
from dispute.moves import Open
from dispute.watch import Watcher
from fpvm.keccak import keccak256
from tests.axonum.test_cli import Result
from tests.dispute.ground import key, node
from tests.dispute.test_report import check
from tests.fpvm.guests import ECHO

#: 2^9 steps: what the small program takes.
LEVELS = "1,4,5"
#: Long enough for processes that share a machine to answer in time.
TIMES = ("--censorship", 150, "--delay", 4, "--compute", 0)
FUNDS = 10**20
Axonum = Callable[..., Result]


@pytest.fixture
def axonum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Axonum:
    """Runs ``axonum dispute`` with arguments, in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("AXONUM_KEY", raising=False)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["axonum", "dispute", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Result(exit_.value.code, out, err)

    return call


@dataclass(frozen=True)
class Setup:
    """A node with the contract of a small program, and key files of those who have money."""

    url: str
    contract: str
    program: Path
    folder: Path

    def at(self) -> tuple[str, ...]:
        return "--l1", self.url, "--contract", self.contract

    def key_file(self, name: str) -> Path:
        path = self.folder / f"{name}.key"
        path.write_text(key(name) + "\n")
        return path

    def l1(self, name: str) -> L1:
        return L1.connect(self.url, key(name))


@pytest.fixture
def setup(tmp_path: Path, axonum: Axonum) -> Iterator[Setup]:
    program = tmp_path / "echo"
    program.write_bytes(ECHO)
    with node(tmp_path) as running:
        l1 = L1.connect(running.url)
        for name in ("honest", "liar"):
            fund(l1, l1.with_key(key(name)).address, FUNDS)
            mine(l1)
        found = Setup(running.url, "", program, tmp_path)
        call = ("deploy", program, "--l1", running.url, "--key-file", found.key_file("honest"))
        document = axonum(*call, "--levels", LEVELS, *TIMES, "--json").json()
        assert document["levels"] == "1 | 4 | 5"
        assert document["confirmAfter"] == 150 + 5 * 14 + 1
        yield Setup(running.url, document["contract"], program, tmp_path)


class Miner:
    """Mines now and then, beside the blocks that transactions get at once; without a pause from
    when the last step is proved, so that T goes by."""

    def __init__(self, setup: Setup) -> None:
        self._l1, self._stop = L1.connect(setup.url), threading.Event()
        contract = discover(self._l1, bytes.fromhex(setup.contract[2:]))
        self._watcher = Watcher(self._l1, contract)
        self._thread = threading.Thread(target=self._mine)

    def _mine(self) -> None:
        is_proved = False
        while not self._stop.wait(0.02 if is_proved else 0.3):
            is_proved = is_proved or bool(self._watcher.follow().provers)
            mine(self._l1)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def open_roots(setup: Setup) -> list[str]:
    """Two rivals, by hand. Returns the ids of the nodes."""
    ids = []
    for name in ("honest", "liar"):
        contract = discover(setup.l1(name), bytes.fromhex(setup.contract[2:]))
        receipt = contract.send(Open(bytes(32), keccak256(name.encode())), 3 * 10**18)
        ids += ["0x" + log.topics[1].hex() for log in receipt.logs if len(log.topics) == 3]
    return ids


# --- What the commands do -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_whole_dispute_between_processes(setup: Setup, axonum: Axonum) -> None:
    """One process lies, one tells the truth; then everything is looked at, and money collected."""
    common = (setup.program, *setup.at(), "--interval", "0.02", "--json")
    command = [sys.executable, "-m", "axonum", "dispute", "play", *map(str, common)]
    lying = [*command, "--adversary", "liar", "--key-file", str(setup.key_file("liar"))]
    with (
        Miner(setup),
        subprocess.Popen(lying, stdout=subprocess.PIPE, text=True, cwd=setup.folder) as liar,
    ):
        played = axonum("play", *common, "--key-file", setup.key_file("honest"))
        lied, _ = liar.communicate(timeout=120)
    assert played.code == 0, played.err
    *notes, last = objects(played.out)
    assert last["truthHasWon"]
    assert {note["what"] for note in notes} >= {"sent", "mined"}
    assert liar.returncode == 0
    assert objects(lied)[-1]["truthHasWon"]

    document = axonum("status", *setup.at(), "--json").json()
    assert document["atRiskWei"] == 0
    assert [contest["level"] for contest in document["contests"]] == [0, 1, 2]
    assert all(contest["decided"] for contest in document["contests"])
    honest, liar_ = setup.l1("honest"), setup.l1("liar")
    by_address = {party["address"]: party for party in document["parties"]}
    mine_ = by_address["0x" + honest.address.hex()]
    assert mine_["moves"]["Prove"] == 1
    assert mine_["owedWei"] == mine_["lostWei"] == 0
    # A stake at each level, as the first or the second there.
    assert 3 * 10**18 <= by_address["0x" + liar_.address.hex()]["lostWei"] <= 6 * 10**18
    assert honest.balance(honest.address) > FUNDS - 10**17  # deploying took gas, too
    assert liar_.balance(liar_.address) < FUNDS - 3 * 10**18

    winner = document["contests"][0]["winners"][0]
    why = axonum("why", winner[:14], *setup.at(), "--json").json()
    assert why["id"] == winner
    assert why["lineage"] == [winner]
    assert len(why["rivals"]) == 1
    text = axonum("why", winner, *setup.at())
    assert "lineage" in text.out
    assert "has won in block" in axonum("status", *setup.at()).out

    events = objects(axonum("watch", *setup.at(), "--until-decided", "--json").out)
    kinds = {event["event"] for event in events}
    assert kinds >= {"Entered", "Bisected", "Proved", "Confirmed", "Paid", "Withdrawn", "Block"}
    assert [event["block"] for event in events] == sorted(event["block"] for event in events)

    page = setup.folder / "page.html"
    call = ("report", *setup.at(), "--output", page, "--program", setup.program, "--json")
    assert axonum(*call).json()["nodes"] == len(
        [1 for event in events if event["event"] == "Entered"]
    ) + _halves(events)
    checker = check(page.read_text())
    assert "The one step that L1 executed" in " ".join(checker.text)

    claimed = axonum("claim", *setup.at(), "--key-file", setup.key_file("liar"), "--json").json()
    assert claimed["claims"] == claimed["owedWei"] == 0


def _halves(events: list[dict[str, Any]]) -> int:
    """Nodes that bisections have made; a left half may have been there."""
    ids = set()
    for event in events:
        if event["event"] == "Bisected":
            ids |= {(event["id"], "right"), event["left"]}
    return len(ids)


def test_a_dispute_that_hangs(setup: Setup, axonum: Axonum) -> None:
    ids = open_roots(setup)
    document = axonum("status", *setup.at(), "--json").json()
    [contest] = document["contests"]
    assert contest["winners"] == []
    assert contest["block"] is None
    assert [root["id"] for root in contest["roots"]] == ids
    assert document["atRiskWei"] == contest["atRiskWei"] == 3 * 10**18
    assert "nobody wins unless somebody moves" in axonum("status", *setup.at()).out
    why = axonum("why", ids[0], *setup.at(), "--json").json()
    assert why["waitsFor"] == "its bisection"
    assert why["rivals"] == [ids[1]]
    events = objects(axonum("watch", *setup.at(), "--once", "--json").out)
    assert [event["event"] for event in events].count("Entered") == 2
    assert events[-1]["event"] == "Block"
    assert "Entered" in axonum("watch", *setup.at(), "--once").out
    assert "no node has an id" in axonum("why", "0x" + "0" * 63, *setup.at()).line()
    page = setup.folder / "page.html"
    axonum("report", *setup.at(), "--output", page, "--json").json()
    check(page.read_text())


def test_claim_withdraws_what_is_owed(setup: Setup, axonum: Axonum) -> None:
    """Nothing is withdrawn while something is at stake, and nothing of a new contract."""
    call = ("claim", *setup.at(), "--key-file", setup.key_file("honest"), "--json")
    assert axonum(*call).json()["withdrawn"] is False
    open_roots(setup)
    found = axonum(*call).json()
    assert found["withdrawn"] is False
    assert found["atStakeWei"] == 10**18


def test_the_key_may_be_in_the_environment(
    setup: Setup, axonum: Axonum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXONUM_KEY", key("honest").removeprefix("0x"))
    assert axonum("claim", *setup.at(), "--json").json()["claims"] == 0


# --- What they refuse -----------------------------------------------------------------------------

NOWHERE = "http://127.0.0.1:1"
ADDRESS = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("url", "contract", "reason"),
    [
        (NOWHERE, ADDRESS, "cannot be reached"),
        ("ftp://127.0.0.1", ADDRESS, "not the http or https address"),
        ("\x1b[31m", ADDRESS, "not the http or https address"),
        (NOWHERE, "0x12", "not an address of 20 bytes"),
        (NOWHERE, "zz" * 20, "not hexadecimal"),
        (NOWHERE, "0x" + "11" * 21, "longer than 20 bytes"),
    ],
)
@pytest.mark.parametrize("command", ["status", "why", "watch", "report", "play", "claim"])
def test_nodes_and_addresses_that_are_none(
    axonum: Axonum, tmp_path: Path, command: str, url: str, contract: str, reason: str
) -> None:
    more: dict[str, list[object]] = {"why": ["0x12"], "play": [tmp_path / "echo"]}
    (tmp_path / "echo").write_bytes(ECHO)
    secret = tmp_path / "key"
    secret.write_text(key("honest"))
    if command in ("play", "claim"):
        more[command] = [*more.get(command, []), "--key-file", secret]
    line = axonum(command, *more.get(command, []), "--l1", url, "--contract", contract).line()
    assert reason in line
    assert "\x1b" not in line


SECRET = "ab" * 31


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (SECRET, "no private key"),
        (SECRET + "zz", "no private key"),
        ("0" * 64, "no private key of secp256k1"),
        ("f" * 64, "no private key of secp256k1"),
        ("", "no private key"),
        ("٣" * 64, "no private key"),
        (SECRET * 1000, "no private key"),
    ],
)
@pytest.mark.parametrize("from_file", [False, True])
def test_keys_that_are_none_are_not_shown(
    axonum: Axonum,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    reason: str,
    from_file: bool,
) -> None:
    call: list[object] = ["claim", "--l1", NOWHERE, "--contract", ADDRESS]
    if from_file:
        (tmp_path / "key").write_text(content)
        call += ["--key-file", tmp_path / "key"]
    else:
        monkeypatch.setenv("AXONUM_KEY", content)
        reason = reason if content else "takes a private key"
    line = axonum(*call).line()
    assert reason in line
    assert "abab" not in line


def test_key_files_that_cannot_be_read(axonum: Axonum, tmp_path: Path) -> None:
    call = ("claim", "--l1", NOWHERE, "--contract", ADDRESS, "--key-file")
    assert "No such file" in axonum(*call, tmp_path / "none").line()
    assert "directory" in axonum(*call, tmp_path).line().lower()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    assert "no private key" in axonum(*call, tmp_path / "binary").line()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--stake", "much"], "--stake 'much' is no amount of ETH"),
        (["--stake", "-1"], "no amount of ETH"),
        (["--stake", "nan"], "no amount of ETH"),
        (["--stake", "1e-19"], "no amount of ETH"),
        (["--stake", "1e999999999"], "no amount of ETH"),
        (["--bounty", "1"], "does not cover the bounties"),
        (["--levels", "6"], "2 to 8 levels"),
        (["--confirm-after", "3"], "T is 3: not above"),
        (["--sink", "0x1234"], "not an address"),
        (["--censorship", "-1"], "--censorship"),
        ([], "cannot be reached"),
    ],
)
def test_terms_that_nothing_is_deployed_on(
    axonum: Axonum, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    (tmp_path / "echo").write_bytes(ECHO)
    (tmp_path / "key").write_text(key("honest"))
    call = ("deploy", tmp_path / "echo", "--l1", NOWHERE, "--key-file", tmp_path / "key")
    assert reason in axonum(*call, *arguments).line()


def test_contracts_that_are_others(setup: Setup, axonum: Axonum, tmp_path: Path) -> None:
    l1 = setup.l1("honest")
    step = Step.deploy(l1)
    call = ("status", "--l1", setup.url, "--contract")
    assert "no dispute contract" in axonum(*call, "0x" + step.address.hex()).line()
    assert "there is no contract" in axonum(*call, ADDRESS).line()
    other = tmp_path / "other"
    other.write_bytes(ECHO.replace(b"hello", b"hallo"))
    key_file = setup.key_file("honest")
    line = axonum("play", other, *setup.at(), "--key-file", key_file).line()
    assert "the table is of another program" in line
    play = ("play", setup.program, *setup.at(), "--key-file", key_file)
    assert "no adversary" in axonum(*play, "--adversary", "saint").line()
    assert "not hexadecimal" in axonum(*play, "--origin", "xyz").line()
    assert "no amount of ETH" in axonum(*play, "--max-stake", "xyz").line()


def test_a_contract_like_ours_on_other_code_is_not_believed(setup: Setup) -> None:
    """Discovery takes nothing that a contract says of itself on trust."""

    class Echo:
        """Answers as ours does, but is another."""

        def __init__(self, l1: L1) -> None:
            self._l1 = l1

        def call(self, to: bytes, data: bytes) -> bytes:
            return self._l1.call(to, data)

        def code(self, address: bytes) -> bytes:
            code = bytearray(self._l1.code(address))
            if address == bytes.fromhex(setup.contract[2:]):
                code[100] ^= 1
            return bytes(code)

    l1 = setup.l1("honest")
    assert isinstance(discover(l1, bytes.fromhex(setup.contract[2:])), DisputeContract)
    with pytest.raises(WrongContract, match="is not Dispute"):
        discover(Echo(l1), bytes.fromhex(setup.contract[2:]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer", [b"", b"{}", b"[" * 1000, b"<html>", b'{"jsonrpc":"2.0","id":0,"result":"0x1"}']
)
def test_nodes_that_answer_nonsense(axonum: Axonum, answer: bytes) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """In silence."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            line = axonum("status", "--l1", url, "--contract", ADDRESS).line()
            assert url in line or "no dispute contract" in line
        finally:
            server.shutdown()
            thread.join()
