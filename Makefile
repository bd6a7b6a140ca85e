# Everything that is built, run or checked goes through these targets; .ci/run calls them too.
#
#   make run      name server and broker in one process, messages in ./data
#   make test     unit tests, with the checks of the tag `invariants`
#   make check    format, vet, staticcheck, house rules, race detector
#   make help     the rest

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
export CGO_ENABLED := 0

.PHONY: build run test check fmt vet staticcheck lint race fuzz-smoke fuzz-storage compat faults compat-filter bench-peer bench-scale bench-compare pgo clean help

build: ## bin/ringmq, one static file
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ringmq ./cmd/ringmq

run: build ## start both servers, messages in ./data
	./bin/ringmq standalone

test: build ## unit tests with invariant checks
	$(GO) test -short -tags invariants ./...

check: fmt vet staticcheck lint race ## everything that must hold before a commit

fmt: ## no file needs gofmt
	@files=$$(git ls-files '*.go' | xargs gofmt -l); test -z "$$files" || { echo "gofmt needed:"; echo "$$files"; exit 1; }

vet:
	$(GO) vet -tags invariants ./...

staticcheck:
	$(GO) tool staticcheck ./...

lint: ## layers, docs, sizes: internal/lint
	$(GO) test ./internal/lint

race: ## tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -short -race -tags invariants ./...

FUZZTIME ?= 20000x
fuzz-smoke: ## every fuzz target for FUZZTIME runs (20000x; a time, 10s, may end in "context deadline exceeded" on a busy machine)
	@set -e; grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    echo "$$(dirname $$file) $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x $$(dirname $$file) </dev/null; \
	  done; \
	done

FUZZSTORAGE ?= --time 10m --coverage
fuzz-storage: ## crash, fault and bit images of the store on all cores, FUZZSTORAGE (--time 10m --coverage; --all, --seeds N, --run NAME)
	$(GO) run -tags invariants ./cmd/ringmq store fuzz $(FUZZSTORAGE)

COMPATFLAGS ?=
compat: build ## RocketMQ's own clients and tools against ringmq (needs Java and Maven)
	./compat/run.sh $(COMPATFLAGS)

faults: build ## harmed files; power cuts, full, failing and slow disks below a running broker (these need root and loop devices)
	$(GO) run ./compat -only damage,faults -binary bin/ringmq $(FAULTSFLAGS)

PAIRS ?= 1000000
compat-filter: ## SQL92 filters beside RocketMQ's own, PAIRS (1000000) pairs of expression and message (needs Java and Maven)
	$(GO) run ./compat/filter -pairs $(PAIRS)

ARGS ?=
bench-peer: build ## all figures beside a Java broker in turn, into docs/benchmarks.md; ARGS='-rows send,pull -rounds 3' (needs Java and Maven)
	$(GO) run ./bench/peer $(ARGS)

bench-scale: build ## how the cost grows, into docs/scaling.md, about 10 minutes; in parts: ARGS='-resume -within 60s'
	$(GO) run ./bench/peer -rows scale -results bin/scaling.jsonl -page docs/scaling.md $(ARGS)

REF   ?= HEAD~1
BENCH ?= ^Benchmark(Encode|Seal|Decode|DecodeSend|EncodeSendResponse|SendAnswers|Put|Append|Stage|Get|Pull|Turn)$$
COUNT ?= 6
bench-compare: ## Go micro-benchmarks of the tree beside REF (HEAD~1); BENCH and COUNT choose
	GO="$(GO)" ./bench/compare.sh "$(REF)" '$(BENCH)' "$(COUNT)"

pgo: ## make cmd/ringmq/default.pgo, the compiler's profile, anew; 90 s on a machine with nothing else to do
	GO="$(GO)" bench/pgo.sh

clean:
	rm -rf bin

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile
