package evaluation

import (
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/recipe"
)

const itemsSchema = `{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},{"name":"COLOUR","type":"string","categorical":true}]}`

// Columns of well-known names are taken in any letter case, others only by a schema.
func TestSchemaFor(t *testing.T) {
	names := func(s *dataset.Schema, err error) string {
		if err != nil {
			return err.Error()
		}
		var list []string
		for _, f := range s.Fields {
			list = append(list, f.Name)
		}
		return strings.Join(list, " ")
	}
	items := write(t, "items.csv", "COLOUR,item_id,year,GENRES\nred,i1,1999,a|b\n")
	for _, c := range []struct{ kind, path, text, want string }{
		{dataset.Interactions, write(t, "i.csv.gz", "timestamp,EVENT_VALUE,OTHER\n"), "", "USER_ID ITEM_ID TIMESTAMP EVENT_VALUE"},
		{dataset.Items, items, "", "ITEM_ID YEAR GENRES"},
		{dataset.Items, items, itemsSchema, "ITEM_ID COLOUR"},
		{dataset.Interactions, items, itemsSchema, "The schema for " + items + " is of type ITEMS; expected INTERACTIONS."},
	} {
		if got := names(schemaFor(c.kind, c.path, c.text)); got != c.want {
			t.Errorf("schemaFor(%s, %s, %q) = %s, want %s", c.kind, c.path, c.text, got, c.want)
		}
	}
}

// Items come with their columns, and those that nobody had are items as well.
func TestLoad(t *testing.T) {
	o := order(t, "leave-one-out")
	o.Items = write(t, "items.csv.gz", "ITEM_ID,YEAR,GENRES\ni1,1999,a|b\ni9,2001,\n")
	d, _, done, err := config(t, recipe.ByUser).load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if d.Items.Len() != 6 || d.Users.Len() != 3 || len(d.Item) != 9 {
		t.Errorf("%d items, %d users, %d interactions; want 6, 3, 9", d.Items.Len(), d.Users.Len(), len(d.Item))
	}
	got := map[string]bool{}
	for _, c := range d.Columns {
		if text, ok := c.Text(0); ok {
			got[c.Name()+"="+text] = true
		}
		if x, ok := c.Number(5); ok && x == 2001 {
			got[c.Name()+"=2001"] = true
		}
	}
	if !got["GENRES=a|b"] || !got["YEAR=2001"] {
		t.Errorf("columns %v, want the genres of i1 and the year of i9", got)
	}
}

func TestPeakMemory(t *testing.T) {
	before := peakMemory()
	if before == 0 {
		t.Skip("/proc/self/status is missing on this system")
	}
	block := make([]byte, before) // as much again
	for i := range block {
		block[i] = byte(i)
	}
	if after := peakMemory(); after < before+before/2 {
		t.Errorf("peakMemory was %d and, after touching as much again, is %d", before, after)
	}
	_ = block[len(block)-1]
}
