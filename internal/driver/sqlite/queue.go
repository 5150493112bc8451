package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/job"
)

// Enqueue implements catalog.Store.
func (s *session) Enqueue(ctx context.Context, w catalog.Work) error {
	var id int64
	err := s.q.QueryRowContext(ctx, `INSERT INTO counters (name, value) VALUES ('job', 1)
		ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value`).Scan(&id)
	if err != nil {
		return fmt.Errorf("enqueue for %s: %w", w.Owner, err)
	}
	now := s.db.now().UnixMilli()
	n, err := s.exec(ctx, `INSERT INTO jobs (id, owner, kind, payload, created, due, worker, lease, attempts, losses, cancelled)
		VALUES ($1, $2, $3, $4, $5, $6, '', 0, 0, 0, 0) ON CONFLICT (owner) DO NOTHING`,
		id, string(w.Owner), w.Kind, string(w.Payload), now, now)
	switch {
	case err != nil:
		return fmt.Errorf("enqueue for %s: %w", w.Owner, err)
	case n == 0:
		return catalog.Busy(w.Owner)
	}
	return nil
}

// Claim implements job.Queue. An idle worker only reads: the write lock is taken when there is a job.
func (d *DB) Claim(ctx context.Context, worker string, kinds []string, lease time.Duration,
	begin func(catalog.Store, job.Job) error,
) (j job.Job, ok bool, err error) {
	if len(kinds) == 0 {
		return j, false, nil
	}
	err = d.read(ctx, func(s *session) error { _, ok, err = s.next(ctx, kinds); return err })
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	err = d.write(ctx, func(s *session) error {
		if j, ok, err = s.next(ctx, kinds); err != nil || !ok {
			return err
		}
		if err := s.lease(ctx, j, worker, lease); err != nil {
			return err
		}
		if begin == nil {
			return nil
		}
		return begin(s, j)
	})
	if err != nil || !ok {
		return job.Job{}, false, err
	}
	return j, true, nil
}

// next returns the oldest job of the kinds that may be claimed now, with the losses that claiming it
// brings to light: whoever had it and gave no sign is one more.
func (s *session) next(ctx context.Context, kinds []string) (j job.Job, ok bool, err error) {
	now := s.db.now().UnixMilli()
	args := []any{now, now}
	places := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, k)
		places[i] = fmt.Sprintf("$%d", len(args))
	}
	var created int64
	var cancelled int
	row := s.q.QueryRowContext(ctx, `SELECT id, owner, kind, payload, created, attempts + 1,
		losses + CASE WHEN worker = '' THEN 0 ELSE 1 END, cancelled
		FROM jobs WHERE lease <= $1 AND (due <= $2 OR cancelled = 1) AND kind IN (`+strings.Join(places, ", ")+`)
		ORDER BY id LIMIT 1`, args...)
	err = row.Scan(&j.ID, &j.Owner, &j.Kind, (*[]byte)(&j.Payload), &created, &j.Attempt, &j.Lost, &cancelled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return job.Job{}, false, nil
	case err != nil:
		return job.Job{}, false, fmt.Errorf("claim: %w", err)
	}
	j.Created, j.Cancelled = fromMillis(created), cancelled != 0
	return j, true, nil
}

func (s *session) lease(ctx context.Context, j job.Job, worker string, d time.Duration) error {
	_, err := s.exec(ctx, `UPDATE jobs SET worker = $1, lease = $2, losses = $3 WHERE id = $4`,
		worker, s.db.now().Add(d).UnixMilli(), j.Lost, j.ID)
	if err != nil {
		return fmt.Errorf("claim job %d: %w", j.ID, err)
	}
	return nil
}

// held returns the owner of a job that worker holds, and whether the job was cancelled. fault.NotFound,
// fault.InUse.
func (s *session) held(ctx context.Context, id int64, worker string) (owner string, cancelled bool, err error) {
	var holder string
	var mark int
	err = s.q.QueryRowContext(ctx, `SELECT owner, worker, cancelled FROM jobs WHERE id = $1`, id).Scan(&owner, &holder, &mark)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, job.Gone(id)
	case err != nil:
		return "", false, fmt.Errorf("job %d: %w", id, err)
	case holder != worker:
		return "", false, job.Taken(id)
	}
	return owner, mark != 0, nil
}

// whenHeld runs a statement on a job in one transaction with the check that worker holds it.
func (d *DB) whenHeld(ctx context.Context, id int64, worker, query string, args ...any) error {
	return d.write(ctx, func(s *session) error {
		if _, _, err := s.held(ctx, id, worker); err != nil {
			return err
		}
		if _, err := s.exec(ctx, query, args...); err != nil {
			return fmt.Errorf("job %d: %w", id, err)
		}
		return nil
	})
}

// Extend implements job.Queue.
func (d *DB) Extend(ctx context.Context, id int64, worker string, lease time.Duration) error {
	return d.write(ctx, func(s *session) error {
		_, cancelled, err := s.held(ctx, id, worker)
		if err != nil {
			return err
		}
		if cancelled {
			return job.Gone(id)
		}
		if _, err := s.exec(ctx, `UPDATE jobs SET lease = $1 WHERE id = $2`, s.db.now().Add(lease).UnixMilli(), id); err != nil {
			return fmt.Errorf("extend job %d: %w", id, err)
		}
		return nil
	})
}

// Release implements job.Queue.
func (d *DB) Release(ctx context.Context, id int64, worker string) error {
	return d.whenHeld(ctx, id, worker, `UPDATE jobs SET worker = '', lease = 0 WHERE id = $1`, id)
}

// Retry implements job.Queue.
func (d *DB) Retry(ctx context.Context, id int64, worker string, after time.Duration) error {
	return d.whenHeld(ctx, id, worker,
		`UPDATE jobs SET worker = '', lease = 0, losses = 0, attempts = attempts + 1, due = $1 WHERE id = $2`,
		d.now().Add(after).UnixMilli(), id)
}

// Expire implements job.Queue. Workers keep their names, so that a lease ended this way counts as lost.
func (d *DB) Expire(ctx context.Context) error {
	return d.write(ctx, func(s *session) error {
		if _, err := s.exec(ctx, `UPDATE jobs SET lease = 0`); err != nil {
			return fmt.Errorf("expire leases: %w", err)
		}
		return nil
	})
}

// Finish implements job.Queue. The job goes first, so that settle may hand over the owner's next work.
func (d *DB) Finish(ctx context.Context, id int64, worker string, settle func(catalog.Store) error) error {
	return d.write(ctx, func(s *session) error {
		owner, _, err := s.held(ctx, id, worker)
		if err != nil {
			return err
		}
		if _, err := s.exec(ctx, `DELETE FROM jobs WHERE id = $1`, id); err != nil {
			return fmt.Errorf("finish job %d: %w", id, err)
		}
		if settle != nil {
			if err := settle(s); err != nil {
				return err
			}
		}
		// Nobody would remove the progress of an owner that is already gone.
		_, err = s.exec(ctx, `DELETE FROM progress WHERE owner = $1 AND NOT EXISTS (SELECT 1 FROM resources WHERE arn = $2)`,
			owner, owner)
		if err != nil {
			return fmt.Errorf("finish job %d: %w", id, err)
		}
		return nil
	})
}

// Cancel implements job.Queue.
func (d *DB) Cancel(ctx context.Context, owner arn.ARN) error {
	return d.write(ctx, func(s *session) error {
		n, err := s.exec(ctx, `UPDATE jobs SET cancelled = 1 WHERE owner = $1`, string(owner))
		switch {
		case err != nil:
			return fmt.Errorf("cancel work of %s: %w", owner, err)
		case n == 0:
			return job.None(owner)
		}
		return nil
	})
}

// Results implements job.Queue.
func (d *DB) Results(ctx context.Context, id int64, group string) (results map[int][]byte, err error) {
	err = d.read(ctx, func(s *session) error {
		results = make(map[int][]byte)
		return s.each(ctx, `SELECT task, result FROM results WHERE job = $1 AND task_group = $2`, []any{id, group},
			func(rows *sql.Rows) error {
				var n int
				var text string
				if err := rows.Scan(&n, &text); err != nil {
					return err
				}
				results[n], err = base64.StdEncoding.DecodeString(text)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("results of job %d, %s: %w", id, group, err)
	}
	return results, nil
}

// PutResult implements job.Queue. A result is a sign of life: losses are counted from here again.
func (d *DB) PutResult(ctx context.Context, id int64, group string, n int, result []byte) (kept []byte, err error) {
	if len(result) > job.MaxResult {
		return nil, job.TooLarge(group, n, len(result))
	}
	err = d.write(ctx, func(s *session) error {
		if rows, err := s.exec(ctx, `UPDATE jobs SET losses = 0 WHERE id = $1`, id); err != nil {
			return err
		} else if rows == 0 {
			return job.Gone(id)
		}
		_, err := s.exec(ctx, `INSERT INTO results (job, task_group, task, result) VALUES ($1, $2, $3, $4)
			ON CONFLICT (job, task_group, task) DO NOTHING`, id, group, n, base64.StdEncoding.EncodeToString(result))
		if err != nil {
			return err
		}
		var text string
		err = s.q.QueryRowContext(ctx, `SELECT result FROM results WHERE job = $1 AND task_group = $2 AND task = $3`,
			id, group, n).Scan(&text)
		if err != nil {
			return err
		}
		kept, err = base64.StdEncoding.DecodeString(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("result of job %d, %s, task %d: %w", id, group, n, err)
	}
	return kept, nil
}

// SetProgress implements job.Queue.
func (d *DB) SetProgress(ctx context.Context, owner arn.ARN, p job.Progress) error {
	doc, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("progress of %s: %w", owner, err)
	}
	return d.write(ctx, func(s *session) error {
		_, err := s.exec(ctx, `INSERT INTO progress (owner, doc)
			SELECT $1, $2 WHERE EXISTS (SELECT 1 FROM jobs WHERE owner = $3)
			ON CONFLICT (owner) DO UPDATE SET doc = excluded.doc`, string(owner), string(doc), string(owner))
		if err != nil {
			return fmt.Errorf("progress of %s: %w", owner, err)
		}
		return nil
	})
}

// Progress implements job.Queue.
func (d *DB) Progress(ctx context.Context, owner arn.ARN) (p job.Progress, ok bool, err error) {
	var doc []byte
	err = d.read(ctx, func(s *session) error {
		return s.q.QueryRowContext(ctx, `SELECT doc FROM progress WHERE owner = $1`, string(owner)).Scan(&doc)
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return p, false, nil
	case err != nil:
		return p, false, fmt.Errorf("progress of %s: %w", owner, err)
	}
	if err := json.Unmarshal(doc, &p); err != nil {
		return p, false, fmt.Errorf("progress of %s: %w", owner, err)
	}
	return p, true, nil
}
