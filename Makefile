# Each target sets up .venv by itself; a fresh machine needs only Python >= 3.11, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint docs bench kill load fuzz clean

# TORCH=cpu: PyTorch without CUDA, from its own index. It is read when .venv is made.
TORCH ?=
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(if $(filter cpu,$(TORCH)),$(BIN)/python -m pip install --quiet --index-url $(TORCH_CPU_INDEX) torch torchvision)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-lint: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test,lint]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ $(VENV)/.installed

# Published networks that the demo and the tests use, pulled once as part of setting up: their own commands never do.
DEMO_NETWORKS :=
TEST_NETWORKS := mobile-stylegan clip-vit-b16 lpips-vgg

$(VENV)/.networks-demo: $(VENV)/.installed forensics/core/networks/table.py Makefile
	$(if $(DEMO_NETWORKS),$(BIN)/forensics models pull $(DEMO_NETWORKS))
	touch $@

$(VENV)/.networks-test: $(VENV)/.installed-test forensics/core/networks/table.py Makefile
	$(if $(TEST_NETWORKS),$(BIN)/forensics models pull $(TEST_NETWORKS))
	touch $@

demo: $(VENV)/.installed $(VENV)/.networks-demo
	$(BIN)/forensics demo --out out/demo

test: $(VENV)/.installed-test $(VENV)/.networks-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --durations=15 $(PYTEST_ARGS)

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tools.house
	$(BIN)/lint-imports
	$(BIN)/python -m tools.generated_blocks --check

# The site of the documentation, out of docs/, the code and the help of the commands; loads nothing from elsewhere.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo out/site/index.html

bench: $(VENV)/.installed
	$(BIN)/python -m tools.speed.table

# Longer than the tests do: random kills of every resumable command, random bytes for every reader.
kill: $(VENV)/.installed-test
	$(BIN)/python -m tools.robustness.kill $(KILL_ARGS)

load: $(VENV)/.installed-test
	$(BIN)/python -m tools.robustness.load $(LOAD_ARGS)

fuzz: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.robustness.fuzz $(FUZZ_ARGS)

clean:
	rm -rf $(VENV) out build dist *.egg-info
