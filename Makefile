# Every target has one line of help after ##; `make help` prints them.
# ARGS="…" is handed to the command that a target runs, e.g. make demo ARGS="--keep".

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
LOCKS := requirements/build.txt requirements/run.txt requirements/dev.txt
ARGS ?=
# Tests start hundreds of processes of ours: none is to compile again what another has compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup peers demo test check format bench matrix faults zoo fuzz lock clean

help: ## print these lines
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(DEV) ## make .venv with everything that building and testing need
	@echo "$(VENV) is ready"

peers: ## install the peers and judges of the tests (apt and npm), as far as allowed
	@tools/peers.sh

demo: $(RUN) ## a whole round in front of you: images, PACS, marks, scores (ARGS="--keep" leaves it running)
	@tools/demo.sh $(ARGS)

test: $(DEV) peers ## run all tests
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(DEV) ## before each commit: format, lint, types, layers, fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

format: $(DEV) ## put the code into its one form, mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(DEV) ## measure against peers in the same run (ARGS="NAME --json")
	@$(BIN)/python -m benchmarks $(ARGS)

matrix: $(DEV) peers ## speak with every peer in every service; writes conformance/MATRIX.md
	@MATRIX=write $(BIN)/python -m pytest -q conformance/test_matrix.py $(ARGS)

faults: $(DEV) peers ## break it on purpose: kills, full disks, cut lines
	@FULL_FAULTS=1 $(BIN)/python -m pytest tests/faults $(ARGS)

zoo: $(DEV) ## load 64 cases into each quirk of the sandbox PACS; writes docs/quirks.md (ZOO_SEED=n draws the same again)
	@ZOO_CASES=64 ZOO_SEED=$${ZOO_SEED:-$$RANDOM} $(BIN)/python -m pytest -q -n 2 --timeout=1800 tests/integration/test_zoo.py tests/integration/test_zoo_combined.py $(ARGS)
	@$(BIN)/python -m tests.zoo_report --write

fuzz: $(DEV) ## the property tests with many more examples, and 20,000 damaged messages
	@FUZZ_CASES=20000 $(BIN)/python -m pytest -q tests/faults/test_fuzz_associations.py $(ARGS)
	@$(BIN)/python -m pytest -q -n 2 -m hypothesis --hypothesis-profile=fuzz --timeout=1800 $(ARGS)

lock: $(DEV) ## compile the hashed locks from requirements/*.in (UPGRADE=--upgrade for newer)
	@UPGRADE="$(UPGRADE)" tools/lock.sh

clean: ## remove the environment, the npm peers and every cache
	@rm -rf $(VENV) .peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements/build.txt requirements/run.txt pyproject.toml tools/setup.sh
	@tools/setup.sh run

$(DEV): $(LOCKS) pyproject.toml tools/setup.sh
	@tools/setup.sh dev
