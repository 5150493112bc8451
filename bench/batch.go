package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/synth"
)

// A shape says what the batch job is measured on.
type shape struct {
	lines, items, users, events int
	later                       int // users who come after the training, so that many cost no training
	rounds                      int
	keep                        string // folder for the server's data, so that the next run need not train; "" for none
	profile                     string // file for a processor profile of one job more; "" for none
}

// benchBatch answers lines for the users of a made-up world, and in turns ranks for the same users without a
// job around it, in the same process. It reads the memory of that process from outside.
func benchBatch(ctx context.Context, sh shape) error {
	s, version, err := sh.world(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.put(ctx, "in/users.json", bytes.NewReader(sh.input())); err != nil {
		return err
	}
	if err := s.rounds(ctx, version, sh); err != nil {
		return err
	}
	if sh.profile == "" {
		return nil
	}
	return s.profiled(ctx, version, sh.profile)
}

// rounds prints a table of ranking alone and a job, in turns.
func (s *server) rounds(ctx context.Context, version string, sh shape) error {
	fmt.Printf("%d lines, %d users, %d items, d=64, 25 results, exploration, %d processors\n\n", sh.lines, sh.everybody(), sh.items, runtime.GOMAXPROCS(0))
	fmt.Printf("%-28s   %-33s   %s\n", "lines/s", "processor time of a line, µs", "peak memory, MiB (bound 1024)")
	fmt.Printf("%9s %9s %8s   %6s %6s   %4s %8s   %6s %6s\n", "ranking", "job", "ratio", "ranking", "job", "S3", "ratio", "all", "unmapped")
	var all []share
	for range sh.rounds {
		r, err := s.round(ctx, version, sh)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	if len(all) > 0 {
		fmt.Printf("\nmedians: the job runs at %.1f %% of the throughput of ranking alone, ranking is %.1f %% of its processor time; promised 85 %%\n",
			100*medianShare(all, func(r share) float64 { return r.wall }), 100*medianShare(all, func(r share) float64 { return r.processors }))
	}
	return nil
}

func medianShare(all []share, of func(share) float64) float64 {
	var v []float64
	for _, r := range all {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// A cost is what answering the lines took.
type cost struct{ wall, server, gateway time.Duration }

// processors is the processor time of everybody.
func (c cost) processors() time.Duration { return c.server + c.gateway }

// measured is the cost of do.
func (s *server) measured(do func() (time.Duration, error)) (c cost, err error) {
	before, err := s.used()
	if err != nil {
		return c, err
	}
	if c.wall, err = do(); err != nil {
		return c, err
	}
	after, err := s.used()
	return cost{c.wall, after.server - before.server, after.gateway - before.gateway}, err
}

// A share is what ranking alone takes of what a job takes.
type share struct{ wall, processors float64 }

// round is ranking alone and a job.
func (s *server) round(ctx context.Context, version string, sh shape) (r share, err error) {
	alone, err := s.ranking(version, sh)
	if err != nil {
		return r, err
	}
	if err := s.resetPeak(); err != nil {
		return r, err
	}
	anonymous := s.watch()
	job, err := s.measured(func() (time.Duration, error) { return s.infer(ctx, version) })
	heap := anonymous()
	if err != nil {
		return r, err
	}
	peak, err := s.peak()
	if err != nil {
		return r, err
	}
	r = share{alone.wall.Seconds() / job.wall.Seconds(), alone.processors().Seconds() / job.processors().Seconds()}
	line := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(sh.lines) }
	fmt.Printf("%9.0f %9.0f %6.1f %%   %6.1f %6.1f + %4.1f %6.1f %%   %6d %6d\n",
		float64(sh.lines)/alone.wall.Seconds(), float64(sh.lines)/job.wall.Seconds(), 100*r.wall,
		line(alone.processors()), line(job.server), line(job.gateway), 100*r.processors, peak>>20, heap>>20)
	return r, nil
}

// ranking asks the server to rank without a job.
func (s *server) ranking(version string, sh shape) (c cost, err error) {
	said, err := s.tell(fmt.Sprintf("score %s %d %d", version, sh.lines, sh.everybody()))
	if err != nil {
		return c, err
	}
	_, err = fmt.Sscan(said, (*int64)(&c.wall), (*int64)(&c.server))
	return c, err
}

func (s *server) profiled(ctx context.Context, version, file string) error {
	if _, err := s.tell("profile " + file); err != nil {
		return err
	}
	if _, err := s.infer(ctx, version); err != nil {
		return err
	}
	_, err := s.tell("end")
	return err
}

// world starts a server that has a trained model, and returns the version's ARN.
func (sh *shape) world(ctx context.Context) (s *server, version string, err error) {
	dir := ""
	if sh.keep != "" {
		dir = filepath.Join(sh.keep, fmt.Sprintf("world-%d-%d-%d-%d", sh.users, sh.items, sh.events, sh.later))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, "", err
		}
		if b, err := os.ReadFile(filepath.Join(dir, "version")); err == nil {
			s, err := startChild(ctx, dir)
			return s, string(b), err
		}
	}
	if s, err = startChild(ctx, dir); err != nil {
		return nil, "", err
	}
	if version, err = sh.teach(ctx, s); err != nil {
		s.stop()
		return nil, "", err
	}
	return s, version, nil
}

// teach imports the world and trains on it.
func (sh *shape) teach(ctx context.Context, s *server) (version string, err error) {
	var csv bytes.Buffer
	if _, err := synth.New(synth.Shape{Users: sh.users, Items: sh.items, Events: sh.events, Seed: 1}).Interactions(&csv); err != nil {
		return "", err
	}
	group, imported, err := s.load(ctx, csv.Bytes(), synth.InteractionsSchema)
	if err != nil {
		return "", err
	}
	version, trained, err := s.train(ctx, group, map[string]string{"hidden_dimension": "64"})
	if err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "imported in %v, trained in %v\n", imported.Round(time.Second), trained.Round(time.Second))
	if sh.later > 0 {
		if err := sh.teachLater(ctx, s, group); err != nil {
			return "", err
		}
	}
	if s.kept {
		err = os.WriteFile(filepath.Join(s.dir, "version"), []byte(version), 0o644)
	}
	return version, err
}

// teachLater imports the users who come later, with a few events each.
func (sh *shape) teachLater(ctx context.Context, s *server, group string) error {
	f, err := os.CreateTemp(s.dir, "later-*.csv")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := sh.writeLater(f); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := s.put(ctx, "later.csv", f); err != nil {
		return err
	}
	_, err = s.add(ctx, group, "later.csv")
	return err
}

// writeLater writes 2 to 4 events for each user who comes later, popular items more often than others.
func (sh *shape) writeLater(out io.Writer) error {
	b := bufio.NewWriterSize(out, 1<<16)
	fmt.Fprintln(b, "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP")
	r := rand.New(rand.NewPCG(1, 3))
	var line []byte
	for u := sh.users; u < sh.everybody(); u++ {
		id := synth.UserID(u)
		for range 2 + r.IntN(3) {
			x := r.Float64()
			line = append(append(line[:0], id...), ',')
			line = append(line, synth.ItemID(int(x*x*x*float64(sh.items)))...)
			line = append(line, ",watch,"...)
			line = strconv.AppendInt(line, synth.Begin+r.Int64N(synth.End-synth.Begin), 10)
			b.Write(append(line, '\n'))
		}
	}
	return b.Flush()
}

func (sh *shape) everybody() int { return sh.users + sh.later }

// input is the lines of the job.
func (sh *shape) input() []byte {
	var in bytes.Buffer
	for n := range sh.lines {
		in.WriteString(`{"userId":"` + userOfLine(n, sh.everybody()) + `"}` + "\n")
	}
	return in.Bytes()
}

func (s *server) infer(ctx context.Context, version string) (time.Duration, error) {
	began := time.Now()
	at := func(p string) *types.S3DataConfig { return &types.S3DataConfig{Path: aws.String("s3://bench/" + p)} }
	job, err := s.api.CreateBatchInferenceJob(ctx, &personalize.CreateBatchInferenceJobInput{
		JobName: aws.String("bench-" + strconv.FormatInt(began.UnixNano(), 10)), SolutionVersionArn: &version, RoleArn: aws.String(role),
		JobInput: &types.BatchInferenceJobInput{S3DataSource: at("in/")}, JobOutput: &types.BatchInferenceJobOutput{S3DataDestination: at("out/")}})
	if err != nil {
		return 0, err
	}
	err = until(func() (*string, *string, error) {
		d, err := s.api.DescribeBatchInferenceJob(ctx, &personalize.DescribeBatchInferenceJobInput{BatchInferenceJobArn: job.BatchInferenceJobArn})
		if err != nil {
			return nil, nil, err
		}
		return d.BatchInferenceJob.Status, d.BatchInferenceJob.FailureReason, nil
	})
	return time.Since(began), err
}
