"""The switch between compiled and interpreted kernels.

Kernels are plain Python functions over numpy arrays. Normally numba compiles them, once per
machine. With ``AXONUM_PURE=1`` in the environment they run as they are written: slow, and the same
results, which the tests check. The fast engine's callbacks cannot run that way.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

#: Where kernels are, and the constants that are compiled into them.
_SOURCES = ("fpvm/*.py", "mlvm/kernels/*.py")

P = ParamSpec("P")
R = TypeVar("R")

#: True if kernels are interpreted.
PURE = os.environ.get("AXONUM_PURE") == "1"


@cache
def use_code_cache() -> None:
    """Let numba keep its machine code in a folder that belongs to exactly these sources.

    numba alone looks only at the age of the module that a kernel is in, and would go on with old
    machine code after a change to a constant in another one.
    """
    from numba import config

    digest = sha256()
    for pattern in _SOURCES:
        for source in sorted(Path(__file__).parent.parent.glob(pattern)):
            digest.update(source.read_bytes())
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    config.CACHE_DIR = str(caches / "axonum" / digest.hexdigest()[:16])


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile ``function``; it releases the interpreter lock and its machine code is cached."""
    return _njit(function, nogil=True, cache=True)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile ``function`` into each kernel that calls it, so that its arguments are constants."""
    return _njit(function, inline="always")


def _njit(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    if PURE:
        return function
    from numba import njit

    use_code_cache()
    return njit(**options)(function)  # type: ignore[no-any-return]
