# Every target installs what it lacks (Debian and Ubuntu), and works from a fresh clone.
#   SERVER=path   another server binary than redis-server
#   VERBOSE=1     show what the quiet steps do

export PATH := $(HOME)/.cargo/bin:$(PATH)
SERVER ?= redis-server
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
MODULE := $(TARGET)/release/libmylog.so
CARGO_QUIET := $(if $(filter 1,$(VERBOSE)),,--quiet)
# Set by the user, or not passed on: the scripts and tests know the default themselves.
ifneq ($(origin SERVER),file)
export SERVER
endif

.DEFAULT_GOAL := help
# Two targets that install at once would wait on each other's lock, or fail.
.NOTPARALLEL:
.PHONY: help deps build demo run test test-servers soak check docs audit bench docker docker-test clean

help: ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-14s %s\n' "$$name" "$$text"; done

deps: ## Install what building and testing need, redis-server included
	@tools/install-build-deps.sh server client

build: ## The module and mylog-check, in target/release
	@tools/install-build-deps.sh server
	@cargo build $(CARGO_QUIET) --release --locked

demo: build ## Durable keys under load, a rewrite, a kill -9: what is left
	@cargo run $(CARGO_QUIET) --release --locked --example demo

PORT ?= 6399
DIR ?= data
run: build ## A server with the module in the foreground: PORT=6399 DIR=data ARGS='--maxmemory 1gb'
	@mkdir -p $(DIR)
	@exec $(SERVER) --port $(PORT) --bind 127.0.0.1 --dir $(DIR) --save '' --loadmodule $(MODULE) $(ARGS)

test: deps build ## All tests, those against a real server included
	cargo test --workspace --locked --no-fail-fast

test-servers: deps build ## The server tests on Redis 7.0, 8.2 and 8.6, Valkey 8.0, 8.1 and 9.1
	@tools/test-servers.sh

soak: deps build ## The long loops at full length, twenty times those of `make test`: ON='redis-8.6 valkey-9.1' servers
	@tools/soak.sh $(ON)

check: deps ## Format, lints, licences and sources of the dependencies
	@tools/install-build-deps.sh check
	cargo fmt --all --check
	cargo clippy $(CARGO_QUIET) --workspace --all-targets --locked -- -D warnings
	cargo clippy $(CARGO_QUIET) --test docker --locked -- -D warnings
	@tools/deny.sh bans licenses sources

docs: deps ## Write docs/commands.md anew, from the tables of commands
	MYLOG_WRITE_DOCS=1 cargo test $(CARGO_QUIET) --locked --lib the_page_of_commands

audit: deps ## Known vulnerabilities of the dependencies (fetches the advisory list)
	@tools/deny.sh advisories

bench: deps build ## Ours beside the server's own AOF: docs/bench; in target/bench: QUICK=1 a look, ONLY=full,huge parts
	@for name in redis-7.0 valkey-8.0 redis-8.6 redis-6.2; do tools/fetch-servers.sh $$name || \
		echo "going on without $$name: its rows will say so" >&2; done
	cargo bench --locked --bench bench

docker: ## The image `mylog`
	@tools/docker-base.sh
	docker build -q -f docker/Dockerfile -t mylog .

docker-test: deps docker ## The image under load, killed during a rewrite, up again
	cargo test --locked --test docker

clean: ## Remove what was built or fetched; never the data of `make run`
	cargo clean
	rm -rf .servers
