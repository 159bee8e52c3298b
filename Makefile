# make demo    the whole pipeline on simulated data, in a virtual environment made here
# make test    the tests, likewise
#
# Both need Python 3.11 or newer, make, and a package index to install from.

PYTHON ?= python3
VENV ?= .venv
# Installed first, so that pip takes this release and does not look for a newer one.
TORCH ?= torch==2.13.0
WORKERS ?= 2
# Each worker its core: the threads of idle linear algebra would spin on the others'.
ONE_THREAD = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# The tests start hundreds of processes, which are not all to compile the package again.
BYTECODE = PYTHONDONTWRITEBYTECODE=

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo test lint clean

demo: $(VENV)/run.stamp
	$(BIN)/snakemake --configfile config/demo.yaml
	@echo "tables:  demo/results/{ghcn,shrec17,modelnet40,climate,cosmo}/metrics.json"
	@echo "figures: demo/results/figures/"
	@echo "report:  demo/results/report.html"

test: $(VENV)/test.stamp
	$(ONE_THREAD) $(BYTECODE) $(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint

clean:
	rm -rf $(VENV) demo .snakemake

$(VENV)/run.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) '$(TORCH)'
	$(PIP) --editable '.[cosmology]'
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(PIP) --editable '.[dev,slurm]'
	touch $@
