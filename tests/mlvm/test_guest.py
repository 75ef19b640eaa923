"""The guest `mlrun` against the specification: every kernel, state and record."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from itertools import pairwise, product
from random import Random

import pytest

from fpvm.keccak import keccak256
from fpvm.sources import DictSource
from mlvm import checks
from mlvm.checks import is_valid
from mlvm.effects import ArenaState, InputState, OutputState, effect, run
from mlvm.engine import Engine
from mlvm.histories import Inference, InferenceSource
from mlvm.importers.bert import EncoderGraph
from mlvm.importers.llama import NOTHING, generator
from mlvm.model import Header, Model
from mlvm.models.catalogue import MODELS
from mlvm.plan import plan
from mlvm.spec import KERNELS, Operands
from mlvm.tasks import (
    KINDS,
    NONE,
    SIGNED,
    Copy,
    Dot,
    DType,
    Gather,
    Input,
    Map,
    Nothing,
    Output,
    Source,
    unpack,
)
from mlvm.trees import LEAF_SIZE, leaf_count, zero_root
from programs.toolchain import CHECKOUT
from tests.mlvm import guest, native_kernels
from tests.mlvm.hostile_tasks import SIZE, TASKS
from tests.mlvm.language_models import decoder, encoder
from tests.mlvm.random_tasks import COMPUTING, random_task, some_bytes, spoilt

SOURCES = CHECKOUT / "programs/mlrun"
#: Sizes of input and output where no task looks at them.
ANY_SIZE = 10
#: Records by kernel: in the VM, and natively.
IN_VM, NATIVELY = 60, 800
#: The specification takes seconds for what costs more.
ENOUGH = 400_000

every_kind = pytest.mark.parametrize("kind", COMPUTING, ids=lambda kind: kind.__name__)


def drawn(kind, number):
    """A random task, blob and arena."""
    random = Random(f"{kind.__name__} {number}")
    blob = some_bytes(random, random.choice((0, 1, 1000, 1024, 3000, 5000)))
    operands = Operands(blob, some_bytes(random, random.choice((1024, 2048, 4096, 8192))))
    task = random_task(kind, random, operands)
    return unpack((spoilt(task, random) if random.random() < 0.2 else task).pack()), operands


def model_of(*tasks, blob=b"", arena_size=4096, input_size=ANY_SIZE, output_size=ANY_SIZE):
    sizes = {"arena_size": arena_size, "input_size": input_size, "output_size": output_size}
    return Model.of(list(tasks), blob, {}, macs=0x0123456789, **sizes)


def assert_agrees(model, index, state):
    """The guest says what the specification says, and takes no more steps than the cost allows."""
    answer = guest.answer_of(model, index, state)
    assert answer.exit_code == 0
    assert answer.state == effect(model, index, state).hash()
    task = model.tasks[index] if index < len(model.tasks) else None
    if type(task) in KERNELS:
        assert answer.steps <= 8 * checks.cost(task)
    else:
        assert answer.steps <= 8 * checks.COST_OF_TASK


# --- Kernels --------------------------------------------------------------------------------------


@every_kind
def test_kernel_in_the_vm(kind):
    for number in range(IN_VM):
        task, operands = drawn(kind, number)
        model = model_of(
            *[task] * (1 + number % 5), blob=operands.blob, arena_size=len(operands.arena)
        )
        if model.tasks[0] is None or checks.cost(task) < ENOUGH:
            assert_agrees(model, 0, ArenaState(operands.arena))


@every_kind
def test_kernel_natively(kind):
    for number in range(NATIVELY):
        task, operands = drawn(kind, f"native {number}")
        record, sizes = task.pack(), (len(operands.arena), ANY_SIZE, ANY_SIZE)
        assert native_kernels.is_valid(record, *sizes) == is_valid(task, *sizes), task
        if not is_valid(task, *sizes):
            continue
        assert native_kernels.cost(record) == checks.cost(task), task
        if checks.cost(task) < ENOUGH:
            expected = KERNELS[kind](task, operands)
            assert native_kernels.write(record, task.out_size, operands) == expected, task


def test_records_of_noise_do_nothing_or_what_the_specification_says():
    random = Random(1)
    for _ in range(3000):
        record = random.randrange(len(KINDS) + 3).to_bytes(4, "big") + random.randbytes(252)
        sizes = (1 << 30, ANY_SIZE, ANY_SIZE)
        is_known = record[3] < len(KINDS)
        expected = is_known and is_valid(unpack(record), *sizes)
        assert native_kernels.is_valid(record, *sizes) == expected


@pytest.mark.parametrize(
    ("name", "field", "highest"),
    [
        ("norm", "epsilon_high", checks.EPSILON_LIMIT - 1),
        ("map i32 beyond", "step", checks.MAX_STEP),
        ("map i32 beyond", "segments", checks.MAX_SEGMENTS),
        ("pool max", "divisor", checks.MAX_DIVISOR),
        ("rotate", "repeat", checks.MAX_COUNT),
        ("copy pad", "first", checks.MAX_COUNT),
        ("binary max", "operation", 3),
        ("reduce i16", "operation", 2),
        ("dot i8 pair w=3", "height", checks.MAX_COUNT),
    ],
)
def test_the_limits_of_fields(name, field, highest):
    for value in (highest, highest + 1):
        task = replace(TASKS[name], **{field: value})
        sizes = (SIZE, ANY_SIZE, ANY_SIZE)
        assert is_valid(task, *sizes) == (value == highest)
        assert native_kernels.is_valid(task.pack(), *sizes) == (value == highest)


def test_rows_of_a_table_by_any_index():
    """The last row, one behind it, and one of which the sign says that there is none."""
    indices = (0, 3, 4, 5, -1, -4, 1 << 24, -(1 << 31))
    arena = b"".join(index.to_bytes(4, "big", signed=True) for index in indices) + bytes(992)
    blob = bytes(range(1, 41)) + (1).to_bytes(4, "big") * 40
    size, count = 3 * len(indices), len(indices)
    task = Gather(100, size, 0, Source.BLOB, 0, DType.U8, 3, 4, 3, 40, 0, DType.U8, count)
    operands = Operands(blob, arena)
    assert native_kernels.write(task.pack(), size, operands) == KERNELS[Gather](task, operands)
    assert_agrees(model_of(task, blob=blob, arena_size=1024), 0, ArenaState(arena))


#: 3 pixels of 5 channels, of rows that are long; what comes out are the sums themselves.
LENGTH, WEIGHTS_SIZE = 700, 4 * 5 * 700
LONG = Dot(
    **{field.name: 0 for field in fields(Dot)}
    | dict.fromkeys(("width", "kernel_height", "kernel_width", "stride_y", "stride_x"), 1)
    | dict.fromkeys(("dilation_y", "dilation_x", "out_width", "a_source"), 1)
    | {"group_size": LENGTH, "height": 3, "pixels": 3, "channels_per_group": 8, "channels": 5}
    | {"out_lowest": -(1 << 31), "out_highest": (1 << 31) - 1, "out_type": 2, "out_size": 60}
    | {"bias": NONE, "multipliers": WEIGHTS_SIZE, "shift": 30, "out": 12_000}
)
EXTREMES = (0x80, 0x7F, 0xFF)


@pytest.mark.parametrize("a_type", DType)
@pytest.mark.parametrize("b_type", DType)
def test_the_largest_sums_of_products(a_type, b_type):
    """Numbers and weights at their ends, more of them than two pixels add up at once."""
    strides = {"a_stride": LENGTH * a_type.size, "b_stride": LENGTH * b_type.size}
    task = replace(LONG, a_type=a_type, b_type=b_type, **strides)
    for a, b in product(EXTREMES, repeat=2):
        blob = bytes([b]) * WEIGHTS_SIZE + (1 << 30).to_bytes(4, "big") * 5
        operands = Operands(blob, bytes([a]) * (1 << 14))
        assert is_valid(task, len(operands.arena), ANY_SIZE, ANY_SIZE)
        expected = KERNELS[Dot](task, operands)
        assert native_kernels.write(task.pack(), task.out_size, operands) == expected
        if a == b:
            model = model_of(task, blob=blob, arena_size=len(operands.arena))
            assert_agrees(model, 0, ArenaState(operands.arena))


@pytest.mark.parametrize("name", TASKS)
def test_the_cost_bounds_the_steps(name):
    random = Random(name)
    model = model_of(TASKS[name], blob=random.randbytes(SIZE), arena_size=SIZE)
    assert model.tasks[0] is not None
    answer = guest.answer_of(model, 0, ArenaState(random.randbytes(SIZE)))
    assert answer.steps <= 8 * checks.cost(TASKS[name])


# --- Trees as large as they may be ----------------------------------------------------------------

HEIGHT = 20


def zeros(preimages, height):
    preimages.add(b"\0" + bytes(LEAF_SIZE))
    for below in range(height):
        preimages.add(b"\1" + 2 * zero_root(below))


def answer_in_the_largest_model(task):
    """What the guest makes of a task in a model of zeros."""
    preimages = guest.Preimages()
    zeros(preimages, HEIGHT + 1)
    tasks = preimages.add(b"\0" + task.pack() + bytes(LEAF_SIZE - 256))
    for height in range(14):
        tasks = preimages.add(b"\1" + tasks + zero_root(height))
    header = Header(1 << 16, 1 << 30, 10, 10, 1, 7 << 28, tasks, zero_root(21), bytes(32))
    preimages.add(header.pack())
    return guest.answer(header.address(), 0, zero_root(HEIGHT), preimages)


def copy_of(**values):
    """Of numbers that are padding, all of them, unless the box says otherwise."""
    ordinary = dict.fromkeys((f"size_{n}" for n in range(2, 6)), 1)
    ordinary |= dict.fromkeys((f"high_{n}" for n in range(2, 6)), 1)
    ordinary |= {"a_source": 1, "size": 4, "count": 1, "high_1": 1 << 24}
    task = Copy(**{field.name: 0 for field in fields(Copy)} | ordinary | values)
    return replace(task, out_size=checks.written_size(task))


def test_the_longest_paths():
    """Two leaves, the last of the left half and the first of the right: 40 hashes in all."""
    task = copy_of(out=(1 << 29) - 2, high_1=0, pad_value=0x01020304)
    answer = answer_in_the_largest_model(task)
    ends = bytes(1022) + b"\1\2", b"\3\4" + bytes(1022)
    left, right = (keccak256(b"\0" + leaf) for leaf in ends)
    for height in range(HEIGHT - 1):
        left = keccak256(b"\1" + zero_root(height) + left)
        right = keccak256(b"\1" + right + zero_root(height))
    assert answer.state == keccak256(b"\1" + left + right)
    assert answer.steps <= 8 * checks.cost(task)


@pytest.mark.parametrize("source", [0, 1])
@pytest.mark.parametrize("count", [1, 16, 1000, 3000])
def test_numbers_far_apart(source, count):
    """Each lies in two leaves, and no two in one."""
    stride = ((1 << 30) // count) & -LEAF_SIZE
    task = copy_of(a_source=source, a=LEAF_SIZE - 2, stride_1=stride, count=count)
    answer = answer_in_the_largest_model(task)
    assert answer.state == zero_root(HEIGHT)
    assert answer.steps <= 8 * checks.cost(task)


# --- States ---------------------------------------------------------------------------------------

#: A table in a blob of its own: what the network of `chain` does.
DOUBLE = b"".join((2 * number & 0xFF).to_bytes(4, "big") for number in range(256))


def chain(arena_size=4096, size=700):
    """Input, two maps, output."""
    at = arena_size // 2
    steps = (
        Map(at, size, 0, 3, 0, 1, 0, 0, 0, 3, size),
        Map(at, size, at, 3, 0, 1, 0, 0, 0, 3, size),
    )
    tasks = Input(0, size), *steps, Output(at, size)
    return model_of(*tasks, blob=DOUBLE, arena_size=arena_size, input_size=size, output_size=size)


@pytest.mark.parametrize("arena_size", [2048, 4096, 1 << 15, 1 << 20])
def test_a_whole_run(arena_size):
    model = chain(arena_size)
    states = list(run(model, bytes(range(100)) * 7))
    for index, (before, after) in enumerate(pairwise(states)):
        assert guest.answer_of(model, index, before).state == after.hash()


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize(
    "state",
    [
        InputState(bytes(700)),
        InputState(bytes(699)),
        InputState(b""),
        InputState(bytes(5000)),
        ArenaState(bytes(4096)),
        ArenaState(Random(2).randbytes(4096)),
        OutputState(bytes(32), None),
    ],
    ids=lambda state: f"{type(state).__name__}",
)
def test_every_task_in_every_state(index, state):
    assert_agrees(chain(), index, state)


@pytest.mark.parametrize("index", [4, 5, 1 << 16, 1 << 32, (1 << 32) + 1, (1 << 64) - 1])
@pytest.mark.parametrize("state", [ArenaState(bytes(4096)), InputState(bytes(700))])
def test_behind_the_last_task_nothing_changes(index, state):
    assert_agrees(chain(), index, state)


@pytest.mark.parametrize("size", [1, 1024, 1025, 4096])
def test_an_arena_of_any_size(size):
    arena_size = leaf_count(size) * LEAF_SIZE
    model = model_of(
        Input(0, size),
        Nothing(0, 0),
        Output(0, size),
        arena_size=arena_size,
        input_size=size,
        output_size=size,
    )
    for index, state in enumerate(run(model, b"\7" * size)):
        assert_agrees(model, index, state)


def test_ends_that_are_not_valid_change_nothing():
    ends = Input(4, 700), Input(0, 699), Output(1024, 700), Output(512, 700), Output(4096, 700)
    ends = (*ends, Output(2048, 701), Output(NONE - 1023, 700))
    model = replace_tasks(chain(), ends)
    for index in range(len(ends)):
        for state in (InputState(bytes(700)), ArenaState(bytes(4096))):
            assert_agrees(model, index, state)


def replace_tasks(model, tasks):
    header = model.header
    return model_of(
        *tasks,
        blob=model.blob.tobytes(),
        arena_size=header.arena_size,
        input_size=header.input_size,
        output_size=header.output_size,
    )


# --- Whole inferences, by the native engine and its preimages -------------------------------------


def steps_of(model, data, every=1):
    """The guest says what the native engine says, of each task or every so many; steps in all."""
    inference = Inference(Engine(model), data)
    source, steps = InferenceSource(inference), 0
    for index in range(0, model.header.task_count, every):
        answer = guest.answer_within(inference, source, index)
        assert (answer.state, answer.exit_code) == (inference.states[index + 1], 0)
        steps += answer.steps
    return steps


def tokens(*numbers):
    return b"".join(number.to_bytes(4, "big", signed=True) for number in numbers)


def test_mnist_takes_less_than_a_million_steps():
    model = MODELS["mnist-mlp"](None).model
    assert steps_of(model, Random(4).randbytes(784)) < 1_000_000


def test_a_convolutional_network():
    model = MODELS["mnist-cnn"](None).model
    steps_of(model, Random(4).randbytes(784))


def test_an_encoder():
    model = plan(EncoderGraph(encoder(layers=1, width=16, hidden=24), 5).graph)
    steps_of(model, tokens(3, 7, 11, 0, 0))


def test_a_layer_of_an_encoder_of_real_size():
    """As MiniLM's are."""
    shape = {"layers": 1, "width": 384, "hidden": 1536, "heads": 12}
    model = plan(EncoderGraph(encoder(**shape), 12).graph)
    steps_of(model, tokens(3, 7, 11, *[0] * 9), every=7)


def test_a_decoder():
    small = decoder(layers=1, width=16, hidden=24, vocabulary=16)
    steps_of(plan(generator(small, 3, 2).graph), tokens(NOTHING, 4, 9))


# --- What is no model, no tree, no question -------------------------------------------------------


def spoilt_headers():
    good = chain().header.pack()
    yield "magic", b"x" + good[1:]
    yield "padding of the magic", good[:15] + b"x" + good[16:]
    yield "short", good[:-1]
    yield "long", good + b"\0"
    for place, values in {
        16: (0, 2),  # operators
        20: (0, (1 << 16) + 1),  # tasks
        24: (512, 4097, 1 << 31, 0),  # arena size
        28: (0, 4097),  # input size
        32: (0, 4097),  # output size
        36: (1,),  # zero
        48: (1,),  # blob size, high
        52: ((7 << 28) + 1, NONE),  # blob size, low
    }.items():
        for value in values:
            yield f"{place}: {value}", good[:place] + value.to_bytes(4, "big") + good[place + 4 :]


@pytest.mark.parametrize(
    "header", [pytest.param(*case[1:], id=case[0]) for case in spoilt_headers()]
)
def test_what_is_no_header_changes_nothing(header):
    preimages = guest.Preimages()
    preimages.add_model(chain())
    state = InputState(bytes(700))
    preimages.add_state(state)
    answer = guest.answer(preimages.add(header), 0, state.hash(), preimages)
    assert (answer.state, answer.exit_code) == (state.hash(), 0)


@pytest.mark.parametrize("part", ["tasks", "blob", "arena"])
@pytest.mark.parametrize(
    "preimage", [b"", b"\1" + bytes(63), b"\1" + bytes(65), b"\0" + bytes(1024)]
)
def test_what_is_no_tree_changes_nothing(part, preimage):
    """Where a node or a leaf has to be, there is a preimage of another length."""
    preimages = guest.Preimages()
    model, arena = chain(), Random(3).randbytes(4096)
    if len(preimage) == 1025 and part != "arena":
        preimage = preimage[:-1]  # these trees are leaves
    bad = preimages.add(preimage)
    preimages.add_model(model)
    preimages.add_state(ArenaState(arena))
    root, header = ArenaState(arena).hash(), model.header
    if part == "arena":
        other = preimages.add_bytes(arena[2048:])
        root = preimages.add(b"\1" + bad + other)
    elif part == "blob":
        header = replace(header, blob_root=bad)
    else:
        header = replace(header, task_root=bad)
    answer = guest.answer(preimages.add(header.pack()), 1, root, preimages)
    assert (answer.state, answer.exit_code) == (root, 0)


def test_what_asks_for_no_task_has_no_answer():
    preimages = guest.Preimages()
    for question in (b"", b"task", bytes(75), bytes(77)):
        answer = guest.run(preimages.add(question), DictSource(preimages))
        assert answer.exit_code == 1


# --- The sources ----------------------------------------------------------------------------------


def test_the_records_of_the_guest_are_those_of_tasks_py():
    header = (SOURCES / "tasks.h").read_text()
    structs = dict(re.findall(r"^struct (\w+) \{\n(.*?)\n\};", header, re.DOTALL | re.MULTILINE))
    for kind in COMPUTING:
        declared = [
            (name.strip(), ctype == "int32_t")
            for ctype, names in re.findall(r"(u?int32_t) ([^;]*);", structs[kind.__name__.lower()])
            for name in names.split(",")
        ]
        expected = [(field.name, field.name in SIGNED) for field in fields(kind)]
        assert declared == [("kind", False), *expected]
    kinds = re.search(r"\{\n((?:.*\n)*?.*KINDS,)\n", header)
    assert kinds is not None
    names = [name.strip() for name in kinds[1].split(",") if name.strip()]
    assert names[-len(KINDS) - 1 :] == [*(kind.__name__.upper() for kind in KINDS), "KINDS"]


def test_the_zeros_of_the_guest_are_those_of_trees_py():
    numbers = re.findall(r"0x([0-9a-f]{2})\b", (SOURCES / "vm/zeros.h").read_text())
    assert bytes.fromhex("".join(numbers)) == b"".join(map(zero_root, range(HEIGHT)))
