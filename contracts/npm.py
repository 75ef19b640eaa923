"""Tools from the npm registry, each in exactly one version, known by its hash; npm itself and Node
are not needed.

They are what developers need: the Solidity compiler to rebuild the artifacts, and a node (anvil) to
test against. Running needs neither.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / ".tools"
DEFAULT_REGISTRY = "https://registry.npmjs.org"
FETCH_TIMEOUT = 60.0


class ToolError(Exception):
    """A tool is missing and could not be fetched, or is not what it should be: one line."""


@dataclass(frozen=True)
class Package:
    """A package of the registry: ``integrity`` is the sha512 of its archive, as npm writes it."""

    name: str
    version: str
    integrity: str

    @property
    def path(self) -> str:
        """Where the archive is in a registry."""
        return f"{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"


SOLC = Package(
    "solc",
    "0.8.37",
    "ieUYdPDRGNKMsZpCfi9tY64Q+ASoL8tyhLuvf9cFiqDs+6ijlx8Wn2CRi0N71AlCvRx0V092rlUYu3b3PuxWlA==",
)
#: By operating system and machine.
ANVIL = {
    "linux x86_64": Package(
        "@foundry-rs/anvil-linux-amd64",
        "1.7.1",
        "+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
    ),
    "linux aarch64": Package(
        "@foundry-rs/anvil-linux-arm64",
        "1.7.1",
        "ykHJmFOGdBR8+9smOKBm9ZZDCCCkLQctiHOAddLvmYx9mPeBDMfq6jP51hKYsO5MG8ClPLSlWe+JpiXPjoXgBQ==",
    ),
}


def soljson(tools: Path = TOOLS) -> Path:
    """The Solidity compiler as JavaScript. Raises ToolError."""
    return member(SOLC, "package/soljson.js", tools)


def anvil(tools: Path = TOOLS) -> Path:
    """The program of the Ethereum node. Raises ToolError, also where there is none to be had."""
    here = f"{platform.system().lower()} {platform.machine().lower()}"
    if here not in ANVIL:
        raise ToolError(f"anvil: no package is pinned for {here}, only for {', '.join(ANVIL)}")
    return member(ANVIL[here], "package/bin/anvil", tools)


def member(package: Package, name: str, tools: Path) -> Path:
    """One file of a package, from an earlier fetch or fetched now. Raises ToolError."""
    folder = tools / package.name.replace("/", "_") / package.version
    path = folder / Path(name).name
    if not path.exists():
        content = extract(package, fetch(package), name)
        folder.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: cut off, or two at once, there is never half a tool.
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        scratch.write_bytes(content)
        scratch.chmod(0o755)
        scratch.replace(path)
    return path


def fetch(package: Package) -> bytes:
    """The package's archive, verified. The registry is npm's, or what npm's own variable names."""
    registry = os.environ.get("NPM_CONFIG_REGISTRY") or DEFAULT_REGISTRY
    url = f"{registry.rstrip('/')}/{package.path}"
    if not url.startswith(("https://", "http://")):
        raise ToolError(f"NPM_CONFIG_REGISTRY={registry} is no URL")
    print(f"{package.name}: fetching {url}", file=sys.stderr, flush=True)
    try:
        with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT) as response:
            archive = bytes(response.read())
    except (OSError, ValueError) as error:
        raise ToolError(f"{package.name} {package.version} is not to be had: {error}") from None
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != package.integrity:
        raise ToolError(f"{url}: sha512 {found}, not {package.integrity}")
    return archive


def extract(package: Package, archive: bytes, name: str) -> bytes:
    """The file ``name`` of an archive that has been verified."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as bundle:
        try:
            file = bundle.extractfile(name)
        except KeyError:
            file = None
        if file is None:
            raise ToolError(f"{package.name} {package.version} has no file {name}")
        return file.read()
