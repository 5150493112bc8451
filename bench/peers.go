package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/num/als"
)

// A match says how to compare Kindred with other libraries.
type match struct {
	data   string         // folder with amazon-book-test and gowalla; what is missing is made up
	cache  string         // folder that libraries are installed in
	only   *regexp.Regexp // of names of rows
	turns  int            // of each side, after one to warm up
	shrink int            // what is made up is so many times smaller
}

func newMatch(data, cache, only string, turns, shrink int) (m match, err error) {
	if turns < 1 || shrink < 1 {
		return m, fmt.Errorf("-turns %d -shrink %d: expected numbers from 1 on", turns, shrink)
	}
	if cache == "" {
		if cache, err = os.UserCacheDir(); err != nil {
			return m, err
		}
		cache = filepath.Join(cache, "kindred-bench")
	}
	names, err := regexp.Compile(only)
	return match{data, cache, names, turns, shrink}, err
}

// benchPeers prints a table of what Kindred's kernels and other libraries take for the same, by turns.
func benchPeers(ctx context.Context, m match) (err error) {
	p := peers{match: m, pythons: map[string]string{}, reasons: map[string]string{}, sides: map[string]*seat{}}
	if p.dir, err = os.MkdirTemp("", "kindred-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := os.WriteFile(filepath.Join(p.dir, "peer.py"), peerProgram, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s; %s\n", machine(ctx), runtime.Version())
	for _, l := range libraries {
		program, version, err := l.python(ctx, m.cache)
		if err != nil {
			p.reasons[l.module] = err.Error()
			version = fmt.Sprintf("no %s: %v", l.module, err)
		}
		p.pythons[l.module] = program
		fmt.Println(version)
	}
	fmt.Print("\n| job | data | d | threads | Kindred | other | ratio (from, to) | by the clock | goal | checked |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		if !m.only.MatchString(r.name()) {
			continue
		}
		if err := r.play(ctx, &p, r); err != nil {
			return fmt.Errorf("%s: %w", r.name(), err)
		}
	}
	fmt.Println("\nMedians of turns; the ratio is how many times what Kindred takes the other takes.")
	return nil
}

// Peers are what is there for rows.
type peers struct {
	match
	dir     string            // of what sides share
	pythons map[string]string // by library
	reasons map[string]string // why there is no library
	sides   map[string]*seat

	source string // what vectors are of
	vectors
	paired string // what pairs are of
	pairs  *als.Sparse
	label  string // what to call them
}

// A seat is a side and what it has loaded.
type seat struct {
	*side
	loaded string
}

// seat returns the side of that name, started if it is not running; nil if it cannot be had.
func (p *peers) seat(ctx context.Context, name string, threads int) (*seat, error) {
	key := fmt.Sprint(name, threads)
	if s := p.sides[key]; s != nil {
		return s, nil
	}
	var s *side
	var err error
	if name == "kindred" {
		self, failed := os.Executable()
		if failed != nil {
			return nil, failed
		}
		s, err = startSide(ctx, name, threads, self, "-what", "peer", "-data", p.dir)
	} else if p.pythons[name] != "" {
		s, err = startSide(ctx, name, threads, p.pythons[name], filepath.Join(p.dir, "peer.py"), p.dir, name, fmt.Sprint(threads))
	} else {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.sides[key] = &seat{side: s}
	return p.sides[key], nil
}

func (p *peers) stop() (err error) {
	for _, s := range p.sides {
		err = errors.Join(err, s.stop())
	}
	return err
}

// pair returns the two sides of a row; the second is nil if it cannot be had.
func (p *peers) pair(ctx context.Context, r row) (ours, theirs *seat, err error) {
	if ours, err = p.seat(ctx, "kindred", r.threads); err != nil {
		return nil, nil, err
	}
	threads := r.threads
	if r.other == "kindred" {
		threads = 1
	}
	theirs, err = p.seat(ctx, r.other, threads)
	return ours, theirs, err
}

// load makes a row's vectors those of the sides.
func (p *peers) load(ctx context.Context, r row, sides ...*seat) error {
	source := fmt.Sprint(r.of.name, r.dim)
	if p.source != source {
		if err := p.makeVectors(ctx, r); err != nil {
			return err
		}
		if err := errors.Join(writeNumbers(filepath.Join(p.dir, "items.f32"), p.items), writeNumbers(filepath.Join(p.dir, "users.f32"), p.users)); err != nil {
			return err
		}
		p.source = source
	}
	for _, s := range sides {
		if s == nil || s.loaded == source {
			continue
		}
		if _, err := s.tell(order{Do: "load", Dim: r.dim}); err != nil {
			return err
		}
		s.loaded = source
	}
	return nil
}

func (p *peers) makeVectors(ctx context.Context, r row) (err error) {
	if r.of.pairs == 0 {
		p.vectors = madeVectors(r.of.items/p.shrink, r.of.users/p.shrink, r.dim, r.of == alike)
		return nil
	}
	if err := p.read(r.of); err != nil {
		return err
	}
	p.vectors, err = learned(ctx, p.pairs, r.dim)
	return err
}

// read makes p's pairs those of a catalogue.
func (p *peers) read(c *catalogue) (err error) {
	if p.paired != c.name {
		p.pairs, p.label, err = c.read(p.data, p.shrink)
		p.paired = c.name
	}
	return err
}

// A turnCost is what a side took in one turn for one unit: seconds of processors and of the clock.
type turnCost struct{ cpu, wall float64 }

// print prints a row's line. The note says what has been checked.
func (r row) print(p *peers, unit string, ours, theirs []turnCost, note string) {
	cpu, wall := func(c turnCost) float64 { return c.cpu }, func(c turnCost) float64 { return c.wall }
	shown, compared := cpu, cpu
	if r.by != processors {
		shown = wall
	}
	if r.by == clock {
		compared = wall
	}
	data := r.of.name
	if p.paired == data {
		data = p.label
	}
	fmt.Printf("| %s | %s | %d | %d | %s%s | ", r.job, data, r.dim, r.threads, timeOf(middle(ours, shown)), unit)
	if theirs == nil {
		fmt.Printf("no %s | | | %s | %s |\n", r.other, r.goal, note)
		return
	}
	ratios := ratio(ours, theirs, compared)
	fmt.Printf("%s, %s | **%sx** (%s, %s) | %sx | %s | %s |\n", strings.Replace(r.other, "kindred", "one thread", 1),
		timeOf(middle(theirs, shown)), digits(ratios[len(ratios)/2]), digits(ratios[0]), digits(ratios[len(ratios)-1]), digits(median(ratio(ours, theirs, wall))), r.goal, note)
}

// ratio returns theirs by ours turn by turn, ascending.
func ratio(ours, theirs []turnCost, of func(turnCost) float64) (ratios []float64) {
	for k := range ours {
		ratios = append(ratios, of(theirs[k])/of(ours[k]))
	}
	slices.Sort(ratios)
	return ratios
}

func middle(costs []turnCost, of func(turnCost) float64) float64 {
	var all []float64
	for _, c := range costs {
		all = append(all, of(c))
	}
	return median(all)
}

// timeOf writes a time with three digits or all before the point.
func timeOf(seconds float64) string {
	for _, unit := range []struct {
		name string
		of   float64
	}{{"s", 1}, {"ms", 1e-3}} {
		if seconds >= unit.of {
			return fmt.Sprintf("%.2f %s", seconds/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%.1f µs", 1e6*seconds)
}

// digits writes a ratio with as many digits as it may be good for.
func digits(x float64) string {
	switch {
	case x < 3:
		return fmt.Sprintf("%.2f", x)
	case x < 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
