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
	var extra, tags sql.NullString
	err = row.Scan(&r.ARN, &r.Account, &r.Kind, &r.Parent, &r.Status, &created, &updated, &r.Version,
		(*[]byte)(&r.Doc), &extra, &tags)
	if err != nil {
		return r, err
	}
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
	n, err := s.exec(ctx, `UPDATE resources SET status = $1, updated = $2, version = version + 1, doc = $3, extra = $4, tags = $5
		WHERE arn = $6 AND version = $7`,
		r.Status, r.Updated.UnixMilli(), string(r.Doc), nullable(r.Extra), tags, string(r.ARN), r.Version)
	return s.changed(ctx, "update", r.ARN, n, err)
}

// Delete implements catalog.Store.
func (s *session) Delete(ctx context.Context, a arn.ARN, version int64) error {
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

// where returns the condition of q and its arguments. The position is not part of it.
func where(q catalog.Query) (cond string, args []any) {
	add := func(text string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			text = strings.Replace(text, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		if cond != "" {
			cond += " AND "
		}
		cond += text
	}
	add("account = ?", q.Account)
	add("kind = ?", q.Kind)
	if q.Parent != "" {
		add("parent = ?", string(q.Parent))
	}
	if q.Status != nil {
		values := make([]any, len(q.Status))
		for i, st := range q.Status {
			values[i] = st
		}
		add("status IN ("+marks(len(values))+")", values...)
	}
	return cond, args
}

// marks returns n question marks with commas between, for an IN list; NULL, which nothing equals, for none.
func marks(n int) string {
	if n == 0 {
		return "NULL"
	}
	return strings.Join(slices.Repeat([]string{"?"}, n), ", ")
}

// List implements catalog.Store. It asks for one record more than the page holds, to know whether there
// is a next one.
func (s *session) List(ctx context.Context, q catalog.Query) (page []catalog.Record, next string, err error) {
	if q.Limit < 1 {
		return nil, "", fmt.Errorf("list %s: a page of %d records", q.Kind, q.Limit)
	}
	query, args, err := listText(q)
	if err != nil {
		return nil, "", err
	}
	err = s.each(ctx, query, args, func(rows *sql.Rows) error {
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

func listText(q catalog.Query) (query string, args []any, err error) {
	cond, args := where(q)
	compare, order := ">", "ASC"
	if q.Newest {
		compare, order = "<", "DESC"
	}
	if q.After != "" {
		pos, err := catalog.ParsePosition(q.After)
		if err != nil {
			return "", nil, err
		}
		cond += fmt.Sprintf(" AND (created, arn) %s ($%d, $%d)", compare, len(args)+1, len(args)+2)
		args = append(args, pos.Created, string(pos.ARN))
	}
	args = append(args, q.Limit+1)
	query = fmt.Sprintf("SELECT %s FROM resources WHERE %s ORDER BY created %s, arn %s LIMIT $%d",
		columns, cond, order, order, len(args))
	return query, args, nil
}

// Count implements catalog.Store.
func (s *session) Count(ctx context.Context, q catalog.Query) (n int, err error) {
	cond, args := where(q)
	if err := s.q.QueryRowContext(ctx, `SELECT count(*) FROM resources WHERE `+cond, args...).Scan(&n); err != nil {
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

// Get implements catalog.Store.
func (d *DB) Get(ctx context.Context, a arn.ARN) (r catalog.Record, err error) {
	err = d.read(ctx, func(s *session) error { r, err = s.Get(ctx, a); return err })
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
