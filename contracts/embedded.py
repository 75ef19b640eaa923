"""An L1 in this process: eth-tester on py-evm, of the fork that eth-tester takes for the newest."""

from __future__ import annotations

import ast
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.exceptions import TransactionFailed
from web3 import EthereumTesterProvider
from web3.exceptions import ContractLogicError
from web3.types import RPCEndpoint, RPCResponse

_PREFIX = "execution reverted: "


class EmbeddedProvider(EthereumTesterProvider):
    """eth-tester, which says as real nodes do what a contract reverted with."""

    def __init__(self) -> None:
        super().__init__(EthereumTester(PyEVMBackend()))

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        try:
            return super().make_request(method, params)
        except TransactionFailed as error:
            message = str(error)
            data = _literal(message.removeprefix(_PREFIX))
            raise ContractLogicError(message, data=f"0x{data.hex()}") from None


def _literal(text: str) -> bytes:
    """The bytes in eth-tester's message, which has them as Python writes them; none, if it has
    words."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return b""
    return value if isinstance(value, bytes) else b""
