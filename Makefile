# `make run` on a fresh Debian 12 ends in a running help desk; `make help` lists the rest.
# The work is in CMake and in tools/; this file only names it.

PORT ?= 8080
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
EXAMPLE ?= examples/helpdesk/bantam.yaml

export BANTAM_SKIP_SETUP
export MAKE_GOAL := $(firstword $(MAKECMDGOALS) run)
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: ## install the packages that building and running needs, and fetch the default model
	@tools/setup.sh run
	@tools/model.sh

.PHONY: setup-test
setup-test: ## the same, and what the tests need
	@tools/setup.sh test
	@tools/model.sh

.PHONY: build
build: ## build the release binary, build/release/bantam
	@tools/setup.sh run
	@tools/build.sh release bantam -j $(JOBS)

.PHONY: install
install: ## build and install program, libraries, header, pkg-config and CMake files (PREFIX=/usr/local)
	@tools/setup.sh run
	@tools/build.sh release bantam_package -j $(JOBS)
	@cmake --install build/release --prefix $(PREFIX)

.PHONY: run
run: ## everything it takes, then the help desk on http://127.0.0.1:8080 (PORT=8081 for another port)
	@tools/setup.sh run
	@tools/model.sh
	@tools/build.sh release bantam -j $(JOBS)
	@build/release/bantam serve -c $(EXAMPLE) --port $(PORT)

.PHONY: test
test: setup-test ## every test: formatting, room order, C++, real clients, a real browser
	@tools/test.sh -j $(JOBS)

.PHONY: hostile
hostile: setup-test ## every hostile input and fault of tests/hostile/cases.txt, under sanitizers (builds nearly everything twice)
	@tests/hostile/run.py -j $(JOBS)

.PHONY: bench
bench: setup-test ## measure beside the other runtimes and servers (20 minutes); rewrites docs/benchmarks.md
	@tools/build.sh release bantam -j $(JOBS)
	@"$$(tools/venv.sh bench bench/requirements.txt)"/bin/python bench/run.py

.PHONY: bench-models
bench-models: setup-test ## measure every architecture in its real shape (half an hour); rewrites docs/models.md
	@tools/build.sh release bantam -j $(JOBS)
	@"$$(tools/venv.sh bench bench/requirements.txt)"/bin/python bench/models.py

.PHONY: bench-generate
bench-generate: setup-test ## measure small decoders beside llama.cpp (half an hour); rewrites docs/generation-speed.md
	@tools/build.sh release bantam -j $(JOBS)
	@"$$(tools/venv.sh bench bench/requirements.txt)"/bin/python bench/generate.py

.PHONY: bench-decisions
bench-decisions: setup-test ## measure decisions and their error budget on CLINC150 (fifteen minutes); rewrites docs/decisions.md
	@tools/build.sh release bantam -j $(JOBS)
	@tools/build.sh release bantam_budget_bench -j $(JOBS)
	@"$$(tools/venv.sh decisions bench/requirements-decisions.txt)"/bin/python bench/decisions.py

.PHONY: bench-hybrid
bench-hybrid: setup-test ## measure cache, budgets, learning and replay in front of a large model; rewrites docs/hybrid.md
	@for target in bantam bantam_store_bench; do tools/build.sh release $$target -j $(JOBS) || exit; done
	@"$$(tools/venv.sh decisions bench/requirements-decisions.txt)"/bin/python bench/hybrid.py

.PHONY: bench-server
bench-server: setup-test ## measure what the server adds and stands (seven minutes; the first time builds llama-server); rewrites docs/server-load.md
	@for target in bantam bantam_load_client bantam_empty_server; do tools/build.sh release $$target -j $(JOBS) || exit; done
	@"$$(tools/venv.sh test tools/requirements-test.txt)"/bin/python bench/server_load.py

.PHONY: reliability
reliability: setup-test ## soak, overload, kill -9, connections (seven minutes); rewrites its part of docs/reliability.md
	@for target in bantam bantam_load_client; do tools/build.sh release $$target -j $(JOBS) || exit; done
	@"$$(tools/venv.sh test tools/requirements-test.txt)"/bin/python bench/reliability.py

.PHONY: compatibility
compatibility: setup-test ## run the real client packages; rewrites docs/compatibility.md
	@tools/build.sh dev bantam -j $(JOBS)
	@tools/compatibility.py

.PHONY: docs-site
docs-site: ## make a website of README and docs/, build/site/index.html
	@"$$(tools/venv.sh docs tools/requirements-docs.txt)"/bin/python tools/docs_site.py build/site

.PHONY: golden
golden: setup-test ## remake the committed reference answers with the reference libraries
	@tools/golden.sh

.PHONY: format
format: setup-test ## format the C++ sources
	@tools/format.sh

.PHONY: lint
lint: setup-test ## clang-tidy over the files changed since main (ALL=1: every file)
	@tools/lint.sh

.PHONY: clean
clean: ## remove build/ (the model store stays)
	rm -rf build
