# Everything that a developer or CI runs. GNU make; `make` alone prints what there is.
#
# The tools live in a virtual environment of their own, made from a frozen lock with digests
# (requirements/dev.txt), and made again only when the lock or pyproject.toml has changed.
#   make PYTHON=python3.13 VENV=build/venv-3.13 unit     uses another interpreter, beside the first

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made

# The caller's pip and uv settings must not leak into what is installed and tested here. PIP_CERT stays, and
# PIP_INDEX_URL for those who reach PyPI through a mirror; the digests in the lock say what may come from it.
# To let pip's configuration file speak all the same: make PIP_CONFIG_FILE=~/.config/pip/pip.conf …
export PIP_CONFIG_FILE := /dev/null
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_NO_CONFIG := 1
unexport PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_NO_BINARY PIP_ONLY_BINARY PIP_REQUIRE_HASHES \
	PIP_CONSTRAINT PIP_BUILD_CONSTRAINT PIP_REQUIREMENT PIP_TARGET PIP_PREFIX PIP_USER PIP_PRE \
	UV_INDEX UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONFIG_FILE UV_CONSTRAINT \
	PYTHONPATH PYTHONHOME VIRTUAL_ENV MAKEFLAGS

# What is pinned, and nothing else: no dependency is looked for (pip before 23.3 prefers the newest release to a pin
# where another pin asks for an extra that the lock does not name), and no sdist is built, with the newest setuptools.
PINNED := --quiet --no-deps --require-hashes --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help demo test unit unit-python fuzz fuzz-locks fuzz-mirror mirror-company mirror-ceph integration coverage bench bench-history bench-mirror bench-pages bench-builds lint format types imports docs reference check \
	venv install lock base image clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(MADE) ## Prefetch the example, install it with the network cut off, and run it
	@docs/examples/demo.sh "$(abspath $(BIN))"

test: unit ## Run the unit tests (the same as make unit)

# As many workers as there are cores; WORKERS=0 for a debugger.
WORKERS ?= auto
PYTEST := env -u PIP_INDEX_URL $(BIN)/pytest -q -n $(WORKERS)

unit: $(MADE) ## Run the unit tests on all cores: no network but loopback
	$(PYTEST) --dist worksteal tests

unit-python: $(MADE) ## Run those of them that may end differently on another Python
	$(PYTEST) --dist worksteal -m "not one_python" tests

# hypothesis makes the inputs, by changing real ones (tests/fuzz/mutating.py). Not atheris: it has wheels for one kind of
# machine only, and what it adds, being led by coverage, goes with inputs of bytes and no shrinking. Most readers here
# take several files, and what counts is where they write and how long they take, which tests/fuzz/guards.py sees.
#   make fuzz MINUTES=60 CORES=2     all targets, the time shared evenly     make fuzz TARGET=html     those named so
#   make fuzz TARGET=… SEED=…        what a failure has printed: the same inputs again
fuzz: $(MADE) ## Feed made-up inputs to all readers for ten minutes: MINUTES=60 CORES=2 TARGET=html
	env -u PIP_INDEX_URL $(if $(SEED),FUZZ_SEED=$(SEED),FUZZ_SECONDS=$$(($(or $(MINUTES),10) * 60))) \
		$(BIN)/pytest -q -n $(or $(CORES),0) -p no:cacheprovider tests/fuzz -k "$(or $(TARGET),test) and not test_guards"

# Many more of them for the locks of other tools, since nothing is made smaller: make fuzz-locks LOCKS=uv.lock INPUTS=5000
fuzz-locks: $(MADE) ## Send 100,000 changed locks of each format through its reader: LOCKS="uv.lock pdm.lock" INPUTS=5000
	@for lock in $(or $(LOCKS),uv.lock pylock.toml poetry.lock pdm.lock Pipfile.lock \
			environment.yml conda-lock.yml pixi.lock); do \
		$(BIN)/python -m tests.fuzz.many_locks $$lock $(or $(INPUTS),100000) || exit; done

fuzz-mirror: $(MADE) ## Send made-up requests to a mirror for ten minutes: MINUTES=60
	$(BIN)/python -m tests.fuzz.mirror_door $$(($(or $(MINUTES),10) * 60))
	env -u PIP_INDEX_URL MIRROR_EXAMPLES=$$(($(or $(MINUTES),10) * 50)) \
		$(BIN)/pytest -q -n 0 -p no:cacheprovider tests/mirror/web/test_any_requests.py

mirror-company: $(MADE) ## Run the tests of the mirror with its history in PostgreSQL (Debian's) and its files in S3
	HISTORY_DATABASE=postgresql MIRROR_FILES=s3 $(PYTEST) --dist worksteal tests/mirror

mirror-ceph: $(MADE) ## Run them, and those of commands and of four machines, with files in Ceph (Debian's, started here)
	$(BIN)/python integration-tests/mirror_ceph.py sh -ec '\
		HISTORY_DATABASE=postgresql MIRROR_FILES=s3 $(PYTEST) --dist worksteal tests/mirror; \
		$(PYTEST) --dist worksteal $(wildcard tests/cli/test_mirror_*.py)'
	S3_SERVER=ceph $(PYTEST) --numprocesses 1 integration-tests/test_mirror_fleet.py

integration: $(MADE) ## Install for real from what was fetched, network cut off (asks PyPI, some minutes)
	$(PYTEST) integration-tests

coverage: $(MADE) ## Run the unit tests and measure what they cover, by branch
	$(PYTEST) --dist worksteal tests --cov --cov-report=term --cov-report=xml

bench-builds: $(MADE) ## Find what 47 pins are built with, cold and warm: seconds, requests, bytes (asks PyPI)
	$(BIN)/python -m benchmarks.build_requirements $(ARGS)

bench: $(MADE) ## Print the table of targets: ROUNDS=5 ROW=line,warm (asks PyPI once for 450 MB; some 12 minutes)
	$(BIN)/python -m benchmarks --rounds $(or $(ROUNDS),5) $(if $(ROW),--rows $(ROW)) $(ARGS)

bench-mirror: $(MADE) ## Measure the mirror beside nginx, devpi, proxpi and pypi-timemachine: ROUNDS=5 (needs wrk; at most eight minutes)
	$(BIN)/python -m benchmarks.mirror_race --rounds $(or $(ROUNDS),5) $(ARGS)

bench-pages: $(MADE) ## Measure the first byte of each page for people: ARGS="--rounds 100 --database postgresql"
	$(BIN)/python -m benchmarks.page_speed $(ARGS)

bench-history: $(MADE) ## Measure how a history grows up to a tenth of PyPI: ARGS="--projects 700000 --databases sqlite postgresql"
	$(BIN)/python -m benchmarks.history $(ARGS)

lint: $(MADE) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(MADE) ## Format the sources, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(MADE) ## Check the types, tests included
	$(BIN)/mypy

imports: $(MADE) ## Check that imports go one way
	$(BIN)/lint-imports

docs: $(MADE) ## Build the documentation into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

reference: $(MADE) ## Write the generated parts of docs/reference
	$(BIN)/python -m tests.docs.options_page

check: lint types imports unit integration docs ## Run all of the checks

venv: $(MADE) ## Make the virtual environment

define CHECK_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "error: $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo missing), and cachi2ish needs Python 3.11 or" \
		"later; name another one: make PYTHON=python3.12" >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "error: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
endef

$(MADE): requirements/dev.txt pyproject.toml
	$(CHECK_PYTHON)
	@echo "making $(VENV) from requirements/dev.txt"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install $(PINNED) -r requirements/dev.txt
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --no-index --editable .
	@$(BIN)/python -m pip check --quiet || { \
		echo "error: requirements/dev.txt does not fit pyproject.toml; run: make lock" >&2; exit 1; }
	@touch $(MADE)

# The commands go to PREFIX/bin; they have an environment of their own, which is made anew each time. Not $(MADE): who
# only uses cachi2ish needs no tools of developers, and what its wheel is built with is one pin.
PREFIX ?= $(HOME)/.local
INSTALLED := $(PREFIX)/lib/cachi2ish

install: ## Install cachi2ish with what requirements/image.txt pins: PREFIX=~/.local WITH=mirror
	$(CHECK_PYTHON)
	@echo "installing what requirements/$(or $(WITH),image).txt pins"
	@rm -rf build/lib build/wheel build/backend
	@$(PYTHON) -m venv --clear "$(INSTALLED)"
	@"$(INSTALLED)/bin/python" -m pip install $(PINNED) --target build/backend -r requirements/build.txt
	@PYTHONPATH="$(CURDIR)/build/backend" "$(INSTALLED)/bin/python" -m pip wheel -qq --no-deps --no-build-isolation \
		--no-index --wheel-dir build/wheel .
	@"$(INSTALLED)/bin/python" -m pip install $(PINNED) -r requirements/$(or $(WITH),image).txt
	@"$(INSTALLED)/bin/python" -m pip install --quiet --no-deps --no-index build/wheel/*.whl
	@"$(INSTALLED)/bin/python" -m pip check --quiet
	@mkdir -p "$(PREFIX)/bin"
	@for name in cachi2ish fetch-deps generate-env inject-files; do \
		ln -sf "$$(cd "$(INSTALLED)/bin" && pwd)/$$name" "$(PREFIX)/bin/$$name"; done
	@echo "installed $(PREFIX)/bin/cachi2ish"
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "it is not on PATH yet: export PATH=\"$(PREFIX)/bin:\$$PATH\"" ;; esac

# Not $(MADE): a lock that does not fit is what this mends. With the pinned uv, where there is an environment already.
COMPILE := PATH="$(abspath $(BIN)):$$PATH" uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-strip-extras --custom-compile-command 'make lock'

# What the image is built from, as containers/image.sh has it.
IMAGE_INPUT := {"type": "pip", "requirements_files": ["requirements/image.txt"], \
	"binary": {"packages": "isal,msgspec,pydantic-core,pyyaml"}}

lock: ## Resolve requirements/*.txt again (needs uv, some minutes): ARGS=--upgrade for newer versions
	$(COMPILE) pyproject.toml --extra mirror --extra postgresql --extra s3 --group dev --output-file requirements/dev.txt $(ARGS)
	$(COMPILE) pyproject.toml --no-annotate --constraint requirements/dev.txt --output-file requirements/image.txt $(ARGS)
	$(COMPILE) pyproject.toml --extra mirror --extra postgresql --extra s3 --no-annotate --constraint requirements/dev.txt \
		--output-file requirements/mirror.txt $(ARGS)
	echo setuptools | $(COMPILE) - --no-annotate --constraint requirements/dev.txt \
		--output-file requirements/build.txt $(ARGS)
	@$(MAKE) --no-print-directory PYTHON="$(PYTHON)" VENV="$(VENV)" venv
	$(BIN)/cachi2ish lock-build-deps --output requirements/image-build.txt '$(IMAGE_INPUT)'

# ENGINE: podman, buildah or docker. BASE: an image with Python 3.11 or later, pip and git.
ENGINE ?= podman
BASE ?= localhost/cachi2ish-base
IMAGE ?= localhost/cachi2ish
MIRROR_IMAGE ?= localhost/cachi2ish-mirror

base: ## Build the base of the image: Python and git (asks a registry, and Debian): FROM=python@sha256:…
	$(ENGINE) build --tag $(BASE) $(if $(FROM),--build-arg "FROM=$(FROM)") --file containers/base.Containerfile containers

image: $(MADE) ## Build the image of cachi2ish from what it prefetches, with the network cut off (needs a base)
	@ENGINE="$(ENGINE)" BASE="$(BASE)" IMAGE="$(IMAGE)" containers/image.sh "$(abspath $(BIN))"

.PHONY: mirror-image
mirror-image: $(MADE) ## Build the image of the mirror on top of that of cachi2ish, with the network cut off
	@ENGINE="$(ENGINE)" IMAGE="$(IMAGE)" MIRROR_IMAGE="$(MIRROR_IMAGE)" containers/mirror-image.sh "$(abspath $(BIN))"

clean: ## Remove everything that was made
	rm -rf $(VENV) build dist site demo-output .coverage coverage.xml *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find cachi2ish tests integration-tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
