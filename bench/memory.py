"""The root of memory: from nothing, and after some pages have changed."""

from __future__ import annotations

import random

from bench.measure import Row, median_seconds
from fpvm.memory import Memory
from fpvm.merkle import PAGE_SIZE

FIRST = 0x1000_0000
MEGABYTE = 1 << 20
#: The Cartesi machine's figures, for scale (bench/README.md, "Peers"), by size and dirty pages.
CARTESI = {(62, 0): 202.0, (62, 1000): 11.0}


def measure() -> list[Row]:
    rows = []
    for size in (16, 62, 64, 256):
        rng = random.Random(size)
        content = rng.randbytes(size * MEGABYTE)

        def filled(content: bytes = content) -> Memory:
            memory = Memory()
            memory.write(FIRST, content)
            return memory

        whole = median_seconds(lambda memory: memory.root(), filled)
        rows.append(_row(size, 0, whole))
        hashed = filled()
        hashed.root()
        for dirty in (100, 1000):

            def overwritten(
                memory: Memory = hashed, dirty: int = dirty, size: int = size
            ) -> Memory:
                for _ in range(dirty):
                    page = random.randrange(size * MEGABYTE // PAGE_SIZE)
                    memory.write(FIRST + page * PAGE_SIZE, random.randbytes(PAGE_SIZE))
                return memory

            rows.append(_row(size, dirty, median_seconds(lambda m: m.root(), overwritten, 5)))
    return rows


def _row(size: int, dirty: int, seconds: float) -> Row:
    return {
        "memory, MB": size,
        "dirty pages": dirty or "all",
        "ms": seconds * 1e3,
        "Cartesi, ms": CARTESI.get((size, dirty), ""),
    }
