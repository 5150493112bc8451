# Everything here needs Go alone, except ci. `make ci` is what decides whether a change lands.

GO          ?= go
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 60s
BENCH       ?= .
MOVIELENS   ?= $(or $(KINDRED_TESTDATA),../shared/data)
BENCHED      = ./internal/num/... ./internal/filter ./internal/table ./internal/batch ./internal/dataset ./internal/driver/sqlite

.PHONY: build test check generate bench demo fuzz race ci clean

build: ## bin/kindred
	$(GO) build -trimpath -o bin/kindred ./cmd/kindred

test: ## every test that needs nothing but Go
	$(GO) test ./...

check: ## format, vet, staticcheck, import rows, generated files
	@scripts/check-format.sh
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -count=1 ./internal/importtest
	@scripts/check-generated.sh

generate: ## api from the models, docs/coverage.md from the operations that have a method
	$(GO) generate ./...
	$(GO) run ./cmd/kindred coverage > docs/coverage.md.new
	@mv docs/coverage.md.new docs/coverage.md

bench: ## other libraries by turns, benchmarks of the hot paths, what is promised of time and memory; BENCH=name selects benchmarks
	$(GO) run ./bench -what peers -data $(MOVIELENS)
	$(GO) run ./bench -what peak
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(BENCHED)
	$(GO) run ./bench -what import -data $(MOVIELENS)
	$(GO) run ./bench -what train -data $(MOVIELENS)
	$(GO) run ./bench -what batch

demo: ## the main job from data to recommendations
	$(GO) run ./cmd/kindred demo

fuzz: ## the readers of what strangers send for FUZZTIME each, the other targets for 10 s
	@scripts/fuzz.sh $(FUZZTIME)

race: ## the concurrent packages under the race detector; needs a C compiler
	@scripts/race.sh

ci: ## all of it, with the AWS CLI and boto3 as well
	.ci/run

clean:
	rm -rf bin
