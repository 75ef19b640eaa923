"""What every guest program is made of: one recipe each, for the VM and for this machine.

A recipe names files relative to the checkout and is run in a folder inside it, so that no absolute
path can reach the compiler's output: the same sources give the same bytes wherever they lie.
"""

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

OUTPUT = "{output}"


@dataclass(frozen=True)
class Recipe:
    """One compiler run: `arguments` and then the files of `units`, in `folder`.

    `inputs` and `units` are globs in `folder`; a change in a file of either means a new build.
    `environment` adds to what the compiler gets. OUTPUT stands for the file to write.
    """

    name: str
    tool: Literal["go", "zig"]
    folder: str
    inputs: tuple[str, ...]
    arguments: tuple[str, ...]
    units: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def input_files(self, checkout: Path) -> list[Path]:
        """Every file that the build reads, sorted."""
        return expand(checkout / self.folder, self.inputs + self.units)

    def command(self, checkout: Path, output: Path) -> list[str]:
        """The compiler's arguments."""
        folder = checkout / self.folder
        units = [str(path.relative_to(folder)) for path in expand(folder, self.units)]
        return [str(output) if word == OUTPUT else word for word in self.arguments] + units


def expand(folder: Path, globs: tuple[str, ...]) -> list[Path]:
    """The files that the globs name, each once, in an order that only their names decide."""
    return sorted({path for glob in globs for path in folder.glob(glob) if path.is_file()})


EXAMPLES = "programs/examples"
GO_EXAMPLES = ("hello", "sha256chain", "preimage")
C_EXAMPLES = ("sha256chain_c", "preimage_c")

C_COMMON = (
    *("cc", "-std=c23", "-Wall", "-Wextra", "-Werror", "-O2", "-g0"),
    *("-fno-sanitize=all", "-fomit-frame-pointer"),
)
#: Code that brings all it needs, and lies where the linker puts it.
C_FREESTANDING = (
    *("-ffreestanding", "-fno-builtin", "-fno-stack-protector"),
    *("-fno-pic", "-fno-PIE", "-mno-abicalls", "-mno-gpopt"),
)
C_MIPS32 = ("-mcpu=mips32", "-msoft-float")
#: A build id is random or a hash of paths, depending on the linker.
C_LINK = ("-static", "-Wl,--build-id=none", "-o", OUTPUT)

KERNEL = Recipe(
    name="kernel",
    tool="zig",
    folder="programs/kernel",
    inputs=("*.h", "*.ld"),
    arguments=(
        *C_COMMON,
        *("-target", "mips-freestanding-eabi"),
        *C_MIPS32,
        *C_FREESTANDING,
        *("-nostdlib", "-Wl,--no-gc-sections", "-Wl,-z,max-page-size=4096"),
        # The linker script names the entry, too, but zig gives the linker a default of its own.
        *("-Wl,-e,start", "-T", "kernel.ld"),
        *C_LINK,
    ),
    units=("*.S", "*.c"),
)

MLRUN = "programs/mlrun"
MLRUN_GUEST = Recipe(
    name="mlrun",
    tool="zig",
    folder=MLRUN,
    inputs=("**/*.h",),
    arguments=(
        *C_COMMON,
        *("-target", "mips-freestanding-eabi"),
        *C_MIPS32,
        *C_FREESTANDING,
        *("-nostdlib", "-Wl,-z,max-page-size=4096", "-Wl,-e,start"),
        *C_LINK,
    ),
    units=("*.c", "vm/*.c", "vm/*.S"),
)
#: Its kernels, without the VM, as a library.
MLRUN_NATIVE = Recipe(
    name="mlrun",
    tool="zig",
    folder=MLRUN,
    inputs=("*.h",),
    arguments=(
        *C_COMMON,
        *("-target", f"{platform.machine()}-linux-gnu"),
        *("-shared", "-fPIC", "-Wl,--build-id=none", "-o", OUTPUT),
    ),
    units=("*.c", "native/*.c"),
)


def go_example(name: str, environment: dict[str, str]) -> Recipe:
    """A Go program. -w leaves out debug information but keeps the symbols."""
    return Recipe(
        name=name,
        tool="go",
        folder=EXAMPLES,
        inputs=("go.mod", "go.sum", "**/*.go"),
        arguments=(
            *("build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid= -w"),
            *("-o", OUTPUT, f"./{name}"),
        ),
        environment={"GOOS": "linux", "CGO_ENABLED": "0"} | environment,
    )


def c_example(name: str, target: tuple[str, ...]) -> Recipe:
    """A C program with musl."""
    return Recipe(
        name=name,
        tool="zig",
        folder=EXAMPLES,
        inputs=("c/*.h", "strip.ld"),
        arguments=(*C_COMMON, *target, "-Wl,-T,strip.ld", *C_LINK),
        units=(f"{name}/*.c", "c/*.c"),
    )


def _recipes(go: dict[str, str], c: tuple[str, ...]) -> dict[str, Recipe]:
    examples = [go_example(name, go) for name in GO_EXAMPLES]
    examples += [c_example(name, c) for name in C_EXAMPLES]
    return {recipe.name: recipe for recipe in examples}


#: For the VM.
GUESTS: dict[str, Recipe] = {"kernel": KERNEL, "mlrun": MLRUN_GUEST} | _recipes(
    {"GOARCH": "mips", "GOMIPS": "softfloat"}, ("-target", "mips-linux-musleabi", *C_MIPS32)
)
#: For this machine, to compare with; the kernel has no such build.
NATIVE: dict[str, Recipe] = {"mlrun": MLRUN_NATIVE} | _recipes(
    {}, ("-target", f"{platform.machine()}-linux-musl")
)
