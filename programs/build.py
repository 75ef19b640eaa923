"""Builds the guests: `python -m programs.build [NAME…] [--native] [--check | --record]`.

For the VM into `programs/build/NAME.elf`, for this machine into `programs/build/native/NAME`. The
sha256 of every guest is recorded in `programs/hashes.json`: they decide the genesis states, so a
guest that differs is another program. What is up to date is not built again.
"""

import argparse
import fcntl
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs.recipes import GUESTS, NATIVE, Recipe
from programs.toolchain import CHECKOUT, TOOLS, Tool, ToolError, find_go, find_zig

RECORD = Path("programs/hashes.json")

#: What the compilers may take from the user's environment: where things are, never what to make.
GO_LOCATIONS = frozenset(
    (
        *("GOCACHE", "GOMODCACHE", "GOPATH", "GOTMPDIR"),
        *("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB"),
    )
)


class BuildError(Exception):
    """A program could not be built; one line says which and why."""


def build(name: str, native: bool = False, checkout: Path = CHECKOUT) -> Path:
    """Builds one program, if it is not up to date, and returns its path.

    Raises BuildError for an unknown name and for what the compiler refuses, ToolError if there is
    no compiler.
    """
    recipes = NATIVE if native else GUESTS
    if name not in recipes:
        raise BuildError(f"{name}: no such program; there are {', '.join(recipes)}")
    folder = checkout / "programs/build" / ("native" if native else "")
    output = folder / (name if native else f"{name}.elf")
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / ".lock"):
        refresh(recipes[name], checkout, output)
    return output


def refresh(recipe: Recipe, checkout: Path, output: Path) -> None:
    """Makes `output` what the recipe says, doing nothing if it is that already."""
    tool = find_tool(recipe.tool)
    stamp = output.with_name(f".{output.name}.stamp")
    wanted = fingerprint(recipe, tool, checkout)
    if output.exists() and stamp.exists() and stamp.read_text() == f"{wanted} {sha256(output)}\n":
        return
    started = time.monotonic()
    print(f"{output.relative_to(checkout)}: building", flush=True)
    scratch = output.with_name(f".{output.name}.new")
    compile_program(recipe, tool, checkout, scratch)
    # The stamp goes first: cut off between the two, it matches neither the old output nor none.
    stamp.write_text(f"{wanted} {sha256(scratch)}\n")
    scratch.replace(output)
    size, seconds = output.stat().st_size >> 10, time.monotonic() - started
    print(f"{output.relative_to(checkout)}: {size} KiB in {seconds:.1f} s", flush=True)


def compile_program(recipe: Recipe, tool: Tool, checkout: Path, output: Path) -> None:
    """Runs the compiler. What it says goes to stderr."""
    if not recipe.input_files(checkout):
        raise BuildError(f"{recipe.name}: no sources in {checkout / recipe.folder}")
    run = subprocess.run(
        [*tool.command, *recipe.command(checkout, output)],
        cwd=checkout / recipe.folder,
        env=compiler_environment(recipe),
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if run.returncode != 0:
        raise BuildError(f"{recipe.name}: {recipe.tool} failed with exit code {run.returncode}")


def compiler_environment(recipe: Recipe) -> dict[str, str]:
    """The user's environment without Go's settings, and with the recipe's."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GO", "CGO_")) or key in GO_LOCATIONS
    }
    # Both compilers keep their caches below the home directory, which a service may not have.
    environment.setdefault("HOME", str(TOOLS / "home"))
    return (
        environment | {"GOTOOLCHAIN": "local", "GOENV": "off", "GOWORK": "off"} | recipe.environment
    )


@functools.cache
def find_tool(name: str) -> Tool:
    """The compiler, looked for once."""
    if name == "zig":
        return find_zig()
    TOOLS.mkdir(exist_ok=True)
    with lock(TOOLS / ".lock"):  # Two fetches into one file would spoil both.
        return find_go()


def fingerprint(recipe: Recipe, tool: Tool, checkout: Path) -> str:
    """A hash over everything that decides the output."""
    digest = hashlib.sha256(repr((recipe, tool.version)).encode())
    for path in recipe.input_files(checkout):
        name = str(path.relative_to(checkout))
        digest.update(f"{name} {sha256(path)}\n".encode())
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The file's sha256, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keeps other builds out: parallel tests ask for the same programs."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def recorded(checkout: Path = CHECKOUT) -> dict[str, str]:
    """The recorded sha256 of every guest, by name."""
    path = checkout / RECORD
    if not path.exists():
        return {}
    try:
        return {str(name): str(digest) for name, digest in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError):
        raise BuildError(f"{RECORD}: not a table of hashes") from None


def record(hashes: dict[str, str], checkout: Path = CHECKOUT) -> None:
    """Writes these guests' hashes over the recorded ones."""
    known = {name: digest for name, digest in recorded(checkout).items() if name in GUESTS}
    table = dict(sorted((known | hashes).items()))
    (checkout / RECORD).write_text(json.dumps(table, indent=2) + "\n")


def differences(hashes: dict[str, str], checkout: Path = CHECKOUT) -> list[str]:
    """One line for each of these guests that is not as recorded."""
    known = recorded(checkout)
    return [
        f"{name}: sha256 {digest}, recorded is {known.get(name, 'none')}"
        for name, digest in hashes.items()
        if digest != known.get(name)
    ]


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="programs.build", description="Builds the guests.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(GUESTS)}")
    parser.add_argument("--all", action="store_true", help="every program (without a NAME, too)")
    parser.add_argument("--native", action="store_true", help="also for this machine")
    hashes = parser.add_mutually_exclusive_group()
    hashes.add_argument("--check", action="store_true", help="fail if a hash is not as recorded")
    hashes.add_argument("--record", action="store_true", help=f"write the hashes to {RECORD}")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, checkout: Path) -> int:
    """Does what the options say; 1 if --check finds a difference, else 0."""
    names = list(GUESTS) if options.all or not options.names else options.names
    hashes = {name: sha256(build(name, checkout=checkout)) for name in names}
    if options.native:
        for name in names:
            if name in NATIVE:
                build(name, native=True, checkout=checkout)
    if options.record:
        record(hashes, checkout)
        return 0
    different = differences(hashes, checkout)
    for line in different:
        print(f"programs.build: {line}", file=sys.stderr)
    return 1 if options.check and different else 0


def main(arguments: list[str] | None = None, checkout: Path = CHECKOUT) -> int:
    """The command: 0, 1 for a difference, 2 for whatever kept it from building."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    try:
        return run(options, checkout)
    except (BuildError, ToolError, OSError) as error:
        print(f"programs.build: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
