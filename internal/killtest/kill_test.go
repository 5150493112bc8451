//go:build unix

package killtest

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

var (
	kills = flag.Int("kills", 6, "how often the server is killed, a third each during import, training and batch")
	seed  = flag.Uint64("seed", 1, "seed of the moments")
)

// The main job is done twice on the same data: once undisturbed, once with the server killed at random
// moments and started again on the same folder. Every job of the second run must end ACTIVE without
// anybody's help, and its output must be that of the first, byte for byte.
func TestKill(t *testing.T) {
	bin, data := binary(t), makeData(t)
	calm := newRun(t, bin, data, 0)
	calm.walk()
	calm.server.stop(t)
	t.Logf("undisturbed: import %v, training %v, batch %v", calm.took["import"], calm.took["training"], calm.took["batch"])

	wild := newRun(t, bin, data, *kills)
	wild.took, wild.whole = calm.took, calm.output
	wild.walk()
	wild.server.stop(t)
	for name, body := range calm.output {
		if got := wild.output[name]; !bytes.Equal(got, body) {
			t.Errorf("%s has %d bytes after %d kills, %s; want the %d of the undisturbed run", name, len(got), *kills, difference(got, body), len(body))
		}
	}
}

// difference says where two outputs part.
func difference(got, want []byte) string {
	a, b := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			return fmt.Sprintf("other from line %d on:\n  %.300s\n  %.300s\n", i+1, a[i], b[i])
		}
	}
	return "equal as far as both go"
}

// data is what both runs are given.
type data struct {
	first, more, broken []byte // interactions
	items               []byte
	questions           map[string][]byte // input files of the batch jobs by name
}

const noise = "glance" // events that are imported and not learned from, to make imports long and trainings short

func makeData(t *testing.T) *data {
	t.Helper()
	shape := synth.Shape{Users: 400, Items: 300, Events: 9000, Seed: *seed}
	w := synth.New(shape)
	var events, items bytes.Buffer
	if _, err := w.Interactions(&events); err != nil {
		t.Fatal(err)
	}
	if err := w.Items(&items); err != nil {
		t.Fatal(err)
	}
	d := &data{items: items.Bytes(), questions: map[string][]byte{}}
	d.first, d.more = divide(events.Bytes())
	r := rand.New(rand.NewPCG(*seed, 2))
	d.first = append(d.first, glances(r, shape, 600_000)...)
	d.more = append(d.more, glances(r, shape, 300_000)...)
	d.broken = append(slices.Clone(d.more), "u1,i1,watch,tomorrow\n"...)
	d.questions["few.json"] = questions(shape.Users, 1000)
	d.questions["many.json"] = questions(shape.Users, 50_000) // some 30 MB of answers, which takes several parts
	return d
}

// divide puts every fifth row of a CSV into a second one.
func divide(csv []byte) (first, more []byte) {
	for n, row := range bytes.SplitAfter(csv, []byte("\n")) {
		switch {
		case n == 0: // the header
			first, more = append(first, row...), append(more, row...)
		case n%5 == 0:
			more = append(more, row...)
		default:
			first = append(first, row...)
		}
	}
	return first, more
}

// glances are rows of noise.
func glances(r *rand.Rand, s synth.Shape, n int) []byte {
	var b bytes.Buffer
	for range n {
		fmt.Fprintf(&b, "%s,%s,%s,%d\n", synth.UserID(r.IntN(s.Users)), synth.ItemID(r.IntN(s.Items)), noise, synth.Begin+r.Int64N(synth.End-synth.Begin))
	}
	return b.Bytes()
}

// questions ask for n users, over and over the same.
func questions(users, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "{\"userId\":%q}\n", synth.UserID(i%users))
	}
	return b.Bytes()
}

// A run is one walk through the main job.
type run struct {
	t        *testing.T
	bin, dir string
	data     *data
	kills    int // in all
	done     int // so far
	random   *rand.Rand
	server   *process
	client   *clienttest.Client

	group, events string
	took          map[string]time.Duration // by stage, from creation to ACTIVE
	whole         map[string][]byte        // what outputs must be like as soon as they are visible; nil when not known
	output        map[string][]byte        // by name
}

func newRun(t *testing.T, bin string, d *data, kills int) *run {
	r := &run{t: t, bin: bin, dir: t.TempDir(), data: d, kills: kills, random: rand.New(rand.NewPCG(*seed, 3)), took: map[string]time.Duration{}}
	r.launch()
	return r
}

func (r *run) launch() {
	r.t.Helper()
	r.server = launch(r.t, r.bin, r.dir)
	r.client = clienttest.New(r.server.url, region, keyID, secret)
}

func (r *run) walk() {
	r.prepare()
	r.importAll()
	version := r.train()
	r.infer(version)
	r.noUploads()
}

// must returns a value that must have come without an error.
func must[T any](r *run) func(T, error) T {
	return func(v T, err error) T {
		r.t.Helper()
		if err != nil {
			r.t.Fatalf("%v\n%s", err, tail(r.dir))
		}
		return v
	}
}

// settled waits for a resource, which must reach the status.
func (r *run) settled(arn, want string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*patience)
	defer cancel()
	status, reason, err := r.client.Await(ctx, arn)
	if err != nil || status != want {
		r.t.Fatalf("%s is %s (%s), %v; want %s\n%s", arn, status, reason, err, want, tail(r.dir))
	}
}

func (r *run) active(arn string, err error) string {
	r.t.Helper()
	must[string](r)(arn, err)
	r.settled(arn, clienttest.Active)
	return arn
}

func (r *run) put(key string, body []byte) { must[string](r)(r.client.Put(r.t.Context(), key, body)) }

// prepare makes everything that takes no time.
func (r *run) prepare() {
	ctx, c := r.t.Context(), r.client
	if err := c.MakeBucket(ctx); err != nil {
		r.t.Fatal(err)
	}
	r.put("data/first.csv", r.data.first)
	r.put("data/more.csv", r.data.more)
	r.put("data/broken.csv", r.data.broken)
	r.put("data/items.csv", r.data.items)
	for name, body := range r.data.questions {
		r.put("in/"+name, body)
	}
	r.group = r.active(c.Group(ctx, "films"))
	r.events = r.active(c.Dataset(ctx, r.group, "Interactions", synth.InteractionsSchema))
	items := r.active(c.Dataset(ctx, r.group, "Items", synth.ItemsSchema))
	r.active(c.Import(ctx, "items", items, clienttest.Location("data/items.csv"), types.ImportModeFull))
}

// importAll leaves the dataset with the first file, imported in full, and then the second, in addition;
// under kills this happens several times. An import of a broken file at the end changes nothing.
func (r *run) importAll() {
	start := func(n int) string {
		file, mode := "first", types.ImportModeFull
		if n%2 == 1 {
			file, mode = "more", types.ImportModeIncremental
		}
		return must[string](r)(r.client.Import(r.t.Context(), fmt.Sprintf("%s-%d", file, n), r.events, clienttest.Location("data/"+file+".csv"), mode))
	}
	jobs := r.disturb("import", r.kills/3, nil, start)
	if len(jobs)%2 == 1 {
		r.active(start(len(jobs)), nil)
	}
	if r.kills == 0 {
		return
	}
	broken := must[string](r)(r.client.Import(r.t.Context(), "broken", r.events, clienttest.Location("data/broken.csv"), types.ImportModeFull))
	r.settled(broken, clienttest.Failed)
}

// train makes versions of one solution and returns the last.
func (r *run) train() string {
	out, err := r.client.API.CreateSolution(r.t.Context(), &personalize.CreateSolutionInput{
		Name: aws.String("for-you"), DatasetGroupArn: &r.group, EventType: aws.String("watch"), PerformAutoTraining: aws.Bool(false),
		RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-user-personalization"),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	solution := r.active(*out.SolutionArn, nil)
	jobs := r.disturb("training", r.kills/3, nil, func(int) string {
		return must[string](r)(r.client.Version(r.t.Context(), solution))
	})
	return jobs[len(jobs)-1]
}

// infer runs batch jobs over the same input; each must have the same output.
func (r *run) infer(version string) {
	folder := func(n int) string { return fmt.Sprintf("out/%d/", n) }
	started := -1
	start := func(n int) string {
		started = n
		return must[string](r)(r.client.Infer(r.t.Context(), clienttest.Batch{Name: fmt.Sprintf("batch-%d", n), Version: version, Input: "in/", Output: folder(n)}))
	}
	jobs := r.disturb("batch", r.kills-2*(r.kills/3), func() { r.onlyWhole(folder(started)) }, start)
	for n := range jobs {
		output := map[string][]byte{}
		for _, name := range r.names() {
			output[name] = must[[]byte](r)(r.client.Get(r.t.Context(), folder(n)+name))
		}
		if n > 0 && !maps.EqualFunc(output, r.output, bytes.Equal) {
			r.t.Errorf("job %d has another output than the one before it, on the same input", n)
		}
		r.output = output
	}
}

// names are the outputs of a batch job.
func (r *run) names() (names []string) {
	for name := range r.data.questions {
		names = append(names, name+".out")
	}
	return names
}

// onlyWhole checks that a job that may be running shows nothing but _CHECK and outputs that are whole.
func (r *run) onlyWhole(prefix string) {
	r.t.Helper()
	for name, size := range must[map[string]int64](r)(r.client.Sizes(r.t.Context(), prefix)) {
		if name == "_CHECK" {
			continue
		}
		if want, ok := r.whole[name]; !ok || size != int64(len(want)) {
			r.t.Errorf("%s%s is visible with %d bytes, want nothing but _CHECK and whole outputs (%d bytes)", prefix, name, size, len(want))
		}
	}
}

// noUploads checks that no multipart upload is left over.
func (r *run) noUploads() {
	r.t.Helper()
	out, err := r.client.S3.ListMultipartUploads(r.t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(clienttest.Bucket)})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, u := range out.Uploads {
		r.t.Errorf("an upload to %s is left over", *u.Key)
	}
}

// disturb starts jobs one after another and kills the server at random moments meanwhile, as often as
// said, until all are done; without kills there is one job. look, if not nil, is called again and again
// while a job runs. It returns the jobs, all ACTIVE.
func (r *run) disturb(stage string, kills int, look func(), start func(n int) string) (jobs []string) {
	r.t.Helper()
	next := func() time.Time {
		jobs = append(jobs, start(len(jobs)))
		return time.Now()
	}
	begun := next()
	for range kills {
		if r.status(jobs[len(jobs)-1]) == clienttest.Active {
			begun = next()
		}
		r.killSoon(stage, jobs[len(jobs)-1], look)
	}
	r.settled(jobs[len(jobs)-1], clienttest.Active)
	if kills == 0 {
		r.took[stage] = time.Since(begun)
	}
	for _, job := range jobs {
		if s := r.status(job); s != clienttest.Active {
			r.t.Errorf("%s is %s in the end, want ACTIVE", job, s)
		}
	}
	return jobs
}

func (r *run) status(arn string) string {
	r.t.Helper()
	s, _, err := r.client.Status(r.t.Context(), arn)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, tail(r.dir))
	}
	return s
}

// killSoon kills the server at a random moment of the time that such a job takes, or shortly after it, and
// starts it again.
func (r *run) killSoon(stage, job string, look func()) {
	r.t.Helper()
	moment := time.Duration(1.25 * r.random.Float64() * float64(r.took[stage]))
	timer := time.NewTimer(moment)
	defer timer.Stop()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		if look != nil {
			look()
		}
		select {
		case <-timer.C:
			waiting = false
		case <-tick.C:
		}
	}
	before := r.status(job)
	r.server.kill(r.t)
	began := time.Now()
	r.launch()
	r.done++
	r.t.Logf("kill %d of %d: %s after %v, %s was %s; up again in %v, it is %s", r.done, r.kills, stage, moment.Round(time.Millisecond),
		job[strings.LastIndexByte(job, ':')+1:], before, time.Since(began).Round(time.Millisecond), r.status(job))
}
