// Package synth makes up interaction data that looks like life: people with tastes that they share with
// others, a few items that everybody knows and many that hardly anybody does, new items that come and
// old ones that fade, busy people and rare visitors.
//
// It is for demonstrations, benchmarks and tests. The same Shape gives the same bytes.
package synth

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// A Shape says how much data to make.
type Shape struct {
	Users  int
	Items  int
	Events int    // interactions in all, about
	Seed   uint64 // everything random follows from it
}

// Genres are the tastes there are.
var Genres = []string{
	"action", "animation", "comedy", "crime", "documentary", "drama", "family", "fantasy", "horror", "music",
	"mystery", "romance", "science fiction", "thriller", "war", "western",
}

// The span of time the events are spread over, Unix seconds: two years up to the end of 2025.
const (
	Begin = 1704067200
	End   = 1767225599
)

// groups is how many kinds of people there are: each has a few favourite genres.
const groups = 12

// A World is made-up people and items. It holds about 200 bytes an item and 40 a person.
type World struct {
	shape  Shape
	items  []item
	byKind [][]int32   // items of each genre, most popular first
	weight [][]float64 // their cumulated popularity
	people []person
	groups [groups][]float64 // cumulated taste over genres
}

type item struct {
	genre, second int
	released      int64
	fame          float64
	price         int // cents
}

type person struct {
	group  int
	events int
	joined int64
	age    int
	whim   float64 // how often they look outside their taste
}

// New makes a world.
func New(s Shape) *World {
	w := &World{shape: s}
	r := rand.New(rand.NewPCG(s.Seed, 1))
	w.makeItems(r)
	w.makeGroups(r)
	w.makePeople(r)
	return w
}

func (w *World) makeItems(r *rand.Rand) {
	w.items = make([]item, w.shape.Items)
	w.byKind = make([][]int32, len(Genres))
	for i := range w.items {
		g := r.IntN(len(Genres))
		w.items[i] = item{
			genre: g, second: r.IntN(len(Genres)), price: 199 + 100*r.IntN(25),
			released: Begin - 3*365*86400 + r.Int64N(End-Begin+3*365*86400-30*86400),
			fame:     math.Exp(1.3 * r.NormFloat64()), // log-normal: few hits, a long tail
		}
		w.byKind[g] = append(w.byKind[g], int32(i))
	}
	w.weight = make([][]float64, len(Genres))
	for g, ids := range w.byKind {
		slices.SortStableFunc(ids, func(a, b int32) int {
			switch fa, fb := w.items[a].fame, w.items[b].fame; {
			case fa > fb:
				return -1
			case fa < fb:
				return 1
			}
			return int(a - b)
		})
		sum := 0.0
		for _, id := range ids {
			sum += w.items[id].fame
			w.weight[g] = append(w.weight[g], sum)
		}
	}
}

func (w *World) makeGroups(r *rand.Rand) {
	for k := range w.groups {
		taste := make([]float64, len(Genres))
		sum := 0.0
		for g := range taste {
			// A gamma variate of small shape: most genres leave a group cold, two or three delight it.
			sum += math.Pow(r.Float64(), 6)
			taste[g] = sum
		}
		w.groups[k] = taste
	}
}

func (w *World) makePeople(r *rand.Rand) {
	w.people = make([]person, w.shape.Users)
	total := 0.0
	load := make([]float64, len(w.people))
	for u := range w.people {
		load[u] = math.Exp(0.9 * r.NormFloat64())
		total += load[u]
		w.people[u] = person{
			group: r.IntN(groups), joined: Begin + r.Int64N((End-Begin)*3/4), age: 16 + r.IntN(60),
			whim: 0.05 + 0.2*r.Float64(),
		}
	}
	for u := range w.people {
		w.people[u].events = max(2, int(math.Round(load[u]/total*float64(w.shape.Events))))
	}
}

// pick draws an index by cumulated weights.
func pick(r *rand.Rand, cumulated []float64) int {
	x := r.Float64() * cumulated[len(cumulated)-1]
	i, _ := slices.BinarySearch(cumulated, x)
	return min(i, len(cumulated)-1)
}

// UserID names person u.
func UserID(u int) string { return "u" + pad(u, 7) }

// ItemID names item i.
func ItemID(i int) string { return "i" + pad(i, 6) }

func pad(n, width int) string {
	s := strconv.Itoa(n)
	return strings.Repeat("0", max(0, width-len(s))) + s
}

// Interactions writes USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP, person by person, each in order of time.
func (w *World) Interactions(out io.Writer) (rows int, err error) {
	b := bufio.NewWriterSize(out, 1<<16)
	fmt.Fprintln(b, "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP")
	var line []byte
	for u := range w.people {
		for _, e := range w.history(u) {
			line = append(line[:0], UserID(u)...)
			line = append(append(line, ','), ItemID(int(e.item))...)
			line = append(line, ",watch,"...)
			line = strconv.AppendInt(line, e.at, 10)
			b.Write(append(line, '\n'))
			rows++
		}
	}
	return rows, b.Flush()
}

type event struct {
	item int32
	at   int64
}

// history makes the events of one person: no item twice, none before it was released.
func (w *World) history(u int) []event {
	p := w.people[u]
	r := rand.New(rand.NewPCG(w.shape.Seed, uint64(u)+2))
	times := make([]int64, p.events)
	for i := range times {
		times[i] = p.joined + r.Int64N(End-p.joined)
	}
	slices.Sort(times)
	seen := make(map[int32]bool, p.events)
	out := make([]event, 0, p.events)
	for _, at := range times {
		if i, ok := w.choose(r, p, at, seen); ok {
			seen[i] = true
			out = append(out, event{i, at})
		}
	}
	return out
}

// choose draws what a person takes at a moment. Fresh items are taken more readily than old ones.
func (w *World) choose(r *rand.Rand, p person, at int64, seen map[int32]bool) (int32, bool) {
	for range 40 {
		g := r.IntN(len(Genres))
		if r.Float64() > p.whim {
			g = pick(r, w.groups[p.group])
		}
		if len(w.byKind[g]) == 0 {
			continue
		}
		i := w.byKind[g][pick(r, w.weight[g])]
		age := float64(at-w.items[i].released) / 86400
		if seen[i] || age < 0 || r.Float64() > 0.25+0.75*math.Exp(-age/300) {
			continue
		}
		return i, true
	}
	return 0, false
}

// Items writes ITEM_ID,GENRES,YEAR,PRICE,CREATION_TIMESTAMP.
func (w *World) Items(out io.Writer) error {
	b := bufio.NewWriter(out)
	fmt.Fprintln(b, "ITEM_ID,GENRES,YEAR,PRICE,CREATION_TIMESTAMP")
	for i, it := range w.items {
		genres := Genres[it.genre]
		if it.second != it.genre {
			genres += "|" + Genres[it.second]
		}
		year := 1970 + int(float64(it.released)/(365.2425*86400))
		fmt.Fprintf(b, "%s,%s,%d,%d.%02d,%d\n", ItemID(i), genres, year, it.price/100, it.price%100, it.released)
	}
	return b.Flush()
}

// People writes USER_ID,AGE.
func (w *World) People(out io.Writer) error {
	b := bufio.NewWriter(out)
	fmt.Fprintln(b, "USER_ID,AGE")
	for u, p := range w.people {
		fmt.Fprintf(b, "%s,%d\n", UserID(u), p.age)
	}
	return b.Flush()
}

// The schemas of the three files.
const (
	InteractionsSchema = `{"type":"record","name":"Interactions","namespace":"com.amazonaws.personalize.schema","fields":[{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},{"name":"EVENT_TYPE","type":"string"},{"name":"TIMESTAMP","type":"long"}],"version":"1.0"}`
	ItemsSchema        = `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","fields":[{"name":"ITEM_ID","type":"string"},{"name":"GENRES","type":["null","string"],"categorical":true},{"name":"YEAR","type":"int"},{"name":"PRICE","type":"float"},{"name":"CREATION_TIMESTAMP","type":"long"}],"version":"1.0"}`
	UsersSchema        = `{"type":"record","name":"Users","namespace":"com.amazonaws.personalize.schema","fields":[{"name":"USER_ID","type":"string"},{"name":"AGE","type":"int"}],"version":"1.0"}`
)
