# `make run` and `make test` work on a fresh clone: everything they need is installed by the first of them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
UV_VERSION := 0.13.9
TARGET ?= local
ENVIRONMENT ?= dev
# Where the commands below work: on the embedded AWS that `make local` runs in another terminal, or in your account.
WHERE = --target $(TARGET) --environment $(ENVIRONMENT)
# Where a shell forbids bytecode, each of the many processes would compile all that it imports anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv installs in seconds what pip installs in minutes; --no-sources and exact pins keep the result the same everywhere.
.venv/.installed: requirements.lock pyproject.toml
	@echo "Installing the Python packages (once)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip sync --quiet requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

infra/node_modules/.installed: infra/package-lock.json
	@echo "Installing the CDK command line (once)…"
	@cd infra && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# For tests alone: a browser whose pages attack the embedded AWS.
tests/browser/node_modules/.installed: tests/browser/package-lock.json tests/browser/unpack.mjs
	@echo "Installing the browser of the tests (once)…"
	@cd tests/browser && npm ci --no-audit --no-fund --loglevel=error >/dev/null && node unpack.mjs
	@touch $@

.PHONY: install
install: .venv/.installed infra/node_modules/.installed ## Install everything, pinned

.PHONY: run
run: install ## Score a month of real flights on the embedded AWS, from nothing to the report
	@$(BIN)/ml-pipeline example

.PHONY: local
local: install ## Keep the embedded AWS running in the foreground
	@$(BIN)/ml-pipeline local

.PHONY: deploy
deploy: install ## Deploy everything (TARGET=local|aws ENVIRONMENT=dev|staging|prod; BOOTSTRAP=yes: a fresh account)
	@$(BIN)/ml-pipeline deploy $(WHERE) $(if $(filter yes,$(BOOTSTRAP)),--bootstrap) $(SECTIONS)

.PHONY: deploy-workflows
deploy-workflows: install ## Check and compare the workflows, deploy them alone
	@$(BIN)/ml-pipeline deploy-workflows $(WHERE)

.PHONY: diff
diff: install ## Show what a deployment would change
	@$(BIN)/ml-pipeline diff $(WHERE) $(SECTIONS)

.PHONY: destroy
destroy: install ## Delete the stacks but keep the data (YES=yes: do not ask; DELETE_DATA=yes: the data too)
	@$(BIN)/ml-pipeline destroy $(WHERE) $(if $(filter yes,$(YES)),--yes) $(if $(filter yes,$(DELETE_DATA)),--delete-data)

.PHONY: deploy-model
deploy-model: install ## Deploy a registered model (VERSION=v2; ROLE=challenger SHARE=20: for a share of the traffic)
	@$(BIN)/ml-pipeline models deploy $(VERSION) $(if $(ROLE),--role $(ROLE)) $(if $(SHARE),--share $(SHARE)) $(WHERE)

.PHONY: rollback
rollback: install ## Go back to the model that was active before, in seconds while it is warm (VERSION=v1: to that one)
	@$(BIN)/ml-pipeline models rollback $(VERSION) $(WHERE)

.PHONY: experiment
experiment: install ## Show both variants side by side, and whether one is better
	@$(BIN)/ml-pipeline experiment status $(WHERE)

.PHONY: render
render: .venv/.installed ## Render the workflows to workflows/asl
	@$(BIN)/python -m workflows.render

.PHONY: check
check: install ## Format, lint, types, stale renderings
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m workflows.render --check

.PHONY: test
test: check tests/browser/node_modules/.installed ## Everything that must hold before a change lands
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=90

# The peers live in an environment of their own: none of them belongs in ours.
.venv-bench/.installed: tests/benchmarks/requirements-bench.txt .venv/.installed
	@echo "Installing the peers of the benchmarks (once)…"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python .venv-bench/bin/python $<
	@touch $@

.PHONY: bench
bench: install .venv-bench/.installed ## Measure speed and memory beside the peers (BENCH="scoring items" for some)
	@$(BIN)/python -m tests.benchmarks $(BENCH)

.PHONY: lock
lock: .venv/.installed ## Resolve the pins anew
	@$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --no-annotate --no-header --upgrade \
		--output-file requirements.lock --quiet
	@$(BIN)/uv pip compile tests/benchmarks/requirements-bench.in --python-version 3.11 --no-annotate --no-header \
		--upgrade --output-file tests/benchmarks/requirements-bench.txt --quiet

.PHONY: clean
clean: ## Remove what the commands above made, but not the results in .ml-pipeline
	@rm -rf .venv .venv-bench infra/node_modules tests/browser/node_modules build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
