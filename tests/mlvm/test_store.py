"""The store: what is read is the model that was asked for."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlvm.model import Model
from mlvm.store import ModelStore, StoreError, file_name
from mlvm.tasks import Input, Output


def a_model(name="one", size=5000):
    sizes = {"arena_size": 4096, "input_size": 4, "output_size": 4}
    blob = bytes(range(250)) * (size // 250)
    return Model.of([Input(0, 4), Output(0, 4)], blob, {"name": name}, macs=0, **sizes)


@pytest.fixture
def model():
    return a_model()


def test_put_and_get(tmp_path, model):
    store = ModelStore(tmp_path / "new")
    path = store.put(model)
    assert path.name == f"0x{model.address.hex()}.axm"
    assert store.get(model.address).to_bytes() == model.to_bytes()
    assert store.addresses() == [model.address]
    assert list(path.parent.iterdir()) == [path]


def test_models_that_are_not_there(tmp_path, model):
    with pytest.raises(StoreError, match=f"model 0x{model.address.hex()}: it is not in the store"):
        ModelStore(tmp_path).get(model.address)
    with pytest.raises(StoreError, match="No such file"):
        ModelStore(tmp_path, [str(tmp_path / "elsewhere")]).get(model.address)
    with pytest.raises(ValueError, match="32 bytes"):
        ModelStore(tmp_path).get(b"short")
    assert ModelStore(tmp_path / "none").addresses() == []


def test_damaged_files_are_refused_and_replaced(tmp_path, model):
    store, source = ModelStore(tmp_path / "a", [str(tmp_path / "b")]), ModelStore(tmp_path / "b")
    path = store.put(model)
    content = path.read_bytes()
    for damaged in (content[:-1], content[:100], b"", content + b"x", b"x" + content[1:]):
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="0x"):
            store.get(model.address)
    source.put(model)
    assert store.get(model.address).blob.tobytes() == model.blob.tobytes()
    assert path.read_bytes() == content


def test_another_model_under_the_name(tmp_path, model):
    store, other = ModelStore(tmp_path), a_model("two")
    store.put(model).write_bytes(other.to_bytes())
    with pytest.raises(StoreError, match=f"this is model 0x{other.address.hex()}"):
        store.get(model.address)


@pytest.mark.parametrize("size", [0, 10, 152, 153, 1000])
def test_a_download_goes_on(tmp_path, model, size, monkeypatch):
    """And does not read again what is there."""
    source = ModelStore(tmp_path / "b")
    place = source.put(model)
    store = ModelStore(tmp_path / "a", [str(place.parent)])
    (tmp_path / "a").mkdir()
    partial = store.path(model.address).with_name(place.name + ".partial")
    partial.write_bytes(place.read_bytes()[:size])
    assert store.get(model.address).address == model.address
    assert not partial.exists()


@pytest.mark.parametrize("at", [3, 160, 600, 3000])
def test_a_wrong_download_is_thrown_away(tmp_path, model, at):
    place = ModelStore(tmp_path / "b").put(model)
    store = ModelStore(tmp_path / "a", [str(place.parent)])
    (tmp_path / "a").mkdir()
    begun = bytearray(place.read_bytes()[:4000])
    begun[at] ^= 1
    partial = store.path(model.address).with_name(place.name + ".partial")
    partial.write_bytes(begun)
    with pytest.raises(StoreError):
        store.get(model.address)
    assert not partial.exists()
    assert store.get(model.address).address == model.address


def test_a_file_without_end(tmp_path, model, monkeypatch):
    monkeypatch.setattr("mlvm.store.MAX_DESCRIPTION", 1000)
    place = ModelStore(tmp_path / "b").put(model)
    with place.open("ab") as file:
        file.write(bytes(2000))
    with pytest.raises(StoreError, match="longer than its header allows"):
        ModelStore(tmp_path / "a", [str(place.parent)]).get(model.address)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_over_http(tmp_path, model):
    """A server that knows no ranges."""
    pytest.importorskip("fsspec")
    ModelStore(tmp_path / "b").put(model)
    handler = partial(Quiet, directory=str(tmp_path / "b"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        store = ModelStore(tmp_path / "a", [url])
        assert store.get(model.address).about == {"name": "one"}
        with pytest.raises(StoreError, match=r"FileNotFoundError|404|Not Found"):
            store.get(bytes(32))
        server.shutdown()


def test_memory_of_fsspec(tmp_path, model):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open(f"memory://models/{file_name(model.address)}", "wb") as file:
        file.write(model.to_bytes())
    store = ModelStore(tmp_path, ["memory://models"])
    assert store.get(model.address).address == model.address
    with pytest.raises(StoreError, match="nonsense"):
        ModelStore(tmp_path, ["nonsense://models"]).get(bytes(32))
