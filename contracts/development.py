"""What only development chains let one do: mine when told to, and give out money.

For the embedded L1 and for development nodes such as anvil. Any other node refuses.
"""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.types import RPCEndpoint, Wei

from contracts.l1 import L1, L1Error


def mine(l1: L1, blocks: int = 1) -> None:
    """Mine so many blocks; the first has the transactions that are waiting."""
    for _ in range(blocks):
        request(l1, "evm_mine")


def mine_on_demand(l1: L1) -> None:
    """From here on, transactions wait until :func:`mine`."""
    request(l1, "evm_setAutomine", False)


def mine_at_once(l1: L1) -> None:
    """From here on, each transaction gets a block of its own at once."""
    request(l1, "evm_setAutomine", True)


def fund(l1: L1, address: bytes, wei: int) -> None:
    """Give somebody money of the node's own first account. It has to be mined."""
    to, giver = Web3.to_checksum_address(f"0x{address.hex()}"), l1.web3.eth.accounts[0]
    l1.web3.eth.send_transaction({"from": giver, "to": to, "value": Wei(wei), "gas": 21_000})


def request(l1: L1, method: str, *arguments: object) -> Any:
    """The result of a call of JSON-RPC. Raises :class:`contracts.l1.L1Error` if there is none."""
    answer = l1.web3.provider.make_request(RPCEndpoint(method), list(arguments))
    if "result" not in answer:
        raise L1Error(f"{l1.name} does not do {method}: {answer.get('error')}")
    return answer["result"]
