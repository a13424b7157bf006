# Everything the project needs is set up below .clinic; deleting it undoes that.

PYTHON ?= python3
STATE := $(or $(CLINIC_STATE),$(CURDIR)/.clinic)
RUN := $(STATE)/venv/bin/python
DB ?= clinic_dev
export PYTHONPYCACHEPREFIX := $(STATE)/pycache
# Variables given as `make demo PORT=8070` reach the programs through the environment.
export SERVE PORT FRESH SIZE ONLY JOBS PATIENTS TRIAL SEED DAYS DELIVERIES KILLS RUNS

.DEFAULT_GOAL := help
.PHONY: help setup test test-crash simulate lint format translate bench demo serve shell stop clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

setup: ## fetch and start everything (the other targets do it themselves)
	@$(PYTHON) tools/bootstrap.py

test: ## run all tests; ARGS="-k name" or a path chooses some, JOBS=2 runs them side by side
	@$(PYTHON) tools/bootstrap.py
	@$(RUN) tools/run_tests.py $(ARGS)

test-crash: ## kill the workers again and again while they send; KILLS=200 SEED=1
	@$(PYTHON) tools/bootstrap.py
	@PYTHONPATH=tools $(RUN) tests/crash.py

simulate: ## thousands of clinics that exist as probabilities only; RUNS=2000 SEED=1
	@$(PYTHON) tools/bootstrap.py python
	@PYTHONPATH=tools $(RUN) tools/simulate.py

lint: ## check style, XML and what must not be committed
	@$(PYTHON) tools/bootstrap.py python
	@$(RUN) tools/lint.py

format: ## correct what can be corrected by itself
	@$(PYTHON) tools/bootstrap.py python
	@$(RUN) -m ruff check --fix --quiet . ; $(RUN) -m ruff format .

translate: ## update the .pot and .po files; lists what is not translated
	@$(PYTHON) tools/bootstrap.py python odoo postgres
	@$(RUN) tools/translate.py

bench: ## measure; SIZE=patients ONLY=name choose
	@$(PYTHON) tools/bootstrap.py python odoo postgres
	@$(RUN) tools/bench.py $(ARGS)

demo: ## a clinic after its campaigns; PORT=8069 SERVE=0 FRESH=1 PATIENTS=400 TRIAL=1500 SEED=7
	@$(PYTHON) tools/bootstrap.py python odoo postgres pdf
	@$(RUN) tools/demo.py $(ARGS)

serve: ## an empty clinic on PORT (8069), database DB (clinic_dev); FRESH=1 starts anew
	@$(PYTHON) tools/bootstrap.py python odoo postgres pdf
	@$(RUN) tools/dev.py serve $(DB)

shell: ## Python prompt in database DB
	@$(PYTHON) tools/bootstrap.py python odoo postgres
	@$(RUN) tools/dev.py shell $(DB)

stop: ## stop the embedded PostgreSQL
	@$(PYTHON) tools/postgres.py stop

clean: stop ## remove everything that was set up
	@rm -rf "$(STATE)"
