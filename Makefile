# Mission Control. `make help` lists what can be made.

SHELL      := /bin/bash
TOOLS      := $(CURDIR)/.cache/bin

# `make module PATH=…` sets PATH, which is also where programs are found. Those are where the
# environment of make itself has them, which each make passes on in another way.
ifeq ($(origin PATH),command line)
MODULE := $(PATH)
override PATH := $(shell while IFS= read -r -d '' v; do \
	if [[ $$v == PATH=* ]]; then printf %s "$${v:5}"; exit; fi; \
	done 2>/dev/null </proc/$$PPID/environ || printf %s "$$PATH")
endif
override PATH := $(TOOLS):$(PATH)
export PATH

VERSION    ?= $(shell sed -n 's/^const DevVersion = "\(.*\)"/\1/p' supervisor/api/version.go)
# SQLite is a translation to Go, in which the race detector would follow each access to its memory: the
# tests of its store would take several times as long. What calls it is checked like the rest.
RACE       := -race '-gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false'
GOTEST     ?= go test $(RACE) -timeout 20m
GOTESTARGS ?=
# A number of inputs, not a time: with a time, `go test -fuzz` now and then reports its own
# deadline as a failure (go.dev/issue/75804).
FUZZRUNS   ?= 50000
# How long `make soak` overloads a supervisor.
SOAKMINUTES ?= 10

NATS_CLI      := github.com/nats-io/natscli/nats@v0.5.1
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
CYCLONEDX     := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/supervisor, static
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.buildVersion=$(VERSION)" -o bin/supervisor ./cmd/supervisor

.PHONY: run
run: ## run the supervisor with its embedded broker and store
	go run ./cmd/supervisor

.PHONY: cluster
cluster: build nats-server ## run brokers, Redis, supervisors and an agent: docker-compose.yml without Docker
	PATH=$(CURDIR)/bin:$$PATH ./test/cluster

.PHONY: test
test: tools ## run every test with the race detector; installs what they need
	$(GOTEST) $(GOTESTARGS) ./...
	SIMULATION_STEPS=400000 go test -count=1 -run '^TestSimulation$$' -v ./missions/engine/enginetest

.PHONY: tools
tools: nats-server ## install what the tests need: a C compiler for -race, jq, Node.js, Python, Redis, Chromium, the nats CLI
	@./test/prepare $(TOOLS) $(NATS_CLI)

# A broker in a process of its own, of the version that we embed.
.PHONY: nats-server
nats-server:
	@go build -o $(TOOLS)/nats-server github.com/nats-io/nats-server/v2

.PHONY: fuzz
fuzz: ## fuzz every decoder with FUZZRUNS inputs each
	@set -e; for package in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$package/*_test.go | cut -c6-); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZRUNS)x $$package; \
		done; done

.PHONY: fuzz-keep
fuzz-keep: ## keep the inputs that fuzzing has found, in testdata/fuzz
	@cd "$$(go env GOCACHE)/fuzz/$$(go list -m)" && find . -type f -size -16k | while read -r input; do \
		target=$$(dirname "$$input"); kept="$(CURDIR)/$$(dirname "$$target")/testdata/fuzz/$$(basename "$$target")"; \
		mkdir -p "$$kept"; cp -n "$$input" "$$kept/"; done

.PHONY: manifests
manifests: ## check deploy/kubernetes and the Grafana dashboard with the parsers of Kubernetes and Prometheus
	cd test/manifests && go vet ./... && go test ./...

# After a change of go.mod, it asks for `go mod tidy` in test/outside.
.PHONY: outside
outside: ## build and test a module of its own that imports the packages for agents and clients
	cd test/outside && go mod tidy -diff && go vet ./... && go test ./...

.PHONY: module
module: export MODULE := $(MODULE)
module: ## give the module the path of its public home: make module PATH=github.com/you/missioncontrol
	@go run ./test/rename -- "$$MODULE"

.PHONY: simulate
simulate: ## run random histories of the engine for MINUTES, or repeat one by SIMULATION_SEED; see missions/engine/enginetest
	SIMULATION_MINUTES=$(MINUTES) go test -count=1 -timeout 0 -run '^TestSimulation$$' -v ./missions/engine/enginetest

# How many histories of the engine `make histories` runs on each store, of which `make test` runs two, and
# how many of a store's operations beside a model, of which `make test` runs one for each kind of store.
HISTORIES  ?= 20

.PHONY: histories
histories: tools ## run HISTORIES random histories on each store, beside a backend in memory and beside a model
	BACKEND_HISTORIES=$(HISTORIES) STORETEST_RUNS=$(HISTORIES) go test $(RACE) -count 1 -timeout 0 -v ./missions/sqlitestore ./missions/redisstore \
		-run 'TestBackendAnswersLikeMemory|TestConformance/.*model|TestConformance/model'

.PHONY: migrations
migrations: tools ## interrupt migrations of Redis at each of their commands, of which `make test` tries every twelfth
	MIGRATION_EVERY_COMMAND=1 go test $(RACE) -count 1 -timeout 30m -v ./missions/redisstore \
		-run 'TestAMigrationThatDiesGoesOn|TestASuspendedMigrationChangesNothingLater'

.PHONY: soak
soak: build ## overload a supervisor for SOAKMINUTES and print its memory use
	go run ./test/soak -minutes $(SOAKMINUTES)

MINUTES    ?= 0.5
SEED       ?= 0
SITE       ?=
KEEP       ?=
# What of test/chaos `make chaos` runs, and how long it may take; 0: as long as it takes.
CHAOSTESTS   ?= ^TestChaos$$
CHAOSTIMEOUT ?= 0
# More flags, such as -leader, which kills the leading supervisor every few seconds.
CHAOSFLAGS   ?=

.PHONY: chaos
chaos: tools ## inject faults for MINUTES, with SEED, on one SITE or on both stores; see test/chaos
	go test $(RACE) -count 1 -timeout $(CHAOSTIMEOUT) -v -tags chaos ./test/chaos -run '$(CHAOSTESTS)' \
		-minutes $(MINUTES) -seed $(SEED) -site '$(SITE)' $(CHAOSFLAGS) -keep '$(if $(KEEP),$(abspath $(KEEP)))'

ROUNDS     ?= 5
# A regular expression of the rows to measure; the others keep their latest figures.
ROWS       ?= .
BENCH      := go run . -results results.json -out $(CURDIR)/docs -rows '$(ROWS)'
# More flags of test/bench, such as -busy, which tries rows out on a busy machine.
BENCHFLAGS ?=

.PHONY: bench
bench: build ## measure Mission Control beside its peers, on a quiet machine, in 25 minutes; writes docs/BENCHMARKS.md and its picture
	@command -v redis-server >/dev/null || { echo "redis-server is needed: apt-get install redis-server"; exit 1; }
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { echo "PostgreSQL is needed: apt-get install postgresql"; exit 1; }
	cd test/bench && $(BENCH) -binary $(CURDIR)/bin/supervisor -rounds $(ROUNDS) $(BENCHFLAGS)

.PHONY: bench-render
bench-render: ## write docs/BENCHMARKS.md and its picture again, from the latest figures
	cd test/bench && $(BENCH) -render

.PHONY: bench-test
bench-test: ## test what the benchmark computes and draws; it measures nothing
	cd test/bench && go vet ./... && go test ./...

.PHONY: bench-parts
bench-parts: ## run the benchmarks of the envelope, the event stream and the stores
	go test -run '^$$' -bench . -benchmem ./charter ./eventstream/... ./missions/sqlitestore ./missions/redisstore

# How many agents `make recovery` kills with each kind of broker.
KILLS ?= 100

.PHONY: recovery
recovery: ## kill KILLS agents and measure how long until other agents have their missions
	go test -run '^$$' -bench Recovery -benchtime $(KILLS)x -timeout 60m ./test

.PHONY: takeover
takeover: ## kill KILLS supervisors that lead and measure for how long changes waited; see test
	go test -run '^$$' -bench Takeover -benchtime $(KILLS)x -timeout 60m ./test

.PHONY: memory
memory: ## create a million missions on each store, and report the most memory that the supervisor has used
	go test -run '^$$' -bench Memory -benchtime 1x -timeout 30m ./test

.PHONY: screenshots
screenshots: tools ## update the screenshots of the dashboard in docs/screenshots
	SCREENSHOTS=$(CURDIR)/docs/screenshots go test -count 1 ./test/browser -run 'TestPages|TestTheBroker|TestAnAlertSays|TestAViewer|TestEverythingIsPaused|TestThePalette|TestTheQueue'

# How many asynq workers `make recovery-asynq` kills, all within a minute.
ASYNQKILLS ?= 20

.PHONY: recovery-asynq
recovery-asynq: ## kill ASYNQKILLS asynq workers and measure how long until others run their tasks
	cd test/bench && go run . recovery -kills $(ASYNQKILLS)

.PHONY: generate
generate: ## update the generated files: schemas, EVENTS.md, OpenAPI, AsyncAPI
	go generate ./...

.PHONY: docs
docs: build ## write the manual pages of all commands to dist/man
	bin/supervisor man dist/man

.PHONY: lint
lint: ## gofmt, go vet and golangci-lint
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
		if [ -n "$$unformatted" ]; then echo "gofmt: $$unformatted"; exit 1; fi
	go vet -tags chaos ./...
	@test -x $(TOOLS)/golangci-lint || GOBIN=$(TOOLS) go install $(GOLANGCI_LINT)
	golangci-lint run ./...

# Where the vulnerability database is, a URL; empty: at vuln.go.dev.
VULNDB ?=

.PHONY: vuln
vuln: ## check dependencies for known vulnerabilities, in the database at VULNDB
	@test -x $(TOOLS)/govulncheck || GOBIN=$(TOOLS) go install $(GOVULNCHECK)
	govulncheck $(if $(VULNDB),-db '$(VULNDB)') ./...

# Nothing but the source, the version and the Go release goes into a binary: no paths, no
# state of a work tree, no C compiler.
RELEASES     := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
RELEASEBUILD  = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.buildVersion=$(VERSION)"
RELEASE       = supervisor-$(VERSION)

.PHONY: release
release: ## build static binaries for RELEASES into dist, with checksums and an SBOM for each
	@test -x $(TOOLS)/cyclonedx-gomod || GOBIN=$(TOOLS) go install $(CYCLONEDX)
	rm -rf dist && mkdir dist
	@set -e; for target in $(RELEASES); do \
		echo "dist/$(RELEASE)-$$target"; \
		GOOS=$${target%-*} GOARCH=$${target#*-} $(RELEASEBUILD) -o dist/$(RELEASE)-$$target ./cmd/supervisor; \
		cyclonedx-gomod bin -json -licenses -std -noserial -notimestamp -version v$(VERSION) \
			-output dist/$(RELEASE)-$$target.cdx.json dist/$(RELEASE)-$$target 2>dist/sbom.log || { cat dist/sbom.log; exit 1; }; \
		rm dist/sbom.log; done
	@cd dist && sha256sum $(RELEASE)* >SHA256SUMS && cat SHA256SUMS

.PHONY: reproducible
reproducible: ## build the last commit again, in another directory and without a cache, and compare
	@test/reproducible $(RELEASE)-linux-amd64 '$(RELEASEBUILD)'

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist .cache
