package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/table"
)

// maxDeletion bounds the input of a deletion, in bytes as stored and as read. It is the service's own limit,
// and it is what bounds the memory of one.
const maxDeletion = 100_000_000

// A Deleter takes users out of segments.
type Deleter struct {
	Buckets blob.Buckets
	Own     blob.Driver
	Scratch string // as an Importer's
}

// A userSet is the users that are to go. Memory: each id once, with up to 40 bytes beside it.
type userSet struct {
	ids   *table.Dict
	bytes int64
}

// users reads the ids of the users to delete: CSV with the one column USER_ID, in an object or in all .csv
// objects of a folder and of those below it. What is wrong with the input is fault.Invalid or Denied.
func (d *Deleter) users(ctx context.Context, location string) (*userSet, error) {
	src, err := locate(ctx, d.Buckets, location, true)
	if err != nil {
		return nil, err
	}
	if src.total > maxDeletion {
		return nil, tooManyUsers()
	}
	set := &userSet{ids: table.NewDict(1 << 10)}
	for _, o := range src.objects {
		if err := set.read(ctx, src, o); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func tooManyUsers() error {
	return invalid("The list of users is larger than %d bytes, which is the limit of one job.", maxDeletion)
}

// read adds the ids of one object.
func (u *userSet) read(ctx context.Context, src *source, o blob.Info) error {
	file := o.Key[len(commonFolder(src.loc.Key)):]
	body, err := src.open(ctx, o)
	if err != nil {
		return u.broken(err, file, blob.Location{Bucket: src.loc.Bucket, Key: o.Key})
	}
	defer body.Close()
	csv := table.NewReader(body)
	header, err := csv.Read()
	if err == io.EOF {
		return invalid("%s is empty: expected a header line with the one column USER_ID.", file)
	}
	// To delete what somebody else's table means by a column is worse than to refuse it.
	if err == nil && (len(header) != 1 || string(header[0]) != "USER_ID") {
		return invalid("%s, line 1: expected a header with the one column USER_ID.", file)
	}
	for err == nil {
		var rec [][]byte
		if rec, err = csv.Read(); err == nil {
			err = u.add(rec, file, csv.Line())
		}
	}
	if err == io.EOF {
		return nil
	}
	return u.broken(err, file, blob.Location{Bucket: src.loc.Bucket, Key: o.Key})
}

// commonFolder is the folder in which a location's objects are.
func commonFolder(key string) string {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i] == '/' {
			return key[:i+1]
		}
	}
	return ""
}

func (u *userSet) add(rec [][]byte, file string, line int) error {
	if len(rec) != 1 {
		return invalid("%s, line %d: there are %d values; expected one user id.", file, line, len(rec))
	}
	id := rec[0]
	if len(id) == 0 || longer(id, defaultID) {
		return invalid("%s, line %d: USER_ID is %d characters long; expected 1 to %d.", file, line, utf8.RuneCount(id), defaultID)
	}
	if u.bytes += int64(len(id)) + 1; u.bytes > maxDeletion {
		return tooManyUsers()
	}
	u.ids.Code(id)
	return nil
}

// broken gives an error of reading a sentence, where it is the input's fault.
func (u *userSet) broken(err error, file string, loc blob.Location) error {
	if e, ok := errors.AsType[*table.SyntaxError](err); ok {
		return invalid("%s, line %d: %s.", file, e.Line, e.Text)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || isCorrupt(err) {
		return fault.Wrap(fault.Invalid, err, "%s is no whole gzip file: it is damaged or cut short.", file)
	}
	if fault.Is(err, fault.Invalid) {
		return err
	}
	return unreachable(err, loc)
}

// digest names the set, so that a job that goes on can tell whether its input is still the same.
func (u *userSet) digest() string {
	h := sha256.New()
	for i := range u.ids.Len() {
		io.WriteString(h, u.ids.At(i))
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A Rewrite is what became of a segment: it lost rows, and a new segment has those that are left.
type Rewrite struct {
	Old     string   `json:"old"`           // key
	New     *Segment `json:"new,omitempty"` // nil when no row was lost, or none is left
	Dropped int64    `json:"dropped"`
}

// rewrite makes a segment at key of the rows of g whose users are not in the set. Where no row goes, or all,
// nothing is written. Doing it again gives the same bytes. IsGone tells that g is not there any more.
//
// Memory: one block of rows, as an import.
func (d *Deleter) rewrite(ctx context.Context, g Segment, key string, users *userSet) (Rewrite, error) {
	out := Rewrite{Old: g.Key}
	s, err := openSegment(ctx, d.Own, d.Scratch, g.Key)
	if err != nil {
		return out, err
	}
	defer s.close()
	for b := range s.meta.Blocks {
		n, err := countUsers(ctx, s, b, users)
		if err != nil {
			return out, err
		}
		out.Dropped += n
	}
	if out.Dropped == 0 || out.Dropped == s.meta.Rows {
		return out, nil
	}
	kept := Segment{Key: key, Origin: g.Origin, Created: g.Created, Rows: s.meta.Rows - out.Dropped}
	out.New = &kept
	err = blob.Publish(ctx, d.Own, key, d.Scratch, func(path string) error { return keepOthers(ctx, s, path, users, &kept) })
	return out, err
}

// doomed tells for each code of a block's USER_ID column whether the user is in the set.
func doomed(s *segment, b int, users *userSet) (v values, gone []bool, err error) {
	if v, err = s.column(b, "USER_ID"); err != nil {
		return v, nil, err
	}
	gone = make([]bool, v.dict.Len())
	for code := 1; code < len(gone); code++ {
		_, gone[code] = users.ids.Find(v.dict.At(code))
	}
	return v, gone, nil
}

func countUsers(ctx context.Context, s *segment, b int, users *userSet) (n int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	v, gone, err := doomed(s, b, users)
	for _, code := range v.codes {
		if gone[code] {
			n++
		}
	}
	return n, err
}

// keepOthers writes the rows of users that are not in the set, block by block, and describes them in kept.
func keepOthers(ctx context.Context, s *segment, path string, users *userSet, kept *Segment) error {
	w, err := newSegmentWriter(path, &Schema{Type: s.meta.Type, Fields: s.meta.Fields})
	if err != nil {
		return err
	}
	defer w.w.Discard()
	var span timeSpan
	for b, rows := range s.meta.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		v, gone, err := doomed(s, b, users)
		if err != nil {
			return err
		}
		c, err := newCopier(s, b, w.block)
		if err != nil {
			return err
		}
		for row := range rows {
			if !gone[v.codes[row]] {
				span.add(c.copy(row))
			}
		}
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.commit(); err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	kept.Bytes, kept.MinTime, kept.MaxTime = st.Size(), span.min, span.max
	return nil
}

// A timeSpan is the time between the oldest and the newest of some records.
type timeSpan struct {
	min, max int64
	any      bool
}

func (s *timeSpan) add(t int64) {
	if !s.any {
		s.any, s.min, s.max = true, t, t
	}
	s.min, s.max = min(s.min, t), max(s.max, t)
}

// A copier copies rows of one block of a segment into a block with the same fields.
type copier struct {
	to    *block
	cols  []values
	codes [][]uint32 // by column and code: the code in the new block, 0 while it has none
	time  int        // index of TIMESTAMP, -1 for none
}

func newCopier(s *segment, b int, to *block) (*copier, error) {
	schema := &Schema{Fields: s.meta.Fields}
	c := &copier{to: to, cols: make([]values, len(s.meta.Fields)), codes: make([][]uint32, len(s.meta.Fields)), time: schema.index("TIMESTAMP")}
	if c.time >= 0 && s.meta.Fields[c.time].Type != Long {
		c.time = -1
	}
	for i, f := range s.meta.Fields {
		v, err := s.column(b, f.Name)
		if err != nil {
			return nil, err
		}
		c.cols[i], c.codes[i] = v, make([]uint32, v.dict.Len())
	}
	return c, nil
}

// copy adds a row to the block and returns its time, 0 without one.
func (c *copier) copy(row int) (time int64) {
	for i := range c.cols {
		v, to := &c.cols[i], &c.to.cols[i]
		switch {
		case v.null(row):
			to.addNull(c.to.rows)
		case v.codes != nil:
			code := v.codes[row]
			if c.codes[i][code] == 0 {
				c.codes[i][code] = to.dict.CodeOf(v.dict.At(int(code)))
			}
			to.codes = append(to.codes, c.codes[i][code])
		case v.ints != nil:
			to.ints = append(to.ints, v.ints[row])
		default:
			to.floats = append(to.floats, v.floats[row])
		}
	}
	if c.time >= 0 {
		time = c.cols[c.time].ints[row]
	}
	c.to.end(0)
	return time
}

// keptKey is where a deletion job writes the n-th segment of a round.
func keptKey(dataset string, jobName string, round, n int) string {
	return fmt.Sprintf("%s%s.%d-%d%s", dataset, jobName, round, n, keptSuffix)
}
