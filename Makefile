# Every target makes the environment it needs; nothing else has to be installed than Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: help demo test scenarios lint bench clean

help:
	@echo "make demo    the bot-update race on SQLite: verdicts and timelines"
	@echo "make test    the whole test suite, PostgreSQL included"
	@echo "make scenarios  every shipped scenario, explored as far as it says; takes half an hour"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make bench   what it costs (docs/benchmarks.md)"
	@echo "make clean   remove the environment and what tools left behind"

demo: $(INSTALLED)
	@$(BIN)/simharness run scenarios/bot-update.yaml --case database=sqlite

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2

scenarios: $(INSTALLED)
	@$(BIN)/simharness run scenarios --jobs 2

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(INSTALLED)
	@$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "simharness needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	@echo "making $(VENV): this takes a minute the first time"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $@
