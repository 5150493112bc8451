package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
)

const columns = `arn, account, kind, parent, status, created, updated, version, doc, extra, tags`

// secretSize is the length of a secret in bytes.
const secretSize = 32

// A scanner is a row to read columns from.
type scanner interface{ Scan(dest ...any) error }

func scanRecord(row scanner) (r catalog.Record, err error) {
	var created, updated int64
	var name, parent, doc string // named types take a slower way through database/sql
	var extra, tags sql.NullString
	err = row.Scan(&name, &r.Account, &r.Kind, &parent, &r.Status, &created, &updated, &r.Version, &doc, &extra, &tags)
	if err != nil {
		return r, err
	}
	r.ARN, r.Parent, r.Doc = arn.ARN(name), arn.ARN(parent), json.RawMessage(doc)
	r.Created, r.Updated = fromMillis(created), fromMillis(updated)
	if extra.Valid {
		r.Extra = json.RawMessage(extra.String)
	}
	if tags.Valid {
		err = json.Unmarshal([]byte(tags.String), &r.Tags)
	}
	return r, err
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// nullable returns what is stored for b: NULL for nil.
func nullable(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}

// tagText returns what is stored for tags: NULL for none.
func tagText(tags map[string]string) (any, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(tags)
	return string(b), err
}

// Get implements catalog.Store.
func (s *session) Get(ctx context.Context, a arn.ARN) (catalog.Record, error) {
	r, err := scanRecord(s.q.QueryRowContext(ctx, `SELECT `+columns+` FROM resources WHERE arn = $1`, string(a)))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return catalog.Record{}, catalog.NotFound(a)
	case err != nil:
		return catalog.Record{}, fmt.Errorf("get %s: %w", a, err)
	}
	return r, nil
}

// Insert implements catalog.Store.
func (s *session) Insert(ctx context.Context, r catalog.Record) error {
	tags, err := tagText(r.Tags)
	if err != nil {
		return fmt.Errorf("insert %s: %w", r.ARN, err)
	}
	s.writes(r.ARN)
	// A conflict is found by its effect and not by an error, which would end a PostgreSQL transaction.
	n, err := s.exec(ctx, `INSERT INTO resources (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10) ON CONFLICT (arn) DO NOTHING`,
		string(r.ARN), r.Account, r.Kind, string(r.Parent), r.Status, r.Created.UnixMilli(), r.Updated.UnixMilli(),
		string(r.Doc), nullable(r.Extra), tags)
	switch {
	case err != nil:
		return fmt.Errorf("insert %s: %w", r.ARN, err)
	case n == 0:
		return catalog.Exists(r.ARN)
	}
	return nil
}

// Update implements catalog.Store.
func (s *session) Update(ctx context.Context, r catalog.Record) error {
	tags, err := tagText(r.Tags)
	if err != nil {
		return fmt.Errorf("update %s: %w", r.ARN, err)
	}
	s.writes(r.ARN)
	n, err := s.exec(ctx, `UPDATE resources SET status = $1, updated = $2, version = version + 1, doc = $3, extra = $4, tags = $5
		WHERE arn = $6 AND version = $7`,
		r.Status, r.Updated.UnixMilli(), string(r.Doc), nullable(r.Extra), tags, string(r.ARN), r.Version)
	return s.changed(ctx, "update", r.ARN, n, err)
}

// Delete implements catalog.Store.
func (s *session) Delete(ctx context.Context, a arn.ARN, version int64) error {
	s.writes(a)
	n, err := s.exec(ctx, `DELETE FROM resources WHERE arn = $1 AND version = $2`, string(a), version)
	if err := s.changed(ctx, "delete", a, n, err); err != nil {
		return err
	}
	if _, err := s.exec(ctx, `DELETE FROM progress WHERE owner = $1`, string(a)); err != nil {
		return fmt.Errorf("delete %s: %w", a, err)
	}
	return nil
}

// changed tells why a change to one version of a record met no row.
func (s *session) changed(ctx context.Context, verb string, a arn.ARN, rows int64, err error) error {
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, a, err)
	}
	if rows > 0 {
		return nil
	}
	if _, err := s.Get(ctx, a); err != nil {
		return err
	}
	return catalog.Stale(a)
}

// A text is a statement being written, with the arguments of the places it has so far.
type text struct {
	strings.Builder
	args []any
}

// arg writes the place of one more argument.
func (t *text) arg(v any) {
	t.args = append(t.args, v)
	fmt.Fprintf(t, "$%d", len(t.args))
}

// where writes the condition for one status, or for all if it is nil.
func (t *text) where(q catalog.Query, status *string) {
	t.WriteString("account = ")
	t.arg(q.Account)
	t.WriteString(" AND kind = ")
	t.arg(q.Kind)
	if q.Parent != "" {
		t.WriteString(" AND parent = ")
		t.arg(string(q.Parent))
	}
	if status != nil {
		t.WriteString(" AND status = ")
		t.arg(*status)
	}
}

// branches returns the statuses to ask for one by one: nil once for all of them, and none for a filter
// that lets nothing through.
//
// Each status is a query of its own, because a database that is asked for several at once in order of
// creation walks the whole kind to find a rare one, while each alone is a walk along an index.
func branches(q catalog.Query) (statuses []*string) {
	if q.Status == nil {
		return []*string{nil}
	}
	for i, st := range q.Status {
		if slices.Index(q.Status, st) == i {
			statuses = append(statuses, &q.Status[i])
		}
	}
	return statuses
}

// List implements catalog.Store. It asks for one record more than the page holds, to know whether there
// is a next one.
func (s *session) List(ctx context.Context, q catalog.Query) (page []catalog.Record, next string, err error) {
	if q.Limit < 1 {
		return nil, "", fmt.Errorf("list %s: a page of %d records", q.Kind, q.Limit)
	}
	t, err := listText(q)
	if err != nil || t == nil {
		return nil, "", err
	}
	err = s.each(ctx, t.String(), t.args, func(rows *sql.Rows) error {
		r, err := scanRecord(rows)
		page = append(page, r)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", q.Kind, err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = catalog.PositionOf(page[q.Limit-1]).String()
	}
	return page, next, nil
}

// listText writes the query of a page and one record more, nil if it can have none.
func listText(q catalog.Query) (*text, error) {
	var pos catalog.Position
	if q.After != "" {
		var err error
		if pos, err = catalog.ParsePosition(q.After); err != nil {
			return nil, err
		}
	}
	statuses := branches(q)
	if len(statuses) == 0 {
		return nil, nil
	}
	t := &text{}
	if len(statuses) == 1 {
		t.branch(q, statuses[0], pos)
		return t, nil
	}
	for i, status := range statuses {
		if i > 0 {
			t.WriteString(" UNION ALL ")
		}
		t.WriteString("SELECT * FROM (")
		t.branch(q, status, pos)
		t.WriteString(") AS one")
	}
	t.inOrder(q)
	return t, nil
}

// branch writes the query of a page of one status.
func (t *text) branch(q catalog.Query, status *string, after catalog.Position) {
	t.WriteString("SELECT " + columns + " FROM resources WHERE ")
	t.where(q, status)
	if q.After != "" {
		compare := ">"
		if q.Newest {
			compare = "<"
		}
		t.WriteString(" AND (created, arn) " + compare + " (")
		t.arg(after.Created)
		t.WriteString(", ")
		t.arg(string(after.ARN))
		t.WriteString(")")
	}
	t.inOrder(q)
}

// inOrder writes the order and the bound of a page.
func (t *text) inOrder(q catalog.Query) {
	order := "ASC"
	if q.Newest {
		order = "DESC"
	}
	t.WriteString(" ORDER BY created " + order + ", arn " + order + " LIMIT ")
	t.arg(q.Limit + 1)
}

// Count implements catalog.Store. It is one statement, so that a record that changes its status
// meanwhile is counted once.
func (s *session) Count(ctx context.Context, q catalog.Query) (n int, err error) {
	t := &text{}
	t.WriteString("SELECT 0")
	for _, status := range branches(q) {
		t.WriteString(" + (SELECT count(*) FROM resources WHERE ")
		t.where(q, status)
		t.WriteString(")")
	}
	if err := s.q.QueryRowContext(ctx, t.String(), t.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", q.Kind, err)
	}
	return n, nil
}

// Secret implements catalog.Store. The first one stored wins, whoever else made one meanwhile.
func (s *session) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, secretSize)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	_, err := s.exec(ctx, `INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		name, base64.StdEncoding.EncodeToString(fresh))
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	var text string
	if err := s.q.QueryRowContext(ctx, `SELECT value FROM secrets WHERE name = $1`, name).Scan(&text); err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	return base64.StdEncoding.DecodeString(text)
}

// Get implements catalog.Store. It is not interrupted once it began, which takes less time than being ready to.
func (d *DB) Get(ctx context.Context, a arn.ARN) (r catalog.Record, err error) {
	if err := ctx.Err(); err != nil {
		return r, fmt.Errorf("get %s: %w", a, err)
	}
	if r, ok := d.cache.get(a); ok {
		return r, nil
	}
	since := d.cache.moment()
	err = d.read(ctx, func(s *session) error { r, err = s.Get(context.WithoutCancel(ctx), a); return err })
	if err == nil {
		d.cache.put(r, since)
	}
	return r, err
}

// Insert implements catalog.Store.
func (d *DB) Insert(ctx context.Context, r catalog.Record) error {
	return d.write(ctx, func(s *session) error { return s.Insert(ctx, r) })
}

// Update implements catalog.Store.
func (d *DB) Update(ctx context.Context, r catalog.Record) error {
	return d.write(ctx, func(s *session) error { return s.Update(ctx, r) })
}

// Delete implements catalog.Store.
func (d *DB) Delete(ctx context.Context, a arn.ARN, version int64) error {
	return d.write(ctx, func(s *session) error { return s.Delete(ctx, a, version) })
}

// List implements catalog.Store.
func (d *DB) List(ctx context.Context, q catalog.Query) (page []catalog.Record, next string, err error) {
	err = d.read(ctx, func(s *session) error { page, next, err = s.List(ctx, q); return err })
	return page, next, err
}

// Count implements catalog.Store.
func (d *DB) Count(ctx context.Context, q catalog.Query) (n int, err error) {
	err = d.read(ctx, func(s *session) error { n, err = s.Count(ctx, q); return err })
	return n, err
}

// Enqueue implements catalog.Store.
func (d *DB) Enqueue(ctx context.Context, w catalog.Work) error {
	return d.write(ctx, func(s *session) error { return s.Enqueue(ctx, w) })
}

// Secret implements catalog.Store. A secret never changes, so it is read once.
func (d *DB) Secret(ctx context.Context, name string) (secret []byte, err error) {
	if v, ok := d.secrets.Load(name); ok {
		return slices.Clone(v.([]byte)), nil
	}
	err = d.write(ctx, func(s *session) error { secret, err = s.Secret(ctx, name); return err })
	if err != nil {
		return nil, err
	}
	d.secrets.Store(name, slices.Clone(secret))
	return secret, nil
}
