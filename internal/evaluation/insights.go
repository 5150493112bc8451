package evaluation

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/kindredrec/kindred/internal/dataset"
)

// What a training is given by default: the service's minimums, and its most of event types and columns.
const (
	minInteractions = 1000
	minUsers        = 25
	maxKinds        = 10
)

// An Estimate is what a solution version is likely to take on two processors. Times are twice those of one learning in
// docs/measurements/accuracy.md, since a version is measured first; they are right within a factor of three or so.
type Estimate struct {
	Recipe  string  `json:"recipe"`
	Seconds float64 `json:"seconds"`
	Bytes   float64 `json:"bytes"`
}

// estimates grow with the events and the items, those of networks with the events until these have seen enough of them.
// aws-user-personalization drafts both of its families and finishes one; the blend costs more.
func estimates(n dataset.Counts) []Estimate {
	events, items := float64(n.Interactions), float64(n.Items)
	const mib = 1 << 20
	dense := min(items, 4096)
	factors, blend := 1.5+12e-6*events+4e-4*items, 2+15e-6*events+3*dense*dense*dense/2e10+3e-4*items
	recurrent, transformer := 0.0, 0.0
	if n.Interactions >= 30_000 {
		recurrent = (min(12*events, 6.3e6) + min(23*events, 8.4e6+3*events)) * 12e-6
		transformer = min(23*events, 46e6) * 25e-6
	}
	blendBytes := 80*mib + 80*events + 3*4*dense*dense + 4000*items
	return []Estimate{
		{"aws-user-personalization", 2 * (factors + blend + recurrent), blendBytes + 60*events + 1800*items},
		{"aws-user-personalization-v2", 2 * (blend + transformer), blendBytes},
	}
}

// Insights are what can be told of files before anything is learned from them.
type Insights struct {
	dataset.Insights
	Estimates []Estimate `json:"estimates"`
}

// Insights reads the files of an order as Run does, and looks at them.
func (c Config) Insights(ctx context.Context, o Order) (*Insights, error) {
	snap, err := c.snapshot(ctx, o)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	in, err := snap.Insights(dataset.Selection{MinInteractions: minInteractions, MinUsers: minUsers, MaxKinds: maxKinds})
	if err != nil {
		return nil, err
	}
	return &Insights{in, estimates(in.Counts)}, nil
}

// Print writes the insights for people.
func (in *Insights) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d interactions of %d users with %d items, from %s to %s\n", in.Interactions, in.Users, in.Items, day(in.Oldest), day(in.Newest))
	fmt.Fprintf(w, "%d users have two or more; 99 in 100 have at most %d, the longest history has %d\n", in.UsersWithTwo, in.Percent, in.Longest)
	for _, t := range in.Types {
		name := t.Type
		if name == "" {
			name = "(no type)"
		}
		fmt.Fprintf(w, "events\t%s\t%d\n", name, t.Count)
	}
	for _, c := range in.Columns {
		fmt.Fprintf(w, "column\t%s.%s\tfilled %.0f %%\t%d categories\t%d outliers\n", c.Dataset, c.Name, 100*c.Filled, c.Values, c.Outliers)
	}
	for _, e := range in.Estimates {
		fmt.Fprintf(w, "a training of\t%s\tabout %s\t%.0f MiB\n", e.Recipe, time.Duration(e.Seconds*float64(time.Second)).Round(time.Second), e.Bytes/(1<<20))
	}
	for _, f := range in.Findings {
		word := "note"
		if f.Fatal {
			word = "fails"
		}
		fmt.Fprintf(w, "%s\t%s\n", word, f.Text)
	}
	return w.Flush()
}

func day(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.DateOnly) }
