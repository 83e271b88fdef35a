# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The drydock authors

prefix ?= /usr/local
SWIFT ?= swift
# What `make test-e2e FILTER=name` and its like pass on.
FILTER ?=
# Sources of projects that others wrote are kept here between runs.
DRYDOCK_TEST_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/drydock-tests

# Each directory below prefix can be set too: bindir, libexecdir, mandir, docdir, zshcompletiondir and their like.
DIRECTORIES = DESTDIR='$(DESTDIR)' prefix='$(prefix)' $(foreach name,bindir libexecdir datarootdir mandir docdir \
	bashcompletiondir zshcompletiondir fishcompletiondir,$(if $($(name)),$(name)='$($(name))'))

# Exit tests wait for any child of their process, and wait for ever while one that others started has not been waited for.
ALONE = DirectExecutionTests

RELEASE = -c release --static-swift-stdlib -Xlinker -s
BUILD_PACKAGES = libarchive-dev libcurl4-openssl-dev libdeflate-dev libyaml-dev libzstd-dev pkg-config zlib1g-dev
RUN_PACKAGES = ca-certificates gcc libarchive13 libc6-dev libcurl4 libyaml-0-2 libzstd1 make uidmap unzip
TEST_PACKAGES = bash-completion fish git gnupg libarchive-tools mmdebstrap man-db mandoc pass patch procps python3 python3-pip python3-pytest tmux \
	python3-setuptools python3-venv xxd xz-utils zip zsh zstd

.DEFAULT_GOAL := help
.PHONY: help setup setup-test build release run test test-small test-sandbox test-e2e test-all third-party lint format \
	bench install uninstall deb test-deb check ci clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the Debian packages that building and running need
	@command -v $(SWIFT) >/dev/null || { echo "make: no swift in PATH; drydock needs a Swift 6.2 toolchain or newer" >&2; exit 1; }
	@.ci/install-packages $(BUILD_PACKAGES) $(RUN_PACKAGES)

setup-test: setup
	@.ci/install-packages --optional $(TEST_PACKAGES)

build: ## Debug build
	$(SWIFT) build

release: ## Release build: static Swift runtime, stripped; in .build/release
	$(SWIFT) build $(RELEASE) --product drydock-init
	$(SWIFT) build $(RELEASE) --product drydock-http
	$(SWIFT) build $(RELEASE) --product drydock-archive
	$(SWIFT) build $(RELEASE) --product codebuild-hash-files
	$(SWIFT) build $(RELEASE) --product drydock

run: setup release ## Build drydock, run a sample project's buildspec, show its artifact
	cd buildspecs/projects/c-make && ../../../.build/release/drydock run -a ../../../artifacts
	unzip -l artifacts/artifacts.zip

test: setup-test release third-party ## Everything: small tests, sandbox, end to end
	$(call run-tests)

test-small: ## Tests without a sandbox
	$(SWIFT) test --disable-xctest --skip SandboxTests --skip EndToEndTests --skip $(ALONE)
	$(SWIFT) test --skip-build --disable-xctest --filter $(ALONE)

test-sandbox: release ## Tests of the sandbox
	$(call run-tests,SandboxTests)

test-e2e: setup-test release third-party ## The built drydock on the buildspecs under buildspecs/
	$(call run-tests,EndToEndTests)

test-all: export REQUIRE_SANDBOX = 1
test-all: test ## Everything, and nothing may be skipped

# Tests start the release binary, installed where every user can reach it; sources of others' projects are in the cache.
define run-tests
	@set -e; users=$$(.ci/make-test-users); \
	programs=$$(mktemp -d /tmp/drydock-programs.XXXXXX); trap 'rm -rf "$$programs"' EXIT; chmod 755 "$$programs"; \
	$(MAKE) --no-print-directory install DESTDIR="$$programs" prefix= >/dev/null; \
	python=$$(.ci/prepare-aws-tests "$(DRYDOCK_TEST_CACHE)"); \
	DRYDOCK_TEST_PYTHON="$$python" DRYDOCK_TEST_USERS="$$users" DRYDOCK_PROGRAM="$$programs/bin/drydock" \
	DRYDOCK_THIRD_PARTY="$(DRYDOCK_TEST_CACHE)/cases" DRYDOCK_TEST_CACHE="$(DRYDOCK_TEST_CACHE)" \
	.ci/show-failures $(SWIFT) test --disable-xctest $(if $(or $(FILTER),$(1)),--filter '$(or $(FILTER),$(1))',--skip $(ALONE)); \
	$(if $(or $(FILTER),$(1)),,.ci/show-failures $(SWIFT) test --skip-build --disable-xctest --filter $(ALONE))
endef

third-party:
	@buildspecs/third-party/prepare "$(DRYDOCK_TEST_CACHE)"

lint: ## Formatting, and the rules of docs/architecture.md
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	$(SWIFT) test --disable-xctest --filter ArchitectureTests

format: ## Format in place
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

bench: setup release ## Figures: start, commands, output, memory, large sources, caches, artifacts
	python3 Tests/benchmarks/bench.py

install: ## Install what `make release` built (DESTDIR, prefix)
	@$(DIRECTORIES) Sources/drydock/Packaging/install

uninstall: ## Remove what `make install` put there
	@$(DIRECTORIES) Sources/drydock/Packaging/install --uninstall

deb: release ## Debian package of what was built, in .build
	Sources/drydock/Packaging/make-deb .build

test-deb: release ## Install, use and remove the package in a fresh Debian root
	@REQUIRE_SANDBOX= .ci/install-packages --optional lintian mmdebstrap
	.ci/try-deb "$$(Sources/drydock/Packaging/make-deb .build)"

check: lint test-small ## What a commit must pass

ci: ## What continuous integration runs
	.ci/run

clean: ## Remove what was built
	rm -rf .build artifacts
