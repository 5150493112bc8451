package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// A row is a line of the table.
type row struct {
	job     string
	of      *catalogue
	dim     int
	k       int
	threads int
	other   string // a library, or kindred with one thread
	goal    string
	by      timing
	play    func(context.Context, *peers, row) error
}

// A timing says which time a row shows.
type timing int

const (
	processors timing = iota
	clock
	medians // what users wait for, median; and the ratio of the processors' time
)

func (r row) name() string {
	return fmt.Sprintf("%s, %s, d=%d, %d threads, %s", r.job, r.of.name, r.dim, r.threads, r.other)
}

// What is made up without pairs.
var (
	alike     = &catalogue{name: "lengths alike", items: 100_000, users: 20_000}
	different = &catalogue{name: "lengths log-normal", items: 100_000, users: 20_000}
	million   = &catalogue{name: "a million, lengths log-normal", items: 1_000_000, users: 5_000}
)

var rows = []row{
	{"top 25", &amazon, 64, 25, 1, "implicit", "15x", processors, many},
	{"top 25", &amazon, 64, 25, 1, "faiss", "10x", processors, many},
	{"top 100", &amazon, 64, 100, 1, "implicit", "8x", processors, many},
	{"top 500", &amazon, 64, 500, 1, "implicit", "4x", processors, many},
	{"top 25 and softmax's sum, against top 25", &amazon, 64, 25, 1, "implicit", "", processors, summed},
	{"top 25", &amazon, 64, 25, 2, "implicit", "", clock, many},
	{"top 25, two cores against one", &amazon, 64, 25, 2, "kindred", "1.85x", clock, many},
	{"top 25", &gowalla, 64, 25, 1, "implicit", "8x", processors, many},
	{"top 100", &gowalla, 64, 100, 1, "implicit", "4x", processors, many},
	{"top 25", &gowalla, 128, 25, 1, "implicit", "6x", processors, many},
	{"top 25", alike, 64, 25, 1, "implicit", "4.5x", processors, many},
	{"top 100", alike, 64, 100, 1, "implicit", "3.5x", processors, many},
	{"one user, top 25, median", different, 64, 25, 1, "implicit", "30 µs", medians, alone},
	{"one user, top 25, median", million, 64, 25, 1, "implicit", "100 µs", medians, alone},
	{"ALS iteration", &gowalla, 64, 0, 1, "implicit", "3x", processors, fitting},
	{"ALS iteration", &gowalla, 128, 0, 1, "implicit", "2x", processors, fitting},
	{"ALS iteration, two cores against one", &gowalla, 64, 0, 2, "kindred", "1.7x", clock, fitting},
	{"ALS iteration", &powerLaw, 64, 0, 1, "implicit", "3x", processors, fitting},
	{"ALS iteration", &powerLaw, 128, 0, 1, "implicit", "2x", processors, fitting},
}

const (
	checked = 300 // users whose items both sides must find
	turnCPU = 0.3 // seconds of processor that a turn shall take
)

// many compares scoring of users together.
func many(ctx context.Context, p *peers, r row) error {
	return p.score(ctx, r, order{Do: "top", K: r.k}, " a user")
}

// summed compares scoring of users together with a sum that others do not have.
func summed(ctx context.Context, p *peers, r row) error {
	return p.score(ctx, r, order{Do: "sum", K: r.k}, " a user")
}

// alone compares scoring of one user after the other.
func alone(ctx context.Context, p *peers, r row) error {
	return p.score(ctx, r, order{Do: "one", K: r.k}, "")
}

// score prints a row about an order that both obey.
func (p *peers) score(ctx context.Context, r row, o order, unit string) error {
	ours, theirs, err := p.pair(ctx, r)
	if err != nil {
		return err
	}
	if err := p.load(ctx, r, ours, theirs); err != nil {
		return err
	}
	note, err := p.check(r, ours, theirs)
	if err != nil {
		return err
	}
	return p.byTurns(r, o, unit, note, ours, theirs)
}

// check has both sides find the items of some users, which must be the same.
func (p *peers) check(r row, ours, theirs *seat) (note string, err error) {
	o := order{Do: "top", K: r.k, Users: min(checked, len(p.users)/r.dim)}
	var found [2][]int32
	for k, s := range []*seat{ours, theirs} {
		if s == nil {
			return "", nil
		}
		if _, err := s.tell(o); err != nil {
			return "", err
		}
		if found[k], err = readNumbers[int32](filepath.Join(p.dir, s.name+".i32")); err != nil {
			return "", err
		}
	}
	swapped, err := p.agree(r.k, found[0], found[1])
	return fmt.Sprintf("same items; %d of %d places differ by ties", swapped, len(found[0])), err
}

// byTurns measures what an order takes for a user and prints the row.
func (p *peers) byTurns(r row, o order, unit, note string, sides ...*seat) error {
	var costs [2][]turnCost
	var sizes [2]int
	for k, s := range sides {
		if s == nil {
			continue
		}
		o.Users = min(checked/10, len(p.users)/r.dim)
		took, err := s.tell(o)
		if err != nil {
			return err
		}
		sizes[k] = min(max(int(turnCPU/took.CPU*float64(o.Users)), 10), len(p.users)/r.dim)
	}
	for turn := range p.turns {
		for k, s := range sides {
			if s == nil {
				continue
			}
			o.Users = sizes[k]
			o.From = turn * sizes[k] % (len(p.users)/r.dim - sizes[k] + 1)
			took, err := s.tell(o)
			if err != nil {
				return err
			}
			costs[k] = append(costs[k], took.each(o.Users))
		}
	}
	r.print(p, unit, costs[0], costs[1], note)
	return nil
}

// each is the cost of one of n users; by the clock, the median if they were timed one by one.
func (r report) each(n int) turnCost {
	c := turnCost{r.CPU / float64(n), r.Wall / float64(n)}
	if len(r.Times) > 0 {
		slices.Sort(r.Times)
		c.wall = r.Times[len(r.Times)/2]
	}
	return c
}
