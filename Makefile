# Doelstellingenmonitor warehouse: `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export GX_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

.PHONY: help setup refresh simulate rollback replay purge-open-text attack report publish-postgres diff dictionary test lint format ui bench drill docs lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

# A half-made environment has no .ready, or a Python that does not run: it is made anew.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed; this is $$($(PYTHON) --version). Try make PYTHON=python3.12 setup"; exit 1; }
	@echo "Setting up $(VENV) (1 to 2 minutes the first time)"
	@if [ ! -f $(READY) ] || ! $(BIN)/python -c '' 2>/dev/null; then rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@touch $(READY)

setup: $(READY) ## Make the environment, the empty warehouse and the dbt manifest
	@$(BIN)/python -c '' 2>/dev/null || { rm -f $(READY); $(MAKE) --no-print-directory $(READY); }
	@$(BIN)/python -m orchestration setup

refresh: setup ## Land, check, build and publish; WAVE=2023-najaar takes one wave, BATCH=true corrections of a few too
	@MONITOR_RELEASE_BATCH=$(or $(BATCH),$(MONITOR_RELEASE_BATCH)) $(BIN)/python -m orchestration refresh --examples $(if $(WAVE),--wave $(WAVE))

simulate: setup ## Write example deliveries into landing/; SCALE=10 makes them larger
	@$(BIN)/python -m simulation --out landing $(if $(SCALE),--scale $(SCALE)) $(if $(WAVE),--wave $(WAVE))

rollback: setup ## Move published/current one release back; TO=<release_id> goes to that one
	@$(BIN)/python -m orchestration rollback $(if $(TO),--to $(TO))

purge-open-text: setup ## Delete open answers for good: WAVE=2023-najaar, and GROUP=leraar for one group
	@test -n "$(WAVE)" || { echo "Say which: make purge-open-text WAVE=2023-najaar"; exit 1; }
	@$(BIN)/python -m orchestration purge-open-text --wave $(WAVE) $(if $(GROUP),--group $(GROUP))

replay: setup ## Rebuild a release from the archive and compare byte by byte; RELEASE=<release_id>
	@$(BIN)/python -m orchestration replay $(if $(RELEASE),--release $(RELEASE))

attack: setup ## Attack the current release; 0 cells may be recovered
	@$(BIN)/python -m disclosure attack $(if $(BLOCKS),--blocks $(BLOCKS))

publish-postgres: setup ## Write the current release to PostgreSQL: URL=postgresql://user@host/database (or MONITOR_POSTGRES_URL)
	@$(if $(URL),MONITOR_POSTGRES_URL='$(URL)') $(BIN)/python -m publishing postgres $(if $(RELEASE),--release $(RELEASE)) $(if $(KEEP),--keep $(KEEP))

diff: setup ## Tell what changed between two releases, and why: RELEASES="previous current"
	@$(BIN)/python -m publishing diff $(or $(RELEASES),previous current) $(if $(OUT),--out $(OUT))

dictionary: setup ## Write docs/data_dictionary.md from the YAML of the models
	@$(BIN)/python -m publishing dictionary

report: setup ## Write the public report of the current release anew; RELEASE=<release_id> takes another
	@$(BIN)/python -m report build $(if $(RELEASE),--release $(RELEASE))

test: setup ## Run the dbt tests and pytest
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder --durations 25

lint: setup ## sqlfluff, ruff, mypy and dbt-bouncer
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint models macros tests --processes 2
	@$(BIN)/dbt-bouncer run

format: setup ## Let ruff and sqlfluff mend what they can
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix models macros tests --processes 2

ui: setup ## Open Dagster's UI on http://localhost:3000
	@$(BIN)/python -m orchestration home
	@$(BIN)/dagster dev -m orchestration.definitions

bench: setup ## Measure; BENCH="estimation --scale 1000" or refresh, orchestration, gates or coverage takes one part
	@$(BIN)/python -m benchmarks $(BENCH)

drill: setup ## Disturb refreshes on purpose, a few hours; KILLS=20 SEED=1 ONLY="kill readers" take a part
	@$(BIN)/python -m drill $(ONLY) $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

docs: setup ## Write the dbt documentation to target/static_index.html
	@$(BIN)/dbt docs generate --static

lock: $(READY) ## Resolve the dependencies of pyproject.toml anew
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --quiet \
		--custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove what runs left behind; deliveries, archive, warehouse and releases stay
	@rm -rf target logs data_docs .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find .dagster -mindepth 1 -maxdepth 1 ! -name dagster.yaml -exec rm -rf {} +
