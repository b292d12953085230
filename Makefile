# `make demo` shows what this is, `make test` proves it, `make check` is what a change has to pass.
BIN := .venv/bin
DEMO := $(BIN)/forecast compare seattle-weather --target temp_max --out runs/demo
SOURCES := forecast tests experiments docs
BENCHMARKS := experiments/benchmarks/$(or $(BENCH),*).py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: help setup demo test check docs format format-check lint types floors doctest bench clean
.DEFAULT_GOAL := help

help:          ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s%s\n", $$1, $$2}'

setup:         ## make .venv and install everything into it (about two minutes the first time)
	@bash tools/setup.sh

demo: setup    ## compare forecasters on a small weather series
	$(DEMO)

test: setup    ## the whole test suite
	$(PYTEST) -n 2

check: format-check lint types floors test doctest   ## everything a change has to pass (the tests build the documentation too)

format: setup  ## put the code into the house format
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

format-check: setup
	$(BIN)/ruff format --check $(SOURCES)

lint: setup    ## ruff's rules
	$(BIN)/ruff check $(SOURCES)

types: setup   ## the type checker
	$(BIN)/pyrefly check

floors: setup  ## which part may import which
	$(BIN)/lint-imports --no-cache

docs: setup    ## the documentation, into build/docs; its warnings are errors
	MPLBACKEND=Agg OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs

doctest: setup ## the examples in the docstrings
	$(PYTEST) --doctest-modules forecast

bench: setup   ## the scripts in experiments/benchmarks (BENCH=name runs one of them)
	@ls $(BENCHMARKS) >/dev/null && for script in $(BENCHMARKS); do \
	  echo "== $$script"; OMP_NUM_THREADS=1 $(BIN)/python $$script || exit 1; \
	done

clean:         ## remove caches and build products; .venv and runs stay
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache lightning_logs
	find forecast tests -name __pycache__ -type d -prune -exec rm -rf {} +
