# `make help` says what there is. Everything goes into .venv/ and build/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TESTS ?=
PARTS ?=
EXAMPLES ?= 60000

.DEFAULT_GOAL := help
.PHONY: help demo test toolchains nightly lint format bench lock-requirements clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

demo: ## the main job on an embedded example: lock, pull, contexts, build, run
	@fixtures/system.sh demo $(PYTHON)
	@$(MAKE) --no-print-directory --silent $(VENV)/.mono
	@$(BIN)/python -m fixtures.demo

test: ## lint, then every test (with CI=true or PYTEST_FLAGS=--long the long ones too)
	@fixtures/system.sh test $(PYTHON)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(PYTEST_FLAGS) $(TESTS)

toolchains: ## OCaml and Rust for musl and arm64, kept outside the tree: long tests build with them
	@fixtures/system.sh toolchains $(PYTHON)
	@$(MAKE) --no-print-directory --silent $(VENV)/.mono
	@$(BIN)/python -m tests.support.toolchains

nightly: $(VENV)/.dev ## the solver against brute force, twice EXAMPLES=60000 random universes
	@MONO_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal --timeout 3600 tests/solver/test_brute_force.py

lint: $(VENV)/.dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## lay the Python sources out
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure, beside peers where they are installed; PARTS="lock pull build versions repository agreement"
	$(BIN)/python -m bench $(PARTS)

PIP_COMPILE = $(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --build-deps-for editable \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock-requirements: $(VENV)/.dev ## choose the Python packages anew: requirements.lock, requirements-dev.lock
	$(PIP_COMPILE) --output-file requirements.lock pyproject.toml
	$(PIP_COMPILE) --extra dev --allow-unsafe --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean: ## remove what make made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# A virtual environment is made whole or not at all: an unfinished one is made again.
$(VENV)/.made:
	@rm -rf $(VENV)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("mono needs Python 3.11 or newer; this is " + sys.version)'
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.mono: $(VENV)/.made requirements.lock pyproject.toml
	@echo "installing mono and what requirements.lock says"
	@$(PIP) install --quiet --require-hashes --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.mono requirements-dev.lock
	@echo "installing what requirements-dev.lock says"
	@$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	@touch $@
