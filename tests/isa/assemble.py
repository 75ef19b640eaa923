"""Assembles the instruction tests: GNU assembler sources, through zig's C preprocessor."""

from __future__ import annotations

import subprocess
from pathlib import Path

from programs.toolchain import find_zig

SOURCES = Path(__file__).parent
#: Without a C library: a test's own code, all of it, and nothing that depends on a kernel's ABI
#: but two system calls.
FLAGS = (
    *("-target", "mips-linux-musleabi", "-mcpu=mips32", "-msoft-float"),
    *("-nostdlib", "-static", "-fno-pic", "-mno-abicalls", "-g0"),
)


def sources() -> list[Path]:
    """The tests that run to their end: all but the one that is given its instruction."""
    return sorted(path for path in SOURCES.glob("*.S") if path.stem != "fault")


def assemble(source: Path, output: Path, **defines: str) -> Path:
    """A static big-endian MIPS32 executable. Raises CalledProcessError for what is no assembly."""
    definitions = [f"-D{name}={value}" for name, value in defines.items()]
    command = [*find_zig().command, "cc", *FLAGS, *definitions, "-o", str(output), str(source)]
    subprocess.run(command, check=True)
    return output
