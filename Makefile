# Two commands are all a newcomer needs: `make demo` and `make test`. Both set up what they need, from
# package registries only, and may be interrupted and repeated.

VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/.ready

.PHONY: demo test bench setup lint programs kernel contracts qemu clean help

help:
	@echo "make demo      a dispute about a Go program on an L1 in this process, and its report.html"
	@echo "make test      everything that CI checks: lint, types, all tests"
	@echo "make bench     the benchmarks (bench/README.md), as a table and as JSON"
	@echo "make programs  the guest programs, into programs/build/"
	@echo "make contracts the contracts' committed artifacts, by the pinned solc"
	@echo "make kernel    the guest kernel and mlrun, and their committed copies"

demo: setup
	@$(PYTHON) -m programs.build kernel sha256chain
	@$(VENV)/bin/axonum demo

test: setup qemu lint programs
	@$(PYTHON) -m pytest -n auto --durations=10

bench: setup qemu programs
	@$(PYTHON) -m bench --json bench/results.json

lint: setup
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

programs: setup
	@$(PYTHON) -m programs.build --all --native

# The kernel that `axonum` runs and the guest for inferences are committed files, so running needs no
# compiler; tests compare them with a fresh build.
kernel: setup
	@$(PYTHON) -m programs.build kernel mlrun
	@cp programs/build/kernel.elf fpvm/data/kernel.elf
	@cp programs/build/mlrun.elf mlvm/data/mlrun.elf

# The same for the contracts' artifacts.
contracts: setup
	@$(PYTHON) -m contracts.build

setup: $(READY)

$(READY): requirements.lock requirements-nodeps.lock pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "axonum needs Python 3.11 or newer as python3" >&2; exit 1; }
	@test -x $(PYTHON) || python3 -m venv $(VENV) \
		|| { echo "axonum needs Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(PYTHON) -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-nodeps.lock
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

# An independent MIPS emulator, which the tests compare ours with.
qemu:
	@command -v qemu-mips >/dev/null || scripts/install-qemu

clean:
	rm -rf $(VENV) .tools programs/build
