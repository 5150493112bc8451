// Bench measures the promises that are about time and memory, on the machine it runs on.
//
//	go run ./bench -what import -data FOLDER     rows per second of an import, on one processor
//	go run ./bench -what train -data FOLDER      seconds to train aws-user-personalization
//	go run ./bench -what batch                   a batch job of a million lines, in turns with ranking alone, and its memory
//	go run ./bench -what api                     reading calls per second per core, with 100,000 resources
//	go run ./bench -what api -against BINARY     the same over HTTP by turns with another build of kindred
//	go run ./bench -what peers -data FOLDER      scoring and least squares by turns with implicit and faiss
//	go run ./bench -what peak                    the share of the processor's multiplications that kernels reach
//
// FOLDER holds movielens-1m/interactions.csv.gz. Figures are printed as a bound and what was measured;
// nothing here passes or fails.
package main

import (
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kindredrec/kindred/internal/driver/gateway"
)

func main() {
	gateway.Main()
	what := flag.String("what", "import", "import, train, batch, api, peers or peak")
	data := flag.String("data", "../shared/data", "folder with movielens-1m")
	lines := flag.Int("lines", 1_000_000, "batch: lines to answer")
	items := flag.Int("items", 20_000, "batch: items of the model")
	users := flag.Int("users", 50_000, "batch: users of the model")
	events := flag.Int("events", 1_000_000, "batch: interactions of the model")
	later := flag.Int("later", 0, "batch: users who come after the training")
	rounds := flag.Int("rounds", 3, "batch: jobs in turns with ranking alone")
	keep := flag.String("keep", "", "batch: folder in which the trained model stays for the next run")
	profile := flag.String("profile", "", "batch: file for a processor profile of one job more")
	resources := flag.Int("resources", 100_000, "api: resources in the catalog, at least 10,000")
	against := flag.String("against", "", "api: another build of kindred to compare with")
	only := flag.String("only", "", "peers: expression for the names of rows")
	turns := flag.Int("turns", 5, "peers, peak: turns of each side")
	shrink := flag.Int("shrink", 1, "peers, peak: made-up data is so many times smaller")
	cache := flag.String("cache", "", "peers: folder that other libraries are installed in; in the user's cache unless given")
	flag.Parse()
	ctx := context.Background()
	var err error
	switch *what {
	case "import":
		err = benchImport(ctx, *data)
	case "train":
		err = benchTrain(ctx, *data)
	case "batch":
		err = benchBatch(ctx, shape{lines: *lines, items: *items, users: *users, events: *events, later: *later, rounds: *rounds, keep: *keep, profile: *profile})
	case "bytes": // for scripts/identical.sh
		err = printBytes(ctx)
	case "child": // what batch and bytes start
		err = runChild(ctx, *data)
	case "peers":
		var m match
		if m, err = newMatch(*data, *cache, *only, *turns, *shrink); err == nil {
			err = benchPeers(ctx, m)
		}
	case "peak":
		err = benchPeak(ctx, *turns, *shrink)
	case "peer": // what peers starts
		err = obey(ctx, *data, runtime.GOMAXPROCS(0), os.Stdin, os.Stdout)
	case "api":
		if *against != "" {
			err = compareAPI(ctx, *resources, *against)
		} else {
			err = benchAPI(ctx, *resources)
		}
	default:
		err = fmt.Errorf("-what %s: expected import, train, batch, api, peers or peak", *what)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// movielens returns the plain CSV and its schema.
func movielens(data string) (csv []byte, schema string, err error) {
	dir := filepath.Join(data, "movielens-1m")
	f, err := os.Open(filepath.Join(dir, "interactions.csv.gz"))
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, "", err
	}
	if csv, err = io.ReadAll(z); err != nil {
		return nil, "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, "interactions.schema.json"))
	return csv, string(b), err
}
