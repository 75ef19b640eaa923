"""The client of L1: the same contracts on any chain, and one line about a node that is no good."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from contracts.artifacts import load
from contracts.chain import Chain, Reverted
from contracts.clients import PreimageOracle, Program, Step, WrongContract
from contracts.endpoint import MAX_ANSWER
from contracts.evm import PyEvm, Revm
from contracts.l1 import L1, L1Error
from fpvm.oracle import keccak_key
from fpvm.proof import verify
from fpvm.state import genesis
from tests.contracts.witnesses import random_witness

#: The first key of every development node.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ANSWERS = {
    "eth_chainId": "0x1",
    "eth_accounts": ["0x" + "11" * 20],
    "eth_getCode": "0x" + load("Program").with_immutables(MEM_ROOT=bytes(32), PC=bytes(32)).hex(),
}


@pytest.fixture(params=["revm", "py-evm", "embedded", "node", "node with key"])
def chain(request: pytest.FixtureRequest) -> Chain:
    if request.param in ("revm", "py-evm"):
        return {"revm": Revm, "py-evm": PyEvm}[request.param]()  # type: ignore[abstract]
    if request.param == "embedded":
        return L1.embedded()
    url = request.getfixturevalue("anvil_url")
    return L1.connect(url, KEY if request.param.endswith("key") else None)


def test_the_contracts_are_the_same_on_every_chain(chain: Chain) -> None:
    step = Step.deploy(chain)
    assert Step.attach(chain, step.address, step.oracle) == step
    assert PreimageOracle.attach(chain, step.oracle.address) == step.oracle
    rng = random.Random("chains")
    for _ in range(5):
        witness = random_witness(rng)
        assert step.execute(witness) == verify(witness)
    preimage = rng.randbytes(100)
    step.oracle.load_keccak256(preimage, 90)
    assert step.oracle.read(keccak_key(preimage), 90) == (preimage[90:], 100)
    program = Program.deploy(chain, b"\1" * 32, 0x8000_0000)
    assert Program.attach(chain, program.address, b"\1" * 32, 0x8000_0000) == program
    assert program.initial_state_hash(b"\2" * 32) == (
        genesis(b"\1" * 32, 0x8000_0000, b"\2" * 32).hash()
    )


def test_a_refusal_is_the_same_on_every_chain(chain: Chain) -> None:
    oracle = PreimageOracle.deploy(chain)
    key = keccak_key(b"")
    with pytest.raises(Reverted) as refused:
        oracle.read(key, 7)
    assert str(refused.value) == f"reverted: PreimageNotLoaded(0x{key.hex()}, 7)"
    with pytest.raises(Reverted) as refused:
        oracle.load_sha256(bytes(32 * 1024 + 1), 0)
    assert str(refused.value) == "reverted: PreimageTooLarge(32769)"
    with pytest.raises(Reverted):
        chain.call(oracle.address, b"no such function")


def test_another_contract_at_an_address_is_told(chain: Chain) -> None:
    step = Step.deploy(chain)
    other = PreimageOracle.deploy(chain)
    program = Program.deploy(chain, b"\1" * 32, 4)
    for attach in (
        lambda: Step.attach(chain, step.address, other),
        lambda: Step.attach(chain, other.address, other),
        lambda: PreimageOracle.attach(chain, step.address),
        lambda: Program.attach(chain, program.address, b"\1" * 32, 8),
        lambda: Program.attach(chain, program.address, b"\2" * 32, 4),
    ):
        with pytest.raises(WrongContract, match="is not"):
            attach()
    with pytest.raises(WrongContract, match="there is no contract at 0xdddd"):
        Step.attach(chain, b"\xdd" * 20, other)
    nowhere = Program(chain, b"\xdd" * 20)
    with pytest.raises(Reverted, match="the answer has 0 bytes, not 32"):
        nowhere.initial_state_hash(bytes(32))


# --- Nodes that are no good -----------------------------------------------------------------------


@contextmanager
def node(answer: Callable[[dict[str, Any]], bytes | None]) -> Iterator[str]:
    """A server that answers requests with whatever ``answer`` makes of them; None: never."""
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = answer(request)
            if body is None:
                released.wait(20)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        released.set()
        server.shutdown()
        server.server_close()


def result(request: dict[str, Any], value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": value}).encode()


def use(url: str) -> None:
    l1 = L1.connect(url, timeout=0.5)
    Program.attach(l1, b"\x11" * 20, bytes(32), 0).initial_state_hash(bytes(32))


def one_line(error: BaseException, url: str) -> None:
    assert str(error).startswith(url)
    assert "\n" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\0", b"null", b"[]", b"{}", b"7", b'"x"', b"{", b"<html>", b"\xff\xfe"),
        *(b'{"jsonrpc": "2.0", "id": 0}', b'{"jsonrpc": "2.0", "id": 0, "result": []}'),
        b'{"jsonrpc": "2.0", "id": 0, "error": 7}',
        b'{"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "out of order"}}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_is_told_in_one_line(body: bytes) -> None:
    with node(lambda request: body) as url, pytest.raises(L1Error) as error:
        use(url)
    one_line(error.value, url)


@pytest.mark.parametrize("method", ["eth_chainId", "eth_accounts", "eth_getCode", "eth_call"])
@pytest.mark.parametrize(
    "value", [None, 7, True, "", "zz", "0xzz", [], [7], {}, {"a": 1}, "0x" + "f" * 66, 1.5]
)
def test_a_result_of_another_form_is_told_in_one_line(method: str, value: object) -> None:
    good = {**ANSWERS, "eth_call": "0x" + "00" * 32}

    def answer(request: dict[str, Any]) -> bytes:
        name = request["method"]
        return result(request, value if name == method else good[name])

    with node(answer) as url:
        if method == "eth_chainId" and not isinstance(value, str | list | dict | None):
            return  # a number is a number
        with pytest.raises((L1Error, WrongContract, Reverted)) as error:
            use(url)
    if isinstance(error.value, L1Error):
        one_line(error.value, url)
    elif method == "eth_call":
        assert "bytes, not 32" in str(error.value)
    else:
        assert method == "eth_getCode"


ASKING: dict[str, Callable[[L1], object]] = {
    "eth_getBlockByNumber": lambda l1: (l1.block(), l1.block(7), l1.fees()),
    "eth_getLogs": lambda l1: l1.logs(b"\x11" * 20, 3, 9),
    "eth_getBalance": lambda l1: l1.balance(b"\x11" * 20, 7),
    "eth_getTransactionCount": lambda l1: (l1.nonce(), l1.nonce(with_waiting=True)),
    "eth_maxPriorityFeePerGas": lambda l1: l1.fees(),
    "eth_estimateGas": lambda l1: l1.estimate(b"\x11" * 20, b"\1", 7),
    "eth_getTransactionByHash": lambda l1: l1.is_known(b"\7" * 32),
    "eth_getTransactionReceipt": lambda l1: l1.mined(b"\7" * 32),
}
STRANGE: list[object] = [
    *(None, True, "", "zz", "0xzz", "-0x1", [], [7], [None], [{}], [[]], {}, {"a": 1}, 1.5, -1),
    *("0x" + "f" * 66, {"number": "0x7", "hash": "0x"}, {"hash": 7}, [{"topics": 7}]),
    {"transactionHash": "0x" + "08" * 32, "blockNumber": "0x1"},
]


@pytest.mark.filterwarnings("ignore:There was an issue with the method")
@pytest.mark.parametrize("method", ASKING)
@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(value)[:20])
def test_no_answer_about_the_chain_is_taken_for_what_it_is_not(method: str, value: object) -> None:
    """Either it has a meaning, or it is told in one line."""

    def answer(request: dict[str, Any]) -> bytes:
        name = request["method"]
        return result(request, value if name == method else ANSWERS.get(name, "0x1"))

    with node(answer) as url:
        l1 = L1.connect(url, KEY, timeout=2)
        try:
            found = ASKING[method](l1)
        except L1Error as error:
            one_line(error, url)
            return
    nothing: dict[str, object] = {"eth_getLogs": [], "eth_getTransactionByHash": False}
    if value in (None, []) and method in (*nothing, "eth_getTransactionReceipt"):
        assert found == nothing.get(method)
    else:
        assert found in (None, False, 1, (1, 1), (None, None))


def test_a_dead_node_is_told_in_one_line() -> None:
    with node(lambda request: b"") as url:
        pass
    with pytest.raises(L1Error) as error:
        L1.connect(url)
    assert str(error.value) == f"{url} cannot be reached"


def test_a_node_that_never_answers_is_given_up() -> None:
    with node(lambda request: None) as url, pytest.raises(L1Error) as error:
        L1.connect(url, timeout=0.2)
    assert str(error.value) == f"{url} cannot be used: it is too slow"


def test_an_answer_without_end_is_given_up() -> None:
    for body in (b" " * (MAX_ANSWER + 1), b'{"result": "' + b"a" * MAX_ANSWER):
        with node(lambda request, body=body: body) as url, pytest.raises(L1Error) as error:
            L1.connect(url)
        assert str(error.value) == f"{url} cannot be used: more than {MAX_ANSWER} bytes"


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://host", "http://", "/etc/passwd", "https:"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(L1Error, match="is not the http or https address of a node"):
        L1.connect(url)


def test_a_node_without_accounts_wants_a_key() -> None:
    def answer(request: dict[str, Any]) -> bytes:
        return result(request, {**ANSWERS, "eth_accounts": []}[request["method"]])

    with node(answer) as url:
        with pytest.raises(L1Error, match="no account of its own"):
            L1.connect(url)
        assert L1.connect(url, KEY).sender == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        with pytest.raises(L1Error):
            L1.connect(url, "no key")


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"eth_estimateGas": hex(1 << 25)}, "wants 33554432 gas for a transaction"),
        ({"eth_maxPriorityFeePerGas": hex(10**18)}, "wants 1000000000000000002 wei for gas"),
        ({"eth_getBlockByNumber": {"baseFeePerGas": hex(1 << 80)}}, "wei for gas"),
    ],
)
def test_a_node_does_not_decide_what_is_spent(lie: dict[str, object], message: str) -> None:
    honest: dict[str, object] = {
        **ANSWERS,
        "eth_estimateGas": "0x5208",
        "eth_getTransactionCount": "0x0",
        "eth_maxPriorityFeePerGas": "0x1",
        "eth_getBlockByNumber": {"baseFeePerGas": "0x1"},
    }
    with node(lambda request: result(request, {**honest, **lie}[request["method"]])) as url:
        l1 = L1.connect(url, KEY)
        with pytest.raises(L1Error, match=message):
            l1.send(b"\x11" * 20, b"")


def test_a_transaction_that_failed_is_told(anvil_url: str) -> None:
    l1 = L1.connect(anvil_url)
    with pytest.raises(Reverted):
        l1.deploy(bytes.fromhex("5f5ffd"))
    l1.web3.eth.estimate_gas = lambda transaction: 60_000  # type: ignore[method-assign]
    with pytest.raises(Reverted, match=r"transaction 0x\w+ failed"):
        l1.deploy(bytes.fromhex("5f5ffd"))
