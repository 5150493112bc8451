// Package e2e walks the main job through the public API of a whole server in this process, with AWS's own
// SDK and made-up data.
package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/synth"
)

// The embedded S3 is this binary, started again.
func TestMain(m *testing.M) {
	gateway.Main()
	status := m.Run()
	if status == 0 {
		status = record()
	}
	os.Exit(status)
}

// requests is where servers log what they answered, when the environment asks for a record of it.
var requests *os.File

// log returns what a server logs to, nil for nothing.
func log(t *testing.T) *slog.Logger {
	if os.Getenv("KINDRED_RECORD") == "" {
		return nil
	}
	if requests == nil {
		f, err := os.CreateTemp("", "kindred-e2e-*.log")
		if err != nil {
			t.Fatal(err)
		}
		requests = f
	}
	return slog.New(slog.NewTextHandler(requests, nil))
}

// record compares what was answered with what docs/coverage.md is made from, or updates that, and returns
// the exit status. Only whole runs are told to.
func record() int {
	if requests == nil {
		return 0
	}
	defer os.Remove(requests.Name())
	out, err := exec.Command("../../scripts/clients.sh", "sdk-go", requests.Name(), os.Getenv("KINDRED_RECORD")).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: %s%v\n", out, err)
		return 1
	}
	return 0
}

// A server is a running Kindred and a client of it.
type server struct {
	*clienttest.Client
	t   *testing.T
	app *app.App
}

// start runs a server on a folder until the test ends or stop is called.
func start(t *testing.T, dir string) *server {
	t.Helper()
	return startAt(t, dir, nil)
}

// startAt runs a server with a clock of its own; nil is the real one.
func startAt(t *testing.T, dir string, now func() time.Time) *server {
	t.Helper()
	return startWith(t, app.Config{Data: dir, Now: now})
}

// startWith runs a server with these settings; the address, the least data and the log are this package's.
func startWith(t *testing.T, c app.Config) *server {
	t.Helper()
	c.Listen, c.MinInteractions, c.MinUsers, c.Log = "127.0.0.1:0", 1000, 25, log(t)
	a, err := app.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, app: a, Client: clienttest.New(a.URL(), a.Region(), a.Key().AccessKeyID, a.Key().SecretAccessKey)}
	t.Cleanup(s.stop)
	return s
}

// stop ends the server in order.
func (s *server) stop() {
	if s.app == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.app.Close(ctx); err != nil {
		s.t.Errorf("Close: %v", err)
	}
	s.app = nil
}

// ok returns a value that must have come without an error.
func ok[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// settled waits for a resource, which must reach the status.
func (s *server) settled(arn, want string) (reason string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	status, reason, err := s.Await(ctx, arn)
	if err != nil || status != want {
		s.t.Fatalf("%s is %s (%s), %v; want %s", arn, status, reason, err, want)
	}
	return reason
}

// active returns the ARN that a step gave, once it is ACTIVE.
func (s *server) active(arn string, err error) string {
	s.t.Helper()
	ok[string](s.t)(arn, err)
	s.settled(arn, clienttest.Active)
	return arn
}

// A world is made-up data as files: the interactions in five files by row number, the last for an
// incremental import.
type world struct {
	parts         [5][]byte
	items, people []byte
	users         []string
	rows          map[string]int             // by user: of all parts
	seen          map[string]map[string]bool // by user: items of all parts
	late          map[string]map[string]bool // of the last part alone
	genres        map[string][]string        // by item
}

func makeWorld(t *testing.T) *world {
	t.Helper()
	shape := synth.Shape{Users: 500, Items: 300, Events: 15000, Seed: 7}
	s := synth.New(shape)
	var interactions, items, people bytes.Buffer
	ok[int](t)(s.Interactions(&interactions))
	if err := s.Items(&items); err != nil {
		t.Fatal(err)
	}
	if err := s.People(&people); err != nil {
		t.Fatal(err)
	}
	w := &world{items: items.Bytes(), people: people.Bytes(), genres: map[string][]string{}}
	for u := range shape.Users {
		w.users = append(w.users, synth.UserID(u))
	}
	for _, line := range strings.Split(strings.TrimSpace(items.String()), "\n")[1:] {
		cells := strings.Split(line, ",")
		w.genres[cells[0]] = strings.Split(cells[1], "|")
	}
	w.divide(interactions.String())
	return w
}

func (w *world) divide(csv string) {
	rows := strings.SplitAfter(csv, "\n")
	w.rows, w.seen, w.late = map[string]int{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	for i := range w.parts {
		w.parts[i] = []byte(rows[0])
	}
	for n, row := range rows[1:] {
		if row == "" {
			continue
		}
		cells := strings.Split(row, ",")
		w.rows[cells[0]]++
		note(w.seen, cells[0], cells[1])
		if n%5 == 4 {
			note(w.late, cells[0], cells[1])
		}
		w.parts[n%5] = append(w.parts[n%5], row...)
	}
}

func note(m map[string]map[string]bool, user, item string) {
	if m[user] == nil {
		m[user] = map[string]bool{}
	}
	m[user][item] = true
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// An answer is an output line.
type answer struct {
	Input struct {
		UserID       string            `json:"userId"`
		FilterValues map[string]string `json:"filterValues"`
	} `json:"input"`
	Output struct {
		Items  []string  `json:"recommendedItems"`
		Scores []float64 `json:"scores"`
	} `json:"output"`
	Error *string `json:"error"`
}

// readAnswers decodes an output and checks what holds for every line: the user asked for, in order, and
// count different items with descending scores.
func readAnswers(t *testing.T, body []byte, users []string, count int) []answer {
	t.Helper()
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	if len(lines) != len(users) {
		t.Fatalf("output has %d lines, want %d", len(lines), len(users))
	}
	answers := make([]answer, len(lines))
	for i, line := range lines {
		a := &answers[i]
		if err := json.Unmarshal(line, a); err != nil {
			t.Fatalf("output line %d: %v: %s", i+1, err, line)
		}
		if a.Error != nil || a.Input.UserID != users[i] {
			t.Fatalf("output line %d is %s, want the answer for %s", i+1, line, users[i])
		}
		checkList(t, fmt.Sprintf("output line %d", i+1), a, count)
	}
	return answers
}

func checkList(t *testing.T, what string, a *answer, count int) {
	t.Helper()
	items, scores := a.Output.Items, a.Output.Scores
	if len(items) != count || len(slices.Compact(slices.Sorted(slices.Values(items)))) != count {
		t.Errorf("%s: %d items %v, want %d different ones", what, len(items), items, count)
	}
	if scores == nil {
		return // of a recipe without scores
	}
	if len(scores) != len(items) || !slices.IsSortedFunc(scores, func(a, b float64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	}) {
		t.Errorf("%s: scores %v, want one for each item, descending", what, scores)
	}
	// A share of nearly nothing rounds to 0 at 7 decimals.
	if scores[0] <= 0 || scores[0] > 1 || scores[len(scores)-1] < 0 {
		t.Errorf("%s: scores from %v to %v, want shares", what, scores[0], scores[len(scores)-1])
	}
}

// questions are input lines for users.
func questions(users []string, values func(i int) map[string]string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for i, u := range users {
		q := map[string]any{"userId": u}
		if values != nil {
			q["filterValues"] = values(i)
		}
		e.Encode(q)
	}
	return b.Bytes()
}

// names lists the keys of a listing.
func names(sizes map[string]int64) []string { return slices.Sorted(maps.Keys(sizes)) }
