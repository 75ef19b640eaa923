"""L1: an Ethereum node, by JSON-RPC or embedded in this process.

What a node answers is not believed further than it must be: an answer of the wrong form, or late,
or none, is an :class:`L1Error` of one line that names the node. What a contract says when it
refuses is :class:`contracts.chain.Reverted`, as in the EVMs of our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from eth_typing import BlockNumber, ChecksumAddress
from hexbytes import HexBytes
from requests.exceptions import ConnectionError, RequestException, Timeout
from web3 import Web3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TimeExhausted,
    TransactionNotFound,
    Web3Exception,
)
from web3.types import BlockIdentifier, FilterParams, TxParams, Wei

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


@dataclass(frozen=True, slots=True)
class Block:
    """The head of a block. ``base_fee``: what a transaction in it pays at least, in wei for each
    gas."""

    number: int
    hash: bytes
    timestamp: int
    base_fee: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log, and where it is: in which block, and by how manieth transaction and log, from 0."""

    log: Log
    block: int
    block_hash: bytes
    transaction: int
    index: int


@dataclass(frozen=True, slots=True)
class Mined:
    """What became of a transaction: in which block it is, and what it cost, in gas and in wei."""

    block: int
    succeeded: bool
    gas_used: int
    cost: int


@dataclass(frozen=True, slots=True)
class Fees:
    """Wei for each gas: at most, and of it to whoever mines."""

    most: int
    priority: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction. ``digest`` names it, before any node has seen it."""

    digest: bytes
    raw: bytes


@dataclass(frozen=True)
class Past:
    """What the contracts of an L1 answered after a block; a :class:`contracts.chain.Chain` to
    ask."""

    l1: L1
    block: int

    def call(self, to: bytes, data: bytes) -> bytes:
        return self.l1.call(to, data, self.block)

    def code(self, address: bytes) -> bytes:
        return self.l1.code(address, self.block)

    def deploy(self, creation: bytes) -> bytes:
        raise TypeError("the past cannot be changed")

    def send(self, to: bytes, data: bytes, value: int = 0) -> Receipt:
        raise TypeError("the past cannot be changed")


class L1:
    """A node, and an account on it that sends the transactions."""

    def __init__(self, web3: Web3, name: str, key: str | None = None) -> None:
        """``name`` names the node in errors. ``key``: the account's private key, in hexadecimal;
        without one, the node's own first account is used, which development nodes have.

        Raises :class:`L1Error` if the node is out of reach or has no account.
        """
        self.web3 = web3
        # It asks which chain it is before every call, and checks less than we do.
        if "validation" in web3.middleware_onion:
            web3.middleware_onion.remove("validation")
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

    def with_key(self, key: str) -> L1:
        """The same node, with another account."""
        return L1(self.web3, self.name, key)

    # --- Contracts ---

    def deploy(self, creation: bytes) -> bytes:
        receipt = self._transact({"data": creation})
        with self._asking("deployed a contract and does not say where"):
            return _bytes(receipt["contractAddress"], 20)

    def call(self, to: bytes, data: bytes, block: int | None = None) -> bytes:
        with self._asking("did not answer a call"):
            transaction: TxParams = {
                "from": self.sender,
                "to": _address(to),
                "data": data,
                "gas": CALL_GAS,
            }
            return bytes(self.web3.eth.call(transaction, _at(block)))

    def send(self, to: bytes, data: bytes, value: int = 0) -> Receipt:
        receipt = self._transact({"to": _address(to), "data": data, "value": value})
        with self._asking("gave a receipt that is none"):
            return Receipt(int(receipt["gasUsed"]), tuple(map(_log, receipt["logs"])))

    def code(self, address: bytes, block: int | None = None) -> bytes:
        with self._asking("did not say what code there is"):
            return bytes(self.web3.eth.get_code(_address(address), _at(block)))

    def at(self, block: int) -> Past:
        """The contracts as they were after a block."""
        return Past(self, block)

    # --- Following the chain ---

    def block(self, number: int | None = None) -> Block | None:
        """A block's head, by default the newest's; None if there is no such block (yet)."""
        with self._asking("did not say what block there is"):
            try:
                found = self.web3.eth.get_block(_at(number))
            except BlockNotFound:
                return None
            head = Block(
                _number(found["number"]),
                _word(found["hash"]),
                _number(found["timestamp"]),
                _number(found.get("baseFeePerGas", 0)),
            )
            if number not in (None, head.number):
                raise ValueError(f"block {head.number} is not block {number}")
            return head

    def logs(self, address: bytes, first: int, last: int) -> list[LogEntry]:
        """What a contract logged in the blocks from ``first`` to ``last``, in order.

        Raises :class:`L1Error` if the node answers with anything else: logs of other contracts or
        blocks, logs that have been removed, two in one place.
        """
        with self._asking("gave logs that are none"):
            query: FilterParams = {
                "address": _address(address),
                "fromBlock": BlockNumber(first),
                "toBlock": BlockNumber(last),
            }
            entries = [_log_entry(log) for log in self.web3.eth.get_logs(query)]
            entries.sort(key=_place)
            for entry in entries:
                if entry.log.address != address:
                    raise ValueError(f"a log of the contract 0x{entry.log.address.hex()}")
                if not first <= entry.block <= last:
                    raise ValueError(f"a log of block {entry.block}, not {first} to {last}")
            for before, after in pairwise(entries):
                if _place(before) == _place(after):
                    raise ValueError(f"two logs {after.index} in block {after.block}")
                if before.block == after.block and before.block_hash != after.block_hash:
                    raise ValueError(f"logs of two blocks {after.block}")
            return entries

    def balance(self, address: bytes, block: int | None = None) -> int:
        """The wei that an address has."""
        with self._asking("did not say what there is on an account"):
            return _number(self.web3.eth.get_balance(_address(address), _at(block)))

    # --- Transactions that are not waited for ---

    @property
    def address(self) -> bytes:
        """The account's address."""
        return bytes.fromhex(self.sender[2:])

    def nonce(self, *, with_waiting: bool = False) -> int:
        """How many transactions of the account have been mined; or have been sent, as far as the
        node knows."""
        with self._asking("did not say how many transactions there are"):
            block: BlockIdentifier = "pending" if with_waiting else "latest"
            return _number(self.web3.eth.get_transaction_count(_address(self.address), block))

    def fees(self) -> Fees:
        """What the node thinks a transaction should pay now."""
        with self._asking("did not say what gas costs"):
            priority = _number(self.web3.eth.max_priority_fee)
            base_fee = _number(self.web3.eth.get_block("latest")["baseFeePerGas"])
            return Fees(2 * base_fee + priority, priority)

    def estimate(self, to: bytes, data: bytes, value: int = 0) -> int:
        """The gas that a transaction takes. Raises Reverted if it would fail."""
        with self._asking("did not say how much gas a transaction takes"):
            transaction: TxParams = {
                "from": _address(self.address),
                "to": _address(to),
                "data": data,
                "value": Wei(value),
            }
            return _number(self.web3.eth.estimate_gas(transaction))

    def sign(
        self, to: bytes, data: bytes, value: int, *, nonce: int, gas: int, fees: Fees
    ) -> Transaction:
        """A transaction, to be sent by :meth:`submit`. Raises :class:`L1Error` without a key."""
        if self._account is None:
            raise L1Error(f"{self.name}: to sign transactions takes a key")
        signed = self._account.sign_transaction(
            {
                "chainId": self.chain_id,
                "to": _address(to),
                "data": data,
                "value": value,
                "nonce": nonce,
                "gas": gas,
                "maxFeePerGas": fees.most,
                "maxPriorityFeePerGas": fees.priority,
            }
        )
        return Transaction(bytes(signed.hash), bytes(signed.raw_transaction))

    def submit(self, transaction: Transaction) -> None:
        """Give the node a transaction; it may be mined some day."""
        with self._asking("did not take a transaction"):
            self.web3.eth.send_raw_transaction(transaction.raw)

    def is_known(self, digest: bytes) -> bool:
        """Whether the node has a transaction, mined or waiting."""
        with self._asking("did not say whether it has a transaction"):
            try:
                return _word(self.web3.eth.get_transaction(HexBytes(digest))["hash"]) == digest
            except TransactionNotFound:
                return False

    def mined(self, digest: bytes) -> Mined | None:
        """What became of a transaction, if it has been mined."""
        with self._asking("gave a receipt that is none"):
            try:
                receipt = self.web3.eth.get_transaction_receipt(HexBytes(digest))
            except TransactionNotFound:
                return None
            if _word(receipt["transactionHash"]) != digest:
                raise ValueError("that of another transaction")
            gas = _number(receipt["gasUsed"])
            price = _number(receipt["effectiveGasPrice"])
            succeeded = _number(receipt["status"]) == 1
            return Mined(_number(receipt["blockNumber"]), succeeded, gas, gas * price)

    # --- Transactions that are waited for ---

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


def _at(block: int | None) -> BlockIdentifier:
    return "latest" if block is None else BlockNumber(block)


def _number(value: Any) -> int:
    """A number of 256 bits, which a node has written as one."""
    number = _from_quantity(value) if isinstance(value, str) else int(value)
    if isinstance(value, bool | float) or not 0 <= number < 1 << 256:
        raise ValueError(f"{value!r} is no number")
    return number


def _from_quantity(text: str) -> int:
    return int(text, 16)


def _word(value: Any) -> bytes:
    word = bytes(value)
    if len(word) != 32:
        raise ValueError(f"a hash of {len(word)} bytes")
    return word


def _log_entry(log: Any) -> LogEntry:
    if log.get("removed"):
        raise ValueError("a log that has been removed")
    return LogEntry(
        _log(log),
        _number(log["blockNumber"]),
        _word(log["blockHash"]),
        _number(log["transactionIndex"]),
        _number(log["logIndex"]),
    )


def _place(entry: LogEntry) -> tuple[int, int, int]:
    """The transaction counts, too: eth-tester counts the logs of each one anew."""
    return entry.block, entry.transaction, entry.index


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
