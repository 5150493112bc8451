package evaluation

import (
	"cmp"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A later is what happened after the training, by user, as PutEvents would tell it: it belongs to the histories that
// are asked about and is never learned from.
type later map[string][]event

// An event is one row of a file of context.
type event struct {
	time int64
	item int32
}

// readContext reads a CSV file with USER_ID, ITEM_ID and TIMESTAMP. Items that training does not know are left out, as
// they are of every history. It takes some 16 bytes an event.
func readContext(path string, d *recipe.Data) (later, error) {
	c := contextFile{file: filepath.Base(path), d: d, events: later{}}
	if err := readTable(path, c.add); err != nil {
		return nil, err
	}
	for _, events := range c.events {
		slices.SortStableFunc(events, func(a, b event) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.item, b.item))
		})
	}
	return c.events, nil
}

// contextColumns are the columns that a file of context must have.
var contextColumns = [...]string{"USER_ID", "ITEM_ID", "TIMESTAMP"}

// contextFile is such a file being read.
type contextFile struct {
	file    string
	d       *recipe.Data
	columns int
	at      [len(contextColumns)]int // positions
	events  later
}

func (c *contextFile) add(rec [][]byte, line int) (bool, error) {
	if c.columns == 0 {
		return true, c.header(rec)
	}
	if len(rec) != c.columns {
		return false, fault.Newf(fault.Invalid, "%s, line %d: there are %d values; the header has %d columns.", c.file, line, len(rec), c.columns)
	}
	when, err := strconv.ParseInt(string(rec[c.at[2]]), 10, 64)
	if err != nil {
		return false, fault.Newf(fault.Invalid, "%s, line %d: TIMESTAMP is %q; expected Unix seconds.", c.file, line, rec[c.at[2]])
	}
	if i, ok := c.d.Items.Find(string(rec[c.at[1]])); ok {
		user := string(rec[c.at[0]])
		c.events[user] = append(c.events[user], event{when, int32(i)})
	}
	return true, nil
}

func (c *contextFile) header(rec [][]byte) error {
	c.columns = len(rec)
	for k, want := range contextColumns {
		c.at[k] = slices.IndexFunc(rec, func(name []byte) bool { return strings.EqualFold(string(name), want) })
		if c.at[k] < 0 {
			return fault.Newf(fault.Invalid, "%s, line 1: expected the columns USER_ID, ITEM_ID and TIMESTAMP.", c.file)
		}
	}
	return nil
}

// after returns a history with what came later.
func (l later) after(user string, items []int32, times []int64) ([]int32, []int64) {
	events := l[user]
	if len(events) == 0 {
		return items, times
	}
	items, times = slices.Clip(items), slices.Clip(times) // the data's own arrays go on behind
	for _, e := range events {
		items, times = append(items, e.item), append(times, e.time)
	}
	return items, times
}
