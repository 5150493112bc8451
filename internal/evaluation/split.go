package evaluation

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A Split says which events are held out. The zero value is the service's rule.
type Split struct {
	kind     splitKind
	fraction float64 // of each user's events, for lastFraction
	truth    string  // path, for truthFile
	context  string  // path of what came between training and truth, for truthFile; may be ""
}

type splitKind int

const (
	service      splitKind = iota // the newest tenth of a tenth of the users
	lastFraction                  // the newest part of everybody's events
	leaveOneOut                   // everybody's last event
	truthFile                     // what a file of its own says
)

// ParseSplit reads service, last-fraction=F with F between 0 and 1, leave-one-out, or truth=FILE.
func ParseSplit(text string) (Split, error) {
	name, value, has := strings.Cut(text, "=")
	switch {
	case name == "service" && !has:
		return Split{}, nil
	case name == "leave-one-out" && !has:
		return Split{kind: leaveOneOut}, nil
	case name == "truth" && value != "":
		return Split{kind: truthFile, truth: value}, nil
	case name == "last-fraction":
		if f, err := strconv.ParseFloat(value, 64); err == nil && f > 0 && f < 1 {
			return Split{kind: lastFraction, fraction: f}, nil
		}
	}
	return Split{}, fault.Newf(fault.Invalid, "The split is %q; expected service, last-fraction=F with F above 0 and below 1, leave-one-out, or truth=FILE.", text)
}

// WithContext adds the path of a CSV file of events (USER_ID, ITEM_ID, TIMESTAMP) that users of the truth file had after
// the training. They are given to the trained model as new events are and never learned from.
func (s Split) WithContext(path string) (Split, error) {
	if path != "" && s.kind != truthFile {
		return Split{}, fault.Newf(fault.Invalid, "The split is %s, which takes its histories from the training file; a file of context goes with truth=FILE.", s)
	}
	s.context = path
	return s, nil
}

// String is what ParseSplit reads, with the file's base name.
func (s Split) String() string {
	switch s.kind {
	case lastFraction:
		return "last-fraction=" + strconv.FormatFloat(s.fraction, 'g', -1, 64)
	case leaveOneOut:
		return "leave-one-out"
	case truthFile:
		return "truth=" + filepath.Base(s.truth)
	}
	return "service"
}

// cut returns what to learn from and the users to test, each with something held out. known, which may be nil, tells of
// users that a file of truth names.
func (s Split) cut(d *recipe.Data, known census, seed uint64) (train *recipe.Data, tests []recipe.Test, err error) {
	switch s.kind {
	case truthFile:
		var since later
		if s.context != "" {
			if since, err = readContext(s.context, d); err != nil {
				return nil, nil, err
			}
		}
		tests, err = readTruth(s.truth, d, known, since)
		return d, tests, err
	case lastFraction:
		// Rounding up is the rule of the service's sample notebooks; a product that is whole stays whole.
		train, tests = holdNewest(d, func(n int) int { return int(math.Ceil(s.fraction*float64(n) - 1e-9)) })
	case leaveOneOut:
		train, tests = holdNewest(d, func(int) int { return 1 })
	default:
		train, tests = recipe.Holdout(d, seed)
	}
	if len(tests) == 0 {
		return nil, nil, fault.Newf(fault.Invalid, "None of the %d users has two interactions or more; there is nothing to hold out.", d.Users.Len())
	}
	if len(train.Item) == 0 {
		return nil, nil, fault.Newf(fault.Invalid, "Only one of the %d users has two interactions or more; once held out, nothing is left to learn from.", d.Users.Len())
	}
	return train, tests, nil
}

// holdNewest holds out the newest held(n) of each user's n events, but always leaves one. Users and items
// stay as they are.
func holdNewest(d *recipe.Data, held func(n int) int) (*recipe.Data, []recipe.Test) {
	s := *d
	s.Start, s.Item, s.Time, s.Event, s.Value = []int64{0}, nil, nil, nil, nil
	var tests []recipe.Test
	var rows []int32
	for u := range d.Users.Len() {
		a, b := d.Start[u], d.Start[u+1]
		n := int(b - a)
		cut := b - int64(min(held(n), n-1))
		s.Item, s.Time = append(s.Item, d.Item[a:cut]...), append(s.Time, d.Time[a:cut]...)
		if d.Event != nil {
			s.Event = append(s.Event, d.Event[a:cut]...)
		}
		if d.Value != nil {
			s.Value = append(s.Value, d.Value[a:cut]...)
		}
		s.Start = append(s.Start, int64(len(s.Item)))
		for k := a; k < cut && len(d.Context) > 0; k++ {
			rows = append(rows, int32(k))
		}
		if cut < b {
			tests = append(tests, recipe.Test{Items: d.Item[a:cut], Times: d.Time[a:cut], Truth: distinct(d.Item[cut:b]), User: d.Attributes(u), Context: d.ContextOf(cut)})
		}
	}
	s.Context = recipe.Rows(d.Context, rows)
	return &s, tests
}

func distinct(items []int32) []int32 {
	s := slices.Sorted(slices.Values(items))
	return slices.Compact(s)
}

// readTruth reads what each user took later from a CSV file with USER_ID and ITEM_ID. A user without history is
// tested with an empty one; an item that training does not know can never be recommended and counts as missed.
// Histories go on with what happened since.
func readTruth(path string, d *recipe.Data, known census, since later) ([]recipe.Test, error) {
	t := truth{file: filepath.Base(path), d: d, known: known, since: since, at: map[string]int{}, strangers: map[string]int32{}}
	if err := readTable(path, t.add); err != nil {
		return nil, err
	}
	if len(t.tests) == 0 {
		return nil, fault.Newf(fault.Invalid, "%s has no rows below a header; expected the columns USER_ID and ITEM_ID.", t.file)
	}
	for k := range t.tests {
		t.tests[k].Truth = distinct(t.tests[k].Truth)
	}
	return t.tests, nil
}

// truth is a file of held-out events being read.
type truth struct {
	file       string
	d          *recipe.Data
	known      census // nil for nothing
	since      later
	columns    int
	user, item int // positions
	tests      []recipe.Test
	at         map[string]int   // user → place in tests
	strangers  map[string]int32 // item that training does not know → index behind those that it does
}

func (t *truth) add(rec [][]byte, line int) (bool, error) {
	if t.columns == 0 {
		return true, t.header(rec)
	}
	if len(rec) != t.columns {
		return false, fault.Newf(fault.Invalid, "%s, line %d: there are %d values; the header has %d columns.", t.file, line, len(rec), t.columns)
	}
	user, item := string(rec[t.user]), string(rec[t.item])
	k, ok := t.at[user]
	if !ok {
		k = len(t.tests)
		t.at[user] = k
		t.tests = append(t.tests, t.test(user))
	}
	t.tests[k].Truth = append(t.tests[k].Truth, t.index(item))
	return true, nil
}

func (t *truth) header(rec [][]byte) error {
	t.columns, t.user, t.item = len(rec), -1, -1
	for i, name := range rec {
		switch strings.ToUpper(string(name)) {
		case "USER_ID":
			t.user = i
		case "ITEM_ID":
			t.item = i
		}
	}
	if t.user < 0 || t.item < 0 {
		return fault.Newf(fault.Invalid, "%s, line 1: expected the columns USER_ID and ITEM_ID.", t.file)
	}
	return nil
}

func (t *truth) test(user string) (test recipe.Test) {
	if u, ok := t.d.Users.Find(user); ok {
		test.Items, test.Times = t.d.History(u)
	}
	test.Items, test.Times = t.since.after(user, test.Items, test.Times)
	if t.known != nil {
		test.User = t.known(user)
	}
	return test
}

func (t *truth) index(item string) int32 {
	if i, ok := t.d.Items.Find(item); ok {
		return int32(i)
	}
	i, ok := t.strangers[item]
	if !ok {
		i = int32(t.d.Items.Len() + len(t.strangers))
		t.strangers[item] = i
	}
	return i
}
