# make run: everything a newcomer needs. make test: what CI runs. make help lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
SHARED := -n 2 --dist loadfile  # two processes, a file of tests in one of them
PIP := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: run test test-all lint bench install clean help

run: install  ## the demo: with a window where there is a display, with a picture of it where there is none
	$(BIN)/slam run demo

test: $(VENV)/.dev  ## lint, types and the quick tests
	$(BIN)/ruff check slam tests tools docs
	$(BIN)/ruff format --check slam tests tools docs
	$(BIN)/mypy
	$(BIN)/python -m pytest $(SHARED)

test-all: $(VENV)/.dev  ## the slow tests too
	$(BIN)/python -m pytest $(SHARED) -m ''

lint: $(VENV)/.dev  ## format, then check
	$(BIN)/ruff format slam tests tools docs
	$(BIN)/ruff check --fix slam tests tools docs
	$(BIN)/mypy

bench: $(VENV)/.dev  ## the README's tables, two hours: DATA=folder with sequences/
	$(BIN)/slam bench trajectory $(if $(wildcard $(DATA)/sequences),$(DATA))
	$(if $(wildcard $(DATA)/sequences),$(BIN)/slam bench blackouts $(DATA))
	$(BIN)/slam bench long --processes 2
	$(BIN)/slam bench faults

install: $(VENV)/.viewer  ## the program and its viewer, into .venv

$(VENV)/.python:
	@$(PYTHON) tools/check_machine.py
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.viewer: $(VENV)/.python pyproject.toml constraints.txt
	$(PIP) -e '.[viewer]'
	@touch $@

$(VENV)/.dev: $(VENV)/.viewer
	$(PIP) -e '.[dev]'
	@touch $@

clean:  ## remove the environment and everything made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'
