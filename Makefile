# Needs Python 3.11 or later. `make test` also needs Prometheus, Alertmanager, PostgreSQL and nginx, and installs them from
# the system's packages if it has the permission.

PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Two more than cores, because tests wait for servers half of the time.
PROCESSES ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 2)
# `make manifests HELM=helm` uses another Helm.
HELM ?= build/helm
HELM_VERSION := v4.3.1

.PHONY: help demo test check bench format docs boards manifests urls lock audit sbom release-check clean

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*  ## /\1	/p' $(MAKEFILE_LIST) | expand -t 15

demo: $(VENV)/installed  ## run the exporter with a simulated account
	$(BIN)/aircall-exporter demo

test: $(VENV)/developing  ## everything that CI runs
	.ci/servers & servers=$$!; $(MAKE) --no-print-directory check && wait $$servers
	$(BIN)/pytest --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder

check: $(VENV)/developing  ## style, docstrings, types, layers, spelling and words
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/python -m scripts.words

bench: $(VENV)/developing  ## print the tables of docs/performance.md (slow)
	$(BIN)/python -m bench

format: $(VENV)/developing  ## correct the style of the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/developing  ## generate the reference pages from the code
	$(BIN)/python -m scripts.reference

boards: $(VENV)/developing  ## write grafana/dashboards from grafana/boards
	$(BIN)/python -m grafana.boards

manifests: $(VENV)/developing $(filter build/%,$(HELM))  ## render the Helm chart into deploy/kubernetes (needs Helm or Go)
	$(BIN)/python -m deploy.renderings $(HELM)

urls: $(VENV)/developing $(filter build/%,$(HELM))  ## set the repository's URL of pyproject.toml in the files that contain it
	$(BIN)/python -m scripts.repository
	$(BIN)/python -m deploy.renderings $(HELM)

lock: $(VENV)/supplying  ## pin the image's packages by hash
	$(BIN)/pip-compile --quiet --generate-hashes --upgrade --strip-extras --extra postgres --build-deps-for wheel \
		--allow-unsafe --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file requirements.lock pyproject.toml

audit: $(VENV)/supplying  ## look up known vulnerabilities of the pinned packages
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r requirements.lock

sbom: $(VENV)/supplying  ## write the image's SBOM (CycloneDX) to build/sbom.cdx.json, for a release
	mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible \
		requirements.lock -o build/sbom.cdx.json

release-check: $(VENV)/developing  ## check and build a release, in build/; with TAG=v1.2.3 also compare the tag
	$(BIN)/python -m scripts.release

clean:  ## remove everything that was installed and generated
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

build/helm:
	@command -v go >/dev/null || { echo "Helm is needed; name it: make manifests HELM=helm, or install Go to build it" >&2; exit 1; }
	GOBIN=$(CURDIR)/build go install helm.sh/helm/v4/cmd/helm@$(HELM_VERSION)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; install it, or name it: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { .ci/servers python3-venv && $(PYTHON) -m venv --clear $(VENV); }

$(VENV)/installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/supplying: $(VENV)/developing
	$(BIN)/python -m pip install --quiet --editable '.[supply]'
	touch $@

$(VENV)/developing: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/installed
