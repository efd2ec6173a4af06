# Every target does all of its own set-up on a fresh machine, and none of it twice.
.DEFAULT_GOAL := help
.PHONY: help demo test retest test-all fuzz check bench fmt server dev postgres softhsm slapd sshd pgbouncer oidc-provider chromium axe matrix drivers faketime patroni peers clean

PYTHON := .venv/bin/python
# One more than there are cores: tests wait for the servers that they start.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# Whole servers are tested first, and take longest: who is done with the rest helps with them.
PYTEST := $(PYTHON) -m pytest -n $(WORKERS) --dist worksteal
# What hangs even when its time is over (pyproject.toml) ends its worker, and is named as well.
HANGING := -o faulthandler_timeout=420 -o faulthandler_exit_on_timeout=true

# The servers that tests run for real.
SETUP := dev postgres softhsm slapd sshd pgbouncer oidc-provider chromium axe

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: server postgres ## All of pgward on this machine, in a temporary directory
	@$(PYTHON) -m pgward demo

test: $(SETUP) ## The test suite, without the PostgreSQL matrix and soak tests
	@$(PYTEST) $(HANGING) -m "not matrix and not soak"

retest: $(SETUP) ## The tests that failed last, one after the other
	@$(PYTHON) -m pytest $(HANGING) -m "not matrix and not soak" --last-failed --last-failed-no-failures none

test-all: $(SETUP) matrix drivers peers faketime patroni ## All tests, on PostgreSQL 11 to 18
	@$(PYTEST)

fuzz: dev ## Fuzz the readers of PostgreSQL's protocol with atheris, a minute each
	@$(PYTHON) -c 'import atheris' 2>/dev/null || .venv/bin/pip install --quiet atheris
	@$(PYTHON) -m tests.fuzz.run all -max_total_time=60 -max_len=300

check: dev ## Lint, formatting, types, import layers, test file names, generated pages
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTHON) tools/check_test_files.py
	@$(PYTHON) tools/write_cli_reference.py --check
	@$(PYTHON) tools/write_check_rules.py --check
	@$(PYTHON) tools/write_schemas.py --check

bench: dev postgres peers ## Benchmarks beside HAProxy and stunnel, into bench/RESULTS.md
	@$(PYTHON) -m bench

fmt: dev ## Format the code and fix what ruff can
	@.venv/bin/ruff check --fix --exit-zero --quiet .
	@.venv/bin/ruff format .

clean: ## Remove everything that the targets made
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

server:
	@tools/setup_venv.sh server

dev:
	@tools/setup_venv.sh dev

postgres:
	@tools/setup_postgres.sh

softhsm:
	@tools/setup_softhsm.sh

slapd:
	@tools/setup_slapd.sh

sshd:
	@tools/setup_sshd.sh

pgbouncer:
	@tools/setup_pgbouncer.sh

oidc-provider:
	@tools/setup_oidc_provider.sh

matrix: dev
	@tools/fetch_postgres_matrix.sh
	@tools/fetch_pg_dump.sh

drivers: dev
	@tools/setup_drivers.sh

faketime:
	@tools/setup_faketime.sh

patroni: dev
	@tools/setup_patroni.sh

chromium:
	@tools/setup_chromium.sh

axe:
	@tools/setup_axe.sh

peers:
	@tools/setup_bench.sh
