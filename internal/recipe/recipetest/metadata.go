package recipetest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// metadata runs the checks of recipes that read the items' metadata. One that mixes new items in by itself has them in the
// order of luck, too.
func metadata(t *testing.T, r recipe.Recipe, mixes bool) {
	t.Run("Mute", func(t *testing.T) { mute(t, r) })
	if r.Info().Explores || mixes {
		t.Run("ExploresWhatFits", func(t *testing.T) { exploresWhatFits(t, r) })
	}
	if mixes {
		return
	}
	t.Run("Fits", func(t *testing.T) { fits(t, r) })
	if u, ok := r.(recipe.Updater); ok && r.Info().Updates {
		t.Run("UpdatesByMetadata", func(t *testing.T) { updatesByMetadata(t, u) })
	}
}

// A Person is a record of Users by field, in capital letters; "" for null.
type Person map[string]string

// Attribute implements recipe.Attributes.
func (p Person) Attribute(field string) (string, float64, bool) {
	text := p[strings.ToUpper(field)]
	return text, 0, text != ""
}

// Kin is Tastes with a column of users that names their taste, in the words of the items' columns of this package.
func Kin() *recipe.Data {
	d, _ := Tastes()
	g := make(Genres, d.Users.Len())
	for u := range g {
		g[u] = "all|" + [...]string{"even", "odd"}[u%2]
	}
	d.Columns, d.Texts, d.UserColumns = nil, nil, []recipe.Column{g}
	return d
}

// answersKin checks that users of whom only their record is known get what those like them like, that a history counts
// for more than a record, and that a record which says nothing changes nothing.
func answersKin(t *testing.T, r recipe.Recipe) {
	d := Kin()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	ask := func(user recipe.Attributes, items []int32, times []int64) recipe.Answer {
		q := recipe.Query{User: user, Known: len(items) > 0, Items: items, Times: times, Item: -1, Count: 10, Allow: met(d)}
		if r.Info().Asks == recipe.ByUserList {
			q.List = []int32{0, 1, 2, 3, 34, 35, 36, 37}
		}
		a := rank(t, m, q)[0]
		a.Items, a.Scores = a.Items[:4], a.Scores[:4]
		return a
	}
	for taste, word := range []string{"even", "odd"} {
		person := Person{"GENRES": word}
		for _, i := range ask(person, nil, nil).Items {
			if int(i)%2 != taste {
				t.Errorf("a stranger of the %s kind gets %v, want what that kind likes first", word, ask(person, nil, nil).Items)
				break
			}
		}
		items, times := d.History(1 - taste)
		if got := ask(person, items, times).Items; int(got[0])%2 == taste {
			t.Errorf("with a long history of the other taste, the %s kind gets %v, want that taste first", word, got)
		}
	}
	want := ask(nil, nil, nil)
	for _, person := range []Person{{}, {"GENRES": "nobody has this"}, {"OTHER": "even"}} {
		if got := ask(person, nil, nil); !same(got, want) {
			t.Errorf("a stranger with %v gets %v, want %v as without", person, got, want)
		}
	}
}

// muteUsers is mute for a column of users.
func muteUsers(t *testing.T, r recipe.Recipe) {
	d := Kin()
	dir := t.TempDir()
	without, with := filepath.Join(dir, "without"), filepath.Join(dir, "with")
	d.UserColumns = []recipe.Column{slices.Repeat(Genres{"all"}, d.Users.Len())}
	learn(t, r, d, with, 1, 2)
	d.UserColumns = nil
	learn(t, r, d, without, 1, 2)
	if !bytes.Equal(read(t, without), read(t, with)) {
		t.Error("a column with one value for all users changes the model")
	}
}

// exploresWhatIsIgnoredLess checks that new items which users were shown and left for others are explored less than those
// that nobody was shown.
func exploresWhatIsIgnoredLess(t *testing.T, r recipe.Recipe) {
	d := amongNew(func(u, i int) (int, bool) { return 1000*i + u, (i*7+u*3)%5 != 0 })
	d.Shown = make([]int32, d.Items.Len())
	for i := old; i < len(d.Shown); i += 2 {
		d.Shown[i] = 200
	}
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	var ignored, untried int
	for u := range d.Users.Len() {
		q := query(r, d, u)
		q.Count, q.Explore = 10, &recipe.Exploration{Weight: 0.5, MaxAge: 30}
		for _, i := range rank(t, m, q)[0].Items {
			switch {
			case int(i) < old:
			case d.Shown[i] > 0:
				ignored++
			default:
				untried++
			}
		}
	}
	if untried < d.Users.Len()/4 || 4*ignored > untried {
		t.Errorf("in lists of 10 for %d users %d new items are explored that users have ignored, and %d that nobody was shown; want few and some", d.Users.Len(), ignored, untried)
	}
}

// contexts checks that circumstances in which other items are taken bring these forward, and that unknown ones change
// nothing: on data where everybody takes even items in the morning and odd ones in the evening, and is more often there at
// one of these times.
func contexts(t *testing.T, r recipe.Recipe) {
	var events []Event
	for u := range 100 {
		for k := range 16 {
			i := ((u*3+k*k)%20)*2 + (u+[...]int{1, 0, 0, 0}[k%4])%2
			events = append(events, Event{fmt.Sprintf("u%02d", u), fmt.Sprintf("i%02d", i), int64(1e9 + 43200*k)})
		}
	}
	d := Build(events)
	when := make(Genres, len(d.Item))
	for k, i := range d.Item {
		when[k] = "day|" + [...]string{"morning", "evening"}[i%2]
	}
	d.Context, d.Columns, d.Texts = []recipe.Column{when}, nil, nil
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	ask := func(u int, context recipe.Attributes) recipe.Answer {
		q := query(r, d, u)
		q.Context = context
		return rank(t, m, q)[0]
	}
	var right, all int
	for u := range 20 {
		for parity, time := range []string{"morning", "evening"} {
			for _, i := range ask(u, Person{"GENRES": time}).Items[:6] {
				all++
				if int(i)%2 == parity {
					right++
				}
			}
		}
		if got, want := ask(u, Person{"GENRES": "midnight"}), ask(u, nil); !same(got, want) {
			t.Errorf("user %d: in circumstances that nobody knows %v, want %v as in none", u, got, want)
		}
	}
	if 20*right < 11*all { // half if they changed nothing
		t.Errorf("of %d items that come first in the morning and in the evening, %d are of that time; want more than half", all, right)
	}
}

// newcomers is how many items of Launch nobody has met.
const newcomers = 12

// Launch is Tastes with a column that names the tastes, and with items of both that nobody has met yet: those whose ids
// begin with n, an even number for the even taste.
func Launch() *recipe.Data {
	old, _ := Tastes()
	var events []Event
	for u := range old.Users.Len() {
		items, times := old.History(u)
		for k, i := range items {
			events = append(events, Event{old.Users.At(u), old.Items.At(int(i)), times[k]})
		}
	}
	var fresh []string
	for k := range newcomers {
		fresh = append(fresh, fmt.Sprintf("n%02d", k))
	}
	d := Build(events, fresh...)
	d.Columns, d.Texts = []recipe.Column{tasteOf(d)}, nil
	return d
}

// tasteOf is the column that names the taste an item's id ends in.
func tasteOf(d *recipe.Data) Genres {
	g := make(Genres, d.Items.Len())
	for i := range g {
		id := d.Items.At(i)
		g[i] = "all|" + [...]string{"even", "odd"}[id[len(id)-1]%2]
	}
	return g
}

// fits checks that items nobody has met are ranked by their metadata: for everybody all of the user's taste before the
// others.
func fits(t *testing.T, r recipe.Recipe) {
	d := Launch()
	inOrder(t, r, Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2), d)
}

func inOrder(t *testing.T, r recipe.Recipe, m recipe.Model, d *recipe.Data) {
	t.Helper()
	var fresh []int32
	for i := range int32(d.Items.Len()) {
		if newcomer(d, i) {
			fresh = append(fresh, i)
		}
	}
	for u := range d.Users.Len() {
		q := query(r, d, u)
		if q.List != nil {
			q.List = fresh
		}
		var got []int32
		for _, i := range rank(t, m, q)[0].Items {
			if newcomer(d, i) {
				got = append(got, i)
			}
		}
		if len(got) != newcomers {
			t.Fatalf("user %d is told of %d of %d new items", u, len(got), newcomers)
		}
		for k, i := range got {
			if mine := int(i)%2 == u%2; mine != (k < newcomers/2) {
				t.Errorf("user %d gets the new items in the order %v, want those of their taste first", u, got)
				break
			}
		}
	}
}

func newcomer(d *recipe.Data, i int32) bool { return d.Items.At(int(i))[0] == 'n' }

// exploresWhatFits checks that most of what is explored is of the user's taste, on data where everybody has most of
// their taste before them.
func exploresWhatFits(t *testing.T, r recipe.Recipe) {
	var events []Event
	for u := range 120 {
		for k := range 7 {
			i := ((u/2+k*k)%20)*2 + u%2
			events = append(events, Event{fmt.Sprintf("u%03d", u), fmt.Sprintf("i%02d", i), int64(1e9 + 86400*k + u)})
		}
	}
	var fresh []string
	for k := range 2 * newcomers {
		fresh = append(fresh, fmt.Sprintf("n%02d", k))
	}
	d := Build(events, fresh...)
	d.Columns, d.Texts = []recipe.Column{tasteOf(d)}, nil
	for i := range d.Created {
		if !newcomer(d, int32(i)) {
			d.Created[i] = 1
		}
	}
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	var explored, right int
	for u := range d.Users.Len() {
		q := query(r, d, u)
		q.Count, q.Explore = 10, &recipe.Exploration{Weight: 0.5, MaxAge: 30}
		for _, i := range rank(t, m, q)[0].Items {
			if newcomer(d, i) {
				explored++
				if int(i)%2 == u%2 {
					right++
				}
			}
		}
	}
	if explored < d.Users.Len()/4 || 3*right < 2*explored {
		t.Errorf("in lists of 10 for %d users %d new items are explored, %d of the user's taste; want some, and two thirds of those", d.Users.Len(), explored, right)
	}
}

// mute checks that metadata which tells nothing, as all items have the same, changes no byte of a model.
func mute(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	dir := t.TempDir()
	without, with := filepath.Join(dir, "without"), filepath.Join(dir, "with")
	d.Columns, d.Texts = nil, nil
	learn(t, r, d, without, 1, 2)
	d.Columns = []recipe.Column{slices.Repeat(Genres{"all"}, d.Items.Len())}
	learn(t, r, d, with, 1, 2)
	if !bytes.Equal(read(t, without), read(t, with)) {
		t.Error("a column with one value for all items changes the model")
	}
}

// updatesByMetadata checks that an update ranks items that came after the training, and that nobody has met, by their
// metadata.
func updatesByMetadata(t *testing.T, u recipe.Updater) {
	whole := Launch()
	before := Launch()
	items := slices.DeleteFunc(slices.Clone(before.Items.(recipe.List)), func(id string) bool { return id[0] == 'n' })
	before.Items, before.Created = items, before.Created[:len(items)] // the new ones come last
	before.Columns = []recipe.Column{tasteOf(before)}
	base := filepath.Join(t.TempDir(), "base")
	Train(t, u, before, base, 1, 2)
	inOrder(t, u, Update(t, u, whole, base, filepath.Join(t.TempDir(), "m"), 2), whole)
}
