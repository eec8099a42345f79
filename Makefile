# One command per need; `make help` lists them. Each one that needs the set-up does it first: a second time it is instant.
.DEFAULT_GOAL := help
.PHONY: help setup check lint test demo bench compare-docker soak docs install clean
BIN := .venv/bin
# Processes that run tests; they wait for the kernel more than they compute.
WORKERS ?= 4
PREFIX ?= /usr/local

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: ## install what is missing: system packages, .venv, sampan in it
	@sh scripts/setup

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## style, types, layers and unit tests; under a minute, needs no root
	$(BIN)/python -m pytest tests/unit tests/corpus tests/cli

test: lint ## check, and every test against the real kernel
	@sh scripts/setup tests
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests

demo: setup ## build, run, look at and remove a web service, step by step
	@$(BIN)/python scripts/demo

bench: setup ## measure beside docker and podman where they are; writes docs/benchmarks.md
	@$(BIN)/python -m bench $(BENCH)

compare-docker: setup ## build the corpus of Dockerfiles here and with the reference Docker in PEER_DIR; lists differences
	@$(BIN)/python scripts/compare-docker $(CASES)

soak: setup ## random verbs for SOAK_SECONDS (900) and 1,000 short containers; fails when anything is left
	@$(BIN)/python scripts/soak

docs: setup ## write docs/commands.md and docs/rules, from the commands' and the rules' own tables
	@$(BIN)/python scripts/reference

install: ## install the command for everybody, below PREFIX=/usr/local
	@sh scripts/install $(PREFIX)

clean: ## remove what the targets above made in this folder
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
