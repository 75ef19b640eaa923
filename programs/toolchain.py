"""The two compilers that build the guests: Go and zig, each in exactly one version.

The version decides the bytes of a program and so its genesis state, hence the exact match. Go's
version is the `toolchain` line of `programs/examples/go.mod`: a `go` on PATH is used if it is that
one, otherwise Go's own toolchain archive is fetched from the module proxy into `.tools/go`. Zig
comes from the Python package `ziglang`.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
TOOLS = CHECKOUT / ".tools"
GO_MOD = CHECKOUT / "programs/examples/go.mod"
ZIG_VERSION = "0.17.1"

#: sha256 of the toolchain archives, by their version in the module golang.org/toolchain. They were
#: checked against sum.golang.org. An archive that is not listed is not trusted.
GO_ARCHIVES = {
    "v0.0.1-go1.26.8.linux-amd64": (
        "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7"
    ),
    "v0.0.1-go1.26.8.linux-arm64": (
        "02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99"
    ),
}
GO_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
DEFAULT_PROXY = "https://proxy.golang.org"
FETCH_BLOCK = 1 << 20
FETCH_TIMEOUT = 60.0


class ToolError(Exception):
    """A compiler is missing, has the wrong version or could not be fetched: one line says which."""


@dataclass(frozen=True)
class Tool:
    """A compiler's command, and its exact version."""

    command: tuple[str, ...]
    version: str


def find_zig() -> Tool:
    """Zig's driver in the Python environment that runs us. Raises ToolError."""
    try:
        version = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(f"zig is missing: pip install ziglang=={ZIG_VERSION}") from None
    if version != ZIG_VERSION:
        raise ToolError(f"zig is {version}, not {ZIG_VERSION}: pip install ziglang=={ZIG_VERSION}")
    return Tool((sys.executable, "-m", "ziglang"), version)


def find_go(environment: Mapping[str, str] = os.environ, tools: Path = TOOLS) -> Tool:
    """The pinned Go: from PATH, from an earlier fetch, or fetched now. Raises ToolError."""
    version = pinned_go()
    on_path = shutil.which("go", path=environment.get("PATH"))
    if on_path and go_version(on_path) == version:
        return Tool((on_path,), version)
    fetched = tools / "go" / version / "bin/go"
    if not fetched.exists():
        fetch_go(version, environment.get("GOPROXY") or DEFAULT_PROXY, fetched.parents[1])
    return Tool((str(fetched),), version)


def pinned_go(go_mod: Path = GO_MOD) -> str:
    """The toolchain that go.mod names, as in "go1.26.8". Raises ToolError if it names none."""
    match = re.search(r"^toolchain (go\S+)$", go_mod.read_text(), re.MULTILINE)
    if match is None:
        raise ToolError(f"{go_mod}: no toolchain line")
    return match[1]


def go_version(go: str) -> str:
    """What `go version` says of itself, as in "go1.26.8"; empty if it does not run."""
    # Outside any module and without the switch to other toolchains that go.mod files can ask for.
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        run = subprocess.run(
            [go, "version"], capture_output=True, text=True, env=environment, cwd="/", check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    words = run.stdout.split()
    return words[2] if len(words) == 4 else ""


def fetch_go(version: str, proxies: str, destination: Path) -> None:
    """Installs Go's own archive at `destination`, from the first of the proxies that has it.

    `proxies` is what GOPROXY may be. An interrupted fetch is taken up where it ended. Nothing
    appears at `destination` before the whole archive has the pinned sha256. Raises ToolError.
    """
    name = archive_name(version)
    part = destination.parent / f"{name}.zip.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for proxy in proxy_urls(proxies):
        url = f"{proxy}/golang.org/toolchain/@v/{name}.zip"
        print(f"go: fetching {url}", flush=True)
        try:
            download(url, part)
            verify(part, GO_ARCHIVES[name])
            break
        except (OSError, ToolError) as error:
            failures.append(f"{url}: {error}")
    else:
        raise ToolError(f"{version} is not on PATH and not to be had: {'; '.join(failures)}")
    unpack(part, f"golang.org/toolchain@{name}/", destination)
    part.unlink()


def archive_name(version: str) -> str:
    """The version of golang.org/toolchain that holds `version` for this machine."""
    architecture = GO_ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    name = f"v0.0.1-{version}.{platform.system().lower()}-{architecture}"
    if name not in GO_ARCHIVES:
        raise ToolError(f"{version} is not on PATH, and no archive {name} is pinned: install it")
    return name


def proxy_urls(proxies: str) -> list[str]:
    """The URLs in a GOPROXY list, which may hold the words "direct" and "off" too."""
    urls = [proxy.strip().rstrip("/") for proxy in re.split(r"[,|]", proxies)]
    found = [url for url in urls if url.startswith(("https://", "http://", "file://"))]
    if not found:
        raise ToolError(f"GOPROXY={proxies} names no proxy to fetch Go from")
    return found


def download(url: str, part: Path) -> None:
    """Appends to `part` what it lacks of `url`. Raises OSError."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=FETCH_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # The part is already whole, or too long: its hash will tell.
            return
        raise
    with response:
        resumed = getattr(response, "status", None) == 206
        total = (have if resumed else 0) + int(response.headers.get("Content-Length") or 0)
        with part.open("ab" if resumed else "wb") as file:
            while block := response.read(FETCH_BLOCK):
                file.write(block)
                show_progress(file.tell(), total)
            size = file.tell()
    if size < total:
        raise OSError(f"ended after {size} of {total} bytes; run again to go on from there")


def show_progress(done: int, total: int) -> None:
    """One line on a terminal, rewritten in place; nothing elsewhere."""
    if sys.stdout.isatty():
        end = "\n" if done == total else "\r"
        print(f"go: {done >> 20} of {total >> 20} MB", end=end, flush=True)


def verify(part: Path, sha256: str) -> None:
    """Removes `part` and raises ToolError if it does not have this hash."""
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        part.unlink()
        raise ToolError(f"sha256 {digest}, not {sha256}; removed, run again to fetch it anew")


def unpack(archive: Path, prefix: str, destination: Path) -> None:
    """Unpacks the folder `prefix` of a module archive, and makes its programs executable."""
    scratch = destination.with_name(f"{destination.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    with zipfile.ZipFile(archive) as bundle:
        bundle.extractall(scratch)
    tree = scratch / prefix
    for program in [*tree.glob("bin/*"), *tree.glob("pkg/tool/*/*")]:
        program.chmod(0o755)  # Module archives have no modes.
    shutil.rmtree(destination, ignore_errors=True)
    tree.rename(destination)
    shutil.rmtree(scratch)
