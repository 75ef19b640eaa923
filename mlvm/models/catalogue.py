"""The models that can be imported by name alone: files, samples and budget are known."""

from __future__ import annotations

from collections.abc import Callable

from mlvm.importers.onnx_file import read
from mlvm.importers.onnx_model import Imported, import_graph
from mlvm.models import magika, mnist, opennsfw

#: An import within an error budget; None: that which is right for the model.
Import = Callable[[float | None], Imported]


def _mnist(kind: str) -> Import:
    def run(budget: float | None) -> Imported:
        return import_graph(
            f"mnist-{kind}", read(mnist.FILES[kind]), mnist.samples(), budget or 0.02, mnist.ABOUT
        )

    return run


def _magika(budget: float | None) -> Imported:
    graph = read(magika.file())
    return import_graph("magika", graph, magika.samples(), budget or 0.05, magika.about())


def _opennsfw(budget: float | None) -> Imported:
    graph = opennsfw.graph()
    return import_graph("opennsfw", graph, opennsfw.samples(), budget or 0.1, opennsfw.ABOUT)


MODELS: dict[str, Import] = {
    "mnist-mlp": _mnist("mlp"),
    "mnist-cnn": _mnist("cnn"),
    "magika": _magika,
    "opennsfw": _opennsfw,
}
