package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// SnapshotKey is where the snapshot of the parts is kept. Equal parts have equal snapshots; those of one
// group are in one folder.
func SnapshotKey(p Parts) string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(append([]byte(snapshotVersion), b...))
	return SnapshotPrefix(p.Group) + hex.EncodeToString(sum[:16])
}

// SnapshotPrefix is where the snapshots of a group are kept.
func SnapshotPrefix(group arn.ARN) string {
	if group == "" {
		return snapshotFolder
	}
	return snapshotFolder + folder(group) + "/"
}

const snapshotFolder = "snapshots/"

// Snapshots builds and opens snapshots. It is safe for concurrent use, and must not be copied.
type Snapshots struct {
	Own   blob.Driver // where segments are and snapshots go
	Cache string      // folder for building, and for copies of what Own does not keep as files
	// Closed, if not nil, is called when nobody has a snapshot open any more, with its key.
	Closed func(key string)

	mu     sync.Mutex
	opened map[string]*opening
}

// An opening is a snapshot that somebody has open or is about to.
type opening struct {
	done chan struct{} // closed when c or err is set, after which they do not change
	c    *content
	err  error
	refs int // who has it open or waits for it; guarded by Snapshots.mu
}

// A Snapshot is an immutable merged view of a group's data. It is safe for concurrent use until Close.
type Snapshot struct {
	*content
	release func() error
}

// Close gives the snapshot back; calling it again does nothing. What it handed out must no longer be used.
func (s *Snapshot) Close() error { return s.release() }

// Open returns the snapshot of the parts, building it if this is the first time. Whoever asks for the same
// one meanwhile waits for it, and all share one mapping, which goes when the last has closed it.
func (s *Snapshots) Open(ctx context.Context, p Parts) (*Snapshot, error) {
	key := SnapshotKey(p)
	for {
		o, mine := s.join(key)
		if mine {
			c, err := s.load(ctx, key, p)
			s.settle(key, o, c, err)
			return s.hand(key, o)
		}
		select {
		case <-o.done:
		case <-ctx.Done():
			s.leave(key, o)
			return nil, ctx.Err()
		}
		// The one who was building may have been told to stop, which is no answer to us.
		if canceled(o.err) && ctx.Err() == nil {
			continue
		}
		return s.hand(key, o)
	}
}

func canceled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// join counts the caller in on an opening, which is the caller's to do if mine.
func (s *Snapshots) join(key string) (o *opening, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o = s.opened[key]; o != nil {
		o.refs++
		return o, false
	}
	if s.opened == nil {
		s.opened = map[string]*opening{}
	}
	o = &opening{done: make(chan struct{}), refs: 1}
	s.opened[key] = o
	return o, true
}

// settle ends an opening. A failed one is forgotten, so that the next to ask tries again.
func (s *Snapshots) settle(key string, o *opening, c *content, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.c, o.err = c, err
	if err != nil {
		delete(s.opened, key)
	}
	close(o.done)
}

// leave counts the caller out. The last one closes the file.
func (s *Snapshots) leave(key string, o *opening) error {
	last, err := s.countOut(key, o)
	if last && s.Closed != nil {
		s.Closed(key)
	}
	return err
}

func (s *Snapshots) countOut(key string, o *opening) (last bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.refs--
	if o.refs > 0 || o.c == nil {
		return false, nil
	}
	delete(s.opened, key)
	return true, o.c.file.Close()
}

// Discard deletes a snapshot, unless somebody has it open. Whoever opens it meanwhile builds it again.
func (s *Snapshots) Discard(ctx context.Context, key string) (done bool, err error) {
	o, mine := s.join(key)
	if !mine {
		return false, s.leave(key, o)
	}
	err = blob.Remove(ctx, s.Own, key, s.Cache)
	s.settle(key, o, nil, context.Canceled) // those who wait try anew
	return true, err
}

// hand gives the caller the outcome of an opening.
func (s *Snapshots) hand(key string, o *opening) (*Snapshot, error) {
	if o.err != nil {
		return nil, o.err
	}
	return &Snapshot{content: o.c, release: sync.OnceValue(func() error { return s.leave(key, o) })}, nil
}

// load maps the snapshot, building it first if there is none.
func (s *Snapshots) load(ctx context.Context, key string, p Parts) (*content, error) {
	path, err := blob.File(ctx, s.Own, key, s.Cache)
	if fault.Is(err, fault.NotFound) {
		if err = s.build(ctx, key, p); err == nil {
			path, err = blob.File(ctx, s.Own, key, s.Cache)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot %s: %w", key, goneIf(key, err))
	}
	f, err := artifact.Open(path)
	if err != nil {
		return nil, goneIf(key, err)
	}
	c, err := readSnapshot(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

// A snapshot is an artifact whose meta is a snapshotMeta. Users and items are numbered in ascending order
// of their ids (bytes), and hold everybody with a record or an interaction. It has the arrays
//
//	users, items            string tables, with indexes
//	start        i8         user u's events are start[u] to start[u+1] of the following, oldest first,
//	                        ties in order of item, then of everything else
//	item         i4         number of the item
//	time         i8         Unix seconds
//	event        u2         number of the event type
//	value        f4         EVENT_VALUE, NaN for null; absent when there is no such column
//	context/F               for each contextual column F, by event: u4 numbers of context/F.values, "" for null, or f4
//	                        with NaN for null
//	events                  string table: "" for null, then the event types ascending
//	created      i8         per item: its CREATION_TIMESTAMP; where that is missing, the time of its oldest
//	                        interaction; without any, the time of the newest interaction of all
//	shown        i4         per item: how often it was in an IMPRESSION of an event about another item; absent when there
//	                        is no such column
//
// and, for each field F of Items but the id (and the same of Users):
//
//	number       items/F    f8  NaN for null; whole numbers beyond 2^53 are rounded
//	categorical, items/F    u4  number of the value, 0 for null
//	boolean      items/F.values the values ascending, "" before them
//	other string items/F        string table, "" for null
//
// With a dataset of actions, or of what users did with them, it also has
//
//	actions                 string table, ascending; and actions/F as for items
//	actionUser   i4         number of the user, of each event; by user, then time, then action
//	actionAction i4         number of the action
//	actionTime   i8         Unix seconds
//	actionKind   u1         a recipe.ActionKind
const snapshotVersion = "snapshot 5"

type snapshotMeta struct {
	Items, Users []Field // but the ids
	Actions      []Field `json:",omitempty"` // likewise
	HasItems     bool    // there is a dataset of that type
	HasUsers     bool
	Context      []Field `json:",omitempty"` // contextual columns of the interactions
	HasActions   bool    `json:",omitempty"` // there is a dataset of actions or of what was done with them
	HasEvents    bool    // the interactions have an EVENT_TYPE column
	EventColumns int     // metadata columns of the interactions: EVENT_TYPE, EVENT_VALUE and those that are not reserved
	MinTime      int64   // of the interactions, 0 without any
	MaxTime      int64
}

// content is an opened snapshot file.
type content struct {
	file         *artifact.File
	meta         snapshotMeta
	users, items artifact.Strings
	start        []int64
	item         []int32
	time         []int64
	event        []uint16
	value        []float32
	events       []string
	created      []int64
	shown        []int32 // nil when nothing says
	context      []contextColumn
	itemColumns  []attribute
	userColumns  []attribute
	actions      actionContent
}

func readSnapshot(f *artifact.File) (*content, error) {
	c := &content{file: f}
	if err := f.Meta(&c.meta); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	var events artifact.Strings
	var err error
	get := func(do func() error) {
		if err == nil {
			err = do()
		}
	}
	get(func() (e error) { c.users, e = f.Strings("users"); return })
	get(func() (e error) { c.items, e = f.Strings("items"); return })
	get(func() (e error) { c.start, e = artifact.Get[int64](f, "start"); return })
	get(func() (e error) { c.item, e = artifact.Get[int32](f, "item"); return })
	get(func() (e error) { c.time, e = artifact.Get[int64](f, "time"); return })
	get(func() (e error) { c.event, e = artifact.Get[uint16](f, "event"); return })
	get(func() (e error) { c.created, e = artifact.Get[int64](f, "created"); return })
	get(func() (e error) { events, e = f.Strings("events"); return })
	if f.Has("shown") {
		get(func() (e error) { c.shown, e = artifact.Get[int32](f, "shown"); return })
	}
	if f.Has("value") {
		get(func() (e error) { c.value, e = artifact.Get[float32](f, "value"); return })
	}
	get(func() (e error) { c.context, e = readContext(f, c.meta.Context); return })
	get(func() (e error) { c.itemColumns, e = readAttributes(f, "items/", c.meta.Items); return })
	get(func() (e error) { c.userColumns, e = readAttributes(f, "users/", c.meta.Users); return })
	if c.meta.HasActions {
		get(func() (e error) { c.actions, e = readActions(f, c.meta.Actions); return })
	}
	for i := range events.Len() {
		c.events = append(c.events, events.At(i))
	}
	return c, err
}

// eventsOf returns the range of user u's events.
func (c *content) eventsOf(u int) (from, to int64) { return c.start[u], c.start[u+1] }
