package evaluation

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kindredrec/kindred/internal/eval"
)

// A Report is what an evaluation found. Its JSON form keeps its members.
type Report struct {
	File   string            `json:"file"`
	Recipe string            `json:"recipe"`
	Params map[string]string `json:"params"` // all of them
	Split  string            `json:"split"`
	Seen   string            `json:"seen"` // exclude or keep
	Seed   uint64            `json:"seed"`
	K      []int             `json:"k"`

	// What was learned from, and how many users were tested.
	Interactions int `json:"interactions"`
	Users        int `json:"users"`
	Items        int `json:"items"`
	Tested       int `json:"tested"`

	Model    Outcome `json:"model"`
	Baseline Outcome `json:"baseline"`
	// Difference is the model's metrics less the baseline's, user by user: a margin smaller than the mean says that
	// the one is better than the other.
	Difference map[string]eval.Estimate `json:"difference"`
	Groups     []Group                  `json:"groups"` // of the users, the least active first
	PeakMemory int64                    `json:"peakMemoryBytes"`
}

// An Outcome is what one recipe reached.
type Outcome struct {
	Recipe   string                   `json:"recipe"`
	Metrics  map[string]eval.Estimate `json:"metrics"`  // by precision@5 and so on
	Coverage float64                  `json:"coverage"` // share of the items that are in some list of the greatest K
	Training float64                  `json:"trainingSeconds"`
	Ranking  float64                  `json:"rankingSeconds"`
	Explored *Explored                `json:"explored,omitempty"` // of a recipe that explores
}

// A Group is users with histories of similar length.
type Group struct {
	Users    int                      `json:"users"`
	Fewest   int                      `json:"fewestEvents"`
	Most     int                      `json:"mostEvents"`
	Model    map[string]eval.Estimate `json:"model"`
	Baseline map[string]eval.Estimate `json:"baseline"`
}

// report sums up.
func (r *run) report(params map[string]string, model, base *outcome, peak int64) *Report {
	ks := slices.Compact(slices.Sorted(slices.Values(r.order.K)))
	rep := &Report{
		File: filepath.Base(r.order.Interactions), Recipe: model.name, Params: params, Split: r.order.Split.String(), Seen: "exclude",
		Seed: r.order.Seed, K: ks, Interactions: len(r.train.Item), Users: r.train.Users.Len(), Items: r.train.Items.Len(),
		Tested: len(r.tests), PeakMemory: peak, Difference: map[string]eval.Estimate{},
	}
	if r.order.KeepSeen {
		rep.Seen = "keep"
	}
	rep.Model, rep.Baseline = r.sum(model), r.sum(base)
	for m, name := range metricNames(r.order.K) {
		less := slices.Clone(model.columns[m])
		for k := range less {
			less[k] -= base.columns[m][k]
		}
		rep.Difference[name] = eval.MeanOf(less)
	}
	for _, users := range byActivity(r.tests) {
		if len(users) > 0 {
			rep.Groups = append(rep.Groups, r.group(users, model, base))
		}
	}
	return rep
}

func (r *run) sum(o *outcome) Outcome {
	return Outcome{
		Recipe: o.name, Metrics: r.means(o, nil), Coverage: float64(o.listed) / float64(max(1, r.train.Items.Len())),
		Training: o.training.Seconds(), Ranking: o.ranking.Seconds(),
		Explored: o.explored,
	}
}

// means are the metrics over some users, or over all for nil.
func (r *run) means(o *outcome, users []int) map[string]eval.Estimate {
	out := map[string]eval.Estimate{}
	for m, name := range metricNames(r.order.K) {
		values := o.columns[m]
		if users != nil {
			values = make([]float64, len(users))
			for k, u := range users {
				values[k] = o.columns[m][u]
			}
		}
		out[name] = eval.MeanOf(values)
	}
	return out
}

func (r *run) group(users []int, model, base *outcome) Group {
	g := Group{Users: len(users), Fewest: len(r.tests[users[0]].Items), Model: r.means(model, users), Baseline: r.means(base, users)}
	for _, u := range users {
		n := len(r.tests[u].Items)
		g.Fewest, g.Most = min(g.Fewest, n), max(g.Most, n)
	}
	return g
}

// Print writes the report as tables to read.
func (rep *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s on %s, split %s, seed %d, seen items: %s\n", rep.Recipe, rep.File, rep.Split, rep.Seed, rep.Seen)
	fmt.Fprintf(t, "learned from %d interactions of %d users with %d items; tested on %d users\n\n", rep.Interactions, rep.Users, rep.Items, rep.Tested)
	rep.printMetrics(t)
	rep.printGroups(t)
	fmt.Fprintf(t, "\n±: 95 %% confidence interval of the mean over users (normal approximation); the difference is taken user by user.\n")
	return t.Flush()
}

func (rep *Report) printMetrics(w io.Writer) {
	fmt.Fprintf(w, "metric\t%s\t%s\tdifference\n", rep.Model.Recipe, rep.Baseline.Recipe)
	for _, name := range metricNames(rep.K) {
		d := rep.Difference[name]
		fmt.Fprintf(w, "%s\t%s\t%s\t%+.4f%s\n", name, show(rep.Model.Metrics[name], rep.Tested), show(rep.Baseline.Metrics[name], rep.Tested), d.Mean, margin(d, rep.Tested))
	}
	fmt.Fprintf(w, "coverage@%d\t%.4f\t%.4f\t%+.4f\n", slices.Max(rep.K), rep.Model.Coverage, rep.Baseline.Coverage, rep.Model.Coverage-rep.Baseline.Coverage)
	if e := rep.Model.Explored; e != nil {
		fmt.Fprintf(w, "explored\t%s\t\t\n", e)
	}
	fmt.Fprintf(w, "training\t%.1f s\t%.1f s\t\n", rep.Model.Training, rep.Baseline.Training)
	fmt.Fprintf(w, "ranking\t%.1f s\t%.1f s\t\n", rep.Model.Ranking, rep.Baseline.Ranking)
	memory := "unknown on this system"
	if rep.PeakMemory > 0 {
		memory = fmt.Sprintf("%d MiB", rep.PeakMemory>>20)
	}
	fmt.Fprintf(w, "peak memory\t%s\t\t\n", memory)
}

// printGroups shows one length of list: 10, or the one nearest to it.
func (rep *Report) printGroups(w io.Writer) {
	k := rep.K[0]
	for _, other := range rep.K {
		if abs(other-10) < abs(k-10) {
			k = other
		}
	}
	names := metricNames([]int{k})
	fmt.Fprintf(w, "\nhistory\tusers\t%s\n", strings.Join(names, "\t"))
	for _, g := range rep.Groups {
		fmt.Fprintf(w, "%d to %d\t%d", g.Fewest, g.Most, g.Users)
		g.print(w, names, g.Model)
		fmt.Fprint(w, "  popular items\t")
		g.print(w, names, g.Baseline)
	}
}

// print ends a line with the metrics.
func (g Group) print(w io.Writer, names []string, m map[string]eval.Estimate) {
	for _, name := range names {
		fmt.Fprintf(w, "\t%s", show(m[name], g.Users))
	}
	fmt.Fprintln(w)
}

func show(e eval.Estimate, users int) string { return fmt.Sprintf("%.4f%s", e.Mean, margin(e, users)) }

// margin is not known of a single user.
func margin(e eval.Estimate, users int) string {
	if users < 2 {
		return ""
	}
	return fmt.Sprintf(" ± %.4f", e.Margin)
}

func abs(n int) int { return max(n, -n) }
