"""``axonum model`` about inferences that somebody may be wrong about; once on a real node."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from axonum.cli import main
from contracts.development import fund, mine
from contracts.l1 import L1
from dispute.adversaries import honest
from dispute.discovery import discover
from dispute.runner import Runner
from fpvm import proof_file
from mlvm.boundary import origin_of
from mlvm.client import InferencesContract, OpMLContract
from mlvm.game import inference_case
from mlvm.model import Model
from mlvm.trees import hash_of_bytes
from tests.axonum.test_cli import Result
from tests.axonum.test_dispute_cli import FUNDS, TIMES, Miner, Setup, objects
from tests.dispute.ground import key, node
from tests.dispute.worlds import World
from tests.mlvm import impostors
from tests.mlvm.inferences import NAMES, every_kind, inference

Axonum = Callable[..., Result]
#: 16 tasks of up to 2^20 steps.
LEVELS = "4,10,10"
HEADLINE = ["origin", "model", "inputHash", "outputHash", "root", "tasks", "seconds"]


@pytest.fixture
def axonum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Axonum:
    """Runs ``axonum`` with arguments, in a folder with a model and an input."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("AXONUM_KEY", raising=False)
    model, data = every_kind()
    Path("model").write_bytes(model.to_bytes())
    Path("input").write_bytes(data)

    def call(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["axonum", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capsys.readouterr()
        assert isinstance(exit_.value.code, int)
        return Result(exit_.value.code, out, err)

    return call


ASKED = ("model", "input", "--raw")


# --- Committing and proving -----------------------------------------------------------------------


def test_commit_tells_all_states(axonum: Axonum) -> None:
    real = inference(*every_kind())
    found = axonum("model", "commit", *ASKED, "--json").json()
    assert list(found) == [*HEADLINE, "states"]
    assert found["states"] == ["0x" + state.hex() for state in real.states]
    assert found["origin"] == "0x" + origin_of(real.model.address, hash_of_bytes(real.data)).hex()
    table = axonum("model", "commit", *ASKED).out.splitlines()
    assert [line.split()[-1] for line in table[-len(NAMES) :]] == list(NAMES)
    assert found["root"] in table[4]


def test_commit_to_an_input_of_another_length(axonum: Axonum) -> None:
    """It has an output like any other, which says so."""
    Path("input").write_bytes(b"short")
    found = axonum("model", "commit", *ASKED, "--json").json()
    real = inference(every_kind()[0], b"short")
    assert real.output is not None
    assert found["outputHash"] == "0x" + real.output.output_hash.hex()


@pytest.mark.parametrize("more", [(), ("--step", 0), ("--step", 5000), ("--step", 1 << 23)])
def test_prove_one_step_of_a_task(axonum: Axonum, more: tuple[object, ...]) -> None:
    found = axonum("model", "prove", *ASKED, "--task", 1, *more, "--json").json()
    assert found["kind"] == "Dot"
    assert found["step"] == (more[1] if more else found["steps"] // 2)
    claim = proof_file.load(Path("proof.json"))
    assert "0x" + claim.post.hex() == found["postStateHash"]
    assert axonum("vm", "verify", "proof.json").code == 0


def test_prove_a_step_of_a_task_that_there_is_not(axonum: Axonum) -> None:
    """What is behind the last changes nothing, and that can be proved, too."""
    found = axonum("model", "prove", *ASKED, "--task", 60_000, "--json").json()
    assert found["kind"] == "behind the last"
    assert axonum("vm", "verify", "proof.json").code == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("commit", "nothing", "input"), "nothing: No such file or directory"),
        (("commit", "model", "nothing", "--raw"), "nothing: No such file or directory"),
        (("commit", "input", "input"), "input: this is no model"),
        (("commit", *ASKED, "--levels", "3,12,12"), "the model has 14 tasks: more than 2^3"),
        (("commit", *ASKED, "--levels", "x"), "--levels 'x': heights look like"),
        (("prove", *ASKED, "--task", 1 << 16), "--task 65536: a history has 2^16 tasks"),
        (("prove", *ASKED, "--task", 1, "--step", 1 << 24), "a task has 2^24 steps"),
        (("prove", *ASKED, "--task", 1, "-o", "a/b"), "a/b: No such file or directory"),
        (("fetch", "0x1234", "--store", "s"), "is not an address of 32 bytes"),
        (("fetch", "word", "--store", "s"), "is not hexadecimal"),
        (("fetch", "0x" + 64 * "1", "--store", "s"), "it is not in the store"),
        (("fetch", "0x" + 64 * "1", "--store", "s", "--from", "no"), "No such file"),
        (("publish", "model", "--store", "model"), "model"),
    ],
)
def test_bad_input_is_one_line(axonum: Axonum, arguments: tuple[object, ...], reason: str) -> None:
    result = axonum("model", *arguments)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err
    assert len(result.err.splitlines()) == 1


# --- The store ------------------------------------------------------------------------------------


def test_what_is_published_is_fetched(axonum: Axonum) -> None:
    published = axonum("model", "publish", "model", "--store", "theirs", "--json").json()
    address = published["address"]
    for _ in range(2):
        call = ("model", "fetch", address, "--store", "ours", "--from", "theirs", "--json")
        found = axonum(*call).json()
        assert found["address"] == address
    assert Model.from_bytes(Path(found["file"]).read_bytes()).address.hex() == address[2:]


def test_what_is_fetched_is_what_was_asked_for(axonum: Axonum) -> None:
    address = axonum("model", "publish", "model", "--store", "theirs", "--json").json()["address"]
    [file] = Path("theirs").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    result = axonum("model", "fetch", address, "--store", "ours", "--from", "theirs")
    assert result.code == 2
    assert "is not that of the header" in result.err
    assert not list(Path("ours").glob("*.axm"))


# --- On L1 ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_challenge_against_somebody_who_lies(axonum: Axonum, tmp_path: Path) -> None:
    """Who claims another weight's output loses to one command; and then everybody can ask."""
    model, data = every_kind()
    with node(tmp_path) as running:
        l1 = L1.connect(running.url)
        for name in ("honest", "liar"):
            fund(l1, l1.with_key(key(name)).address, FUNDS)
            mine(l1)
        setup = Setup(running.url, "", tmp_path / "none", tmp_path)
        key_file = ("--key-file", setup.key_file("honest"))
        call = ("model", "deploy", "--l1", running.url, *key_file, "--levels", LEVELS, *TIMES)
        contracts = axonum(*call, "--json").json()
        at = ("--l1", running.url, "--contract", contracts["contract"])
        liar = Liar(setup.l1("liar"), contracts, tmp_path / "evil")
        with Miner(Setup(running.url, contracts["contract"], tmp_path, tmp_path)), liar:
            part = ("model", "challenge", *ASKED, *at, *key_file, "--opml", contracts["opml"])
            result = axonum(*part, "--interval", 0.05, "--json")
        assert result.code == 0, result.err
        *_, over, settled = objects(result.out)
        assert over["truthHasWon"]
        real = inference(model, data)
        assert real.output is not None
        assert settled["outputHash"] == "0x" + real.output.output_hash.hex()
        contract = discover(l1, bytes.fromhex(contracts["contract"][2:]))
        opml = OpMLContract.attach(bytes.fromhex(contracts["opml"][2:]), contract)
        told = opml.result_of(model.address, hash_of_bytes(data))
        assert told == real.output.output_hash
        assert l1.balance(liar.l1.address) < FUNDS - 10**18
        # Who looks at the dispute needs no model.
        status = axonum("dispute", "status", *at, "--json")
        assert status.code == 0
        assert json.loads(status.out)


class Liar:
    """Claims what another model puts out, and defends it, in a thread of its own."""

    def __init__(self, l1: L1, contracts: dict[str, str], cache: Path) -> None:
        contract = discover(l1, bytes.fromhex(contracts["contract"][2:]))
        model, data = every_kind()
        case = inference_case(inference(model, data), contract.table, cache)
        world = World("inference", case.table, case.judge, case.histories, case.origin)
        InferencesContract.of(contract).register(model.address, hash_of_bytes(data))
        strategy = honest(impostors.weight(world, cache / "other"), case.origin)
        self.l1 = l1
        self._runner = Runner(l1, contract, strategy, first_block=0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play)

    def _play(self) -> None:
        while not self._stop.wait(0.05):
            self._runner.step()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.slow
def test_contracts_of_other_disputes(axonum: Axonum, tmp_path: Path) -> None:
    with node(tmp_path) as running:
        l1 = L1.connect(running.url)
        fund(l1, l1.with_key(key("honest")).address, FUNDS)
        mine(l1)
        setup = Setup(running.url, "", tmp_path, tmp_path)
        by = ("--l1", running.url, "--key-file", setup.key_file("honest"))
        low = axonum("model", "deploy", *by, "--levels", "3,12,12", *TIMES, "--json").json()
        other = axonum("model", "deploy", *by, "--levels", LEVELS, *TIMES, "--json").json()
        for contract, more, reason in (
            (low["contract"], (), "the model has 14 tasks: more than 2^3"),
            (other["contract"], ("--opml", low["opml"]), "is not OpML"),
            (other["contract"], ("--opml", other["contract"]), "is not OpML"),
            (other["inferences"], (), "is no dispute contract"),
        ):
            call = ("model", "challenge", *ASKED, *by, "--contract", contract, *more)
            result = axonum(*call)
            assert result.code == 2
            assert reason in result.err
            assert len(result.err.splitlines()) == 1
