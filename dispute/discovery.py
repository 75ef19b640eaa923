"""A dispute contract of which only the address is known: its terms are asked for, and then checked.

What a contract says of itself is worth nothing by itself. So it is only taken as a guess, of which
the code at the address must be that of our contract on just those terms (:mod:`dispute.client`).
"""

from __future__ import annotations

from contracts.abi import call_data, words
from contracts.chain import Chain, Reverted
from contracts.clients import PreimageOracle, Step, WrongContract
from dispute.boundaries import find_boundary
from dispute.client import DisputeContract
from dispute.table import MAX_LEVELS, Level, Table, Terms, TermsError


def discover(chain: Chain, address: bytes) -> DisputeContract:
    """The contract at an address, with its table and its step contract.

    Raises :class:`contracts.clients.WrongContract`, of one line, unless it is ours.
    """
    if not chain.code(address):
        raise WrongContract(f"there is no contract at 0x{address.hex()}")
    try:
        table = _table(chain, address)
        step = _address(_ask(chain, address, "STEP()", 1)[0])
        oracle = _address(_ask(chain, step, "ORACLE()", 1)[0])
    except (Reverted, TermsError, OverflowError) as error:
        message = f"the contract at 0x{address.hex()} is no dispute contract: {error}"
        raise WrongContract(message) from None
    attached = Step.attach(chain, step, PreimageOracle.attach(chain, oracle))
    return DisputeContract.attach(chain, address, table, attached)


def _table(chain: Chain, address: bytes) -> Table:
    *times, bounty, sink = _ask(chain, address, "terms()", 6)
    confirm_after, censorship, delay, compute = map(_number, times)
    terms = Terms(confirm_after, censorship, delay, compute, _number(bounty), _address(sink))
    answer = chain.call(address, call_data("levels()"))
    count = (len(answer) // 32 - 2) // 3
    if not 1 <= count <= MAX_LEVELS:
        raise Reverted(reason=f"a dispute has 1 to {MAX_LEVELS} levels")
    rows = words(answer, 2 + 3 * count)[2:]
    levels = []
    for height, boundary, stake in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        found = find_boundary(chain, _address(boundary))
        levels.append(Level(_number(height), found, _number(stake)))
    return Table(tuple(levels), terms)


def _ask(chain: Chain, address: bytes, signature: str, count: int) -> list[bytes]:
    return words(chain.call(address, call_data(signature)), count)


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _address(word: bytes) -> bytes:
    if any(word[:12]):
        raise Reverted(reason=f"0x{word.hex()} is no address")
    return word[12:]
