# `make test` does everything; `make help` lists the rest.

DENY := 0.20.2
OHA := 1.16.0
PEER_PACKAGES := nginx-light libnginx-mod-http-lua haproxy caddy wrk nghttp2-client

# The tests run what the image ships: a binary that stands alone (see Dockerfile). It takes its random
# bytes from the kernel itself: without that cfg it would look for a libc's function, which nothing
# brings along there, and then for /dev/urandom.
# One target and one set of flags for every step, so that nothing is built twice.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
ifneq (,$(findstring linux-gnu,$(HOST)))
FLAGS := CARGO_TARGET_$(shell echo $(HOST) | tr 'a-z-' 'A-Z_')_RUSTFLAGS
ALONE := CARGO_BUILD_TARGET=$(HOST) \
  $(FLAGS)='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
endif

CARGO := $(ALONE) cargo
TOOLS := $(CURDIR)/.tools
# npm writes it last.
EXAMPLES := examples/upstreams
CLIENT_MODULES := client/node_modules/.package-lock.json
PAGES_MODULES := tests/miniprogram/node_modules/.package-lock.json
DENY_BIN := $(TOOLS)/cargo-deny-$(DENY)/bin/cargo-deny
PROFILE := dist

.DEFAULT_GOAL := help
.PHONY: help test packages tools fmt lint docs unit fuzz deny audit demo proof-sessions proof-crowd proof-tls proof-slow proof-fuzz proof-snapshot proof-restarts bench bench-tools bench-page bench-test image image-root clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

test: tools fmt lint docs unit bench-test fuzz deny ## everything that must hold, tools included

packages:
	@missing=; \
	command -v cc >/dev/null || missing="$$missing gcc libc6-dev"; \
	command -v c++ >/dev/null || missing="$$missing g++"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	command -v go >/dev/null || missing="$$missing golang-go"; \
	command -v php >/dev/null || missing="$$missing php-cli"; \
	command -v javac >/dev/null || missing="$$missing default-jdk-headless"; \
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v curl >/dev/null || missing="$$missing curl"; \
	command -v systemd-analyze >/dev/null || missing="$$missing systemd"; \
	[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$$missing ca-certificates"; \
	lists=; [ -e $(TOOLS)/promtool ] || apt-cache show prometheus >/dev/null 2>&1 || lists=needed; \
	[ -z "$$missing$$lists" ] && exit 0; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	$$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends $$missing

tools: packages $(TOOLS)/promtool $(TOOLS)/python/done $(TOOLS)/node/done $(TOOLS)/examples/done $(CLIENT_MODULES) $(PAGES_MODULES) $(DENY_BIN) ## what the tests need, put into .tools

# Unoptimised: built once and used for seconds.
$(DENY_BIN):
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 cargo install --quiet --locked --debug --no-default-features --version $(DENY) \
	  --root $(TOOLS)/cargo-deny-$(DENY) --target-dir $(TOOLS)/build cargo-deny
	rm -rf $(TOOLS)/build

# Debian's, out of its package: that would start a server.
$(TOOLS)/promtool: | packages
	mkdir -p $(TOOLS)/prometheus
	cd $(TOOLS)/prometheus && apt-get download -qq -o APT::Sandbox::User=root prometheus \
	  && dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin/promtool
	mv $(TOOLS)/prometheus/usr/bin/promtool $@
	rm -rf $(TOOLS)/prometheus

$(TOOLS)/python/done: tests/upstreams/flask/requirements.txt tests/deploy/requirements.txt tests/http2/requirements.txt tests/websocket/requirements.txt
	python3 -m venv --clear $(TOOLS)/python
	$(TOOLS)/python/bin/pip install --quiet $(addprefix --requirement ,$^)
	touch $@

$(TOOLS)/node/done: tests/upstreams/express/package-lock.json
	mkdir -p $(TOOLS)/node
	cp $(<D)/package.json $(<D)/package-lock.json $(TOOLS)/node
	npm ci --prefix $(TOOLS)/node --no-audit --no-fund --loglevel=error
	touch $@

# Each in its own way; Go's own packages are built once for all.
$(TOOLS)/examples/done: $(EXAMPLES)/python/requirements.txt $(EXAMPLES)/node/package-lock.json $(EXAMPLES)/go/go.mod
	python3 -m venv --clear $(TOOLS)/examples/python
	$(TOOLS)/examples/python/bin/pip install --quiet --requirement $<
	mkdir -p $(TOOLS)/examples/node
	cp $(EXAMPLES)/node/package.json $(EXAMPLES)/node/package-lock.json $(TOOLS)/examples/node
	npm ci --prefix $(TOOLS)/examples/node --no-audit --no-fund --loglevel=error
	cd $(EXAMPLES)/go && GOCACHE=$(TOOLS)/examples/go go build -o /dev/null .
	touch $@

$(CLIENT_MODULES) $(PAGES_MODULES): %/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel=error

fmt: ## formatting
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	cargo fmt --check --manifest-path bench/pingora/Cargo.toml
	cargo fmt --check --manifest-path bench/alone/Cargo.toml

lint: ## clippy, no warning allowed
	$(CARGO) clippy --locked --all-targets -- -D warnings

docs: ## the code's own documentation, no warning allowed
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

unit: ## all tests (needs `make tools` once)
	$(CARGO) test --locked

fuzz: ## what anybody may send, made up by libFuzzer: each target 20,000 times, the same each time
	$(ALONE) fuzz/run.sh $(or $(AMOUNT),20000) $(TARGETS)

deny: $(DENY_BIN) ## licences, bans and sources of what stands under us
	$(DENY_BIN) --locked check bans licenses sources

audit: $(DENY_BIN) ## known vulnerabilities of what stands under us; downloads the list of them
	$(DENY_BIN) --locked check advisories

demo: ## the product in a minute
	cargo run --release -- demo

proof-sessions: ## what a signed-in user costs: at most 512 bytes, among a million
	cargo run --locked --release --example session_memory -- 1000000 512

proof-crowd: ## what thousands of idle and of stalled peers cost, and that nobody waits for them
	CROWD=8000 cargo test --locked --release --test it crowd -- --nocapture --test-threads 1

proof-tls: ## testssl.sh against TLS as it is by default; installs it
	@command -v testssl >/dev/null && exit 0; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	$$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends testssl.sh openssl
	cargo build --locked
	tests/proof/tls.sh target/debug/wxgate

proof-slow: ## slowhttptest, three modes with 1,000 connections, keeps nobody waiting; installs it
	@command -v slowhttptest >/dev/null && exit 0; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	$$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends slowhttptest python3
	cargo build --locked --release
	python3 tests/proof/slow.py target/release/wxgate

proof-fuzz: ## each target for five minutes, new inputs each time
	$(ALONE) fuzz/run.sh 300s $(TARGETS)

proof-snapshot: ## a planned restart under 10,000 signed-in users logs nobody out
	USERS=10000 cargo test --locked --release --test it operation::snapshot -- --nocapture

proof-restarts: ## reloads, new certificates, restarts and the death of a server under load: no failed request
	RELOADS=20 SWAPS=5 RESTARTS=3 DEATHS=5 cargo test --locked --test it operation::restarts -- --nocapture --test-threads 1

# Debian's, out of their packages: those would start servers. What is installed already is left as it is.
$(TOOLS)/peers/done:
	rm -rf $(TOOLS)/peers
	mkdir -p $(TOOLS)/peers/archives/partial $(TOOLS)/peers/root
	root=; [ "$$(id -u)" = 0 ] || root=sudo; $$root apt-get update -qq
	apt-get install --yes -qq --no-install-recommends --download-only -o Debug::NoLocking=1 -o APT::Sandbox::User=root \
	  -o Dir::Cache::archives=$(TOOLS)/peers/archives $(PEER_PACKAGES)
	for package in $(TOOLS)/peers/archives/*.deb; do \
	  dpkg-deb --fsys-tarfile "$$package" | tar --extract --directory $(TOOLS)/peers/root || exit 1; \
	done
	rm -rf $(TOOLS)/peers/archives
	touch $@

$(TOOLS)/oha/bin/oha:
	cargo install --quiet --locked --no-default-features --features rustls --version $(OHA) \
	  --root $(TOOLS)/oha --target-dir $(TOOLS)/build oha
	rm -rf $(TOOLS)/build

bench-tools: $(TOOLS)/peers/done $(TOOLS)/oha/bin/oha ## what the benchmark needs, put into .tools
	@missing=; \
	command -v cmake >/dev/null || missing="$$missing cmake"; \
	command -v openssl >/dev/null || missing="$$missing openssl"; \
	command -v taskset >/dev/null || missing="$$missing util-linux"; \
	[ -z "$$missing" ] && exit 0; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	$$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends $$missing
	cargo build --quiet --locked --release --manifest-path bench/pingora/Cargo.toml

bench: bench-tools ## wxgate beside its peers, and the page of it; parts: SCENARIOS="small tls" PEERS="wxgate nginx" ROUNDS=3 USERS=1000
	[ -n "$(WXGATE)" ] || cargo build --locked --profile dist
	python3 -m bench --wxgate $(or $(WXGATE),target/dist/wxgate) --rounds $(or $(ROUNDS),5) --seconds $(or $(SECONDS),6) \
	  --users $(or $(USERS),100000) $(if $(PEERS),--peers $(PEERS)) -- $(SCENARIOS)

bench-page: ## the page anew, of RESULTS="bench/results/….json …": of several the later count
	python3 -m bench --report $(RESULTS)

bench-test: ## what the benchmark says is true: its parsers, figures and pages
	python3 -W error -m unittest --quiet bench.tests

image: ## the container image
	docker build --tag wxgate .

image-root: ## the image's content, in target/image-root
	$(CARGO) build --locked --profile $(PROFILE) --bin wxgate
	rm -rf target/image-root
	deploy/image-root.sh target/$(HOST)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/wxgate target/image-root

clean: ## what was built and installed here
	rm -rf target .tools bench/*/target bench/results client/node_modules client/dist client/miniprogram_dist client/LICENSE-* \
	  tests/miniprogram/node_modules tests/miniprogram/build
