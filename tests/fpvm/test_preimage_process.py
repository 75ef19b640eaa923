"""A preimage server in another process: one that works, and every way in which one can fail."""

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fpvm.oracle import (
    MAX_PREIMAGE,
    Oracle,
    PreimageCorrupt,
    PreimageTooLarge,
    SourceFailed,
    keccak_key,
)
from fpvm.preimage_process import ProcessSource

#: Written against the specification and not with our own functions, as a second opinion.
SERVER = """
import os, select, struct, sys
folder = sys.argv[1]
open(folder + "/pids", "a").write(f"{os.getpid()}\\n")
def take(descriptor, size):
    data = b""
    while len(data) < size:
        piece = os.read(descriptor, size - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data
while True:
    ready, _, _ = select.select([3, 5], [], [])
    if 3 in ready:
        hint = take(3, struct.unpack(">I", take(3, 4))[0])
        open(folder + "/hints", "ab").write(hint + b"\\n")
        os.write(4, b"\\x00")
    if 5 in ready:
        preimage = open(folder + "/" + take(5, 32).hex(), "rb").read()
        os.write(6, struct.pack(">Q", len(preimage)))
        for start in range(0, len(preimage), 1000):
            os.write(6, preimage[start : start + 1000])
"""

Start = Callable[..., ProcessSource]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Makes sources from Python text; stops them all."""
    sources: list[ProcessSource] = []

    def make(text: str, timeout: float = 30.0) -> ProcessSource:
        script = tmp_path / "server.py"
        script.write_text(text)
        command = [sys.executable, "-S", str(script), str(tmp_path)]
        sources.append(ProcessSource(command, timeout))
        return sources[-1]

    yield make
    for source in sources:
        source.close()


def _put(folder: Path, preimage: bytes) -> bytes:
    key = keccak_key(preimage)
    (folder / key.hex()).write_bytes(preimage)
    return key


def _pids(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "pids").read_text().split()]


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _children() -> set[int]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in path.read_text().split()}


def test_hints_and_preimages_pass_through_one_server(start: Start, tmp_path: Path) -> None:
    preimages = [b"", b"abc", os.urandom(MAX_PREIMAGE)]
    wanted = [_put(tmp_path, preimage) for preimage in preimages]
    oracle = Oracle(start(SERVER))
    oracle.hint(b"first")
    assert [oracle.get(key) for key in wanted] == preimages
    oracle.hint(b"second")
    assert (tmp_path / "hints").read_bytes() == b"first\nsecond\n"
    assert len(_pids(tmp_path)) == 1


def test_the_server_is_started_only_when_it_is_needed(start: Start, tmp_path: Path) -> None:
    start(SERVER).close()
    assert not (tmp_path / "pids").exists()


def test_a_server_that_dies_is_one_clear_error_and_a_new_one_resumes(
    start: Start, tmp_path: Path
) -> None:
    oracle = Oracle(start(SERVER))
    key = keccak_key(b"late")
    with pytest.raises(SourceFailed, match="the server exited with code 1") as caught:
        oracle.get(key)  # The script dies of the missing file.
    assert caught.value.key == key
    _put(tmp_path, b"late")
    assert oracle.get(key) == b"late"
    first, second = _pids(tmp_path)
    assert first != second


def test_a_server_that_is_killed_between_requests_is_noticed(start: Start, tmp_path: Path) -> None:
    source = start(SERVER)
    key = _put(tmp_path, b"abc")
    assert source.get(key) == b"abc"
    os.kill(_pids(tmp_path)[0], signal.SIGKILL)
    with pytest.raises(SourceFailed, match="was killed by signal 9"):
        source.get(key)
    assert source.get(key) == b"abc"


def test_the_error_of_a_hint_names_the_server(start: Start) -> None:
    with pytest.raises(SourceFailed, match=r"server '.*server\.py.*exited with code 3"):
        start("raise SystemExit(3)").hint(b"hint")


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(1000)",
        "import os, time; os.read(5, 32); os.write(6, bytes(3)); time.sleep(1000)",
        "import os, time\nos.read(5, 32)\nwhile True: os.write(6, b'\\0'); time.sleep(0.3)",
        "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1000)",
    ],
    ids=["silent", "half an answer", "a byte at a time", "stubborn"],
)
def test_a_server_that_hangs_is_given_up_and_killed(start: Start, text: str) -> None:
    before = _children()
    source = start(text, timeout=0.5)
    with pytest.raises(SourceFailed, match=r"no answer within 0\.5 s; the server"):
        source.get(keccak_key(b""))
    assert _children() == before


def test_a_server_that_does_not_read_does_not_block_us(start: Start) -> None:
    source = start("import time; time.sleep(1000)", timeout=0.3)
    with pytest.raises(SourceFailed, match=r"no answer.*had to be killed"):
        source.hint(bytes(1024 * 1024))


def test_a_late_answer_is_never_taken_for_another_questions(start: Start, tmp_path: Path) -> None:
    slow = "import os, time\n" + SERVER.replace(
        "preimage = open",
        "time.sleep(0 if os.path.exists(folder + '/fast') else 2); preimage = open",
    )
    first, second = _put(tmp_path, b"first"), _put(tmp_path, b"second")
    source = start(slow, timeout=0.8)
    with pytest.raises(SourceFailed):
        source.get(first)
    (tmp_path / "fast").touch()
    assert source.get(second) == b"second"


@pytest.mark.parametrize(
    "answer",
    [b"", bytes(7), (5).to_bytes(8) + b"abcd", (MAX_PREIMAGE).to_bytes(8)],
    ids=["nothing", "half a length", "too little", "no data"],
)
def test_an_answer_that_is_cut_off_is_one_clear_error(start: Start, answer: bytes) -> None:
    source = start(f"import os; os.read(5, 32); os.write(6, {answer!r})")
    with pytest.raises(SourceFailed, match=r"the stream ended after .* exited with code 0"):
        source.get(keccak_key(b"abc"))


def test_an_announcement_above_the_limit_stops_the_server(start: Start) -> None:
    before = _children()
    source = start("import os; os.read(5, 32); os.write(6, b'\\xff' * 8); os.read(5, 1)")
    with pytest.raises(PreimageTooLarge, match="18446744073709551615 bytes"):
        source.get(keccak_key(b"abc"))
    assert _children() == before


def test_a_wrong_preimage_is_caught_by_the_oracle(start: Start) -> None:
    source = start("import os; os.read(5, 32); os.write(6, (3).to_bytes(8, 'big') + b'abd')")
    with pytest.raises(PreimageCorrupt, match=r"server\.py"):
        Oracle(source).get(keccak_key(b"abc"))


@pytest.mark.parametrize("command", [["/nowhere/server"], [""], [], ["/"], ["a\0b"]])
def test_a_server_that_cannot_be_started_is_one_clear_error(command: list[str]) -> None:
    before = _descriptors()
    with pytest.raises(SourceFailed, match="cannot be started"):
        ProcessSource(command).get(keccak_key(b""))
    assert _descriptors() == before


def test_closing_leaves_no_process_and_no_descriptor(start: Start, tmp_path: Path) -> None:
    children, descriptors = _children(), _descriptors()
    source = start(SERVER)
    key = _put(tmp_path, b"abc")
    for _ in range(3):
        assert source.get(key) == b"abc"
        source.close()
        source.close()
    assert (_children(), _descriptors()) == (children, descriptors)


def test_a_source_out_of_use_stops_its_server(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    before = _children()
    source = ProcessSource([sys.executable, "-S", str(script), str(tmp_path)])
    assert source.get(_put(tmp_path, b"abc")) == b"abc"
    assert _children() - before == set(_pids(tmp_path))
    del source
    gc.collect()
    assert _children() == before


def test_a_python_that_exits_stops_its_server(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    key = _put(tmp_path, b"abc")
    user = (
        "import sys; from fpvm.preimage_process import ProcessSource\n"
        f"source = ProcessSource([sys.executable, {str(script)!r}, {str(tmp_path)!r}])\n"
        f"print(source.get({key!r}))"
    )
    subprocess.run([sys.executable, "-c", user], check=True, timeout=60)
    with pytest.raises(ProcessLookupError):
        os.kill(_pids(tmp_path)[0], 0)


def test_what_the_server_has_started_goes_with_it(start: Start, tmp_path: Path) -> None:
    source = start(
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    open(sys.argv[1] + '/child', 'w').write(str(os.getpid()))\n"
        "    time.sleep(1000)\n"
        "while not os.path.exists(sys.argv[1] + '/child'): time.sleep(0.01)\n"
        "os.read(3, 5); os.write(4, b'x'); os.read(3, 1)"
    )
    source.hint(b"h")
    child = int((tmp_path / "child").read_text())
    source.close()
    for _ in range(500):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return  # Gone, or only waiting for init.
        time.sleep(0.01)
    pytest.fail("the server's child is still running")


def test_the_servers_output_is_not_mistaken_for_ours(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    source = start("import os; print('chatter', flush=True); os.read(3, 5); os.write(4, b'x')")
    source.hint(b"h")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "chatter\n")


def test_a_server_gets_its_four_pipes_and_nothing_that_we_have_open(
    start: Start, tmp_path: Path
) -> None:
    source = start(
        "import os, sys\n"
        "names = [n for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "links = [f'{n} ' + os.readlink(f'/proc/self/fd/{n}') for n in names]\n"
        "open(sys.argv[1] + '/open', 'w').write('\\n'.join(links))\n"
        "os.read(3, 5); os.write(4, b'x')"
    )
    with (tmp_path / "secret").open("w"):
        source.hint(b"h")
    lines = (tmp_path / "open").read_text().splitlines()
    links = {int(number): link for number, link in (line.split(maxsplit=1) for line in lines)}
    assert all(links.pop(number).startswith("pipe:") for number in (3, 4, 5, 6))
    # Anything above was already inheritable here: it came from whoever started the tests.
    assert all(os.get_inheritable(number) for number in links if number > 6)
    assert not any("secret" in link for link in links.values())


def test_servers_do_not_hold_each_others_pipes_open(start: Start, tmp_path: Path) -> None:
    first, second = start(SERVER), start(SERVER)
    key = _put(tmp_path, b"abc")
    assert first.get(key) == second.get(key) == b"abc"
    # It leaves of its own accord, so it saw its pipes close although the second still runs.
    assert first.close() == "exited with code 0"
    assert second.close() == "exited with code 0"
    assert second.close() == "was not running"
