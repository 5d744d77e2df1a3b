# A Python 3.11, 3.12 or 3.13, git and make are all that is needed; `make PYTHON=python3.12 test` picks another than python3.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: all fuzz test bench bench-quick bench-full lock clean

all: $(READY)

# A design with known bugs, so findings (status 1) are what this must end with.
fuzz: $(READY)
	@$(BIN)/sysfuzz fuzz --target nosyscalls-2011 --for 60s --seed 1 \
		--corpus build/corpus --corpus corpora/nosyscalls --findings build/findings; status=$$?; \
	if [ $$status -eq 0 ]; then \
		echo 'make fuzz: no bug found in a design that has several, so something is wrong with this fuzzer' >&2; exit 1; \
	fi; \
	[ $$status -eq 1 ] || exit $$status

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist loadfile

# Compiled as well, where there is a C compiler.
bench: $(READY)
	-$(BIN)/sysfuzz accelerate
	$(BIN)/sysfuzz bench speed

# Five minutes on two cores: does the fuzzer still beat its baselines?
bench-quick: $(READY)
	@mkdir -p build && rm -f build/bench-quick.jsonl
	$(BIN)/sysfuzz bench run --out build/bench-quick.jsonl --seeds 2 --runs 5000 --for 20s \
		--engine uniform --engine atheris --engine generator --engine full
	$(BIN)/sysfuzz bench report build/bench-quick.jsonl -o build/bench-quick

# Hours: whatever ends it, the same command goes on with it. A release takes SEEDS=20.
SEEDS ?= 5
JOBS ?= 2
bench-full: $(READY)
	@mkdir -p build
	$(BIN)/sysfuzz bench run --out build/bench-full.jsonl --seeds $(SEEDS) -j $(JOBS)
	$(BIN)/sysfuzz bench report build/bench-full.jsonl -o build/bench-full
	$(BIN)/sysfuzz bench mappings -o build/bench-full/mappings.svg
	$(BIN)/sysfuzz bench mutants --out build/mutants.jsonl -j $(JOBS)

# Packages come with the hashes that the lock names and none is built, so nothing else is downloaded and no compiler is needed.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
		"$(PYTHON) is Python %d.%d; sysfuzz needs 3.11, 3.12 or 3.13: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# With uv (https://docs.astral.sh/uv); UV_FLAGS=--upgrade takes the newest versions.
lock:
	uv pip compile pyproject.toml --group build --all-extras --universal --python-version 3.11 --no-build \
		--generate-hashes --custom-compile-command 'make lock' $(UV_FLAGS) -o requirements.lock

clean:
	rm -rf .venv build
