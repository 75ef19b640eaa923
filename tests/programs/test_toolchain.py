"""The compilers are exactly the pinned ones, wherever they come from."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from programs import toolchain
from programs.toolchain import ToolError, find_go, find_zig, pinned_go

VERSION = pinned_go()
NAME = f"v0.0.1-{VERSION}.linux-amd64"
URL_PATH = f"golang.org/toolchain/@v/{NAME}.zip"


def go_script(version: str) -> str:
    return f"#!/bin/sh\necho go version {version} linux/amd64\n"


def archive() -> bytes:
    """A toolchain archive with a `go` that knows its version, and some bulk."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr(f"golang.org/toolchain@{NAME}/bin/go", go_script(VERSION))
        bundle.writestr(f"golang.org/toolchain@{NAME}/pkg/tool/linux_amd64/link", "#!/bin/sh\n")
        bundle.writestr(f"golang.org/toolchain@{NAME}/src/bulk", bytes(100_000))
    return file.getvalue()


ARCHIVE = archive()


@pytest.fixture(autouse=True)
def pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pins the archive above, as if this were an amd64 machine."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    digest = hashlib.sha256(ARCHIVE).hexdigest()
    monkeypatch.setattr(toolchain, "GO_ARCHIVES", {NAME: digest})


def put_go_on_path(folder: Path, version: str) -> Path:
    folder.mkdir()
    go = folder / "go"
    go.write_text(go_script(version))
    go.chmod(0o755)
    return go


def folder_proxy(folder: Path, data: bytes = ARCHIVE) -> str:
    path = folder / URL_PATH
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return folder.as_uri()


class RangeServer(http.server.ThreadingHTTPServer):
    """A module proxy that remembers from which byte on it was asked."""

    starts: list[int]


class RangeHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, RangeServer)
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        self.server.starts.append(start)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(ARCHIVE) - start))
        self.end_headers()
        self.wfile.write(ARCHIVE[start:])

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[RangeServer]:
    with RangeServer(("127.0.0.1", 0), RangeHandler) as server:
        server.starts = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_every_architecture_has_an_archive_of_the_pinned_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    wanted = {f"v0.0.1-{VERSION}.linux-{name}" for name in toolchain.GO_ARCHITECTURES.values()}
    assert set(toolchain.GO_ARCHIVES) == wanted


def test_go_on_path_is_used_if_it_is_the_pinned_one(tmp_path: Path) -> None:
    go = put_go_on_path(tmp_path / "bin", VERSION)
    assert find_go({"PATH": str(go.parent)}, tmp_path / "tools").command == (str(go),)


def test_another_go_on_path_is_passed_over(tmp_path: Path) -> None:
    go = put_go_on_path(tmp_path / "bin", VERSION + "1")
    environment = {"PATH": str(go.parent), "GOPROXY": folder_proxy(tmp_path / "proxy")}
    found = Path(find_go(environment, tmp_path / "tools").command[0])
    assert found != go
    assert toolchain.go_version(str(found)) == VERSION


def test_a_fetched_go_is_kept(tmp_path: Path) -> None:
    environment = {"PATH": "", "GOPROXY": folder_proxy(tmp_path / "proxy")}
    first = find_go(environment, tmp_path / "tools")
    assert find_go({"PATH": "", "GOPROXY": "off"}, tmp_path / "tools") == first


def test_the_programs_of_a_fetched_go_are_executable(tmp_path: Path) -> None:
    environment = {"PATH": "", "GOPROXY": folder_proxy(tmp_path / "proxy")}
    go = Path(find_go(environment, tmp_path / "tools").command[0])
    for program in (go, go.parents[1] / "pkg/tool/linux_amd64/link"):
        assert program.stat().st_mode & 0o111 == 0o111


def test_the_next_proxy_is_asked_if_the_first_has_nothing(tmp_path: Path) -> None:
    empty = (tmp_path / "empty").as_uri()
    proxies = f"{empty},{folder_proxy(tmp_path / 'proxy')},direct"
    assert find_go({"PATH": "", "GOPROXY": proxies}, tmp_path / "tools").version == VERSION


@pytest.mark.parametrize("proxies", ["off", "direct"])
def test_without_a_proxy_the_pinned_version_is_named(tmp_path: Path, proxies: str) -> None:
    with pytest.raises(ToolError, match=f"GOPROXY={proxies}"):
        find_go({"PATH": "", "GOPROXY": proxies}, tmp_path)


def test_an_archive_with_another_hash_is_refused_and_forgotten(tmp_path: Path) -> None:
    environment = {"PATH": "", "GOPROXY": folder_proxy(tmp_path / "proxy", ARCHIVE + b"x")}
    with pytest.raises(ToolError, match="sha256"):
        find_go(environment, tmp_path / "tools")
    assert list((tmp_path / "tools/go").iterdir()) == []


def test_an_interrupted_fetch_goes_on_where_it_ended(tmp_path: Path, server: RangeServer) -> None:
    part = tmp_path / "tools/go" / f"{NAME}.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(ARCHIVE[:50_000])
    environment = {"PATH": "", "GOPROXY": f"http://127.0.0.1:{server.server_port}"}
    found = find_go(environment, tmp_path / "tools")
    assert server.starts == [50_000]
    assert toolchain.go_version(found.command[0]) == VERSION


def test_an_unknown_machine_is_told_to_install_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "vax")
    with pytest.raises(ToolError, match=f"{VERSION}.linux-vax"):
        find_go({"PATH": ""}, tmp_path)


def test_zig_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.1.0")
    with pytest.raises(ToolError, match=r"zig is 0\.1\.0, not"):
        find_zig()
