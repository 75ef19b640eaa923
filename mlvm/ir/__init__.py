"""The intermediate representation: quantised operators on tensors of static shape.

An importer makes a :class:`Graph`, calls one method for each operator, and hands the graph to
:func:`mlvm.plan.plan`. What the integers of a tensor mean is up to the importer; what an operator
does with them is said by its method and is exact. A :class:`Result` says what type, zero point and
limits the operator's result has. Real numbers occur only in :mod:`mlvm.ir.fixed`,
which turns factors, functions and tables into integers.

A tensor has ``shape``, ``dtype``, ``zero`` (the number that stands for 0.0) and ``scale`` (what one
unit is worth; for people, no operator looks at it). One with *exponents* is what ``quantise``
makes: each row of its last dimension has an exponent e, and its numbers count 2^e times.
"""

from mlvm.ir.base import Result
from mlvm.ir.graph import Graph
from mlvm.ir.tensor import Draft, GraphError, Table, Tensor

__all__ = ["Draft", "Graph", "GraphError", "Result", "Table", "Tensor"]
