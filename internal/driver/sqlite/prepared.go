package sqlite

import (
	"context"
	"database/sql"
	"sync"
)

// Prepared readers keep their statements: parsing one takes as long as finding a record by its ARN. There
// are as many statements as there are texts in this package, times the forms of a list's conditions.
type prepared struct {
	*sql.DB
	stmts sync.Map // text → *sql.Stmt, which is prepared once on each connection
}

// stmt returns the statement of a text. Of several that are prepared at once, one stays.
func (p *prepared) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := p.stmts.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	kept, taken := p.stmts.LoadOrStore(query, s)
	if taken {
		_ = s.Close() // nobody used it
	}
	return kept.(*sql.Stmt), nil
}

// QueryContext implements querier.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

// QueryRowContext implements querier. What cannot be prepared fails as it would have unprepared.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s, err := p.stmt(ctx, query)
	if err != nil {
		return p.DB.QueryRowContext(ctx, query, args...)
	}
	return s.QueryRowContext(ctx, args...)
}
