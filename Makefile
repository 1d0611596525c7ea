# Two commands matter: `make run` and `make test`. Each sets up what it needs, once per state of the locks.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input install --quiet
NODE := $(VENV)/bin/node
NPM := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/npm
JOBS ?= 2
WAITERS ?= 3
SOAK_MINUTES ?= 30
PYTEST = TMPDIR=$$(tools/test-folder.sh) $(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
QUICK := not slow and not browser and not parts and not soak

# Tests start some hundred processes of ours: without compiled files each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# A step is done when its stamp, named after the hash of what it read, is there: change a lock and the step runs again.
# Copying the assets drops the developers' npm packages, so that the tools are installed again after it: they read the same files.
stamp = .stamps/$(1)-$(shell cat $(2) | cksum | tr -d ' ')
CORE := $(call stamp,core,requirements/core.txt requirements/setup.txt pyproject.toml)
ASSETS := $(call stamp,assets,package-lock.json .npmrc tools/assets.py)
DEV := $(call stamp,dev,package-lock.json .npmrc tools/assets.py requirements/dev.txt requirements/postgres.txt requirements/hsm.txt requirements/tracing.txt requirements/compose.txt)
SYSTEM := $(call stamp,system,tools/system-packages-test.txt)
BUILDERS := $(call stamp,builders,tools/system-packages-images.txt)
FUZZ := $(call stamp,fuzz,requirements/fuzz.txt)
READERS := $(call stamp,readers,requirements/devices-test.txt)

MINUTES ?= 10

.PHONY: help run test soak images fuzz mutants check lint format pictures bench bench-full sbom advisories clean lock lock-check setup setup-dev setup-test

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Set up, make demonstration data where there is none, serve on http://127.0.0.1:8000 (PORT=…, ACCESS_LOG=1)
	@exec $(PY) -m ops run

# Browsers and processes are waited for more than worked for: WAITERS at once.
# The quick tests hold the coverage floor: measured in browser and slow tests too, it would take as long again.
test: setup-test lint ## Set up, then lint, types and every test with the coverage floor
	@quick=0; $(PYTEST) --cov -m "$(QUICK)" || quick=$$?; $(PYTEST) -n $(WAITERS) -m "not soak and not ($(QUICK))" && exit $$quick

# The images stay in build/images, as `buildah --root build/images/images images` lists them.
images: setup-test $(BUILDERS) ## Build every target of the Dockerfile without a daemon (as root on Debian), and run each locked down
	@STORE=$(CURDIR)/build/images/images tools/images.sh
	@IMAGES=$(CURDIR)/build/images $(PY) -m pytest -q -m soak tests/test_running_images.py

soak: setup-test $(BUILDERS) ## Half an hour of mixed traffic with faults over both stores (SOAK_MINUTES=…), then the long forms that `make test` leaves out
	@$(PY) -m tests.soak --minutes $(SOAK_MINUTES)
	@$(PYTEST) -m soak

fuzz: setup-dev $(FUZZ) ## Hand spoilt input to everything that reads what others send (MINUTES=10 of processor time, TARGETS=…)
	@$(PY) -m tests.fuzz --minutes $(MINUTES) $(TARGETS)

mutants: setup-dev ## Spoil the code of the decisions in small things and tell what no test notices (MODULES=cards/verify.py …); long
	@TMPDIR=$$(tools/test-folder.sh) PYTHONPATH=.:client $(PY) -m tools.mutants $(MODULES)

check: setup-dev lint ## The quick part, under two minutes: lint, types, tests that need no other program
	@$(PYTEST) -q -m "$(QUICK)"

lint: setup-dev ## Style, format and types; changes nothing
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet .
	@$(PY) -m mypy --no-error-summary
	@$(NODE) node_modules/eslint/bin/eslint.js web/static/js
	@$(NODE) node_modules/typescript/bin/tsc -p tsconfig.json

format: setup-dev ## Bring every file into the common format and mend what can be mended safely
	@$(PY) -m ruff check --quiet --fix .
	@$(PY) -m ruff format --quiet .

pictures: setup-test ## Pictures of every page in three sizes and two languages, under build/pictures
	@$(PY) -m tests.web.pictures $(PICTURES)

bench: setup-dev ## Measure, under three minutes: a table, and bench-*.json
	@$(PY) -m bench

bench-full: setup-dev ## Measure with a million holders and log entries; takes long
	@$(PY) -m bench --full

lock: setup-dev ## Pin every dependency anew, with hashes (after a change to pyproject.toml or package.json)
	@tools/lock.sh

lock-check: setup-dev ## Resolve the locks anew, installing nothing, and tell what would move; run it weekly
	@$(PY) tools/lock_check.py

sbom: setup-dev ## Write sbom.json: what ships, by name, version and licence (CycloneDX)
	@$(PY) tools/sbom.py sbom.json

advisories: setup-dev ## Ask whether a known advisory stands against a locked package; says plainly when it cannot ask
	@$(PY) tools/advisories.py

clean: ## Remove what the tools left behind; keeps .venv and the data under var/
	@rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build bench-*.json sbom.json
	@find . -name __pycache__ -not -path './.venv/*' -not -path './node_modules/*' -prune -exec rm -rf {} +

setup: $(CORE) $(ASSETS) ## What `make run` needs: virtual environment, locked packages, pages' assets

setup-dev: setup $(DEV) ## The same and the tools of a developer

setup-test: $(SYSTEM) setup-dev $(READERS) ## The same and, as root on Debian, the system packages of the tests

# The environment is there once it is whole: what an interrupted run left of it is completed by the next.
$(VENV)/made:
	@python=$$(tools/find-python.sh) && "$$python" -m venv $(VENV)
	@touch $@

$(CORE): | $(VENV)/made
	@echo "installing the locked packages"
	@$(PIP) --require-hashes -r requirements/core.txt -r requirements/setup.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@mkdir -p .stamps && rm -f .stamps/core-* && touch $@

$(DEV): | $(ASSETS)
	@echo "installing the locked tools"
	@$(PIP) --require-hashes -r requirements/dev.txt -r requirements/postgres.txt \
		-r requirements/hsm.txt -r requirements/tracing.txt
	@$(PIP) --no-build-isolation --require-hashes -r requirements/compose.txt \
		|| echo "Docker Compose is not to be had here: the tests of compose.yaml are left out"
	@$(NPM) ci --ignore-scripts --silent
	@mkdir -p .stamps && rm -f .stamps/dev-* && touch $@

$(ASSETS): | $(CORE)
	@echo "copying the pages' assets"
	@$(NPM) ci --ignore-scripts --silent --omit=dev
	@$(PY) tools/assets.py
	@mkdir -p .stamps && rm -f .stamps/assets-* && touch $@

# No wheel for this machine is no fault: the driver draws at random then, and its table says so.
$(FUZZ): | $(DEV)
	@$(PIP) --require-hashes -r requirements/fuzz.txt || echo "Atheris is not to be had here: inputs are drawn at random"
	@mkdir -p .stamps && rm -f .stamps/fuzz-* && touch $@

# pyscard has no wheel: it is built with what the system packages bring, without fetching a build tool unpinned.
$(READERS): | $(SYSTEM) $(DEV)
	@echo "building the card reader's library"
	@$(PIP) --no-build-isolation --require-hashes -r requirements/devices-test.txt
	@mkdir -p .stamps && rm -f .stamps/readers-* && touch $@

$(BUILDERS):
	@tools/system-packages.sh tools/system-packages-images.txt
	@mkdir -p .stamps && rm -f .stamps/builders-* && touch $@

$(SYSTEM):
	@tools/system-packages.sh tools/system-packages-test.txt
	@mkdir -p .stamps && rm -f .stamps/system-* && touch $@
