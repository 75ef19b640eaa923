"""Step contracts to test, each with an oracle that nobody else loads."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from contracts.clients import Step
from contracts.evm import PyEvm, Revm
from contracts.l1 import L1, L1Error
from contracts.npm import anvil

START_TIMEOUT = 30.0


@pytest.fixture
def step() -> Step:
    """The step contract in revm."""
    return Step.deploy(Revm())


@pytest.fixture(params=[Revm, PyEvm], ids=["revm", "py-evm"])
def any_step(request: pytest.FixtureRequest) -> Step:
    """The step contract, in either EVM."""
    return Step.deploy(request.param())


@pytest.fixture(scope="session")
def anvil_url() -> Iterator[str]:
    """A real node, of which nobody but this process knows."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    # Under Cancun's rules, as the table of gas.
    node = subprocess.Popen([anvil(), "--port", str(port), "--silent", "--hardfork", "cancun"])
    try:
        wait_for(url, node)
        yield url
    finally:
        node.terminate()
        node.wait(START_TIMEOUT)


def wait_for(url: str, node: subprocess.Popen[bytes]) -> None:
    """Until the node answers."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            L1.connect(url)
        except L1Error:
            if node.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
