# The targets are the manual: make help

# An interpreter that every user of the machine may run, so that the tests can build as an unprivileged one.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

$(VENV)/ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "needs Python 3.11 or newer with its venv module (Debian: python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

.PHONY: demo
demo: $(VENV)/ready ## Set up, build a sample twice under different conditions, and compare
	@$(BIN)/python demo/run.py

.PHONY: test
test: $(VENV)/ready ## Set up and run the tests; those of the real abuild where it is on PATH
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --fail-under 90

.PHONY: real
real: $(VENV)/ready ## Run every test that needs the real abuild; fail if one is skipped
	$(BIN)/pytest -m 'real or rootbld' --no-skips

.PHONY: lint
lint: $(VENV)/ready ## Lint and type check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	shellcheck abuild-hooks/*.sh tests/standin/abuild tests/standin/bin/*
	shellcheck --shell=sh --exclude=SC2034,SC2154 packaging/APKBUILD

SECONDS ?= 600
.PHONY: fuzz
fuzz: $(VENV)/ready ## Fuzz every reader and handler for crashes, then for cost, SECONDS=600 for each of both
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python tests/fuzz/run.py all --seconds $(SECONDS)
	$(BIN)/python tests/fuzz/run.py all --seconds $(SECONDS) --costs

PACKAGES ?= 100000
.PHONY: fuzz-apk
fuzz-apk: $(VENV)/ready ## Install packages at random by the real apks and the model, PACKAGES=100000; as root, ROOTFS=TAR.GZ with apk 2.14
	$(BIN)/python tests/apk/differing.py --packages $(PACKAGES) $(if $(ROOTFS),--rootfs $(ROOTFS))

.PHONY: schemas
schemas: $(VENV)/ready ## Write schemas/ anew from the model, and docs/causes.md from the catalogue
	for name in $$($(BIN)/abuild-buildinfo schema | cut -d' ' -f1); do \
		$(BIN)/abuild-buildinfo schema "$$name" >"schemas/$$name.schema.json" || exit; done
	$(BIN)/python -m buildinfo.verify.explain.catalogue >docs/causes.md

.PHONY: bench
bench: $(VENV)/ready ## Measure the figures that are promised
	$(BIN)/python bench/figures.py
	$(BIN)/python bench/hooks.py
	$(BIN)/python bench/normalize.py
	$(BIN)/python bench/verify.py
	$(BIN)/python bench/bounds.py

.PHONY: manual
manual: $(VENV)/ready ## Write the man pages and the completions to build/manual, to look at them
	rm -rf build/manual
	$(BIN)/python -m buildinfo.cli.manual pages build/manual/man
	$(BIN)/python -m buildinfo.cli.manual completions build/manual/share
	for page in build/manual/man/*; do scdoc <"$$page" >"$$page.roff" && mv "$$page.roff" "$$page" || exit; done

# The headers of gzip and zip still hold the time and the modes of this checkout; the program itself takes them out.
# What is inside stays as it is: the tests have files that are there for their leaks.
.PHONY: dist
dist: $(VENV)/ready ## Make sdist and wheel, the same bytes from every checkout of a commit
	rm -rf dist
	export SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || stat -c %Y pyproject.toml)}" LC_ALL=C TZ=UTC; \
	$(BIN)/python -m build --no-isolation && \
	$(BIN)/abuild-buildinfo normalize --epoch "$$SOURCE_DATE_EPOCH" --timestamps set --handlers gzip,zip dist/*

.PHONY: aport
aport: dist ## Make an aport of this checkout in build/aport; cd there and run abuild -r
	rm -rf build/aport
	mkdir -p build/aport
	cp packaging/APKBUILD dist/*.tar.gz build/aport
	cd build/aport && abuild $$([ "$$(id -u)" != 0 ] || echo -F) checksum
