"""The native engine against the specification, with every fast path on and off."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlvm import compiled, exact, selftest
from mlvm.engine import PATHS, Engine, Kernels, Options
from mlvm.histories import Inference
from mlvm.kernels import dot as kernels
from mlvm.memory import Memory
from mlvm.plan import plan
from mlvm.products import FLOAT64
from mlvm.products import PATHS as PRODUCTS
from mlvm.spec import KERNELS, Operands
from mlvm.tasks import NONE, Dot
from mlvm.tiles import sized
from tests.mlvm import records
from tests.mlvm.test_graph import DATA, network

ALL = [Options(1), Options(2), *(Options(1, PATHS - {path}) for path in sorted(PATHS))]
SIZE = 1 << 18


@pytest.mark.parametrize("kind", records.KERNEL_KINDS, ids=lambda kind: kind.__name__)
def test_kernel(kind):
    @settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
    @given(records.of_kind(kind), records.data, records.data, st.sampled_from(ALL))
    def check(task, blob, arena, options):
        memory = Memory(np.frombuffer(blob, np.uint8), np.frombuffer(arena, np.uint8))
        expected = KERNELS[kind](task, Operands(blob, arena))
        assert Kernels(memory, options).compute(task).tobytes() == expected

    check()


def extreme_memory(seed):
    """Noise, or the numbers whose sums are the largest."""
    rng = np.random.default_rng(seed)
    patterns = [b"\x80", b"\x7f", b"\x80\x00", b"\x7f\xff", b"\x80\x7f", b"\xff"]
    arrays = []
    for _ in range(2):
        choice = rng.integers(0, 2 * len(patterns))
        data = rng.bytes(SIZE) if choice >= len(patterns) else patterns[choice] * SIZE
        arrays.append(np.frombuffer(data[:SIZE], np.uint8))
    return Memory(*arrays)


@st.composite
def dots(draw):
    """Products as models have them: all inside, of any shape."""
    groups = draw(st.sampled_from([1, 1, 1, 2, 3, 40]))
    group_size, per_group = draw(st.integers(1, 40)), draw(st.integers(1, 20))
    if draw(st.booleans()):
        group_size = per_group = 1
    if groups == 1 and draw(st.booleans()):
        group_size = draw(st.sampled_from([127, 128, 129, 1024, 1500, 4000]))
    kernel = (1, 1) if group_size > 40 else draw(st.sampled_from([(1, 1), (3, 3), (1, 5), (2, 2)]))
    dilation, stride = draw(st.sampled_from([(1, 1), (2, 1)])), draw(st.sampled_from([1, 1, 2]))
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9)) if group_size < 999 else 1
    pads = draw(st.integers(0, 2))
    a_type, b_type = draw(st.sampled_from([0, 1, 3])), draw(st.sampled_from([0, 0, 1, 3]))
    a_size, b_size = 1 + (a_type == 1), 1 + (b_type == 1)
    pixels = draw(st.integers(1, height * width))
    channels = groups * per_group
    first_channel = draw(st.integers(0, channels - 1))
    has_exponents = draw(st.booleans())
    weights = kernel[0] * kernel[1] * group_size
    task = Dot(
        out=0,
        out_size=0,
        a_source=draw(st.sampled_from([1, 1, 0])),
        a=draw(st.sampled_from([4, 32, 33])),
        a_type=a_type,
        a_stride=groups * group_size * a_size + draw(st.sampled_from([0, 4])),
        a_exponents=int(has_exponents and draw(st.booleans())),
        height=height,
        width=width,
        group_size=group_size,
        kernel_height=kernel[0],
        kernel_width=kernel[1],
        stride_y=stride,
        stride_x=1 if kernel == (1, 1) else stride,
        dilation_y=dilation[0],
        dilation_x=dilation[1],
        pad_top=pads if kernel != (1, 1) else 0,
        pad_left=pads if kernel != (1, 1) else 0,
        pad_value=draw(st.sampled_from([0, 0, -128, 127, 255, 32767, -32768, 2**31 - 1])),
        out_width=width,
        channels_per_group=per_group,
        b_source=draw(st.sampled_from([0, 0, 1])),
        b=draw(st.sampled_from([4, 64, 65])),
        b_type=b_type,
        b_stride=weights * b_size + draw(st.sampled_from([0, 4])),
        b_exponents=int(has_exponents),
        bias=draw(st.sampled_from([NONE, 128, 131])),
        multipliers=draw(st.sampled_from([256, 259])),
        shift=draw(st.sampled_from([0, 20, 31, 40, 62])),
        out_type=draw(st.integers(0, 3)),
        out_zero=draw(st.sampled_from([0, 3, -128])),
        out_lowest=draw(st.sampled_from([-(2**31), -100])),
        out_highest=draw(st.sampled_from([2**31 - 1, 90])),
        first_pixel=draw(st.sampled_from([0, 0, 1])),
        pixels=pixels,
        first_channel=draw(st.sampled_from([0, first_channel])),
        channels=channels - first_channel,
    )
    return sized(task)


@settings(max_examples=300)
@given(dots(), st.integers(0, 1000), st.sampled_from(ALL))
def test_products(task, seed, options):
    memory = extreme_memory(seed)
    expected = exact.dot(task, memory).tobytes()
    assert Kernels(memory, options).compute(task).tobytes() == expected
    few = sized(replace(task, pixels=1, channels=min(task.channels, 3)))
    if task.group_size * task.kernel_height < 300:
        plain = KERNELS[Dot](few, Operands(memory.blob.tobytes(), memory.arena.tobytes()))
        assert Kernels(memory, options).compute(few).tobytes() == plain


def test_fast_paths_are_used():
    """Or the tests above would compare the exact path with itself."""
    taken = set()

    @settings(max_examples=200)
    @given(dots(), st.integers(0, 50))
    def look(task, seed):
        for path in PRODUCTS:
            engine = Kernels(extreme_memory(seed), Options(1, frozenset([path])))
            if engine._products.dot(task) is not None:
                taken.add(path)

    look()
    assert taken == PRODUCTS


@pytest.mark.parametrize("path", sorted(PRODUCTS))
def test_a_path_that_computes_wrongly_is_not_used(path, monkeypatch, caplog):
    assert selftest.is_sound(path)
    finish = kernels.finish

    def wrong(parts, *rest):
        parts.flat[-1] += 1024 if path == FLOAT64 else 1
        finish(parts, *rest)

    monkeypatch.setattr(kernels, "finish", wrong)
    selftest.is_sound.cache_clear()
    assert not selftest.is_sound(path)
    assert f"'{path}' computes wrongly" in caplog.text
    selftest.is_sound.cache_clear()


@pytest.mark.parametrize("kind", compiled.KERNELS, ids=lambda kind: kind.__name__)
def test_a_compiled_kernel_that_computes_wrongly_is_not_used(kind, monkeypatch, caplog):
    assert selftest.is_sound_kernel(kind)
    kernel = compiled.KERNELS[kind]

    def wrong(*arguments):
        return kernel(*arguments) ^ 1

    monkeypatch.setitem(compiled.KERNELS, kind, wrong)
    selftest.is_sound_kernel.cache_clear()
    assert not selftest.is_sound_kernel(kind)
    assert f"'{kind.__name__}' computes wrongly" in caplog.text
    selftest.is_sound_kernel.cache_clear()


PROGRAM = """
from tests.mlvm.test_graph import DATA, network
from mlvm.engine import Engine
from mlvm.histories import Inference
from mlvm.plan import plan
print(Inference(Engine(plan(network())), DATA).states[-1].hex())
"""


@pytest.mark.parametrize("core", ["Haswell", "SkylakeX", "Nehalem", "Prescott"])
def test_other_processors_and_a_fresh_process(core):
    """What OpenBLAS does on them, as far as this one can."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": core, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    expected = Inference(Engine(plan(network()), Options(1, frozenset())), DATA).states[-1]
    assert done.stdout.strip() == expected.hex()
