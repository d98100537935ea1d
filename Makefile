# Everything below needs Python 3.11 or newer and make; the rest is installed into .venv, once.

PYTHON  ?= python3
WORKERS ?= 2
RESET   ?=
LIVE    ?=
# Marks that make test leaves out; .ci/run sets it empty and runs all.
MARKS   ?= not browser and not soak

VENV := .venv
BIN  := $(VENV)/bin
CORE := $(VENV)/.core
DEV  := $(VENV)/.dev
PIP  := $(BIN)/python -m pip --disable-pip-version-check -qq

young  = $(shell $(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' 2>/dev/null && echo yes)
whole  = $(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && echo yes)

.DEFAULT_GOAL := help
.PHONY: help install demo dev test lint bench

help:
	@echo "make demo     a shop's customers and orders into Brevo, both played by local twins (RESET=1 starts anew,"
	@echo "              LIVE=1 then changes the shop and shows each change reach Brevo)"
	@echo "make dev      Dagster's UI over the demo's configuration, with the twins and the receiver of webhooks running"
	@echo "make test     lint, import contracts and tests"
	@echo "make lint     ruff, mypy and import contracts alone"
	@echo "make bench    speed and memory, each figure beside what it is compared with, into docs/bench.md"
	@echo "make install  only fill .venv"

install: $(CORE)

demo: $(CORE)
	@$(BIN)/tajo demo $(if $(RESET),--reset) $(if $(LIVE),--live)

dev: $(CORE)
	@VENV=$(VENV) tools/dev $(if $(RESET),--reset)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) -m "$(MARKS)"
	$(if $(MARKS),@echo "Left out by make test: tests marked browser or soak. bash .ci/run runs every mark.")

bench: $(DEV)
	$(BIN)/python -m tajo_pipelines_tests.bench.full_sync --out docs/bench.md
	$(BIN)/python -m tajo_pipelines_tests.bench.receiver --out docs/bench.md
	$(BIN)/python -m tajo_pipelines_tests.bench.realtime --out docs/bench.md

$(CORE): pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing into $(VENV), which takes about a minute."
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(CORE) requirements-dev.lock
	@echo "Installing the test tools into $(VENV)."
	@$(PIP) install -r requirements-dev.lock
	@touch $@

$(BIN)/python:
	$(if $(young),,$(error Tajo needs Python 3.11 or newer and '$(PYTHON)' is not: name another one with 'make $(MAKECMDGOALS) PYTHON=python3.12'))
	$(if $(whole),,$(error '$(PYTHON)' cannot make virtual environments: run 'sudo apt-get install python3-venv' and then 'make $(MAKECMDGOALS)' again))
	@$(PYTHON) -m venv $(VENV)
