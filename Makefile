# Every target works alone from a clean clone with Python 3.11+ and make. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TORCH := torch==2.13.0

.DEFAULT_GOAL := help
.PHONY: help install serve test lint typecheck check bench format demo-evaluate

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED) ## Create .venv and install Helix with what the tests need

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

serve: install ## Serve the built-in model on http://127.0.0.1:8000 (ARGS="MODEL --port 9000 ..." for others)
	$(BIN)/helix serve $(ARGS)

test: install ## Run all tests
	$(BIN)/python -m pytest $(ARGS)

lint: install ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: install ## Check types
	$(BIN)/mypy

check: lint typecheck ## Everything but the tests: style, format, types

bench: install ## Measure latency, throughput and speculation
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.speculation

format: install ## Rewrite the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .


demo-evaluate: install ## Score the built-in model on held-out prompts
	$(BIN)/python -m helix.demo.evaluate
