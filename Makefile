# make behaviours   run the suite on the bundled models on all cores (creates .venv if it is missing); ARGS="…" goes to pytest
# make engines      six behaviours under both engines: same verdicts, same effects, both times
# make findings     measure the behaviours and write reports/gallery/findings.md; ARGS=--check only compares
# make gallery      run what has its report committed in reports/gallery, the whole suite first; ARGS=--check only compares
# make screenshot   the first screen of REPORT as reports/gallery/first-page.png
# make emergence    what appears when over the shipped checkpoints: reports/gallery/emergence.html
# make mutants      the suite once more on models in which its claims are false: every check must be red there
# make test         linters, types, import rules and the tests
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
REPORT ?= reports/report.html

.PHONY: behaviours emergence engines findings gallery mutants screenshot test format schema clean

behaviours: $(VENV)/.ready
	$(BIN)/pytest behaviours/ -n logical --maxprocesses 8 --mi-report $(REPORT) $(ARGS); status=$$?; \
	  test ! -e $(REPORT) || echo "open file://$(abspath $(REPORT))"; exit $$status

engines: $(VENV)/.ready-dev
	$(BIN)/python benchmarks/engines.py

mutants: $(VENV)/.ready-dev
	$(BIN)/pytest behaviours/ --mi-mutants -n 2 $(ARGS)

findings: $(VENV)/.ready
	$(BIN)/python -m gallery.findings $(ARGS)

gallery: $(VENV)/.ready-dev
	$(BIN)/python -m gallery.pages $(ARGS)

screenshot: $(VENV)/.ready-dev
	$(BIN)/python -m gallery.screenshot $(REPORT)

emergence: $(VENV)/.ready
	$(BIN)/mi-checks emergence --output reports/gallery/emergence.html $(ARGS)

test: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/ -n 2 --dist worksteal

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.ready
	$(BIN)/python -m mi_checks.spec.schema
	$(BIN)/python -m mi_checks.results.run_schema

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build *.egg-info
