# The verbs of this repository. `make` alone lists them.
# What an install says goes to stderr, so that `make demo ARGS="--once --json"` prints JSON and nothing else.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help .venv demo check static unit test test-all bench screenshots lock format clean
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/.runtime ## the whole path on a sample repository; ARGS="--once --json" for machines
	@exec $(BIN)/luotsi demo $(ARGS)

check: static unit ## format, lint, types, house rules, unit tests (a minute)

test: static ## check, and all tests with real parts; ends with a table of them
	@$(BIN)/python -m tests.run $(ARGS)

test-all: static ## test, and the slow ones
	@$(BIN)/python -m tests.run --slow $(ARGS)

bench: .venv ## measured, beside the limit, in one run
	@$(BIN)/python -m tests.bench $(ARGS)

screenshots: .venv ## the pictures in the documentation, made again from a real run
	@$(BIN)/python -m tests.screenshots $(ARGS)

static: .venv ## format, lint, types, house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

unit: .venv ## the unit tests alone
	@$(BIN)/python -m pytest tests/unit $(ARGS)

format: .venv ## let ruff write the format and the safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.venv: .venv/.dev ## the environment with everything, from the lock

.venv/.dev: requirements-dev.lock
	$(call install,requirements-dev.lock)
	@touch .venv/.runtime $@

.venv/.runtime: requirements.lock
	$(call install,requirements.lock)
	@touch $@

# An environment whose lock has changed (its stamp is there, but old) is made anew, so that nothing of the old one stays.
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >&2 || \
	{ echo 'Luotsi needs Python 3.11 or newer. Name one: make PYTHON=python3.12 ...' >&2; exit 3; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo 'This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 3; }
@echo 'Installing $(1) into .venv (once) ...' >&2
@$(PYTHON) -m venv $(if $(wildcard $@),--clear) .venv >&2
@$(PIP) install --require-hashes --requirement $(1) >&2
@$(PIP) install --no-deps --no-build-isolation --editable . >&2
endef

# Both locks are one resolution: the runtime's is held to the versions that the tests ran with.
# The header is left out, since it would name this machine's tools.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
lock: ## resolve requirements*.in again (needs uv)
	@$(LOCK) $(ARGS) requirements.in requirements-build.in requirements-dev.in --output-file requirements-dev.lock >/dev/null
	@$(LOCK) $(ARGS) -c requirements-dev.lock requirements.in requirements-build.in --output-file requirements.lock >/dev/null

clean: ## remove .venv and caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
