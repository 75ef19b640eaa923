"""Operators of graphs: what they make, compared with numpy; plans; whole runs, state by state."""

import numpy as np
import pytest

from mlvm import effects
from mlvm.checks import is_valid
from mlvm.engine import PATHS, Engine, Options
from mlvm.groups import grouped
from mlvm.histories import Inference
from mlvm.ir import Graph, GraphError, Result, Table, fixed
from mlvm.memory import STORED
from mlvm.model import Model
from mlvm.plan import plan
from mlvm.reach import reaches
from mlvm.tasks import DType, Source
from mlvm.trees import LEAF_SIZE, root

WORDS = Result(DType.I32)


def numbers(shape, dtype=DType.I32, seed=0, bound=None):
    low, high = dtype.lowest, dtype.highest
    if bound is not None:
        low, high = max(low, -bound), min(high, bound)
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True)


def packed(*arrays):
    return b"".join(array.astype(STORED[dtype]).tobytes() for array, dtype in arrays)


def outputs(graph, data):
    """All outputs, by the native engine; which agrees with the specification in every state."""
    model = plan(graph)
    states = list(effects.run(model, data))
    inference = Inference(Engine(model), data)
    assert inference.states == [state.hash() for state in states]
    assert inference.output == states[-1]
    found, at = [], 0
    for tensor in graph.outputs:
        size = tensor.size * tensor.dtype.size
        array = np.frombuffer(states[-1].output[at : at + size], STORED[tensor.dtype])
        found.append(array.reshape(tensor.shape).astype(np.int64))
        at += size
    return found


def run(build, *inputs):
    """What a graph of one operator makes of its inputs: pairs of an array and its type, or an array
    of words."""
    inputs = [pair if isinstance(pair, tuple) else (pair, DType.I32) for pair in inputs]
    graph = Graph("test")
    tensors = [graph.input(f"x{n}", a.shape, dtype) for n, (a, dtype) in enumerate(inputs)]
    made = build(graph, *tensors)
    for tensor in made if isinstance(made, list) else [made]:
        graph.output(tensor)
    found = outputs(graph, packed(*inputs))
    return found if isinstance(made, list) else found[0]


def requantised(totals, multiplier, shift):
    return (totals * multiplier + (1 << shift >> 1)) >> shift


# --- Moves ----------------------------------------------------------------------------------------


def test_views_and_copies():
    x = numbers((4, 5, 6))
    made = run(
        lambda g, x: [
            g.transpose("t", x, (2, 0, 1)),
            g.slice("s", x, (1, 4, 0), (3, 0, 6), (1, -2, 3)),
            g.reshape("r", g.transpose("t", x, (1, 0, 2)), (-1, 3)),
            g.pad("p", x, (1, 0, 2), (0, 1, 3), 7),
            g.concat("c", [x, g.slice("cs", x, (0, 0, 0), (4, 2, 6))], 1),
            g.concat("d", [x, x], 0),
        ],
        x,
    )
    assert (made[0] == x.transpose(2, 0, 1)).all()
    assert (made[1] == x[1:3, 4:0:-2, 0:6:3]).all()
    assert (made[2] == x.transpose(1, 0, 2).reshape(-1, 3)).all()
    assert (made[3] == np.pad(x, ((1, 0), (0, 1), (2, 3)), constant_values=7)).all()
    assert (made[4] == np.concatenate([x, x[:, :2]], axis=1)).all()
    assert (made[5] == np.concatenate([x, x])).all()


def test_more_dimensions_than_a_copy_has():
    x = numbers((2, 3, 2, 3, 2, 3), DType.I8)
    order = (5, 3, 1, 0, 2, 4)
    found = run(lambda g, x: g.transpose("t", x, order), (x, DType.I8))
    assert (found == x.transpose(order)).all()


def test_gather_and_choose():
    table, rows = numbers((5, 7), DType.I8), np.array([[4, 0], [99, -1]])
    scales = np.array([3, 5, 7, 11, 13])
    found = run(lambda g, i: g.gather("g", i, table, DType.I8, scales, 1, WORDS), rows)
    valid = np.where((rows >= 0) & (rows < 5), rows, 0)
    assert (found == requantised(table[valid], scales[valid][..., np.newaxis], 1)).all()
    a, b = numbers((3, 3), seed=1), numbers((3, 3), seed=2)
    for condition in (5, 6):
        word = np.array([condition])
        found = run(
            lambda g, c, a, b: g.choose("c", c, 5, a, g.transpose("t", b, (1, 0))), word, a, b
        )
        assert (found == (a if condition > 5 else b.T)).all()


# --- Products -------------------------------------------------------------------------------------


def test_conv():
    x, w, b = (
        numbers((6, 5, 4), DType.I8),
        numbers((6, 3, 2, 2), DType.I8, 1),
        numbers(6, bound=9999),
    )
    scales = np.arange(1, 7) * 1000
    graph = Graph("conv")
    tensor = graph.input("x", x.shape, DType.I8, zero=-5)
    graph.output(
        graph.conv(
            "c", tensor, w, b, scales, 16, Result(DType.I16, 3),
            strides=(2, 1), pads=(1, 0, 1, 1), dilations=(1, 2), groups=2,
        )
    )  # fmt: skip
    (found,) = outputs(graph, packed((x, DType.I8)))
    padded = np.pad(x + 5, ((1, 1), (0, 1), (0, 0)))
    assert found.shape == (3, 4, 6)
    for y, column, channel in np.ndindex(found.shape):
        part = slice(0, 2) if channel < 3 else slice(2, 4)
        window = padded[2 * y : 2 * y + 3, column : column + 3 : 2, part]
        total = (window * w[channel]).sum() + b[channel]
        expected = np.clip(requantised(total, scales[channel], 16) + 3, -(2**15), 2**15 - 1)
        assert found[y, column, channel] == expected


def test_conv1d():
    x, w = numbers((9, 3), DType.U8), numbers((5, 4, 3), DType.I8)
    found = run(
        lambda g, x: g.conv1d("c", x, w, None, 1, 0, WORDS, stride=2, pads=(1, 0)), (x, DType.U8)
    )
    padded = np.pad(x, ((1, 0), (0, 0)))
    expected = [[(padded[2 * i : 2 * i + 4] * w[c]).sum() for c in range(5)] for i in range(4)]
    assert (found == expected).all()


def test_matmul():
    x, w, b = numbers((2, 3, 8), DType.I8), numbers((5, 8), DType.I8), numbers(5, bound=999)
    found = run(lambda g, x: g.matmul("m", x, w, b, 3, 1, WORDS), (x, DType.I8))
    assert (found == requantised(x @ w.T + b, 3, 1)).all()
    turned = run(
        lambda g, x: g.matmul("m", g.transpose("t", x, (2, 1, 0)), w[:, :2], None, 1, 0, WORDS),
        (x, DType.I8),
    )
    assert (turned == x.transpose(2, 1, 0) @ w[:, :2].T).all()


def test_products_of_quantised_rows():
    """As attention has them: heads are slices of rows. What is quantised is only rounded."""
    a, b = numbers((5, 3, 16), bound=2**24), numbers((7, 3, 16), seed=1, bound=2**28)
    w = numbers((4, 16), DType.I8)

    def build(g, a, b):
        heads = [g.transpose(f"t{n}", x, (1, 0, 2)) for n, x in enumerate((a, b))]
        rows = [g.quantise(f"q{n}", x) for n, x in enumerate(heads)]
        return [
            g.product("p", rows[0], rows[1], 1, 30, WORDS),
            g.matmul("m", rows[0], w, None, 1, 12, WORDS),
        ]

    product, matmul = run(build, a, b)
    a, b = a.transpose(1, 0, 2).astype(float), b.transpose(1, 0, 2).astype(float)
    assert np.abs(product - a @ b.transpose(0, 2, 1) / 2**30).max() <= 2**52 * 1e-3 / 2**23
    assert np.abs(matmul - a @ w.T / 2**12).max() <= 2**24 * 128 * 16 / 2**12 / 2**14


def test_tall_and_wide_products_are_cut():
    x, w = numbers((3, 1000), DType.I8), numbers((3000, 1000), DType.I8, 1)
    graph = Graph("wide")
    tensor = graph.input("x", x.shape, DType.I8)
    graph.output(graph.matmul("m", tensor, w, None, 1, 0, WORDS))
    model = plan(graph)
    assert model.header.macs == 9_000_000
    engine = Engine(model)
    found = engine.run(packed((x, DType.I8))).state.output
    assert (np.frombuffer(found, ">i4").reshape(3, 3000) == x @ w.T).all()
    assert len(engine.groups[1].tiles) > 9
    assert len(engine.groups) == 3


# --- Pointwise ------------------------------------------------------------------------------------


def test_binary():
    a, b = numbers((3, 4, 5), bound=10**6), numbers((4, 1), seed=1, bound=10**6)
    made = run(
        lambda g, a, b: [
            g.add("a", a, b, WORDS, a_multiplier=3, b_multiplier=-2, shift=2),
            g.mul("m", a, b, WORDS, shift=20),
            g.maximum("x", a, b, WORDS),
            g.minimum("n", b, a, WORDS),
            g.mul("c", g.constant("k", numbers((5,), DType.I8), DType.I8), a, WORDS, shift=3),
            g.rescale("r", a, 1, 12, Result(DType.U8, 128)),
        ],
        a,
        b,
    )
    assert (made[0] == requantised(3 * a - 2 * b, 1, 2)).all()
    assert (made[1] == requantised(a * b, 1, 20)).all()
    assert (made[2] == np.maximum(a, b)).all()
    assert (made[3] == np.minimum(a, b)).all()
    assert (made[4] == requantised(a * numbers((5,), DType.I8), 1, 3)).all()
    assert (made[5] == np.clip(requantised(a, 1, 12) + 128, 0, 255)).all()


def test_map():
    x = numbers((300,), DType.I8)
    table = fixed.byte_table(np.tanh, DType.I8, 1 / 32, 4, 1 / 127, 0)
    found = run(lambda g, x: g.map("m", x, table, Result(DType.I8)), (x, DType.I8))
    assert np.abs(found - 127 * np.tanh((x - 4) / 32)).max() <= 0.5
    y = numbers((300,), bound=12 << 16)
    curve = fixed.curve(lambda v: v / (1 + np.exp(-v)), -8, 8, slope=1.0)
    found = run(lambda g, y: g.map("m", y, curve, WORDS), y) / 65536
    assert np.abs(found - (y / 65536) / (1 + np.exp(-y / 65536))).max() < 0.003


# --- Rows -----------------------------------------------------------------------------------------


def test_softmax():
    x = numbers((2, 4, 6), bound=5 << 16)
    mask = np.array([1, 0, 1, 1, 0, 1])
    made = run(
        lambda g, x, mask: [
            g.softmax("s", x, 1, 0),
            g.softmax("m", x, 1, 0, mask=mask),
            g.softmax("c", x, 1, 0, is_causal=True, past=2),
        ],
        x,
        mask,
    )
    plain = np.exp(x / 65536)
    causal = plain * (np.arange(6) < np.arange(4)[:, np.newaxis] + 3)
    for found, powers in zip(made, (plain, plain * mask, causal), strict=True):
        expected = powers / powers.sum(axis=-1, keepdims=True)
        assert np.abs(found / 32768 - expected).max() < 1e-4


def test_norm():
    x = numbers((3, 40), bound=3 << 16)
    gamma, beta = np.linspace(-2, 3, 40), np.linspace(1, 0, 40)
    made = run(
        lambda g, x: [
            g.norm("l", x, gamma, beta, epsilon=1e-5, is_centred=True),
            g.norm("r", x, gamma, epsilon=1e-6, is_centred=False),
            g.norm("u", x, 40**-0.5, is_centred=False),
        ],
        x,
    )
    real = x / 65536
    centred = real - real.mean(axis=1, keepdims=True)
    layer = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * gamma + beta
    rms = real / np.sqrt((real**2).mean(axis=1, keepdims=True) + 1e-6) * gamma
    unit = real / np.sqrt((real**2).sum(axis=1, keepdims=True))
    for found, expected in zip(made, (layer, rms, unit), strict=True):
        assert np.abs(found / 65536 - expected).max() < 1e-3


def test_rope():
    x = numbers((5, 2, 8), bound=1 << 20)
    angles = np.arange(5)[:, np.newaxis] * np.array([1.0, 0.3, 0.1, 0.03])
    found = run(lambda g, x: g.rope("r", x, np.cos(angles), np.sin(angles)), x)
    cos, sin = np.cos(angles)[:, np.newaxis], np.sin(angles)[:, np.newaxis]
    a, b = x[..., :4], x[..., 4:]
    expected = np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_reductions(axis):
    x = numbers((4, 5, 6), DType.I16)
    mask = np.arange(x.shape[axis]) % 3 != 1
    made = run(
        lambda g, x, mask: [
            g.sum("s", x, axis, WORDS),
            g.mean("m", x, axis, WORDS, mask=mask),
            g.max("x", x, axis),
            g.argmax("a", x, axis, mask=mask),
        ],
        (x, DType.I16),
        mask.astype(int),
    )
    kept = np.compress(mask, x, axis=axis)
    means = (kept.sum(axis=axis) << 12) // mask.sum()
    assert (made[0] == x.sum(axis=axis)).all()
    assert (made[1] == (means + 2048) >> 12).all()
    assert (made[2] == x.max(axis=axis)).all()
    assert (made[3] == np.flatnonzero(mask)[kept.argmax(axis=axis)]).all()


def test_pools():
    x = numbers((6, 6, 3), DType.I8)
    made = run(
        lambda g, x: [
            g.max_pool("x", x, (2, 3), (2, 1), (0, 1, 0, 1)),
            g.average_pool("a", x, (3, 3), (3, 3)),
            g.global_average_pool("g", x),
        ],
        (x, DType.I8),
    )
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=-128)
    for y, column in np.ndindex(3, 6):
        window = padded[2 * y : 2 * y + 2, column : column + 3]
        assert (made[0][y, column] == window.max(axis=(0, 1))).all()
    blocks = x.reshape(2, 3, 2, 3, 3).sum(axis=(1, 3))
    assert (made[1] == ((blocks << 12) // 9 + 2048) >> 12).all()
    assert (made[2] == ((x.sum(axis=(0, 1)) << 12) // 36 + 2048) >> 12).all()


# --- Plans ----------------------------------------------------------------------------------------


def network():
    """A bit of everything, in shapes that need several tiles."""
    rng = np.random.default_rng(3)
    graph = Graph("network")
    x = graph.input("picture", (20, 20, 3), DType.U8)
    c = graph.conv("conv", x, rng.integers(-99, 99, (24, 3, 3, 3)), None, 1, 6, Result(DType.I16),
                   pads=(1, 1, 1, 1))  # fmt: skip
    d = graph.conv("deep", c, rng.integers(-9, 9, (24, 3, 3, 1)), None, 1, 4, Result(DType.I16),
                   groups=24)  # fmt: skip
    p = graph.max_pool("pool", d, (2, 2), (2, 2))
    rows = graph.rescale("rows", graph.reshape("flat", p, (81, 24)), 16, 0, WORDS)
    q = graph.quantise("q", rows)
    scores = graph.product("scores", q, q, 1, 20, WORDS)
    weights = graph.softmax("weights", scores, 1, 4, is_causal=True)
    summed = graph.matmul("sum", weights, rng.integers(-99, 99, (10, 81)), None, 1, 9, WORDS)
    graph.output(graph.norm("norm", summed, 1.0, is_centred=True))
    graph.output(graph.argmax("best", graph.mean("mean", summed, 0, WORDS), 0))
    return graph


@pytest.fixture(scope="module")
def model():
    return plan(network())


DATA = np.random.default_rng(9).bytes(1200)


def test_the_same_graph_is_the_same_model(model):
    again = plan(network())
    assert again.address == model.address
    assert Model.from_bytes(again.to_bytes(), model.address).tasks == model.tasks


def test_every_task_is_valid(model):
    header = model.header
    assert None not in model.tasks
    assert all(is_valid(t, header.arena_size, 1200, header.output_size) for t in model.tasks)
    assert len(model.tasks) > 2 * len({group.first for group in grouped(model.tasks)}) / 2


def test_nothing_is_read_that_was_overwritten(model):
    """Every byte that a task reads was written by the task that the graph says: so a run in which
    each buffer has bytes of its own gives the same output."""
    graph = network()
    arena = plan_without_sharing(graph)
    assert arena.header.arena_size > model.header.arena_size
    one, other = (Engine(m).run(DATA).state.output for m in (model, arena))
    assert one == other


def plan_without_sharing(graph):
    """Every tensor is needed until the end."""
    from mlvm import plan as module

    original = module._needs

    def forever(*arguments):
        needs = original(*arguments)
        return [module._Need(n.buffer, n.size, n.alignment, -1, 10**9) for n in needs]

    module._needs = forever
    try:
        return plan(graph)
    finally:
        module._needs = original


def test_operands_are_aligned_and_inside(model):
    for task in model.tasks[1:-1]:
        for reach in reaches(task):
            size = model.header.arena_size if reach.source == Source.ARENA else len(model.blob)
            assert 0 <= reach.start <= reach.end <= size


def test_the_output_is_the_hash_of_bytes(model):
    state = Engine(model).run(DATA).state
    expected = effects.output_hash(model.header.macs, effects.hash_of_bytes(state.output))
    assert state.output_hash == expected
    assert len(state.output) == model.header.output_size


@pytest.mark.parametrize("options", [Options(2), Options(3), Options(1, frozenset())],
                         ids=["2 threads", "3 threads", "no fast path"])  # fmt: skip
def test_states_do_not_depend_on_how(model, options):
    plain = Inference(Engine(model, Options(1)), DATA)
    assert Inference(Engine(model, options), DATA).states == plain.states
    for path in PATHS:
        engine = Engine(model, Options(1, frozenset([path])))
        assert Inference(engine, DATA).states[-1] == plain.states[-1]


def test_states_against_the_specification(model):
    """The first tasks of a real size; the rest would take the specification too long."""
    inference = Inference(Engine(model), DATA)
    state = effects.InputState(DATA)
    cheap = [i for i, t in enumerate(model.tasks) if type(t).__name__ not in ("Dot", "Input")]
    assert inference.states[0] == state.hash()
    for index in [0, *cheap[:3], *cheap[-8:]]:
        tree = inference.arena_before(index)
        if tree is not None:
            arena = b"".join(tree.preimage(tree.leaves + n)[1:] for n in range(tree.leaves))
            assert root(arena) == inference.states[index]
            state = effects.ArenaState(arena)
        assert effects.effect(model, index, state).hash() == inference.states[index + 1]
    assert model.header.arena_size % LEAF_SIZE == 0


@pytest.mark.parametrize("size", [0, 1199, 1201])
def test_an_input_of_another_length(model, size):
    inference = Inference(Engine(model), DATA[:1] * size)
    expected = effects.output_state(effects.INVALID_INPUT)
    assert inference.states[1:] == [expected] * len(model.tasks)
    assert inference.output.output is None
    assert effects.effect(model, 0, effects.InputState(DATA[:1] * size)).hash() == expected


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda g, x: g.matmul("m", x, np.ones((2, 3), int), None, 1, 0, WORDS), "m: .* weights"),
        (lambda g, x: g.matmul("m", x, np.full((2, 4), 200), None, 1, 0, WORDS), "200 do not"),
        (lambda g, x: g.matmul("m", x, np.ones((2, 4)), None, 1, 0, WORDS), "not integers"),
        (lambda g, x: g.reshape("r", x, (3, 3)), "r: "),
        (lambda g, x: g.slice("s", x, (0, 2), (4, 2)), "s: nothing is left"),
        (lambda g, x: g.transpose("t", x, (0, 0)), "t: an order"),
        (lambda g, x: g.add("a", x, g.reshape("r", x, (2, 8)), WORDS), "a: "),
        (lambda g, x: g.quantise("q", g.rescale("e", x, 1, 0, Result(DType.I8))), "q: .* is I8"),
        (lambda g, x: g.quantise("q", g.quantise("e", x)), "q: e has exponents"),
        (lambda g, x: g.conv("c", x, np.ones((1, 1, 1, 1), int), None, 1, 0, WORDS), "c: a pic"),
        (lambda g, x: g.softmax("s", x, 1, 0, mask=x), "s: a mask"),
        (lambda g, x: g.mul("m", x, x, WORDS, multiplier=2**20, shift=0), "m: products"),
        (lambda g, x: g.map("m", x, Table(np.zeros(1, np.int32)), WORDS), "m: a table"),
        (lambda g, x: g.sum("s", x, 2, WORDS), "s: no axis 2"),
    ],
)  # fmt: skip
def test_operators_that_cannot_be(build, message):
    graph = Graph("bad")
    with pytest.raises(GraphError, match=message):
        build(graph, graph.input("x", (4, 4), DType.I32))


def test_a_row_that_is_too_long_for_a_task():
    graph = Graph("long")
    graph.output(graph.softmax("huge", graph.input("x", (9000,), DType.I32), 1, 0))
    with pytest.raises(GraphError, match="huge: Softmax: it writes 18000 bytes"):
        plan(graph)
