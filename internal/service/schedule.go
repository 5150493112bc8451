package service

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/train"
)

// Automatic training: what is due when is kept in the catalog, so that it survives restarts. A tick
// trains what is due; between ticks nothing happens. (training.md §4; docs/operations.md.)

// scheduleKind is the kind of the records behind it, one for each thing that happens to a solution or a recommender by itself. They
// are all filed under one account of their own, to be found together.
const scheduleKind = ".schedule"

// firstTraining is how long a solution waits for somebody to train it before it does so itself, after it
// was made or changed.
const firstTraining = time.Hour

// retryTraining is the pause after a training that was due and could not be started.
const retryTraining = 10 * time.Minute

// A timetable is the document of a schedule.
type timetable struct {
	Owner arn.ARN  `json:"solution"`        // or a recommender
	Items bool     `json:"items,omitempty"` // new items are taken in, instead of a training
	Days  int      `json:"days,omitempty"`  // between trainings
	Since api.Time `json:"since"`           // when Due was decided; a training that began later moves it
	Due   api.Time `json:"due"`             // of the next training
}

// every is the time between two trainings.
func (t timetable) every() time.Duration {
	if t.Items {
		return itemsInterval
	}
	return time.Duration(t.Days) * 24 * time.Hour
}

// scheduleOf names the schedule of a solution.
func scheduleOf(solution arn.ARN) arn.ARN {
	return arn.New(solution.Region(), solution.Account(), scheduleKind, solution.Name())
}

var rate = regexp.MustCompile(`^rate\((\d+) days?\)$`)

// defaultDays is the interval of a solution that names none.
const defaultDays = 7

// checkSchedule checks a scheduling expression.
func checkSchedule(c *api.AutoTrainingConfig) error {
	_, err := daysOf(c)
	return err
}

// daysOf returns the days between trainings.
func daysOf(c *api.AutoTrainingConfig) (int, error) {
	if c == nil || c.SchedulingExpression == "" {
		return defaultDays, nil
	}
	m := rate.FindStringSubmatch(c.SchedulingExpression)
	if m == nil {
		return 0, fault.Newf(fault.Invalid, "autoTrainingConfig.schedulingExpression %q is not of the form rate(N days).", c.SchedulingExpression)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 1 || n > 30 {
		return 0, fault.Newf(fault.Invalid, "autoTrainingConfig.schedulingExpression %q: N must be 1 to 30 days.", c.SchedulingExpression)
	}
	return n, nil
}

// schedule begins the schedules of a solution anew inside tx, or ends them if the solution does nothing by itself. It
// returns when the first is due, zero for none.
func schedule(ctx context.Context, tx catalog.Store, sol api.Solution, at time.Time) (due time.Time, err error) {
	owner := arn.ARN(sol.SolutionArn)
	var training, items *timetable
	if or(sol.PerformAutoTraining, false) {
		days, err := daysOf(or(sol.SolutionConfig, api.SolutionConfig{}).AutoTrainingConfig)
		if err != nil {
			return due, err
		}
		training = &timetable{Owner: owner, Days: days}
		training.move(at, at.Add(firstTraining))
	}
	if or(sol.PerformIncrementalUpdate, false) {
		items = &timetable{Owner: owner, Items: true}
		items.move(at, at.Add(itemsInterval))
	}
	for name, t := range map[arn.ARN]*timetable{scheduleOf(owner): training, itemsScheduleOf(owner): items} {
		if err := setTimetable(ctx, tx, name, t); err != nil {
			return due, err
		}
		if t != nil {
			due = earlier(due, t.Due.Time)
		}
	}
	return due, nil
}

// setTimetable puts a timetable in the place of the one called name; nil for none.
func setTimetable(ctx context.Context, tx catalog.Store, name arn.ARN, t *timetable) error {
	old, err := tx.Get(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err == nil {
		if err := tx.Delete(ctx, name, old.Version); err != nil {
			return err
		}
	}
	if t == nil {
		return nil
	}
	at := t.Since.Time
	return catalog.Insert(ctx, tx, catalog.Record{ARN: name, Account: scheduleKind, Kind: scheduleKind, Created: at, Updated: at}, *t, nil)
}

// Tick starts the automatic trainings that are due now. It returns when it is to be called next: zero if
// no solution trains by itself.
func (s *Service) Tick(ctx context.Context) (next time.Time, err error) {
	now := s.moment()
	var due []arn.ARN
	q := catalog.Query{Account: scheduleKind, Kind: scheduleKind}
	err = each(ctx, s.store, q, func(t timetable, rec catalog.Record) error {
		if t.Due.After(now) {
			next = earlier(next, t.Due.Time)
		} else {
			due = append(due, rec.ARN)
		}
		return nil
	})
	if err != nil {
		return next, fmt.Errorf("automatic training: %w", err)
	}
	for _, name := range due {
		again, err := s.onTime(ctx, name, now)
		if err != nil {
			return next, fmt.Errorf("automatic training, %s: %w", name, err)
		}
		next = earlier(next, again)
	}
	return next, nil
}

// earlier returns the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// onTime trains a solution whose time has come, if there is something to learn, and returns when its time
// comes next: zero if the solution is gone.
func (s *Service) onTime(ctx context.Context, name arn.ARN, now time.Time) (next time.Time, err error) {
	err = s.change(ctx, func(tx catalog.Store) error {
		t, _, err := catalog.Load[timetable](ctx, tx, name)
		if fault.Is(err, fault.NotFound) {
			return nil // deleted since
		}
		if err != nil {
			return err
		}
		if next = t.Due.Time; next.After(now) {
			return nil // another tick was faster
		}
		take := s.take
		switch {
		case t.Items:
			take = s.takeItems
		case t.Owner.Kind() == arn.Recommender:
			take = s.takeRecommender
		}
		if err := take(ctx, tx, &t, now); err != nil {
			return err
		}
		next = t.Due.Time
		return catalog.Change(ctx, tx, name, func(rec *catalog.Record) (err error) {
			rec.Doc, err = json.Marshal(t)
			return err
		})
	})
	return next, err
}

// take decides what becomes of a training that is due and moves the timetable on.
func (s *Service) take(ctx context.Context, tx catalog.Store, t *timetable, now time.Time) error {
	sol, _, err := catalog.Load[api.Solution](ctx, tx, t.Owner)
	if err != nil {
		return err
	}
	_, newest, ok, err := firstOf(ctx, tx, versionsOf(sol), func(v api.SolutionVersion, _ catalog.Record) bool { return !tookItems(v) })
	if err != nil {
		return err
	}
	if ok && newest.Created.After(t.Since.Time) { // a training began, by hand or not: count from there
		t.move(newest.Created, newest.Created.Add(t.every()))
		if t.Due.After(now) {
			return nil
		}
	}
	reason := ""
	switch {
	case ok && isUnsettled(newest.Status):
		reason = "the last training has not ended"
	case sol.Status != Active:
		reason = "the solution is " + sol.Status
	default:
		if reason, err = s.nothingNew(ctx, tx, sol); err != nil {
			return err
		}
	}
	if reason == "" {
		return s.trainNow(ctx, tx, sol, api.SolutionVersion{TrainingMode: api.TrainingModeFULL, TrainingType: api.TrainingTypeAUTOMATIC}, t, now)
	}
	t.skip(now)
	s.log.Info("no automatic training", "solution", t.Owner, "reason", reason, "next", t.Due.Time)
	return nil
}

// versionsOf returns the query for a solution's versions, newest first.
func versionsOf(sol api.Solution, status ...string) catalog.Query {
	owner := arn.ARN(sol.SolutionArn)
	sc := scope{account: owner.Account(), region: owner.Region()}
	return catalog.Query{Account: sc.key(), Kind: arn.SolutionVersion, Parent: owner, Status: status, Newest: true}
}

// trainNow starts a version. Where a quota forbids it, it is tried again soon.
func (s *Service) trainNow(ctx context.Context, tx catalog.Store, sol api.Solution, doc api.SolutionVersion, t *timetable, now time.Time) error {
	sc := scope{account: t.Owner.Account(), region: t.Owner.Region()}
	version, err := s.addVersion(ctx, tx, sc, sol, doc, nil)
	if fault.Is(err, fault.Limit) {
		t.Due = *api.NewTime(now.Add(retryTraining))
		s.log.Warn("automatic training has to wait", "solution", t.Owner, "reason", fault.Sentence(err), "next", t.Due.Time)
		return nil
	}
	if err != nil {
		return err
	}
	t.move(now, now.Add(t.every()))
	s.log.Info("automatic training begins", "solution", t.Owner, "version", version, "mode", doc.TrainingMode, "next", t.Due.Time)
	return nil
}

// skip leaves a turn out: what is due now is due again the next time of the same rhythm.
func (t *timetable) skip(now time.Time) {
	missed := now.Sub(t.Due.Time) / t.every()
	t.move(now, t.Due.Add((missed+1)*t.every()))
}

// move sets the next training, decided at a moment.
func (t *timetable) move(at, due time.Time) {
	t.Since, t.Due = *api.NewTime(at), *api.NewTime(due)
}

// nothingNew says why a training would learn nothing: "" if there is data that the newest trained model has not seen.
func (s *Service) nothingNew(ctx context.Context, tx catalog.Store, sol api.Solution) (reason string, err error) {
	parts, err := dataset.ReadParts(ctx, tx, arn.ARN(sol.DatasetGroupArn))
	if err != nil {
		return "", err
	}
	what, now := "interactions", train.State{Data: train.Fingerprint(parts)}
	if sol.RecipeArn != "" {
		e, err := s.recipe(sol.RecipeArn)
		if err != nil {
			return "", err
		}
		if e.WithoutEvents {
			what, now.Items = "items or interactions", train.FingerprintItems(parts)
		}
	}
	if now.Data+now.Items == "" {
		return "there are no " + what, nil
	}
	_, last, ok, err := firstOf(ctx, tx, versionsOf(sol, Active), func(v api.SolutionVersion, _ catalog.Record) bool { return !tookItems(v) })
	if err != nil || !ok {
		return "", err
	}
	st, err := train.StateOf(last)
	if err == nil && st.Data == now.Data && (now.Items == "" || st.Items == now.Items) {
		reason = "there are no new " + what
	}
	return reason, err
}

// firstOf returns the first record of a query that is wanted.
func firstOf[T any](ctx context.Context, tx catalog.Store, q catalog.Query, want func(T, catalog.Record) bool) (doc T, rec catalog.Record, ok bool, err error) {
	q.Limit = 20
	for {
		page, next, err := tx.List(ctx, q)
		if err != nil {
			return doc, rec, false, err
		}
		for _, r := range page {
			var d T
			if err := json.Unmarshal(r.Doc, &d); err != nil {
				return doc, rec, false, fmt.Errorf("document of %s: %w", r.ARN, err)
			}
			if want(d, r) {
				return d, r, true, nil
			}
		}
		if next == "" {
			return doc, rec, false, nil
		}
		q.After = next
	}
}

// An alarm is when the next tick is due. It can be moved forward while somebody waits for it.
type alarm struct {
	mu   sync.Mutex
	at   time.Time     // zero for never
	rung chan struct{} // holds at most one call to look at at again
}

func newAlarm() *alarm { return &alarm{rung: make(chan struct{}, 1)} }

// sooner sets the alarm unless it is set to an earlier time; zero is no time.
func (a *alarm) sooner(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next := earlier(a.at, at); !next.Equal(a.at) {
		a.at = next
		select {
		case a.rung <- struct{}{}:
		default:
		}
	}
}

// clear turns the alarm off.
func (a *alarm) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Time{}
}

func (a *alarm) get() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

// longestWait bounds one sleep: timers stand still while a machine sleeps, clocks do not, and one may be
// set. Waking costs a look at the clock.
const longestWait = time.Hour

// KeepSchedule ticks whenever an automatic training is due, until ctx ends.
func (s *Service) KeepSchedule(ctx context.Context) {
	for ctx.Err() == nil {
		s.alarm.clear() // before reading, so that what is set meanwhile counts
		next, err := s.Tick(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("automatic training", "error", err)
			next = s.now().Add(time.Minute)
		}
		if !next.IsZero() {
			s.log.Info("automatic training is scheduled", "next", next)
		}
		s.alarm.sooner(next)
		s.awaitAlarm(ctx)
	}
}

// awaitAlarm returns when the alarm's time has come or ctx has ended.
func (s *Service) awaitAlarm(ctx context.Context) {
	for {
		var timer <-chan time.Time
		if at := s.alarm.get(); !at.IsZero() {
			wait := at.Sub(s.now())
			if wait <= 0 {
				return
			}
			timer = time.After(min(wait, longestWait))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer:
		case <-s.alarm.rung:
			if at := s.alarm.get(); !at.IsZero() {
				s.log.Info("automatic training is scheduled", "next", at)
			}
		}
	}
}
