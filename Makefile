# Two commands: `make quickstart` and `make test`. Each needs Python >= 3.11 with venv, make and the package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Radiographs of yours, a file or a folder, that the quickstart's report shows with the model's answers.
RADIOGRAPHS ?= $(wildcard ../shared/data/xray_pelvis)
# Where `make install` puts the link to the command.
PREFIX ?= $(shell test -w /usr/local/bin && echo /usr/local || echo $(HOME)/.local)
# The one place that says how the environment is made; the stamps make the second call instant.
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt

.PHONY: install quickstart test lint types contracts unit long studies slow bench docs clean help
.DEFAULT_GOAL := help

help:
	@echo "make install     install synthex into .venv, with DICOM in and out"
	@echo "make quickstart  train a hip-landmark model from simulation alone and evaluate it (minutes, no GPU)"
	@echo "make test        lint, import contracts, types, tests"
	@echo "make long        the longer tests, which CI runs too"
	@echo "make studies     the beginning of the tiny size of every study, and its table"
	@echo "make slow        the slow tests"
	@echo "make docs        the site, in build/site; no network is needed"
	@echo "make bench       the benchmarks of this machine"

$(BIN)/uv: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("synthex needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@touch $@

$(VENV)/.base: pyproject.toml constraints.txt $(BIN)/uv
	@echo "Installing synthex into $(VENV) (about a minute) ..."
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.dicom: pyproject.toml constraints.txt $(BIN)/uv
	@echo "Installing synthex into $(VENV) (about a minute) ..."
	@$(INSTALL) -e '.[dicom]'
	@touch $(VENV)/.base $@

$(VENV)/.dev: pyproject.toml constraints.txt $(BIN)/uv
	@echo "Installing synthex with its development tools into $(VENV) (about a minute) ..."
	@$(INSTALL) -e '.[dev]'
	@touch $(VENV)/.base $@

install: $(VENV)/.dicom
	@mkdir -p $(PREFIX)/bin && ln -sf $(abspath $(BIN))/synthex $(PREFIX)/bin/synthex
	@echo "Installed as $(PREFIX)/bin/synthex. Next: synthex predict hip picture.png"

quickstart: $(VENV)/.base
	@$(BIN)/synthex train experiment=hip/quickstart $(if $(RADIOGRAPHS),test_radiographs=$(RADIOGRAPHS))

test: lint contracts types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not long and not slow and not gpu"

long: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "long and not slow and not gpu"

studies: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow tests/cli/test_study.py -k tiny_size

slow: $(VENV)/.dev
	$(BIN)/python -m pytest -m "slow and not gpu" --timeout 1800

bench: $(VENV)/.base
	$(BIN)/synthex benchmark projection
	$(BIN)/synthex benchmark datamodule simulation=realistic data.size=256

docs: $(VENV)/.dev
	DISABLE_MKDOCS_2_WARNING=true NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --quiet --clean
	@echo "the site is in build/site; with its search: $(BIN)/python -m http.server -d build/site"

clean:
	rm -rf $(VENV) build outputs multirun .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
