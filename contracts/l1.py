"""L1: an Ethereum node, by JSON-RPC or embedded in this process.

What a node answers is not believed further than it must be: an answer of the wrong form, or late,
or none, is an :class:`L1Error` of one line that names the node. What a contract says when it
refuses is :class:`contracts.chain.Reverted`, as in the EVMs of our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from eth_typing import ChecksumAddress
from requests.exceptions import ConnectionError, RequestException, Timeout
from web3 import Web3
from web3.exceptions import ContractLogicError, TimeExhausted, Web3Exception
from web3.types import TxParams

from contracts.abi import reverted
from contracts.chain import Log, Receipt, Reverted
from contracts.endpoint import Endpoint

#: Seconds for one answer, and for a transaction to be mined.
ANSWER_TIMEOUT, MINING_TIMEOUT = 10.0, 120.0
#: A call runs on the node alone, so its gas costs nothing.
CALL_GAS = 10_000_000
#: What an account spends at most, in gas (EIP-7825) and in wei for each: a node says what to spend.
MAX_GAS, MAX_FEE = 1 << 24, 1000 * 10**9
#: More would be no sentence.
_MAX_MESSAGE = 200


class L1Error(Exception):
    """The node cannot be reached, is too slow, or answers what cannot be. One line."""


class L1:
    """A node, and an account on it that sends the transactions."""

    def __init__(self, web3: Web3, name: str, key: str | None = None) -> None:
        """``name`` names the node in errors. ``key``: the account's private key, in hexadecimal;
        without one, the node's own first account is used, which development nodes have.

        Raises :class:`L1Error` if the node is out of reach or has no account.
        """
        self.web3 = web3
        self.name = name
        self._account: Any = None
        with self._asking("cannot be used"):
            self.chain_id = int(web3.eth.chain_id)
            if not 0 < self.chain_id < 1 << 64:
                raise L1Error(f"{name} cannot be used: no chain has the id {self.chain_id}")
            if key is not None:
                self._account = web3.eth.account.from_key(key)
                self.sender = str(self._account.address)
            else:
                accounts = web3.eth.accounts
                if not accounts:
                    raise L1Error(f"{name} has no account of its own, and no key was given")
                self.sender = str(accounts[0])

    @classmethod
    def connect(cls, url: str, key: str | None = None, timeout: float = ANSWER_TIMEOUT) -> L1:
        """The node at ``url``, http or https. Raises :class:`L1Error`."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise L1Error(f"{url} is not the http or https address of a node")
        return cls(Web3(Endpoint(url, timeout)), url, key)

    @classmethod
    def embedded(cls) -> L1:
        """A new chain in this process, eth-tester on py-evm, with an account that has money."""
        from contracts.embedded import EmbeddedProvider  # slow to import, and seldom needed

        return cls(Web3(EmbeddedProvider()), "the embedded L1")

    def deploy(self, creation: bytes) -> bytes:
        receipt = self._transact({"data": creation})
        with self._asking("deployed a contract and does not say where"):
            return _bytes(receipt["contractAddress"], 20)

    def call(self, to: bytes, data: bytes) -> bytes:
        with self._asking("did not answer a call"):
            transaction: TxParams = {
                "from": self.sender,
                "to": _address(to),
                "data": data,
                "gas": CALL_GAS,
            }
            return bytes(self.web3.eth.call(transaction))

    def send(self, to: bytes, data: bytes, value: int = 0) -> Receipt:
        receipt = self._transact({"to": _address(to), "data": data, "value": value})
        with self._asking("gave a receipt that is none"):
            return Receipt(int(receipt["gasUsed"]), tuple(map(_log, receipt["logs"])))

    def code(self, address: bytes) -> bytes:
        with self._asking("did not say what code there is"):
            return bytes(self.web3.eth.get_code(_address(address)))

    def _transact(self, transaction: dict[str, Any]) -> dict[str, Any]:
        """The receipt of a transaction, once it is mined. Raises Reverted if it failed."""
        eth = self.web3.eth
        with self._asking("did not take a transaction"):
            # The estimate runs the transaction, so one that would fail is never sent.
            transaction = {"from": self.sender, "value": 0, **transaction}
            transaction["gas"] = eth.estimate_gas(transaction)  # type: ignore[arg-type]
            if transaction["gas"] > MAX_GAS:
                raise L1Error(f"{self.name} wants {transaction['gas']} gas for a transaction")
            if self._account is None:
                digest = eth.send_transaction(transaction)  # type: ignore[arg-type]
            else:
                transaction["chainId"] = self.chain_id
                transaction["nonce"] = eth.get_transaction_count(self._account.address, "pending")
                transaction["maxPriorityFeePerGas"] = eth.max_priority_fee
                base_fee = eth.get_block("latest")["baseFeePerGas"]
                transaction["maxFeePerGas"] = 2 * base_fee + transaction["maxPriorityFeePerGas"]
                if transaction["maxFeePerGas"] > MAX_FEE:
                    raise L1Error(f"{self.name} wants {transaction['maxFeePerGas']} wei for gas")
                signed = self._account.sign_transaction(transaction)
                digest = eth.send_raw_transaction(signed.raw_transaction)
            receipt = dict(eth.wait_for_transaction_receipt(digest, MINING_TIMEOUT, 0.02))
            if receipt.get("status") != 1:
                raise Reverted(reason=f"transaction 0x{bytes(digest).hex()} failed")
            return receipt

    @contextmanager
    def _asking(self, problem: str) -> Iterator[None]:
        """Turns whatever an answer leads to into one line."""
        try:
            yield
        except (L1Error, Reverted):
            raise
        except ContractLogicError as error:
            data = error.data if isinstance(error.data, str) else ""
            raise reverted(_from_hex(data), _line(error)) from None
        except TimeExhausted:
            limit = f"{MINING_TIMEOUT:g} s"
            raise L1Error(f"{self.name} did not mine a transaction within {limit}") from None
        except Timeout:
            raise L1Error(f"{self.name} {problem}: it is too slow") from None
        except ConnectionError:
            raise L1Error(f"{self.name} cannot be reached") from None
        # What web3 raises for an answer that it cannot read depends on where it stumbles.
        except (
            *(Web3Exception, RequestException, OSError),
            *(ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError),
        ) as error:
            raise L1Error(f"{self.name} {problem}: {_line(error)}") from None


def _log(log: Any) -> Log:
    topics = tuple(bytes(topic) for topic in log["topics"])
    return Log(_bytes(log["address"], 20), topics, bytes(log["data"]))


def _address(address: bytes) -> ChecksumAddress:
    return Web3.to_checksum_address(f"0x{address.hex()}")


def _bytes(value: Any, size: int) -> bytes:
    data = _from_hex(str(value))
    if len(data) != size:
        raise ValueError(f"{size} bytes expected, not {value!r}")
    return data


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _line(error: Exception) -> str:
    """The first line of what an error says, or its name; a node may say a lot."""
    said = error.message if isinstance(error, ContractLogicError) else str(error)
    lines = str(said).splitlines() or [type(error).__name__]
    return lines[0][:_MAX_MESSAGE]
