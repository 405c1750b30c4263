# The one way in: `make demo` and `make test` set up all that they need on a machine with Python 3.11 or later, venv and
# make. Everything is installed from the built wheel, never from the source folder.

SHELL := /bin/bash
VENV ?= .venv
# The first Python on the path that is new enough; `make PYTHON=... test` names another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := $(VENV)/bin
# Folders too: theirs is the date that changes when a file is taken away.
SOURCES := pyproject.toml hatch_build.py README.md LICENSE NOTICE $(shell find src \( -type f -o -type d \) \
	-not -path '*__pycache__*' -not -path '*/weights*')
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test test-full frameworks integrations mediapipe soak ends faults retention scanner audit exercise mutations fuzz lint format docs bench gate \
	peers clean

demo: $(VENV)/.facegate-demo
	@mkdir -p demo-out
	$(BIN)/facegate demo --out demo-out

# On two processes, which tests that look at the whole host do not share with each other; see tests/conftest.py.
test: $(VENV)/.facegate-test mediapipe
	$(PYTEST) tests/unit/benchmarks -m quiet
	$(PYTEST) --numprocesses 2 --dist loadfile -m "not quiet"

# Slow profiles: 1,000 requests from 8 threads, 1,000 in a queue, 100,000 cycles of either kind of arena, 1,000 planted markers, the long fuzz run.
test-full: $(VENV)/.facegate-test mediapipe
	FACEGATE_SOAK=1000 FACEGATE_LOAD=1000 FACEGATE_FUZZ_CASES=20000 FACEGATE_ARENA_CYCLES=100000 FACEGATE_SCANNER=1000 $(PYTEST) --timeout=1800

# The full profile: 300,000 inputs for each of seven fuzzers, some tens of minutes. Another CASES or SEED makes another run.
CASES ?= 300000
SEED ?= 20240
fuzz: $(VENV)/.facegate-test
	FACEGATE_FUZZ_CASES=$(CASES) FACEGATE_FUZZ_SEED=$(SEED) $(PYTEST) -s tests/fuzz --timeout=7200

# torch and diffusers, 1.1 GB, for the tests that are skipped without.
frameworks: $(VENV)/.frameworks

$(VENV)/.frameworks: tests/frameworks.txt $(VENV)/.facegate-test
	$(BIN)/python -m pip install --quiet -r $<
	@touch $@

# Those tests alone.
integrations: frameworks
	$(PYTEST) --numprocesses 2 --dist loadfile -m frameworks

soak: $(VENV)/.facegate-test
	FACEGATE_SOAK=1000 $(PYTEST) tests/leak/test_soak.py --timeout=1800

# mediapipe 1.x for the tests of it as an engine. In a folder of its own and without dependencies, because it wants
# opencv-contrib-python, whose cv2 would take the place of facegate's, and sounddevice, which runs a compiler at import.
mediapipe: $(VENV)/mediapipe/.complete

$(VENV)/mediapipe/.complete: tests/sandbox/mediapipe.txt | $(BIN)/python
	rm -rf $(VENV)/mediapipe
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/mediapipe -r $<
	@touch $@

# 10,000 requests, one in ten ended by a random end.
ends: $(VENV)/.facegate-test
	FACEGATE_ENDS=10000 $(PYTEST) tests/leak/test_ends_campaign.py -s --timeout=10800

# 1,000 markers planted in every encoding and place, each to be found. Another SCANNER_SEED makes another run.
SCANNER_SEED ?= 4
scanner: $(VENV)/.facegate-test
	FACEGATE_SCANNER=1000 FACEGATE_SCANNER_SEED=$(SCANNER_SEED) $(PYTEST) tests/leak/residue -s --timeout=1800

# 12,000 requests, each with a fault at one stage of its way.
faults: $(VENV)/.facegate-test
	FACEGATE_FAULTS=12000 $(PYTEST) tests/fault/test_matrix.py tests/fault/test_leaky.py -s --timeout=10800

# Everything that the audit has, on this host, in its full profile: most of an hour. The report is in audit-out/.
audit: $(VENV)/.facegate-test
	@mkdir -p audit-out
	$(BIN)/facegate audit --profile full --out audit-out

# The store of uploads in its full profile: a process killed at every step of all that changes it, 100,000 assets put and
# deleted by 16 processes, every pair of database and place; hours. ASSETS and RETENTION_SEED make it another run.
ASSETS ?= 100000
RETENTION_SEED ?= 1
retention: $(VENV)/.facegate-test
	FACEGATE_RETENTION=full FACEGATE_RETENTION_ASSETS=$(ASSETS) FACEGATE_RETENTION_SEED=$(RETENTION_SEED) $(PYTEST) \
		tests/unit/retention tests/fault/retention tests/leak/retention -s -o faulthandler_timeout=7200 --timeout=7200

# The audit's watchers while a function runs that is called with a portrait: `make exercise WHAT=worker:serve`. ALLOW takes
# options such as `--allow-file '*.png'`.
exercise: $(VENV)/.facegate-test
	@test -n "$(WHAT)" || { echo "make exercise WHAT=module:function" >&2; exit 2; }
	@mkdir -p audit-out
	$(BIN)/facegate audit --exercise $(WHAT) $(ALLOW) --out audit-out

# Takes every protection away once, sees which tests notice, and writes down which.
mutations: $(VENV)/.facegate-test
	$(BIN)/python -m tests.mutations.run --write docs/protections.md
	$(BIN)/python -m tests.mutations.clauses --write docs/clauses.md

lint: $(VENV)/.facegate-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.facegate-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The pages, and the reference that is made of the docstrings, into docs-out/; a link or a name that leads nowhere is an error.
docs: $(VENV)/.facegate-docs
	$(BIN)/python -m sphinx -b html -q -W --keep-going docs docs-out

# The page of history is bench-out/history.html.
PROFILE ?= full
bench: $(VENV)/.facegate-bench
	$(BIN)/python -m pytest benchmarks -o 'python_files=bench_*.py' --benchmark-only
	$(BIN)/python -m benchmarks.lifecycle
	$(BIN)/python -m benchmarks.levels
	$(BIN)/python -m benchmarks.residue
	$(BIN)/python -m benchmarks.ledger
	$(BIN)/python -m benchmarks.load
	$(BIN)/python -m benchmarks.retention --s3
	$(BIN)/python -m benchmarks.run --profile $(PROFILE) --out bench-out

# Ratios against the committed baseline, the short profile; 1 if something is slower past its margin. docs/benchmarks.md says
# how a baseline is made.
gate: $(VENV)/.facegate-bench
	$(BIN)/python -m benchmarks.gate --out bench-out/gate.json

# Makes an environment for each peer first; see benchmarks/peers/environments.py. Whole videos take most of an hour on two
# cores; another ROUNDS makes it more or less.
ROUNDS ?= 3
peers: $(VENV)/.facegate-bench
	$(BIN)/python -m benchmarks.peers.photo_to_landmarks
	$(BIN)/python -m benchmarks.peers.kernels
	$(BIN)/python -m benchmarks.geometry
	$(BIN)/python -m benchmarks.peers.residue_inline
	$(BIN)/python -m benchmarks.peers.video --rounds $(ROUNDS) --out bench-out
	$(BIN)/python -m benchmarks.peers.video_memory --out bench-out

$(VENV)/.facegate-%: $(SOURCES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet ".[$*]"
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "facegate needs Python 3.11 or later with venv on the path." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

clean:
	rm -rf $(VENV) .venv-* build dist demo-out audit-out bench-out docs-out docs/api .fixtures-cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
