"""Sources: what they find, and what hostile folders and databases cannot do."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fpvm.oracle import (
    MAX_PREIMAGE,
    Oracle,
    OracleError,
    PreimageCorrupt,
    PreimageMissing,
    PreimageTooLarge,
    SourceFailed,
    keccak_key,
    sha256_key,
)
from fpvm.preimage_process import ProcessSource
from fpvm.sources import (
    SCHEMA,
    ChainSource,
    DictSource,
    FolderSource,
    RecordingSource,
    SqliteSource,
    open_source,
)

PREIMAGE = b"a preimage"
KEY = keccak_key(PREIMAGE)

Store = DictSource | FolderSource | SqliteSource


@pytest.fixture(params=["dict", "folder", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "dict":
        return DictSource()
    if request.param == "folder":
        return FolderSource(tmp_path)
    return SqliteSource(tmp_path / "p.sqlite", create=True)


# --- every store ----------------------------------------------------------------------------------


def test_what_is_put_is_found_under_its_key_only(store: Store) -> None:
    for preimage in (PREIMAGE, b"", b"\0", bytes(MAX_PREIMAGE)):
        store.put(keccak_key(preimage), preimage)
        store.put(sha256_key(preimage), preimage)
        assert store.get(keccak_key(preimage)) == preimage
        assert store.get(sha256_key(preimage)) == preimage
    with pytest.raises(PreimageMissing) as caught:
        store.get(keccak_key(b"another"))
    assert caught.value.key == keccak_key(b"another")


def test_nothing_wrong_can_be_put(store: Store) -> None:
    with pytest.raises(PreimageCorrupt):
        store.put(KEY, b"something else")
    too_large = bytes(MAX_PREIMAGE + 1)
    with pytest.raises(PreimageTooLarge):
        store.put(keccak_key(too_large), too_large)
    with pytest.raises(PreimageCorrupt):
        store.put(b"../../etc/passwd", b"")
    for key in (KEY, keccak_key(too_large)):
        with pytest.raises(PreimageMissing):
            store.get(key)


def test_putting_twice_changes_nothing(store: Store) -> None:
    store.put(KEY, PREIMAGE)
    store.put(KEY, PREIMAGE)
    assert store.get(KEY) == PREIMAGE


def test_a_store_takes_no_notice_of_hints(store: Store) -> None:
    store.hint(b"anything")
    with pytest.raises(PreimageMissing):
        store.get(KEY)


def test_a_dictionary_stays_the_callers() -> None:
    preimages: dict[bytes, bytes] = {}
    source = DictSource(preimages)
    preimages[KEY] = PREIMAGE
    assert source.get(KEY) == PREIMAGE


# --- folder ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_a_file_is_found_with_and_without_0x(tmp_path: Path, prefix: str) -> None:
    (tmp_path / (prefix + KEY.hex())).write_bytes(PREIMAGE)
    assert FolderSource(tmp_path).get(KEY) == PREIMAGE


def test_a_name_in_other_letters_is_not_the_keys(tmp_path: Path) -> None:
    (tmp_path / KEY.hex().upper()).write_bytes(PREIMAGE)
    with pytest.raises(PreimageMissing):
        FolderSource(tmp_path).get(KEY)


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    for key in (b"../secret", b"..", b"", b"/etc/passwd"):
        with pytest.raises(OracleError):
            FolderSource(inside).get(key)


@pytest.mark.parametrize("target", ["outside", "absent", "itself"])
def test_a_symbolic_link_is_not_followed(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "outside").write_bytes(PREIMAGE)
    link = folder / f"0x{KEY.hex()}"
    link.symlink_to(link if target == "itself" else tmp_path / target)
    with pytest.raises(SourceFailed, match="a symbolic link") as caught:
        FolderSource(folder).get(KEY)
    assert caught.value.key == KEY


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [_pipe, Path.mkdir])
def test_only_regular_files_are_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / f"0x{KEY.hex()}")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(SourceFailed, match="not a regular file"):
            FolderSource(tmp_path).get(KEY)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_enormous_file_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / KEY.hex()).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(PreimageTooLarge):
        FolderSource(tmp_path).get(KEY)


def test_a_corrupt_file_is_reported_by_name_and_can_be_replaced(tmp_path: Path) -> None:
    source = FolderSource(tmp_path)
    oracle = Oracle(source)
    (tmp_path / f"0x{KEY.hex()}").write_bytes(PREIMAGE[:-1])
    with pytest.raises(PreimageCorrupt, match=KEY.hex()) as caught:
        oracle.get(KEY)
    assert str(tmp_path) in str(caught.value)
    source.put(KEY, PREIMAGE)
    assert oracle.get(KEY) == PREIMAGE


def test_put_replaces_a_link_and_leaves_its_target_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / f"0x{KEY.hex()}").symlink_to(outside)
    FolderSource(folder).put(KEY, PREIMAGE)
    assert outside.read_bytes() == b"precious"
    assert FolderSource(folder).get(KEY) == PREIMAGE


def test_put_leaves_only_the_finished_file(tmp_path: Path) -> None:
    FolderSource(tmp_path).put(KEY, PREIMAGE)
    assert [path.name for path in tmp_path.iterdir()] == [f"0x{KEY.hex()}"]


def test_a_failed_put_is_a_named_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / f"0x{KEY.hex()}").mkdir()
    with pytest.raises(SourceFailed, match=KEY.hex()):
        FolderSource(tmp_path).put(KEY, PREIMAGE)
    assert [path.name for path in tmp_path.iterdir()] == [f"0x{KEY.hex()}"]
    with pytest.raises(SourceFailed):
        FolderSource(tmp_path / "absent").put(KEY, PREIMAGE)


# --- database -------------------------------------------------------------------------------------


def _database(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement, {"key": KEY} if ":key" in statement else {})
    connection.commit()
    connection.close()
    return path


def test_a_database_outlives_the_source(tmp_path: Path) -> None:
    source = SqliteSource(tmp_path / "p.db", create=True)
    source.put(KEY, PREIMAGE)
    source.close()
    assert SqliteSource(tmp_path / "p.db").get(KEY) == PREIMAGE


def test_a_database_is_not_created_by_reading_it(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"absent\.db"):
        SqliteSource(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


def test_a_path_with_signs_of_a_query_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&x#%20.db"
    SqliteSource(path, create=True).put(KEY, PREIMAGE)
    assert path.is_file()
    assert SqliteSource(path).get(KEY) == PREIMAGE


@pytest.mark.parametrize("content", [b"no database " * 1000, b"SQLite format 3\0" + bytes(4096)])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.db"
    path.write_bytes(content)
    with pytest.raises(SourceFailed, match=r"p\.db"):
        SqliteSource(path)
    with pytest.raises(SourceFailed, match=r"p\.db"):
        SqliteSource(path, create=True)


def test_a_database_without_the_table_is_refused(tmp_path: Path) -> None:
    path = _database(tmp_path / "p.db", "CREATE TABLE other (key BLOB)")
    with pytest.raises(SourceFailed, match="preimages"):
        SqliteSource(path)


def test_a_database_that_is_damaged_later_is_a_named_error(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    source = SqliteSource(path, create=True)
    preimages = [bytes([i]) * 3000 for i in range(100)]
    for preimage in preimages:
        source.put(keccak_key(preimage), preimage)
    source.close()
    damaged = bytearray(path.read_bytes())
    for offset in range(4096, len(damaged)):
        damaged[offset] ^= 0xA5
    path.write_bytes(damaged)

    def use() -> None:
        for preimage in preimages:
            Oracle(SqliteSource(path)).get(keccak_key(preimage))

    with pytest.raises(SourceFailed):
        use()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("'text'", PreimageCorrupt),
        ("42", PreimageCorrupt),
        (f"zeroblob({MAX_PREIMAGE + 1})", PreimageTooLarge),
        ("zeroblob(5000000)", PreimageTooLarge),
        ("x'00'", PreimageCorrupt),
    ],
)
def test_a_value_of_the_wrong_kind_or_size_is_refused(
    tmp_path: Path, value: str, error: type[OracleError]
) -> None:
    path = _database(tmp_path / "p.db", SCHEMA, f"INSERT INTO preimages VALUES (:key, {value})")
    with pytest.raises(error) as caught:
        Oracle(SqliteSource(path)).get(KEY)
    assert caught.value.key == KEY


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS key, i AS preimage FROM n",
        "SELECT x'' AS key, zeroblob(900000000) AS preimage",
    ],
)
def test_a_view_in_the_tables_place_cannot_hang_or_fill_the_memory(
    tmp_path: Path, query: str
) -> None:
    path = _database(tmp_path / "p.db", f"CREATE VIEW preimages AS {query}")
    with pytest.raises(OracleError):
        SqliteSource(path).get(KEY)


def test_a_read_only_database_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    source = SqliteSource(path, create=True)
    source.put(KEY, PREIMAGE)
    source.close()
    path.chmod(0o444)
    assert SqliteSource(path).get(KEY) == PREIMAGE


def test_a_locked_database_is_a_named_error_and_recovers(tmp_path: Path) -> None:
    source = SqliteSource(tmp_path / "p.db", create=True, timeout=0.001)
    other = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SourceFailed, match="locked"):
        source.put(KEY, PREIMAGE)
    other.execute("ROLLBACK")
    source.put(KEY, PREIMAGE)
    assert source.get(KEY) == PREIMAGE


def test_a_closed_database_is_a_named_error(tmp_path: Path) -> None:
    source = SqliteSource(tmp_path / "p.db", create=True)
    source.close()
    with pytest.raises(SourceFailed):
        source.get(KEY)


def test_a_database_serves_several_threads(tmp_path: Path) -> None:
    source = SqliteSource(tmp_path / "p.db", create=True)
    failures: list[Exception] = []

    def work(thread: int) -> None:
        try:
            for i in range(50):
                preimage = bytes([thread, i])
                source.put(keccak_key(preimage), preimage)
                assert source.get(keccak_key(preimage)) == preimage
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- combinations ---------------------------------------------------------------------------------


class BrokenSource:
    """A source that is out of order."""

    def get(self, key: bytes) -> bytes:
        raise SourceFailed(key, "broken source")

    def hint(self, hint: bytes) -> None:
        raise SourceFailed(b"", "broken source")


class HintedSource(DictSource):
    """A source that remembers its hints."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[bytes] = []

    def hint(self, hint: bytes) -> None:
        self.hints.append(hint)


def test_a_chain_asks_each_source_in_turn() -> None:
    first, second = DictSource(), DictSource()
    chain = ChainSource([first, second])
    with pytest.raises(PreimageMissing):
        chain.get(KEY)
    second.put(KEY, PREIMAGE)
    assert chain.get(KEY) == PREIMAGE


@pytest.mark.parametrize("bad", [DictSource({KEY: b"corrupt"}), BrokenSource()])
def test_a_bad_source_in_a_chain_does_not_hide_a_good_one(bad: DictSource | BrokenSource) -> None:
    assert ChainSource([bad, DictSource({KEY: PREIMAGE})]).get(KEY) == PREIMAGE


def test_a_chain_reports_the_failure_when_nobody_has_the_preimage() -> None:
    with pytest.raises(SourceFailed, match="broken source"):
        ChainSource([BrokenSource(), DictSource()]).get(KEY)
    with pytest.raises(PreimageCorrupt, match="memory"):
        ChainSource([DictSource(), DictSource({KEY: b"corrupt"})]).get(KEY)


def test_a_chain_hints_every_source_even_after_a_broken_one() -> None:
    hinted = HintedSource()
    ChainSource([BrokenSource(), hinted]).hint(b"h")
    assert hinted.hints == [b"h"]


def test_a_recording_lists_what_was_served_once_and_in_order() -> None:
    preimages = [b"b", b"a", b"c"]
    recording = RecordingSource(DictSource({keccak_key(p): p for p in preimages}))
    with pytest.raises(PreimageMissing):
        recording.get(KEY)
    for preimage in [b"b", b"a", b"b", b"c", b"a"]:
        assert recording.get(keccak_key(preimage)) == preimage
    assert recording.keys == tuple(keccak_key(preimage) for preimage in preimages)


def test_a_recording_suffices_to_repeat_the_run() -> None:
    everything = DictSource({keccak_key(bytes([i])): bytes([i]) for i in range(50)})
    wanted = [keccak_key(bytes([i])) for i in (7, 3, 7, 41)]
    recording = RecordingSource(everything)
    served = [recording.get(key) for key in wanted]
    enough = DictSource()
    for key in recording.keys:
        enough.put(key, everything.get(key))
    assert [enough.get(key) for key in wanted] == served
    assert len(recording.keys) == 3


def test_a_recording_passes_hints_on() -> None:
    hinted = HintedSource()
    RecordingSource(hinted).hint(b"h")
    assert hinted.hints == [b"h"]


# --- the command line's names for sources ---------------------------------------------------------


def test_a_source_is_named_by_folder_database_or_command(tmp_path: Path) -> None:
    FolderSource(tmp_path).put(KEY, PREIMAGE)
    assert open_source(str(tmp_path)).get(KEY) == PREIMAGE
    for name in ("p.db", "p.sqlite"):
        SqliteSource(tmp_path / name, create=True).put(KEY, PREIMAGE)
        assert open_source(str(tmp_path / name)).get(KEY) == PREIMAGE
    server = open_source("cmd:serve 'two words'")
    assert isinstance(server, ProcessSource)
    assert str(server) == "server 'serve 'two words''"


@pytest.mark.parametrize("spec", ["", "absent", "absent.db", "cmd:", "cmd:  ", "cmd:'unclosed"])
def test_a_name_that_is_no_source_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceFailed):
        open_source(spec)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceFailed, match=r"notes\.txt.*neither a folder"):
        open_source(str(tmp_path / "notes.txt"))
