package batch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

// names is an ascending table of ids.
type names []string

func (n names) Len() int        { return len(n) }
func (n names) At(i int) string { return n[i] }
func (n names) Find(id string) (int, bool) {
	return slices.BinarySearch(n, id)
}

// A world is a small model and what is known beside it. Item i has the weight i; each event of a user
// with an item adds 3 to the two items after it; a related item is the better the nearer its index is.
type world struct {
	info    recipe.Info
	items   names
	history map[string][]int32
	events  map[string]string // a user's event type
	columns map[string]texts
	fail    func() error // asked at each Rank
}

func (w *world) Items() recipe.Names { return w.items }

func (w *world) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	if w.fail != nil {
		if err := w.fail(); err != nil {
			return err
		}
	}
	for i := range queries {
		w.rank(&queries[i], &answers[i])
	}
	return ctx.Err()
}

func (w *world) rank(q *recipe.Query, a *recipe.Answer) {
	candidates := q.List
	count := len(q.List)
	if w.info.Asks != recipe.ByUserList {
		candidates, count = nil, q.Count
		for i := range w.items {
			candidates = append(candidates, int32(i))
		}
	}
	score := map[int32]float64{}
	total := 0.0
	a.Items, a.Scores = a.Items[:0], a.Scores[:0]
	for _, i := range candidates {
		if q.Allow != nil && !q.Allow.Has(int(i)) {
			continue
		}
		a.Items = append(a.Items, i)
		score[i] = math.Exp(w.weight(q, i))
		total += score[i]
	}
	slices.SortFunc(a.Items, func(x, y int32) int {
		return cmp.Or(cmp.Compare(score[y], score[x]), cmp.Compare(x, y))
	})
	a.Items = a.Items[:min(count, len(a.Items))]
	for _, i := range a.Items {
		if w.info.Scores {
			a.Scores = append(a.Scores, score[i]/total)
		}
	}
}

func (w *world) weight(q *recipe.Query, i int32) float64 {
	v := float64(i)
	if w.info.Asks == recipe.ByItem && q.Item >= 0 {
		v = -math.Abs(v - float64(q.Item))
	}
	for _, h := range q.Items {
		if d := i - h; d == 1 || d == 2 {
			v += 3
		}
	}
	if q.Explore != nil { // shows in golden files that it arrived
		v += q.Explore.Weight * float64(q.Seed%7) * float64(i%2)
	}
	return v
}

func (w *world) Histories(users []string, each func(k int, items []int32, times []int64, known bool)) {
	for k, user := range users {
		h, ok := w.history[user]
		each(k, h, make([]int64, len(h)), ok)
	}
}

func (w *world) FilterData() filter.Data            { return worldData{w} }
func (w *world) FilterUser(user string) filter.User { return worldUser{w, user} }

type worldData struct{ w *world }

func (d worldData) Len() int { return len(d.w.items) }
func (d worldData) Column(dataset, field string) (filter.Column, bool) {
	c, ok := d.w.columns[strings.ToUpper(field)]
	return c, ok
}

// texts is a column whose values are text, "" for null, or a number where they begin with '#'.
type texts []string

func (t texts) Text(i int) (string, bool) { return t[i], t[i] != "" && t[i][0] != '#' }
func (t texts) Number(i int) (v float64, ok bool) {
	n, _ := fmt.Sscanf(t[i], "#%g", &v)
	return v, n == 1
}

type worldUser struct {
	w  *world
	id string
}

func (u worldUser) Attribute(string) (string, float64, bool) { return "", 0, false }
func (u worldUser) Events(yield func(int32, string) bool) {
	for _, i := range slices.Backward(u.w.history[u.id]) {
		if !yield(i, u.w.events[u.id]) {
			return
		}
	}
}

// Open implements Source.
func (w *world) Open(context.Context, arn.ARN) (*Bound, error) {
	if w.info.Type == recipe.UserSegmentation {
		c := newCrowd(w)
		return &Bound{Info: w.info, Segments: c, Users: c}, nil
	}
	return &Bound{Info: w.info, Model: w, View: w, Seed: 7}, nil
}

// A crowd is the users of a world as a model that ranks them: by how many of their events are with the items, ties
// by id; and as filters see them.
type crowd struct {
	*world
	users names
}

func newCrowd(w *world) *crowd { return &crowd{w, slices.Sorted(maps.Keys(w.history))} }

func (c *crowd) Users() recipe.Names { return c.users }

func (c *crowd) Select(conditions []recipe.Condition) (items []int32, err error) {
	for i := range c.items {
		all := true
		for _, cond := range conditions {
			column, ok := c.columns[strings.ToUpper(cond.Column)]
			if !ok {
				return nil, fault.Newf(fault.Invalid, "there is no column %s.", cond.Column)
			}
			text := strings.TrimPrefix(column[i], "#")
			all = all && slices.Contains(strings.Split(text, "|"), cond.Text)
		}
		if all {
			items = append(items, int32(i))
		}
	}
	return items, nil
}

func (c *crowd) Segment(ctx context.Context, queries []recipe.SegmentQuery, answers [][]int32) error {
	if c.fail != nil {
		if err := c.fail(); err != nil {
			return err
		}
	}
	for k, q := range queries {
		score := func(u int32) (n int) {
			for _, i := range c.history[c.users[u]] {
				if slices.Contains(q.Items, i) {
					n++
				}
			}
			return n
		}
		answers[k] = answers[k][:0]
		for u := range c.users {
			if q.Allow == nil || q.Allow.Has(u) {
				answers[k] = append(answers[k], int32(u))
			}
		}
		slices.SortFunc(answers[k], func(x, y int32) int { return cmp.Or(cmp.Compare(score(y), score(x)), cmp.Compare(x, y)) })
		answers[k] = answers[k][:min(q.Count, len(answers[k]))]
	}
	return ctx.Err()
}

func (c *crowd) Len() int { return len(c.users) }

func (c *crowd) Column(dataset, field string) (filter.Column, bool) {
	if !strings.EqualFold(field, "AGE") {
		return nil, false
	}
	ages := make(texts, len(c.users))
	for u := range ages {
		ages[u] = fmt.Sprintf("#%d", 20+10*u)
	}
	return ages, true
}

func (c *crowd) EventTypes(u int, yield func(string) bool) {
	for range c.history[c.users[u]] {
		if !yield(c.events[c.users[u]]) {
			return
		}
	}
}

// The recipes of the input families.
var infos = map[string]recipe.Info{
	"user":    {Name: "aws-user-personalization", Type: recipe.UserPersonalization, Asks: recipe.ByUser, Scores: true, Explores: true},
	"popular": {Name: "aws-popularity-count", Type: recipe.UserPersonalization, Asks: recipe.ByUser},
	"item":    {Name: "aws-similar-items", Type: recipe.RelatedItems, Asks: recipe.ByItem},
	"segment": {Name: "aws-item-affinity", Type: recipe.UserSegmentation, Asks: recipe.UsersByItem},
	"fans":    {Name: "aws-item-attribute-affinity", Type: recipe.UserSegmentation, Asks: recipe.UsersByAttributes},
	"list":    {Name: "aws-personalized-ranking", Type: recipe.PersonalizedRanking, Asks: recipe.ByUserList, Scores: true},
}

// newWorld returns six items, two users with events and one without.
func newWorld(family string) *world {
	return &world{
		info:    infos[family],
		items:   names{"i1", "i2", "i3", "i4", `i"5`, "sku-é"},
		history: map[string][]int32{"u-17": {0, 1}, "u-52": {2}, "u-0": {}},
		events:  map[string]string{"u-17": "click", "u-52": "buy"},
		columns: map[string]texts{
			"GENRES": {"Drama|Comedy", "comedy", "", "Drama", "Drama", ""},
			"PRICE":  {"#10", "#20", "#5", "#1", "#7", ""},
		},
	}
}

// manyItems returns n ids of 7 bytes.
func manyItems(n int) names {
	ids := make(names, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("i%06d", i)
	}
	sort.Strings(ids)
	return ids
}
