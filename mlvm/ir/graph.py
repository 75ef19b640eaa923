"""The graph: tensors and the drafts of tasks that make them."""

from __future__ import annotations

from mlvm.ir.moves import Moves
from mlvm.ir.pictures import Pictures
from mlvm.ir.pointwise import Pointwise
from mlvm.ir.products import Products
from mlvm.ir.rows import Rows


class Graph(Products, Pictures, Pointwise, Rows, Moves):
    """All operators, one method each; the first argument of each is the node's name, which errors
    begin with. Every method raises :class:`mlvm.ir.tensor.GraphError`."""
