package dataset

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/table"
)

// rangeEvents is how many interactions are sorted in memory at a time, in the order of their users. With
// more than that, the segments are read once per range of users.
const rangeEvents = 8 << 20

// A builder makes a snapshot of segments.
//
// Memory: every id of a user or item once, with about 60 bytes beside it; 32 bytes (and 4 for each contextual column) for each of the at
// most 8 Mi interactions of a range of users (or of one user, if that is more); and one categorical
// column of the items or users at a time; and 24 bytes for each event with an action. Segments and the snapshot itself are mapped files.
type builder struct {
	ctx     context.Context
	parts   Parts
	open    map[string]*segment // by key
	dir     string              // for spools
	most    int64               // interactions in a range
	users   *registry
	items   *registry
	actions *registry
	counts  []int64 // interactions by registered user, duplicates included
	types   *table.Dict
	event   []uint16 // by number in types: number in the snapshot
	oldest  []int64  // time of the oldest interaction by item rank; math.MaxInt64 without
	meta    snapshotMeta
	any     bool     // there has been an interaction, so that meta has times
	extra   []string // columns beside those that the snapshot keeps, in order of their names
}

// build makes the snapshot of the parts and publishes it. The same parts give the same bytes.
func (s *Snapshots) build(ctx context.Context, key string, p Parts) error {
	if err := os.MkdirAll(s.Cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.Cache, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := newBuilder(ctx, p, dir)
	defer b.close()
	if err := b.openAll(s.Own, s.Cache); err != nil {
		return err
	}
	return blob.Publish(ctx, s.Own, key, s.Cache, b.write)
}

// newBuilder returns a builder that spools in dir; openAll comes next.
func newBuilder(ctx context.Context, p Parts, dir string) *builder {
	return &builder{ctx: ctx, parts: p, open: map[string]*segment{}, dir: dir, most: rangeEvents,
		users: newRegistry(), items: newRegistry(), actions: newRegistry(), types: table.NewDict(16)}
}

func (b *builder) openAll(own blob.Driver, cache string) error {
	for _, part := range []Part{b.parts.Interactions, b.parts.Items, b.parts.Users, b.parts.Actions, b.parts.ActionInteractions} {
		for _, g := range part.Segments {
			seg, err := openSegment(b.ctx, own, cache, g.Key)
			if err != nil {
				return err
			}
			b.open[g.Key] = seg
		}
	}
	return nil
}

func (b *builder) close() {
	for _, s := range b.open {
		s.close()
	}
}

// blocks calls do for every block of a dataset, in order of segments and rows.
func (b *builder) blocks(p Part, do func(s *segment, block int) error) error {
	for _, g := range p.Segments {
		s := b.open[g.Key]
		for i := range s.meta.Blocks {
			if err := b.ctx.Err(); err != nil {
				return err
			}
			if err := do(s, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// A registry numbers the ids of users or items, first as they come and then by rank.
type registry struct {
	ids    *table.Dict
	record []place  // the newest record by number; the zero place for none
	order  []uint32 // numbers in ascending order of ids
	rank   []uint32 // by number
}

// A place is one row of a dataset.
type place struct {
	seg        *segment
	block, row int32
}

func newRegistry() *registry { return &registry{ids: table.NewDict(1 << 12)} }

// numbers returns the number of each value of a column's dictionary; that of null means nothing.
func (r *registry) numbers(v *values) []uint32 {
	out := make([]uint32, v.dict.Len())
	for i := 1; i < len(out); i++ {
		out[i] = r.ids.CodeOf(v.dict.At(i))
	}
	return out
}

// sort ranks the ids.
func (r *registry) sort() {
	r.order, r.rank = ranks(r.ids)
	r.record = append(r.record, make([]place, r.ids.Len()-len(r.record))...)
}

// at returns the id of a rank.
func (r *registry) at(i int) string { return r.ids.At(int(r.order[i])) }

// write makes the artifact at path.
func (b *builder) write(path string) error {
	if err := b.register(); err != nil {
		return err
	}
	w, err := artifact.Create(path)
	if err != nil {
		return err
	}
	defer w.Discard()
	for _, step := range []func(*artifact.Writer) error{b.writeNames, b.writeEvents, b.writeCreated, b.writeShown, b.writeColumns, b.writeActions} {
		if err := step(w); err != nil {
			return err
		}
	}
	if err := w.Meta(b.meta); err != nil {
		return err
	}
	return w.Commit()
}

// register reads all ids and event types, and notes where each id's newest record is.
func (b *builder) register() error {
	if err := b.blocks(b.parts.Interactions, b.registerEvents); err != nil {
		return err
	}
	if err := b.records(b.parts.Items, b.items, "ITEM_ID"); err != nil {
		return err
	}
	if err := b.records(b.parts.Users, b.users, "USER_ID"); err != nil {
		return err
	}
	if err := b.registerActions(); err != nil {
		return err
	}
	b.users.sort()
	b.items.sort()
	b.counts = append(b.counts, make([]int64, b.users.ids.Len()-len(b.counts))...)
	if s := b.parts.Interactions.Schema; s != nil {
		b.meta.HasEvents = s.index("EVENT_TYPE") >= 0
		b.meta.EventColumns = metadataColumns(s)
		b.extra = extraColumns(s)
	}
	return b.sortTypes()
}

// metadataColumns counts the columns of interactions that training may look at beside who, what and when.
func metadataColumns(s *Schema) (n int) {
	for _, f := range s.Fields {
		if f.Name == "EVENT_TYPE" || f.Name == "EVENT_VALUE" || !slices.Contains(reservedWords, f.Name) {
			n++
		}
	}
	return n
}

// extraColumns are those that tell interactions apart but are not kept: everything that a snapshot has no
// array for.
func extraColumns(s *Schema) []string {
	var out []string
	for _, f := range s.Fields {
		if !slices.Contains([]string{"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE"}, f.Name) {
			out = append(out, f.Name)
		}
	}
	slices.Sort(out)
	return out
}

func (b *builder) registerEvents(s *segment, block int) error {
	users, err := s.column(block, "USER_ID")
	if err != nil {
		return err
	}
	items, err := s.column(block, "ITEM_ID")
	if err != nil {
		return err
	}
	types, err := s.column(block, "EVENT_TYPE")
	if err != nil {
		return err
	}
	b.items.numbers(&items)
	for i := 1; i < types.dict.Len(); i++ {
		b.types.CodeOf(types.dict.At(i))
	}
	numbers := b.users.numbers(&users)
	b.counts = append(b.counts, make([]int64, b.users.ids.Len()-len(b.counts))...)
	for _, code := range users.codes {
		b.counts[numbers[code]]++
	}
	return nil
}

// records notes the place of every id's newest record.
func (b *builder) records(p Part, r *registry, key string) error {
	return b.blocks(p, func(s *segment, block int) error {
		v, err := s.column(block, key)
		if err != nil {
			return err
		}
		numbers := r.numbers(&v)
		r.record = append(r.record, make([]place, r.ids.Len()-len(r.record))...)
		for row, code := range v.codes {
			r.record[numbers[code]] = place{s, int32(block), int32(row)}
		}
		return nil
	})
}

// sortTypes numbers the event types in ascending order, from 1.
func (b *builder) sortTypes() error {
	n := b.types.Len()
	if n > math.MaxUint16 {
		return fault.Newf(fault.Invalid, "The interactions have %d event types; expected at most %d.", n, math.MaxUint16)
	}
	_, rank := ranks(b.types)
	b.event = make([]uint16, n)
	for i, r := range rank {
		b.event[i] = uint16(r + 1)
	}
	return nil
}

func (b *builder) writeNames(w *artifact.Writer) error {
	if err := w.Names("users", b.users.ids.Len(), b.users.at); err != nil {
		return err
	}
	if err := w.Names("items", b.items.ids.Len(), b.items.at); err != nil {
		return err
	}
	names := make([]string, b.types.Len()+1)
	for t, i := range b.event {
		names[i] = b.types.At(t)
	}
	return w.Strings("events", len(names), func(i int) string { return names[i] })
}

// writeCreated dates every item.
func (b *builder) writeCreated(w *artifact.Writer) error {
	created := b.items.field("CREATION_TIMESTAMP")
	dates := make([]int64, len(b.oldest))
	for i := range dates {
		v, row := created.at(i)
		switch own := v.number(row); {
		case !math.IsNaN(own):
			dates[i] = int64(own)
		case b.oldest[i] != math.MaxInt64:
			dates[i] = b.oldest[i]
		default:
			dates[i] = b.meta.MaxTime
		}
	}
	if created.err != nil {
		return created.err
	}
	return artifact.Put(w, "created", dates)
}

// A fieldReader finds the values of one field in the newest records.
type fieldReader struct {
	r    *registry
	name string
	seen map[blockOf]*values
	err  error // the first
}

type blockOf struct {
	seg   *segment
	block int32
}

func (r *registry) field(name string) *fieldReader {
	return &fieldReader{r: r, name: name, seen: map[blockOf]*values{{}: {}}}
}

// at returns where the value of rank i stands; without a record the values are all null.
func (f *fieldReader) at(i int) (v *values, row int) {
	p := f.r.record[f.r.order[i]]
	v, ok := f.seen[blockOf{p.seg, p.block}]
	if !ok {
		c, err := p.seg.column(int(p.block), f.name)
		f.err = cmp.Or(f.err, err)
		v = &c
		f.seen[blockOf{p.seg, p.block}] = v
	}
	return v, int(p.row)
}

func (b *builder) writeColumns(w *artifact.Writer) error {
	b.meta.HasItems, b.meta.HasUsers = b.parts.Items.Schema != nil, b.parts.Users.Schema != nil
	b.meta.Items, b.meta.Users = described(b.parts.Items.Schema), described(b.parts.Users.Schema)
	for _, f := range b.meta.Items {
		if err := b.writeColumn(w, b.items, "items/"+f.Name, f); err != nil {
			return fmt.Errorf("column %s of items: %w", f.Name, err)
		}
	}
	for _, f := range b.meta.Users {
		if err := b.writeColumn(w, b.users, "users/"+f.Name, f); err != nil {
			return fmt.Errorf("column %s of users: %w", f.Name, err)
		}
	}
	return nil
}

// described returns the fields of a schema but the id.
func described(s *Schema) []Field {
	if s == nil {
		return nil
	}
	key := keys(s.Type)
	return slices.DeleteFunc(slices.Clone(s.Fields), func(f Field) bool { return slices.Contains(key, f.Name) })
}

func (b *builder) writeColumn(w *artifact.Writer, r *registry, name string, f Field) error {
	field := r.field(f.Name)
	var err error
	switch {
	case f.Type.Numeric():
		err = artifact.Put(w, name, numbers(field))
	case coded(f):
		err = writeCoded(w, name, field)
	default: // perhaps all different, so they are not collected first
		err = w.Strings(name, len(r.order), func(i int) string {
			v, row := field.at(i)
			s, _ := v.text(row)
			return s
		})
	}
	return cmp.Or(field.err, err)
}

func numbers(field *fieldReader) []float64 {
	out := make([]float64, len(field.r.order))
	for i := range out {
		v, row := field.at(i)
		out[i] = v.number(row)
	}
	return out
}

// writeCoded writes a column with few values, numbered in ascending order.
func writeCoded(w *artifact.Writer, name string, field *fieldReader) error {
	dict := table.NewDict(64)
	dict.Code(nil)
	codes := make([]uint32, len(field.r.order))
	for i := range codes {
		v, row := field.at(i)
		s, _ := v.text(row)
		codes[i] = dict.CodeOf(s)
	}
	order, rank := ranks(dict)
	for i, c := range codes {
		codes[i] = rank[c]
	}
	if err := artifact.Put(w, name, codes); err != nil {
		return err
	}
	return w.Strings(name+".values", len(order), func(i int) string { return dict.At(int(order[i])) })
}

// ranks returns the strings of a dictionary in ascending order, and the place of each in it.
func ranks(d *table.Dict) (order, rank []uint32) {
	order, rank = make([]uint32, d.Len()), make([]uint32, d.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(d.At(int(a)), d.At(int(b))) })
	for i, c := range order {
		rank[c] = uint32(i)
	}
	return order, rank
}
