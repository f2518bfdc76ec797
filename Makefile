# make run: everything a newcomer needs. make test: what CI runs. make help lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data
SHARED := -n 2 --dist loadfile  # two processes, a file of tests in one of them
PIP := PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site  # --quiet would hide warnings from --strict too
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

.PHONY: run test test-all lint docs release-check audit bench install clean help

run: install  ## the demo: with a window where there is a display, with a picture of it where there is none
	$(BIN)/slam run demo

test: $(VENV)/.dev  ## lint, types, the quick tests and the documentation
	$(BIN)/ruff check slam tests tools docs
	$(BIN)/ruff format --check slam tests tools docs
	$(BIN)/mypy
	$(BIN)/python -m pytest $(SHARED)
	$(SITE)

test-all: $(VENV)/.dev  ## the slow tests too
	$(BIN)/python -m pytest $(SHARED) -m ''

lint: $(VENV)/.dev  ## format, then check
	$(BIN)/ruff format slam tests tools docs
	$(BIN)/ruff check --fix slam tests tools docs
	$(BIN)/mypy

docs: $(VENV)/.dev  ## the documentation as a site, into site/; every warning is an error
	$(SITE)

release-check: $(VENV)/.dev  ## wheel and source archive into dist/, tried in a bare environment: two minutes
	$(BIN)/python tools/check_release.py dist

audit: $(VENV)/.dev  ## known vulnerabilities of the pinned versions; asks an advisory service
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

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
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/'
