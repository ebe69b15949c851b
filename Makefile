# The two commands for a fresh machine: `make reproduce-paper` and `make test`.
PYTHON ?= python3
PROFILE ?=
MODEL ?=
PROFILES ?=
ARGUMENTS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
VALIDATOR := .cache/crate-validator
CHECKED ?= full
TEST_OPTIONS := --numprocesses 2 --dist loadfile --no-loadscope-reorder --ignore tests/servers

export PATH := $(CURDIR)/$(BIN):$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export DVC_NO_ANALYTICS := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false
# Every stage is its own process, and would recompile thousands of library files.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help reproduce-paper smoke compare-models test test-all test-servers bench lint ui check-reproducibility publish lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 26

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing requirements.lock (about a minute) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# MODEL takes what `reproduce --model` does; texts, length and heads of one's own go into ARGUMENTS.
reproduce-paper: $(STAMP)  ## run everything: stages, MLflow, summary (PROFILE=name or MODEL=id-or-path for another)
	@$(BIN)/attention-programs reproduce $(if $(PROFILE),--profile $(PROFILE)) $(if $(MODEL),--model '$(MODEL)') $(ARGUMENTS)

smoke: $(STAMP)  ## run every stage on a few texts and heads, in a few minutes
	@$(BIN)/attention-programs reproduce --profile smoke --restore

compare-models: $(STAMP)  ## put models side by side (PROFILES="name name" for others than in comparison/params.yaml)
	@$(BIN)/attention-programs compare-models $(PROFILES) $(ARGUMENTS)

$(VALIDATOR)/installed: tests/crate_validator.lock
	$(PYTHON) -m venv $(VALIDATOR)
	@$(VALIDATOR)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement $<
	@touch $@

test: $(STAMP)  ## run the test suite
	@$(BIN)/python -m pytest $(TEST_OPTIONS) -m "not slow"

test-all: $(STAMP) $(VALIDATOR)/installed  ## run it with the slow tests, which take as long again
	@$(BIN)/python -m pytest $(TEST_OPTIONS)

test-servers: $(STAMP)  ## test with a real tracking server, PostgreSQL and S3, on this machine
	@$(BIN)/python -m pytest tests/servers

bench: $(STAMP)  ## measure speed on this machine, as ratios (results/bench.json)
	@$(BIN)/python -m pytest benchmarks

lint: $(STAMP)  ## check style, types and import order
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

ui: $(STAMP)  ## open MLflow's UI on the local store
	@$(BIN)/attention-programs ui

publish: $(STAMP)  ## write the results of the current profile to MLflow
	@$(BIN)/attention-programs publish

check-reproducibility: $(STAMP)  ## rerun in a fresh clone with an empty cache and compare (CHECKED=profile)
	@$(BIN)/attention-programs check-reproducibility --profile $(CHECKED)

lock:  ## regenerate requirements.lock
	rm -rf .cache/lock && $(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet "torch==2.13.0" ".[development]" "setuptools>=75"
	.cache/lock/bin/python -m pip freeze --all --exclude attention-programs --exclude pip | sed 's/+cpu$$//' > requirements.lock

clean:  ## remove the environment, caches and everything that stages can rebuild
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build src/*.egg-info
	rm -rf data models reports .dvc/cache .dvc/tmp mlruns/artifacts mlruns/mlflow.db*
