package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/synth"
)

// A child is a whole Kindred in a process of its own, which on request also ranks without a job around it. So
// both are measured with the same memory and the same mapped model.
//
// It prints "ready URL" and then answers each line of its input with one line: "ok" and what was asked for, or
// "failed" and why.
//
//	score VERSION LINES USERS   nanoseconds and processor nanoseconds to rank for the users of the lines
//	profile FILE                begins a processor profile
//	end                         ends it
type child struct {
	app     *app.App
	profile *os.File
}

// runChild is the main of the child's process.
func runChild(ctx context.Context, data string) error {
	a, err := app.Start(ctx, app.Config{Listen: "127.0.0.1:0", Data: data, AccessKeyID: accessKey, SecretAccessKey: secretKey, NoAutoTraining: true})
	if err != nil {
		return err
	}
	fmt.Printf("ready %s\n", a.URL())
	c := child{app: a}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if said, err := c.do(ctx, in.Text()); err != nil {
			fmt.Println("failed", err)
		} else {
			fmt.Println("ok", said)
		}
	}
	bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return a.Close(bounded)
}

func (c *child) do(ctx context.Context, command string) (said string, err error) {
	word, rest, _ := strings.Cut(command, " ")
	switch word {
	case "score":
		var version string
		var lines, users int
		if _, err := fmt.Sscan(rest, &version, &lines, &users); err != nil {
			return "", err
		}
		wall, cpu, err := c.score(ctx, arn.ARN(version), lines, users)
		return fmt.Sprint(int64(wall), int64(cpu)), err
	case "profile":
		if c.profile, err = os.Create(rest); err != nil {
			return "", err
		}
		return "", pprof.StartCPUProfile(c.profile)
	case "end":
		pprof.StopCPUProfile()
		return "", c.profile.Close()
	}
	return "", fmt.Errorf("no command %q", word)
}

const (
	scoreBlock = 256     // queries of a call, as many as a job's
	scoreChunk = 1 << 16 // queries made at a time, off the clock
)

// score ranks for the users of lines with every processor, as a job does, and counts only the time in Rank: histories
// are found before and answers go nowhere.
func (c *child) score(ctx context.Context, version arn.ARN, lines, users int) (wall, cpu time.Duration, err error) {
	ctx = auth.WithCaller(ctx, auth.Caller{Account: account, Region: region})
	b, err := c.app.Open(ctx, version)
	if err != nil {
		return 0, 0, err
	}
	defer b.Release()
	explore, err := batch.ParseExploration(nil)
	if err != nil {
		return 0, 0, err
	}
	queries, ids := make([]recipe.Query, 0, min(lines, scoreChunk)), []string(nil)
	for n := 0; n < lines; {
		queries, ids = queries[:0], ids[:0]
		for ; n < lines && len(queries) < scoreChunk; n++ {
			ids = append(ids, userOfLine(n, users))
			queries = append(queries, recipe.Query{Item: -1, Count: 25, Explore: explore, Seed: batch.Seed(b.Seed, ids[len(ids)-1])})
		}
		b.View.Histories(ids, func(k int, items []int32, times []int64, known bool) {
			q := &queries[k]
			q.Items, q.Times, q.Known = items, times, known
		})
		began := time.Now()
		before, err := selfTime()
		if err != nil {
			return 0, 0, err
		}
		if err := rankAll(ctx, b.Model, queries); err != nil {
			return 0, 0, err
		}
		wall += time.Since(began)
		after, err := selfTime()
		if err != nil {
			return 0, 0, err
		}
		cpu += after - before
	}
	return wall, cpu, nil
}

// rankAll answers queries block by block on all processors.
func rankAll(ctx context.Context, m recipe.Model, queries []recipe.Query) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, runtime.GOMAXPROCS(0))
	for w := range errs {
		group.Go(func() {
			answers := make([]recipe.Answer, scoreBlock)
			for errs[w] == nil {
				to := int(next.Add(scoreBlock))
				from := to - scoreBlock
				if from >= len(queries) {
					return
				}
				block := queries[from:min(to, len(queries))]
				errs[w] = m.Rank(ctx, block, answers[:len(block)])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// userOfLine is whose line n is: everybody once before anybody twice, in no order of ids.
func userOfLine(n, users int) string {
	const stride = 7_368_787 // a prime; it shares no factor with numbers of users that occur
	return synth.UserID(int(int64(n) * stride % int64(users)))
}

// tell gives the child a command and returns what it says.
func (s *server) tell(command string) (string, error) {
	if _, err := io.WriteString(s.in, command+"\n"); err != nil {
		return "", err
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("%s: the server ended: %w", command, err)
	}
	verdict, said, _ := strings.Cut(strings.TrimSpace(line), " ")
	if verdict != "ok" {
		return "", fmt.Errorf("%s: %s", command, said)
	}
	return said, nil
}
