"""An L1 in this process: eth-tester on py-evm, of the fork that eth-tester takes for the newest."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from eth_tester.exceptions import ValidationError as Misuse
from eth_utils.exceptions import ValidationError
from hexbytes import HexBytes
from web3 import EthereumTesterProvider
from web3.exceptions import ContractLogicError
from web3.types import RPCEndpoint, RPCResponse

from fpvm.keccak import keccak256

_PREFIX = "execution reverted: "
#: A transaction replaces one of the same nonce if it pays so many hundredths more.
_REPLACEMENT = 10


class EmbeddedProvider(EthereumTesterProvider):
    """eth-tester, which says as real nodes do what a contract reverted with; and which lets
    transactions wait until it is told to mine (``evm_setAutomine``), as development nodes do."""

    def __init__(self) -> None:
        self._chain: Any = EthereumTester(PyEVMBackend())
        super().__init__(self._chain)
        self.waiting: dict[tuple[str, int], Waiting] = {}
        self._own: dict[str, Callable[..., Any]] = {
            "evm_setAutomine": self._set_automine,
            "evm_mine": self._mine,
            "eth_sendRawTransaction": self._take,
            "eth_getTransactionCount": self._count,
            "eth_getTransactionByHash": self._find,
        }

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        try:
            own = self._own.get(method)
            result = own(*params) if own else None
            if result is not None:
                return {"jsonrpc": "2.0", "id": 0, "result": result}
            return super().make_request(method, params)
        except TransactionFailed as error:
            message = str(error)
            data = _literal(message.removeprefix(_PREFIX))
            raise ContractLogicError(message, data=f"0x{data.hex()}") from None
        except (ValidationError, Misuse) as error:
            raise ValueError(str(error)) from None

    # --- Transactions that wait: each function answers, or leaves it to eth-tester by None ---

    def _set_automine(self, is_on: bool) -> bool:
        self._chain.auto_mine_transactions = is_on
        return is_on

    def _take(self, raw: Any) -> HexBytes | None:
        if self._chain.auto_mine_transactions:
            return None
        arrived = Waiting.read(HexBytes(raw))
        if arrived.nonce < self._mined_count(arrived.sender):
            raise ValueError("nonce too low")
        before = self.waiting.get((arrived.sender, arrived.nonce))
        if before == arrived:
            raise ValueError("already known")
        if before and arrived.fee * 100 < before.fee * (100 + _REPLACEMENT):
            raise ValueError("replacement transaction underpriced")
        self.waiting[arrived.sender, arrived.nonce] = arrived
        return arrived.digest

    def _mine(self) -> str:
        """A block with as many of those that wait as can be in it."""
        for key, waiting in sorted(self.waiting.items(), key=lambda item: item[0][1]):
            try:
                self._chain.backend.send_raw_transaction(bytes(waiting.raw))
                del self.waiting[key]
            except (ValidationError, Misuse):
                if waiting.nonce < self._mined_count(waiting.sender):
                    del self.waiting[key]
        self._chain.mine_blocks(1)
        return "0x0"

    def _count(self, address: str, block: Any = "latest") -> str | None:
        if block != "pending":
            return None
        count = self._mined_count(address)
        while (address, count) in self.waiting:
            count += 1
        return hex(count)

    def _mined_count(self, address: str) -> int:
        return int(self._chain.get_nonce(address))

    def _find(self, digest: Any) -> dict[str, Any] | None:
        found = any(waiting.digest == HexBytes(digest) for waiting in self.waiting.values())
        return {"hash": HexBytes(digest)} if found else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction that has not been mined."""

    sender: str
    nonce: int
    fee: int
    digest: HexBytes
    raw: HexBytes

    @classmethod
    def read(cls, raw: HexBytes) -> Waiting:
        fields = TypedTransaction.from_bytes(raw).as_dict()
        sender = str(Account.recover_transaction(raw))
        digest = HexBytes(keccak256(raw))
        return cls(sender, fields["nonce"], fields["maxFeePerGas"], digest, raw)


def _literal(text: str) -> bytes:
    """The bytes in eth-tester's message, which has them as Python writes them; none, if it has
    words."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return b""
    return value if isinstance(value, bytes) else b""
