"""EVMs of our own, without a chain: for `axonum vm verify --evm`, and for tests.

Two independent ones run the same bytes: revm (in Rust, by pyrevm) and py-evm (in Python). Gas is
that of a transaction under the rules of the Cancun fork. ``sender`` is who sends, and ``block`` the
number of the block; set them as you like. Whoever sends wei has them.
"""

from __future__ import annotations

import re

from eth_typing import Address

from contracts.abi import reverted
from contracts.chain import Log, Receipt

SENDER = b"\x11" * 20
#: More than anything takes.
GAS_LIMIT = 1 << 40
_REVM_PADDING = 33
TRANSACTION_GAS, ZERO_BYTE_GAS, BYTE_GAS = 21_000, 4, 16
#: At most this part of its gas comes back for what a transaction clears (EIP-3529).
MAX_REFUND = 5
#: EIP-7623, since Prague: no transaction costs less than this for its calldata.
ZERO_BYTE_FLOOR, BYTE_FLOOR = 10, 40


def intrinsic_gas(data: bytes) -> int:
    """The gas of a transaction that calls with ``data``, before anything is executed."""
    zeros = data.count(0)
    return TRANSACTION_GAS + ZERO_BYTE_GAS * zeros + BYTE_GAS * (len(data) - zeros)


def floor_gas(data: bytes) -> int:
    """The least gas of a transaction that calls with ``data``, since Prague."""
    zeros = data.count(0)
    return TRANSACTION_GAS + ZERO_BYTE_FLOOR * zeros + BYTE_FLOOR * (len(data) - zeros)


class Revm:
    """revm, by pyrevm.

    All that it does is one transaction to it: storage that was used once stays warm, so that the
    gas of reading it again is too low.
    """

    def __init__(self) -> None:
        from pyrevm import EVM  # here, so that who does without it need not have it

        self.evm = EVM(spec_id="CANCUN")
        self.sender = SENDER
        self.block = 1

    @property
    def block(self) -> int:
        return self._block

    @block.setter
    def block(self, number: int) -> None:
        from pyrevm import BlockEnv

        self._block = number
        self.evm.set_block_env(BlockEnv(number=number))

    def deploy(self, creation: bytes) -> bytes:
        try:
            address = bytes.fromhex(self.evm.deploy(_hex(self.sender), creation)[2:])
        except RuntimeError as error:
            raise reverted(*_revert_data(error)) from None
        return address

    def call(self, to: bytes, data: bytes) -> bytes:
        return self._run(to, data, is_static=True)

    def send(self, to: bytes, data: bytes, value: int = 0) -> Receipt:
        if value > self.balance(self.sender):
            self.evm.set_balance(_hex(self.sender), value)
        self._run(to, data, value, is_static=False)
        result = self.evm.result
        assert result is not None
        logs = (
            Log(_from_hex(log.address), tuple(map(_from_hex, log.topics)), bytes(log.data[1]))
            for log in result.logs
        )
        return Receipt(result.gas_used, tuple(logs))

    def balance(self, address: bytes) -> int:
        """The wei that an address has."""
        return int(self.evm.get_balance(_hex(address)))

    def code(self, address: bytes) -> bytes:
        # revm keeps code with zeros behind it, so that it need not look for the end.
        return bytes(self.evm.get_code(_hex(address)) or b"")[:-_REVM_PADDING]

    def _run(self, to: bytes, data: bytes, value: int = 0, *, is_static: bool) -> bytes:
        try:
            answer = self.evm.message_call(
                _hex(self.sender), _hex(to), data, value=value, is_static=is_static
            )
            return bytes(answer)
        except RuntimeError as error:
            raise reverted(*_revert_data(error)) from None


def _revert_data(error: RuntimeError) -> tuple[bytes, str]:
    """What the contract reverted with, according to pyrevm's error, and the error in words."""
    found = re.search(r"output: 0x([0-9a-f]*)", str(error))
    return bytes.fromhex(found[1] if found else ""), str(error)


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class PyEvm:
    """py-evm, the EVM in Python that eth-tester is built on."""

    def __init__(self) -> None:
        from eth.chains.base import MiningChain
        from eth.db.atomic import AtomicDB
        from eth.vm.forks.cancun import CancunVM

        chain = MiningChain.configure(
            __name__="Chain", vm_configuration=((0, CancunVM),), chain_id=1
        ).from_genesis(AtomicDB(), {"difficulty": 0, "gas_limit": GAS_LIMIT, "timestamp": 1}, {})
        self._state = chain.get_vm().state
        self._created = 0
        self.sender = SENDER
        self.block = 1

    @property
    def block(self) -> int:
        return int(self._state.block_number)

    @block.setter
    def block(self, number: int) -> None:
        self._state.execution_context._block_number = number

    def deploy(self, creation: bytes) -> bytes:
        self._created += 1
        address = b"\xcc" * 16 + self._created.to_bytes(4, "big")  # low addresses are precompiles
        self._state.set_code(Address(address), self._run(address, b"", creation)[0])
        return address

    def call(self, to: bytes, data: bytes) -> bytes:
        return self._run(to, data, self.code(to), is_static=True)[0]

    def send(self, to: bytes, data: bytes, value: int = 0) -> Receipt:
        if value > self.balance(self.sender):
            self._state.set_balance(Address(self.sender), value)
        return self._run(to, data, self.code(to), value)[1]

    def balance(self, address: bytes) -> int:
        """The wei that an address has."""
        return int(self._state.get_balance(Address(address)))

    def code(self, address: bytes) -> bytes:
        return bytes(self._state.get_code(Address(address)))

    def _run(
        self, to: bytes, data: bytes, code: bytes, value: int = 0, is_static: bool = False
    ) -> tuple[bytes, Receipt]:
        from eth.vm.message import Message

        message = Message(
            gas=GAS_LIMIT,
            to=Address(to),
            sender=Address(self.sender),
            value=value,
            data=data,
            code=code,
            code_address=Address(to),
            is_static=is_static,
        )
        sender = Address(self.sender)
        context = self._state.get_transaction_context_class()(gas_price=0, origin=sender)
        self._state.lock_changes()  # a transaction starts: addresses and slots are cold again
        self._state.mark_address_warm(sender)
        self._state.mark_address_warm(Address(to))
        computation = self._state.computation_class.apply_message(self._state, message, context)
        if computation.is_error:
            raise reverted(bytes(computation.output), str(computation.error))
        gas = intrinsic_gas(data) + int(computation.get_gas_used())
        gas -= min(int(computation.get_gas_refund()), gas // MAX_REFUND)
        logs = (
            Log(bytes(address), tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data_))
            for address, topics, data_ in computation.get_log_entries()
        )
        return bytes(computation.output), Receipt(gas, tuple(logs))
