# Everything a checkout needs: each target makes the environment it runs in and installs the locked packages by hash.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
UV     := $(VENV)/bin/uv
WORKERS := $(if $(GATEWAY_NO_SKIP),2,3)
PYTEST := $(PY) -m pytest -n $(WORKERS) --dist loadfile
SOURCE := gateway emulators tests benchmarks tools

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

.PHONY: help demo test check format lint types layering bench bench-peers soak faults sbom wheel lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-11s %s\n' "$$name" "$$text"; done

# ---- environments: .run holds what the gateway needs, .dev what its developers need as well

$(VENV)/.venv:
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install the package python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or newer is needed; name one: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "make: Python's venv module is missing; install the package python3-venv" >&2; exit 2; }
	@test -x $(PY) || { echo "making the environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@touch $@

# fill FILE: exactly the packages of FILE, each checked against its hashes; by uv, where uv cannot be had by pip
define fill
	@echo "installing $(1)"
	@$(PY) -m pip install --quiet --require-hashes -r requirements-uv.txt || echo "uv is not to be had here; pip does it, a little slower" >&2
	@if test -x $(UV); then VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip sync --quiet --require-hashes $(1); \
	else $(PY) -m pip install --quiet --require-hashes -r $(1); fi
endef

$(VENV)/.run: $(VENV)/.venv requirements.txt requirements-uv.txt
	$(call fill,requirements.txt)
	@rm -f $(VENV)/.dev
	@touch $@

$(VENV)/.dev: $(VENV)/.venv requirements-dev.txt requirements-uv.txt
	$(call fill,requirements-dev.txt)
	@touch $(VENV)/.run $@

# ---- running

demo: $(VENV)/.run  ## a building, a VPP and the gateway between them, live (ARGS="--for 90s --assert")
	@$(PY) -m gateway demo $(ARGS)

# ---- checking

test: $(VENV)/.dev  ## every test that needs nothing installed (ARGS="-k modbus")
	@$(PYTEST) $(ARGS)

check: format lint types layering test  ## format, lint, types, layering, tests: before each commit

format: $(VENV)/.dev
	@$(PY) -m ruff format --check $(SOURCE)

lint: $(VENV)/.dev
	@$(PY) -m ruff check $(SOURCE)

types: $(VENV)/.dev
	@$(PY) -m mypy

layering: $(VENV)/.dev
	@$(PYTEST) -q tests/test_layering.py

soak: $(VENV)/.dev  ## full times and counts, 10,000 examples, overnight
	@GATEWAY_SOAK=1 $(PYTEST) --timeout=0 $(ARGS)

bench: $(VENV)/.dev  ## the figures of the hot paths on this machine
	@$(PY) -m benchmarks $(ARGS)

bench-peers: $(VENV)/.dev  ## this gateway beside ThingsBoard's, Node-RED and pymodbus + aiomqtt (12 min; installs them in .cache/peers)
	@$(PY) -m benchmarks.peers.install
	@$(PY) -m benchmarks peers

faults: $(VENV)/.dev  ## each fault, attack and invariant: passed, failed, not run, no test yet (of the last run)
	@$(PY) tools/faults_report.py

# ---- supply

wheel: $(VENV)/.dev  ## the wheel in dist/
	@$(PY) -m hatchling build --target wheel --directory dist

sbom: $(VENV)/.dev  ## dist/sbom.json, the CycloneDX list of everything we depend on
	@$(PY) tools/sbom.py dist/sbom.json

COMPILE := $(UV) pip compile pyproject.toml --quiet --generate-hashes --universal --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

lock: $(VENV)/.venv  ## the three requirements files anew
	@$(PY) -m pip install --quiet uv
	@$(COMPILE) --upgrade --extra demo -o requirements.txt
	@$(COMPILE) --upgrade --extra demo --group dev -c requirements.txt -o requirements-dev.txt
	@$(UV) pip compile --quiet --upgrade --generate-hashes --universal --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --group pyproject.toml:tool -o requirements-uv.txt

clean:  ## all that was made here, the environment too
	@rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build out out-* *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
