"""A node's JSON-RPC endpoint over HTTP, of which nothing is taken on trust: neither the size of an
answer, nor its depth, nor that it ever ends."""

from __future__ import annotations

import re
import time
from typing import Any

import requests
from requests.utils import get_environ_proxies
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

#: The longest answer, in bytes; a receipt or a contract's code is far from it.
MAX_ANSWER = 4 << 20
#: The deepest nesting. Python's own JSON reader recurses, and libraries raise its limit so far that
#: it can overflow the stack.
MAX_DEPTH = 100
_BLOCK = 1 << 16
_BRACKET = re.compile(rb"[][{}]")


class BadAnswer(ValueError):
    """What the endpoint sent is no answer."""


class Endpoint(JSONBaseProvider):
    """Sends web3's requests to ``url``. An answer has to be complete after ``timeout`` seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self._url, self._timeout = url, timeout
        self._session = requests.Session()
        # It would look into the environment for a proxy at every request.
        self._session.proxies.update(get_environ_proxies(url))
        self._session.trust_env = False

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        request = self.encode_rpc_request(method, params)
        raw = self._post(request)
        check_depth(raw)
        return self.decode_rpc_response(raw)

    def _post(self, request: bytes) -> bytes:
        deadline = time.monotonic() + self._timeout
        with self._session.post(
            self._url,
            data=request,
            headers={"Content-Type": "application/json"},
            timeout=self._timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            response.raise_for_status()
            answer = bytearray()
            while block := response.raw.read1(_BLOCK, decode_content=True):
                answer += block
                if len(answer) > MAX_ANSWER:
                    raise BadAnswer(f"more than {MAX_ANSWER} bytes")
                if time.monotonic() > deadline:
                    raise requests.Timeout
        return bytes(answer)


def check_depth(raw: bytes) -> None:
    """Raises BadAnswer if ``raw`` is nested too deep. Brackets in strings are counted too: no
    answer of a node has so many."""
    depth = 0
    for bracket in _BRACKET.findall(raw):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BadAnswer("nested too deep")
