"""The honest histories of programs: equal to brute force, wherever they were cut, kept or lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispute import cache as cache_module
from dispute import histories as module
from dispute.cache import Cache
from dispute.histories import HistoryError, ProgramHistories
from dispute.table import Level, Table
from dispute.vm import GivenWords, ProgramRuns, SameStates
from fpvm import checkpoint
from fpvm.elf import kernel_image, load
from fpvm.fast import FastMachine
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle, PreimageMissing
from fpvm.proof import verify
from fpvm.sources import DictSource
from fpvm.state import genesis, outcome
from programs.build import build
from tests.dispute.worlds import ORIGIN, PREIMAGE, PROGRAMS, STAKE, World, terms, vm_world
from tests.fpvm.machines import PROPERTY, Preimages

HEIGHTS = (2, 2, 2)
Path_ = tuple[int, ...]


@pytest.fixture(autouse=True)
def many_checkpoints(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of a few steps have states put aside all the time."""
    if request.node.get_closest_marker("slow"):
        return
    monkeypatch.setattr(module, "LEAST_INTERVAL", 3)
    monkeypatch.setattr(module, "WORTH_PUTTING_ASIDE", 2)


def program_histories(world: World, folder: Path, **more: object) -> ProgramHistories:
    assert world.setup is not None
    machine = world.setup.start(Machine)
    source = more.pop("source", Preimages(*world.setup.preimages))
    arguments = (machine.state(), machine.memory, source, world.table, folder)
    return ProgramHistories(*arguments, **more)  # type: ignore[arg-type]


def paths(heights: tuple[int, ...]) -> list[Path_]:
    """All paths to histories."""
    ranges = [range(1 << height) for height in heights]
    return [path for level in range(len(heights)) for path in product(*ranges[:level])]


def everything(histories: module.Histories, heights: tuple[int, ...], path: Path_) -> object:
    """All that can be asked for at a path."""
    history = histories.history(ORIGIN, path)
    states = [history.state(position) for position in range((1 << history.height) + 1)]
    proof = histories.outcome_proof(ORIGIN, path) if path else b""
    witnesses = []
    if len(path) == len(heights) - 1:
        witnesses = [histories.witness(ORIGIN, (*path, at)) for at in range(1 << heights[-1])]
    return states, history.root(), proof, witnesses


def check(histories: ProgramHistories, world: World, some: list[Path_] | None = None) -> None:
    """Equal to brute force by the specification, everywhere."""
    heights = tuple(level.height for level in world.table.levels)
    for path in some or paths(heights):
        assert everything(histories, heights, path) == everything(world.histories, heights, path)


# --- What they are --------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [Machine, FastMachine])
@pytest.mark.parametrize("heights", [(2, 2, 2), (1, 3, 1), (2, 4), (1, 1, 1, 2)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_history_is_the_one_of_brute_force(
    name: str, heights: tuple[int, ...], engine: type[Machine], tmp_path: Path
) -> None:
    world = vm_world(name, heights)
    check(program_histories(world, tmp_path, engine=engine), world)
    check(program_histories(world, tmp_path, engine=engine), world)


@settings(PROPERTY, max_examples=30)
@given(data=st.data())
def test_the_order_in_which_they_are_asked_for_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    world = vm_world(data.draw(st.sampled_from(sorted(PROGRAMS))), HEIGHTS)
    order = data.draw(st.lists(st.sampled_from(paths(HEIGHTS)), max_size=4))
    folder = tmp_path_factory.mktemp("cache")
    for path in order:  # by a new agent each time
        check(program_histories(world, folder), world, [path])
    shutil.rmtree(folder)


def test_a_native_implementation_gives_the_words(tmp_path: Path) -> None:
    world = vm_world("count")
    asked = []

    def native(word: bytes) -> bytes:
        asked.append(word)
        return word[:28] + (int.from_bytes(word[28:]) + 1).to_bytes(4)

    histories = program_histories(world, tmp_path, native=native)
    histories.history(ORIGIN, ())
    assert len(asked) == 4
    assert not list(tmp_path.iterdir())
    check(histories, world)


def test_a_native_implementation_that_is_wrong_is_told(tmp_path: Path) -> None:
    histories = program_histories(vm_world("count"), tmp_path, native=lambda word: b"\1" * 32)
    with pytest.raises(HistoryError, match=r"word 1 of level 0 is 0x0101\w+, but the VM computes"):
        histories.history(ORIGIN, (0,))


@pytest.mark.parametrize("path", [(4,), (-1,), (0, 4), (0, 0, 0), (0, 0, 0, 0)])
def test_there_is_no_history_elsewhere(path: Path_, tmp_path: Path) -> None:
    histories = program_histories(vm_world("count"), tmp_path)
    with pytest.raises(ValueError, match=r"\("):
        histories.history(ORIGIN, path)
    with pytest.raises(ValueError, match=r"\("):
        histories.witness(ORIGIN, (*path, 0) if len(path) > 2 else path)


def test_another_program_has_no_such_disputes(tmp_path: Path) -> None:
    count, trap = vm_world("count"), vm_world("trap")
    assert count.setup
    assert trap.setup
    machine = trap.setup.start(Machine)
    with pytest.raises(ValueError, match="of another program"):
        ProgramHistories(machine.state(), machine.memory, DictSource(), count.table, tmp_path)
    machine.run(1)
    with pytest.raises(ValueError, match="not the first one"):
        ProgramHistories(machine.state(), machine.memory, DictSource(), trap.table, tmp_path)


# --- What is not computed twice -------------------------------------------------------------------


class Counting(Machine):
    """Counts the steps that all of its kind make."""

    steps = 0

    def run(self, until: int) -> None:
        before = self.step
        super().run(until)
        Counting.steps += self.step - before


def test_what_was_computed_once_is_never_computed_again(tmp_path: Path) -> None:
    world = vm_world("count", (1, 2, 1, 1))
    check(program_histories(world, tmp_path, engine=Counting), world)
    Counting.steps = 0
    again = program_histories(world, tmp_path, engine=Counting)
    for path in paths((1, 2, 1, 1)):
        again.history(ORIGIN, path)
        again.outcome_proof(ORIGIN, path)
    assert Counting.steps == 0


def test_a_machine_starts_from_the_nearest_state_that_was_put_aside(tmp_path: Path) -> None:
    world = vm_world("loop", (1, 2, 2))
    histories = program_histories(world, tmp_path, engine=Counting)
    histories.history(ORIGIN, (0,))
    for position in range(4):
        Counting.steps = 0
        histories.history(ORIGIN, (0, position))
        assert Counting.steps <= 3 + 4


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_STATES", 12)
    monkeypatch.setattr(module, "KEPT_WITNESSES", 2)
    world = vm_world("loop")
    histories = program_histories(world, tmp_path)
    check(histories, world)
    check(histories, world)
    assert len(histories._histories._kept) <= 4
    assert len(histories._witnesses._kept) == 2


def test_so_many_checkpoints_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MAX_CHECKPOINTS", 2)
    world = vm_world("loop")
    check(program_histories(world, tmp_path), world)
    for folder in tmp_path.iterdir():
        assert len(list(folder.glob("*.checkpoint"))) <= 2


# --- Programs that do not come to an end, or not without help -------------------------------------


def test_a_program_that_never_halts_has_an_outcome(tmp_path: Path) -> None:
    world = vm_world("loop")
    histories = program_histories(world, tmp_path)
    assert histories.history(ORIGIN, ()).state(1) == outcome(histories.run(ORIGIN, (0,)).end())
    assert not histories.run(ORIGIN, (0,)).end().exited


@pytest.mark.parametrize("engine", [Machine, FastMachine])
def test_a_preimage_that_comes_late_is_waited_for(engine: type[Machine], tmp_path: Path) -> None:
    world = vm_world("preimage")
    known: dict[bytes, bytes] = {}
    for late in (False, True):
        histories = program_histories(world, tmp_path, source=DictSource(known), engine=engine)
        for path in paths(HEIGHTS):
            with pytest.raises(PreimageMissing, match="preimage 0x02"):
                histories.history(ORIGIN, path)
        if late:
            known.update(Preimages(PREIMAGE).by_key)
            check(histories, world)  # the same agent goes on


def test_a_run_goes_on_from_where_the_preimage_was_missing(tmp_path: Path) -> None:
    """The history of a run itself, whose words are known otherwise."""
    world = vm_world("preimage", (1, 3, 1))
    words = world.histories.history(ORIGIN, ())
    native = {words.state(at): words.state(at + 1) for at in range(2)}.__getitem__
    known: dict[bytes, bytes] = {}
    source = DictSource(known)
    lacking = program_histories(world, tmp_path, source=source, native=native, engine=Counting)
    with pytest.raises(PreimageMissing):
        lacking.history(ORIGIN, (0,))
    known.update(Preimages(PREIMAGE).by_key)
    Counting.steps = 0
    source = DictSource(known)
    again = program_histories(world, tmp_path, source=source, native=native, engine=Counting)
    assert again.history(ORIGIN, (0,)).root() == world.histories.history(ORIGIN, (0,)).root()
    assert 0 < Counting.steps < 12


# --- Files that are damaged, of something else, or half written -----------------------------------


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damages(data: bytes) -> Iterator[bytes]:
    """What a disk or a process that dies may make of a file."""
    yield from (b"", data[: len(data) // 2], data + b"\0")
    for at in (0, 20, len(data) // 2, len(data) - 1):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("name", ["count", "loop"])
def test_a_damaged_file_is_computed_again(name: str, tmp_path: Path) -> None:
    world = vm_world(name, (1, 1, 2))
    whole = tmp_path / "whole"
    check(program_histories(world, whole), world)
    for number in range(len(files(whole))):
        damaged = files(whole)[number]
        for data in damages(damaged.read_bytes()):
            folder = tmp_path / "damaged"
            shutil.copytree(whole, folder)
            (folder / damaged.relative_to(whole)).write_bytes(data)
            check(program_histories(world, folder, engine=Machine), world)
            shutil.rmtree(folder)


def test_files_of_something_else_are_not_believed(tmp_path: Path) -> None:
    """Every file is put in the place of every other: of another run, another stretch, another
    program."""
    world, other = vm_world("count", (1, 1, 1)), vm_world("loop", (1, 1, 1))
    whole, strange = tmp_path / "whole", tmp_path / "strange"
    check(program_histories(world, whole), world)
    check(program_histories(other, strange), other)
    everywhere = files(whole) + files(strange)
    for target in files(whole):
        folder = tmp_path / "mixed"
        shutil.copytree(whole, folder)
        for source in everywhere:
            shutil.copy(source, folder / target.relative_to(whole))
            check(program_histories(world, folder, engine=Machine), world, [(0,)])
        shutil.rmtree(folder)


def test_a_history_that_is_whole_and_wrong_is_computed_again(tmp_path: Path) -> None:
    """As if by another version of ours: its digest is right, but it does not lead on."""
    world = vm_world("count", (1, 2, 1))
    good = program_histories(world, tmp_path)
    check(good, world)
    run = good.run(ORIGIN, (0,))
    name = run._name(2, 1, 1)
    run._cache.write(name, b"\1" + run._cache.read(name)[1:33] + bytes(64))  # type: ignore[index]
    check(program_histories(world, tmp_path), world)


def test_a_checkpoint_of_another_state_is_passed_over(tmp_path: Path) -> None:
    world = vm_world("count")
    assert world.setup
    machine = world.setup.start(Machine)
    cache = Cache(tmp_path, b"mine")
    for step in (2, 4):
        machine.run(step)
        cache.put_aside(machine.state(), machine.memory)
    assert cache.nearest(1) is None
    assert [cache.nearest(step)[0].step for step in (2, 3, 4, 9)] == [2, 2, 4, 4]  # type: ignore[index]
    last = max(tmp_path.rglob("*.checkpoint"))
    first = genesis(world.setup.start(Machine).memory.root(), machine.core.pc, bytes(32))
    checkpoint.save(last, first, world.setup.start(Machine).memory)
    assert cache.nearest(9)[0].step == 2  # type: ignore[index]
    for name in ("x", "-", "²".rjust(20, "0") + "-0"):
        (last.parent / f"{name}.checkpoint").write_bytes(b"")
    assert cache.nearest(9)[0].step == 2  # type: ignore[index]
    assert Cache(tmp_path, b"another").nearest(9) is None


class Died(BaseException):
    """The process ends here, whatever it was about to do."""


def test_an_agent_that_dies_between_writes_loses_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies before, within and after the n-th file that it writes, for every n."""
    world = vm_world("loop", (1, 1, 1))
    replace, write = Path.replace, Path.write_bytes
    for number in range(100):
        for when in ("within", "before", "after"):
            folder = tmp_path / f"{when} {number}"
            left = [number]

            def is_now(left: list[int] = left) -> bool:
                left[0] -= 1
                return left[0] == -1

            def dying_replace(path: Path, target: Path, when: str = when) -> Path:
                now = when != "within" and is_now()
                if now and when == "before":
                    raise Died
                replace(path, target)
                if now:
                    raise Died
                return target

            def dying_write(path: Path, data: bytes, when: str = when) -> int:
                if when == "within" and is_now():
                    write(path, data[: len(data) // 2])
                    os.link(path, path.with_name(f"left-{path.name}"))
                    raise Died
                return write(path, data)

            with monkeypatch.context() as patched:
                patched.setattr(Path, "replace", dying_replace)
                patched.setattr(Path, "write_bytes", dying_write)
                try:
                    check(program_histories(world, folder, engine=Machine), world)
                except Died:
                    died = True
                else:
                    died = False
            check(program_histories(world, folder, engine=Machine), world)
            shutil.rmtree(folder)
        if not died:
            return
    pytest.fail("more files than expected")


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_bytes(b"no folder")
    world = vm_world("count")
    check(program_histories(world, occupied), world)
    assert occupied.read_bytes() == b"no folder"


# --- A real program -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_histories_of_a_long_go_program_hang_together(tmp_path: Path) -> None:
    """Some 200 million steps, down to one of them; then by another agent from what was kept."""
    program = load(build("sha256chain").read_bytes(), kernel_image())
    memory = Memory(program.pages)
    start = genesis(memory.root(), program.pc, bytes(32))
    heights = (6, 8, 10, 10)
    boundaries = (GivenWords(), ProgramRuns(start.mem_root, start.pc), SameStates(), SameStates())
    levels = (Level(h, b, STAKE) for h, b in zip(heights, boundaries, strict=True))
    table = Table(tuple(levels), terms(heights))
    step = 123_456_789
    path = (0, step >> 20, step >> 10 & 1023, step & 1023)
    machine = FastMachine(start, memory.clone(), Oracle(DictSource()))
    machine.run(step)
    state = machine.state()
    for _ in range(2):
        histories = ProgramHistories(start, memory, DictSource(), table, tmp_path)
        witness = histories.witness(bytes(32), path)
        assert witness.state == state.pack()
        assert verify(witness) == histories.history(bytes(32), path[:3]).state(path[3] + 1)
    end = histories.run(bytes(32), (0,)).end()
    assert end.step > 190_000_000
    assert end.hash() == histories.history(bytes(32), (0,)).state(1 << 8)
    assert outcome(end) == histories.history(bytes(32), ()).state(1)
