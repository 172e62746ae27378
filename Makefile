# Each target sets up what it needs by itself: the virtual environment, the install, the generated stubs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

ARGS ?=
BIN := .venv/bin
# Two makes in one checkout must not install into one environment at once; macOS has no flock and goes without.
LOCK := $(if $(shell command -v flock),flock .venv.lock)
PIP := $(LOCK) $(BIN)/python -m pip --disable-pip-version-check install -qq
PROTOS := $(shell find protos -name '*.proto' 2>/dev/null)
CODE := $(wildcard chassis services gateway cli bench scripts tests)
TESTS := $(wildcard tests/unit tests/integration tests/contract tests/e2e tests/chaos)
SEEDS ?= 5
SHELL_SCRIPTS := $(wildcard scripts/*.sh deploy/*.sh) .ci/run

.PHONY: help demo up test chaos check bench stubs clean venv lint types imports protos-check migrations shell-check

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv/.runtime stubs/.stamp  ## Start everything, send a real keyword list through all seven stages (ARGS=--exit ends by itself)
	@$(BIN)/igny8 demo $(ARGS)

up: .venv/.runtime stubs/.stamp  ## Start everything on this machine and stay up until Ctrl-C
	@$(BIN)/igny8 up $(ARGS)

test: .venv/.dev stubs/.stamp  ## Run the tests: unit, integration, contract, end to end, short chaos (ARGS goes to pytest)
	@$(BIN)/python -m pytest $(TESTS) $(ARGS)

chaos: .venv/.dev stubs/.stamp  ## Kill and freeze everything while sites are at work, and judge what is left (SEEDS=5, ARGS goes to it)
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS) $(ARGS)

check: lint types imports protos-check shell-check migrations  ## Run every guard: style, types, contracts, protos, scripts, migrations
	@echo "check: all clean"

bench: .venv/.dev stubs/.stamp  ## Run the benchmarks, each against its named baseline (ARGS goes to bench)
	@$(BIN)/python -m bench $(ARGS)

stubs: stubs/.stamp  ## Generate the Python stubs of protos/

clean:  ## Remove what make made: environment, stubs, caches (the data in .igny8/ stays)
	@rm -rf .venv .venv.lock stubs .stubs* build dist *.egg-info \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ── the parts of check ──────────────────────────────────────────────────────────────────────────────────────────
lint: .venv/.dev
	@echo "ruff"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { \
		$(BIN)/ruff format --diff . || true; echo "ruff: run '$(BIN)/ruff format .'" >&2; exit 1; }

types: .venv/.dev stubs/.stamp
	@echo "mypy"
	@$(BIN)/mypy --no-error-summary $(CODE)

imports: .venv/.dev stubs/.stamp
	@echo "import-linter"
	@out=$$($(BIN)/lint-imports --no-logo 2>&1) || { echo "$$out" >&2; exit 1; }

protos-check: .venv/.dev
	@echo "buf"
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code protos
	@scripts/breaking.sh

shell-check: .venv/.dev
	@echo "shellcheck"
	@$(BIN)/shellcheck $(SHELL_SCRIPTS)

migrations: .venv/.dev stubs/.stamp
	@echo "migrations"
	@$(BIN)/python scripts/check_migrations.py

# ── what the targets stand on ───────────────────────────────────────────────────────────────────────────────────
venv: .venv/.dev

.venv/bin/python:
	@$(LOCK) scripts/make-venv.sh .venv

.venv/.runtime: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the runtime (about half a minute the first time)"
	@$(PIP) --constraint constraints.txt --editable '.[stubs]' --config-settings editable_mode=compat
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "igny8-stubs.pth").write_text(str(pathlib.Path("stubs").resolve()) + "\n")'
	@touch $@

.venv/.dev: .venv/.runtime
	@echo "installing the tools for tests and checks"
	@$(PIP) --constraint constraints.txt --editable '.[dev]' --config-settings editable_mode=compat
	@touch $@

# scripts/stubs.py puts a whole new folder in place, so the stamp is written after it.
stubs/.stamp: $(PROTOS) scripts/stubs.py constraints.txt | .venv/.runtime
	@$(BIN)/python scripts/stubs.py
	@touch $@
