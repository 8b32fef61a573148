# Every target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
GO := . .ci/setup.sh; need_go; go
BIN := build/tritonsweep
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 20s

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

.PHONY: build
build: ## build/tritonsweep, one static file
	@$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/tritonsweep

build: export CGO_ENABLED = 0

.PHONY: demo
demo: build ## sweep the simulated deployment, with nothing but Go; leaves out/demo/report.html
	@mkdir -p out/demo; $(BIN) queue-delay --sim --model arcface_w600k_r50 --delays 1000,5000,10000 --concurrency 1,8,32 \
	  --rounds 1 --duration 1s --warmup 300ms --db out/demo/run.db --output out/demo || [ $$? = 3 ]
	@echo "open out/demo/report.html"

.PHONY: test
test: ## set up what is missing, the real Triton included, and run every test
	@.ci/test.sh

.PHONY: race
race: ## the tests of every package in which goroutines meet, under the race detector
	@$(GO) test -race -short -timeout 20m ./internal/... ./runner/... ./sweep/batcher/... ./sweep/prediction ./sweep/search ./results ./examples/...

.PHONY: test-gpu
test-gpu: ## CUDA shared memory with a Triton on this machine's GPU that serves the example models: GRPC=host:port HTTP=host:port
	@export TRITONSWEEP_GPU_GRPC=$(GRPC) TRITONSWEEP_GPU_HTTP=$(HTTP); . .ci/setup.sh; need_go; \
	  go test -tags cuda -count=1 -p 1 -v -run '^TestGPU' ./runner/load ./runner/load/cuda ./cmd/tritonsweep

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, shell scripts
	@. .ci/setup.sh; need_go; bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt: $$bad"; exit 1; fi
	@$(GO) vet ./... && go vet -tags cuda ./runner/load/... ./cmd/tritonsweep
	@$(GO) tool -modfile=tools.mod staticcheck ./... && go tool -modfile=tools.mod staticcheck -tags cuda ./runner/load/cuda
	@bash -n $$(git ls-files '*.sh') .ci/run

.PHONY: vulncheck
vulncheck: ## known vulnerabilities; needs the network for its database, and fails without
	@. .ci/setup.sh; need_go; found=$$(go tool -modfile=tools.mod govulncheck ./... 2>&1) && echo "$$found" && exit; \
	  echo "$$found"; case $$found in \
	  *"fetching vulnerabilities"*) echo "NOT CHECKED: the database of known vulnerabilities could not be reached" ;; \
	  *) echo "NOT PASSED: govulncheck found something, or did not run (above)" ;; esac; exit 1

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@$(GO) list ./... | while read -r p; do \
	  for f in $$(go test -list '^Fuzz' "$$p" | grep ^Fuzz); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) "$$p" || exit 1; done; done

.PHONY: bench
bench: ## the benchmarks of the packages
	@$(GO) test -run '^$$' -bench . -benchmem ./...

# The proofs below run on the container of `make triton`.
NEED_REAL := . .ci/setup.sh; need_go; need_triton; [ "$$TRITONSWEEP_REAL" = 1 ] || exit 1
REAL := $(NEED_REAL); go test -count=1 -v -timeout 2h ./cmd/tritonsweep
PERF_ANALYZER ?= $(abspath .triton/tools/perf_analyzer)
N ?= 30

.PHONY: bench-client
bench-client: ## CPU a request of our client beside perf_analyzer's, in turns
	@examples/triton-cpu/perf-analyzer.sh >/dev/null || echo "perf_analyzer could not be installed"
	@export TRITONSWEEP_BENCH=1 PERF_ANALYZER=$(PERF_ANALYZER); $(REAL) -run '^TestClientCost$$'

.PHONY: bench-pipelines
bench-pipelines: build ## four pipelines at 1/4/16/64 clients, from end to end: DURATION=50s a point, 17 min, SIM=1 without Docker
	@$(GO) version >/dev/null; examples/pipeline/bench.sh

# Proofs that print a table and fail when a figure is missed. On a quiet machine.
PROOF := . .ci/setup.sh; need_go; go test -count=1 -v -timeout 2h

.PHONY: proof-open-loop
proof-open-loop: ## a server that stalls: the open loop's p99 is that of the arithmetic (4 min)
	@export TRITONSWEEP_PROOF_OPEN=120s; $(PROOF) -run '^TestProofOpenLoop$$' ./runner/load

.PHONY: proof-truth
proof-truth: ## latencies beside timestamps of the server, planted and real (8 min)
	@export TRITONSWEEP_REAL=1 TRITONSWEEP_PROOF_TRUTH=60s; $(PROOF) -run '^TestProofTruth$$' ./runner/load

TOOLS := $(abspath .triton/tools)

.PHONY: proof-client
proof-client: ## CPU a request and rate beside perf_analyzer and ghz on one fast server, in turns (4 min)
	@examples/triton-cpu/perf-analyzer.sh >/dev/null || echo "perf_analyzer could not be installed"
	@. .ci/setup.sh; need_go; [ -x $(TOOLS)/ghz ] || GOBIN=$(TOOLS) go install github.com/bojand/ghz/cmd/ghz@v0.93.0 || echo "ghz could not be installed"
	@export TRITONSWEEP_PROOF_CLIENT=3 PERF_ANALYZER=$(PERF_ANALYZER) GHZ=$(TOOLS)/ghz; $(PROOF) -run '^TestProofClient$$' ./cmd/tritonsweep

.PHONY: proof-memory
proof-memory: ## resident memory at 1, 16 and 64 callers on 4.9 MB inputs: flat, and little above what is in flight (7 min)
	@examples/triton-cpu/perf-analyzer.sh >/dev/null || echo "perf_analyzer could not be installed"
	@export TRITONSWEEP_PROOF_MEMORY=120s PERF_ANALYZER=$(PERF_ANALYZER); $(REAL) -run '^TestProofMemory$$'

.PHONY: proof-resident
proof-resident: ## resident memory of 64 callers on 4.9 MB inputs for a minute
	@export TRITONSWEEP_MEMORY=60s; $(REAL) -run '^TestFault69Memory$$'

.PHONY: fidelity
fidelity: ## predict and measure POINTS settings x loads of three models on the real Triton, from 5 runs each; fails when a goal is missed
	@mkdir -p out/fidelity; $(NEED_REAL); \
	  TRITONSWEEP_FIDELITY=$(POINTS) TRITONSWEEP_FIDELITY_BURSTS=6 TRITONSWEEP_FIDELITY_OUTPUT=$(abspath out/fidelity) \
	  go test -count=1 -v -timeout 1h -run '^TestFidelity' ./runner/fidelity

.PHONY: fidelity-bursts
fidelity-bursts: ## the scheduler's scenarios on the real Triton, 12 times each: every executed batch, in order; and the lost wake-up
	@$(NEED_REAL); \
	  TRITONSWEEP_FIDELITY_BURSTS=12 go test -count=1 -v -timeout 30m -run '^TestFidelityBursts$$' ./runner/fidelity

POINTS ?= 24

.PHONY: proof-coverage
proof-coverage: ## how often 95 % intervals hold the truth: a thousand measurements of each simulated server
	@. .ci/setup.sh; need_go; TRITONSWEEP_COVERAGE=1000 go test -count=1 -v -timeout 30m -run '^TestCoverage$$' ./runner/load

SWEEPS ?= 10

.PHONY: proof-repeat
proof-repeat: ## SWEEPS equal sweeps of two equal settings and one that is 5 % better, on a Triton of its own (20 min; SIM=1: 5 min)
	@export TRITONSWEEP_PROOF_REPEAT=$(SWEEPS) SIM=$(SIM) TRITONSWEEP_REAL=$(if $(SIM),,1); $(PROOF) -run '^TestProofRepeat$$' ./cmd/tritonsweep

.PHONY: kills
kills: ## kill -9 a sweep at N random moments and restore: make kills N=30
	@export TRITONSWEEP_KILLS=$(N); $(REAL) -run '^TestRealKilledSweeps$$'

# The benches below run on the container of `make triton` where it runs, else on
# the simulated server, and end in a report. FULL=1 takes a model's whole spec
# (about an hour a model) instead of the short one.
# One that was interrupted goes on where it was.
OUT ?= out
SPEC_BENCH = @export OUT='$(abspath $(OUT))' ON='$(ON)' ARGS='$(ARGS)'; examples/specs/bench.sh $@ "$(if $(FULL),$(1),all-short)" $(if $(FULL),,$(2))

.PHONY: bench-scrfd bench-arcface bench-yolo bench-clip bench-ocr sweep-all
bench-scrfd: build ## sweeps of the face detector; leaves out/bench-scrfd/summary.html
	$(call SPEC_BENCH,scrfd,-m scrfd_10g_bnkps)
bench-arcface: build ## the same for the face embedding
	$(call SPEC_BENCH,arcface,-m arcface_w600k_r50)
bench-yolo: build ## the same for the detector
	$(call SPEC_BENCH,yolo,-m yolov11_small_trt_end2end)
bench-clip: build ## the same for both MobileCLIP encoders
	$(call SPEC_BENCH,clip-image clip-text,-m mobileclip2_s2_image_encoder -m mobileclip2_s2_text_encoder)
bench-ocr: build ## the same for both stages of the OCR
	$(call SPEC_BENCH,ocr-det ocr-rec,-m paddleocr_det_trt -m paddleocr_rec_trt)
sweep-all: build ## the four sweeps of all seven models, short, and one summary
	$(call SPEC_BENCH,scrfd arcface yolo clip-image clip-text ocr-det ocr-rec,)

.PHONY: chaos
chaos: ## 1,000 random kills of the file protocol; every call of it failing and killing once; power losses
	@. .ci/setup.sh; need_go; TRITONSWEEP_CHAOS=1000 TRITONSWEEP_CRASHES=2000 go test -count=1 -v -timeout 20m \
	  -run '^Test(Fault(3|10|11|12|22)[A-Z]|ACommit)' ./runner/undo | grep -vE '^(=== |PASS)'; exit $${PIPESTATUS[0]}

.PHONY: chaos-long
chaos-long: ## N random kills of sweeps on the simulated server, a tenth of N on a real container; what is lost or left, shared memory too
	@. .ci/setup.sh; need_go; TRITONSWEEP_CHAOS_SWEEPS=$(N) go test -count=1 -v -timeout 24h -run '^TestChaosSweeps$$' ./cmd/tritonsweep
	@export TRITONSWEEP_KILLS=$$(( ($(N) + 9) / 10 )); $(REAL) -timeout 24h -run '^TestRealKilledSweeps$$'

.PHONY: faults-real
faults-real: ## break everything around a sweep of a real Triton in a container of its own, and print what became of it (10 min; root)
	@export TRITONSWEEP_REAL=1 TRITONSWEEP_FAULTS=1; $(PROOF) -run '^TestBreakingAServer$$' ./cmd/tritonsweep

.PHONY: corpus
corpus: ## check the config editor on real files: make corpus CORPUS=DIR
	@test -d "$(CORPUS)" || { echo "name the directory: make corpus CORPUS=DIR"; exit 2; }
	@. .ci/setup.sh; need_go; TRITONSWEEP_CORPUS="$(abspath $(CORPUS))" go test -count=1 -v -run Corpus ./tritonconfig

.PHONY: check
check: lint race test ## everything that CI runs

.PHONY: triton
triton: ## a real Triton in a container with the seven models, on this machine
	@examples/triton-cpu/up.sh

.PHONY: gateway
gateway: ## an API in front of that Triton, in a container beside it
	@$(GO) version >/dev/null; examples/pipeline/up.sh

.PHONY: gateway-down
gateway-down: ## remove the API's container
	@examples/pipeline/down.sh

.PHONY: triton-down
triton-down: ## remove that container
	@examples/triton-cpu/down.sh

.PHONY: test-grafana
test-grafana: ## the dashboards' queries in Prometheus's own engine (a module of its own)
	@$(GO) -C examples/grafana vet ./... && go -C examples/grafana test -count=1 ./...

.PHONY: golden
golden: ## rewrite the golden files of the reports; look at the diff
	@$(GO) test ./results/report -update

.PHONY: generate
generate: ## generated code: Triton's protocol messages
	@$(GO) generate ./...
