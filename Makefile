# Needs Python 3.11 or later; `make test` also takes the real Prometheus and Alertmanager from the
# system's packages, and installs them where it may.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format docs boards bench clean

demo: $(VENV)/installed  ## a simulated account, exported: nothing else is needed
	$(BIN)/aircall-exporter demo

test: $(VENV)/developing check  ## everything that CI runs
	.ci/servers
	$(BIN)/pytest

check: $(VENV)/developing  ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/developing
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/developing  ## write the reference pages that are made from the code
	$(BIN)/python -m tests.reference

boards: $(VENV)/developing  ## write grafana/dashboards from grafana/boards
	$(BIN)/python -m grafana.boards

bench: $(VENV)/developing  ## measure what docs/performance.md says; some take minutes
	$(BIN)/python -m bench.scrape
	$(BIN)/python -m bench.polls
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.archive_search

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; install it, or name it: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { .ci/servers python3-venv && $(PYTHON) -m venv --clear $(VENV); }

$(VENV)/installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/developing: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/installed
