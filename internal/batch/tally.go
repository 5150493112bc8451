package batch

import "log/slog"

// A Tally counts lines.
type Tally struct {
	Lines   int64            `json:"lines"`   // answered or not; blank ones are not counted
	Bytes   int64            `json:"bytes"`   // of input
	Failed  int64            `json:"failed"`  // lines with an error
	Reasons map[string]int64 `json:"reasons"` // failed lines by what was wrong, such as "userId"
}

func (t *Tally) fail(reason string) {
	t.Failed++
	if t.Reasons == nil {
		t.Reasons = map[string]int64{}
	}
	t.Reasons[reason]++
}

func (t *Tally) add(u Tally) {
	t.Lines += u.Lines
	t.Bytes += u.Bytes
	t.Failed += u.Failed
	for reason, n := range u.Reasons {
		if t.Reasons == nil {
			t.Reasons = map[string]int64{}
		}
		t.Reasons[reason] += n
	}
}

// LogValue shows the tally as a group.
func (t Tally) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int64("lines", t.Lines), slog.Int64("failed", t.Failed)}
	for _, reason := range sortedKeys(t.Reasons) {
		attrs = append(attrs, slog.Int64("failed."+reason, t.Reasons[reason]))
	}
	return slog.GroupValue(attrs...)
}
