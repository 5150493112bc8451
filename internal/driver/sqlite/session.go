package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// A querier is what statements run on: a handle or a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A session runs the statements of package catalog's Store on a querier. What a transaction's callback
// gets is a session.
type session struct {
	db    *DB
	q     querier
	depth int // how many transactions were joined

	written *[]arn.ARN // what the transaction wrote, of all that joined it
}

// writes notes that the transaction is about to write a record.
func (s *session) writes(a arn.ARN) {
	s.db.cache.begin(a)
	*s.written = append(*s.written, a)
}

var _ catalog.Store = (*session)(nil)

// read runs do on the readers, outside any transaction: each statement sees what was committed when it
// began. It may run do more than once.
func (d *DB) read(ctx context.Context, do func(*session) error) error {
	return ended(ctx, d.retry(ctx, func() error { return do(&session{db: d, q: d.reads}) }))
}

// write runs do in a transaction that holds the write lock from its start. Only the wait for the lock is
// repeated, never do.
func (d *DB) write(ctx context.Context, do func(*session) error) error {
	return ended(ctx, d.transact(ctx, do))
}

func (d *DB) transact(ctx context.Context, do func(*session) error) error {
	var tx *sql.Tx
	begin := func() (err error) {
		tx, err = d.w.BeginTx(ctx, nil)
		return err
	}
	if err := d.retry(ctx, begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// Undoes what a failure, a panic or an early end of the goroutine left; after Commit it does nothing.
	var written []arn.ARN
	defer func() {
		_ = tx.Rollback()
		d.cache.end(written)
	}()
	if err := do(&session{db: d, q: tx, written: &written}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// ended puts the reason first when an operation failed because its context ended: the statement that was
// interrupted, or met a transaction already taken back, only says what it saw.
func ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// Tx implements catalog.Store.
func (d *DB) Tx(ctx context.Context, do func(catalog.Store) error) error {
	return d.write(ctx, func(s *session) error { return do(s) })
}

// Tx joins: a savepoint takes back what the inner do wrote if it fails.
func (s *session) Tx(ctx context.Context, do func(catalog.Store) error) (err error) {
	inner := &session{db: s.db, q: s.q, depth: s.depth + 1, written: s.written}
	name := fmt.Sprintf("joined%d", inner.depth)
	if _, err := s.q.ExecContext(ctx, "SAVEPOINT "+name); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if err := do(inner); err != nil {
		if _, undo := s.q.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+name); undo != nil {
			return fmt.Errorf("%w (and undoing it: %w)", err, undo)
		}
		return err
	}
	if _, err := s.q.ExecContext(ctx, "RELEASE SAVEPOINT "+name); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	return nil
}

// exec runs a statement and returns how many rows it changed.
func (s *session) exec(ctx context.Context, query string, args ...any) (rows int64, err error) {
	res, err := s.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// each runs a query and hands every row to scan. The error names nothing; the caller says what it read.
func (s *session) each(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) (err error) {
	rows, err := s.q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
