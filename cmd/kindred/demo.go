package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/synth"
)

type demoCmd struct {
	settings
	Interactions string `type:"existingfile" help:"Your own CSV with USER_ID, ITEM_ID, TIMESTAMP and perhaps EVENT_TYPE, EVENT_VALUE, instead of made-up data."`
	Listen       string `default:"127.0.0.1:0" help:"Address of the server while the demo runs."`
	Users        int    `default:"3000" help:"People in the made-up data."`
	Items        int    `default:"2000" help:"Items in the made-up data."`
	Events       int    `default:"150000" help:"Interactions in the made-up data."`
	Seed         uint64 `default:"1" help:"Seed of the made-up data."`
}

const (
	demoBucket = "kindred-demo"
	demoRole   = "arn:aws:iam::000000000000:role/KindredDemo"
	unseen     = `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")` // what they have not had yet
)

// Run walks the main job through the public API, as any client would.
func (c *demoCmd) Run(ctx context.Context, log *slog.Logger, root *cli) error {
	if root.LogLevel == slog.LevelInfo { // the demo tells its own story
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	if err := c.place(); err != nil {
		return err
	}
	config, err := c.config(c.Listen, log)
	if err != nil {
		return err
	}
	a, err := app.Start(ctx, config)
	if err != nil {
		return err
	}
	d := newDemo(a)
	err = d.run(ctx, c)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if cerr := a.Close(bounded); err == nil {
		err = cerr
	}
	if err == nil {
		c.printNext(a, d)
	}
	return err
}

// place puts the data into a folder of its own, unless one was named.
func (c *demoCmd) place() error {
	if filepath.Base(c.Data) != "kindred-data" {
		return nil
	}
	dir, err := os.MkdirTemp("", "kindred-demo-")
	c.Data = dir
	return err
}

// A demo is the client's side of a walk.
type demo struct {
	api    *personalize.Client
	s3     *s3.Client
	poll   *poller
	name   string // distinguishes the walks that share a data folder
	start  time.Time
	job    string // ARN of the batch inference job
	output string
}

func newDemo(a *app.App) *demo {
	key := a.Key()
	cfg := aws.Config{
		Region: a.Region(), BaseEndpoint: aws.String(a.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
	return &demo{
		api:  personalize.NewFromConfig(cfg),
		s3:   s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		poll: &poller{endpoint: a.URL(), region: a.Region(), key: key},
		name: "demo-" + time.Now().UTC().Format("20060102-150405"), start: time.Now(),
	}
}

// say prints a step with the time since the start.
func (d *demo) say(format string, args ...any) {
	fmt.Printf("%6.1fs  %s\n", time.Since(d.start).Seconds(), fmt.Sprintf(format, args...))
}

// A file is one dataset of the demo.
type file struct {
	kind, schema string
	body         []byte
}

func (d *demo) run(ctx context.Context, c *demoCmd) error {
	files, users, err := c.files()
	if err != nil {
		return err
	}
	if _, err := d.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(demoBucket)}); err != nil && !strings.Contains(err.Error(), "BucketAlready") {
		return err
	}
	group, err := d.importAll(ctx, files)
	if err != nil {
		return err
	}
	model, err := d.train(ctx, group, "aws-user-personalization")
	if err != nil {
		return err
	}
	baseline, err := d.train(ctx, group, "aws-popularity-count")
	if err != nil {
		return err
	}
	if err := d.infer(ctx, group, model, users); err != nil {
		return err
	}
	return d.report(ctx, model, baseline)
}

// files returns the datasets to import and the users to ask for.
func (c *demoCmd) files() ([]file, []string, error) {
	if c.Interactions != "" {
		return ownFile(c.Interactions)
	}
	w := synth.New(synth.Shape{Users: c.Users, Items: c.Items, Events: c.Events, Seed: c.Seed})
	var interactions, items, people bytes.Buffer
	rows, err := w.Interactions(&interactions)
	if err != nil {
		return nil, nil, err
	}
	if err := w.Items(&items); err != nil {
		return nil, nil, err
	}
	if err := w.People(&people); err != nil {
		return nil, nil, err
	}
	fmt.Printf("         made up %d interactions of %d people with %d items (seed %d)\n", rows, c.Users, c.Items, c.Seed)
	users := make([]string, c.Users)
	for u := range users {
		users[u] = synth.UserID(u)
	}
	return []file{
		{"Interactions", synth.InteractionsSchema, interactions.Bytes()},
		{"Items", synth.ItemsSchema, items.Bytes()},
		{"Users", synth.UsersSchema, people.Bytes()},
	}, users, nil
}

// known are the columns of an own file that the demo understands, with their Avro types.
var known = map[string]string{
	"USER_ID": `"string"`, "ITEM_ID": `"string"`, "TIMESTAMP": `"long"`, "EVENT_TYPE": `"string"`, "EVENT_VALUE": `["null","float"]`,
}

// ownFile reads a user's CSV, writes a schema for the columns it knows, and lists the users.
func ownFile(path string) ([]file, []string, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	head, rest, _ := bytes.Cut(body, []byte("\n"))
	var fields []string
	user := -1
	for i, name := range strings.Split(strings.TrimSpace(string(head)), ",") {
		if name == "USER_ID" {
			user = i
		}
		if t, ok := known[name]; ok {
			fields = append(fields, fmt.Sprintf(`{"name":%q,"type":%s}`, name, t))
		}
	}
	if user < 0 {
		return nil, nil, fmt.Errorf("%s: the first line has no column USER_ID: %s", path, head)
	}
	schema := `{"type":"record","name":"Interactions","namespace":"com.amazonaws.personalize.schema","fields":[` +
		strings.Join(fields, ",") + `],"version":"1.0"}`
	seen := map[string]bool{}
	for line := range bytes.Lines(rest) {
		if cols := strings.Split(strings.TrimSpace(string(line)), ","); user < len(cols) && cols[user] != "" {
			seen[strings.Trim(cols[user], `"`)] = true
		}
	}
	return []file{{"Interactions", schema, body}}, slices.Sorted(maps.Keys(seen)), nil
}

// importAll uploads the files and imports each into a dataset.
func (d *demo) importAll(ctx context.Context, files []file) (group string, err error) {
	g, err := d.api.CreateDatasetGroup(ctx, &personalize.CreateDatasetGroupInput{Name: &d.name})
	if err != nil {
		return "", err
	}
	group = *g.DatasetGroupArn
	if err := d.wait(ctx, group); err != nil {
		return "", err
	}
	for _, f := range files {
		if err := d.importFile(ctx, group, f); err != nil {
			return "", fmt.Errorf("%s: %w", f.kind, err)
		}
	}
	return group, nil
}

func (d *demo) importFile(ctx context.Context, group string, f file) error {
	key := d.name + "/" + strings.ToLower(f.kind) + ".csv"
	if err := d.put(ctx, key, f.body); err != nil {
		return err
	}
	name := aws.String(d.name + "-" + strings.ToLower(f.kind))
	schema, err := d.api.CreateSchema(ctx, &personalize.CreateSchemaInput{Name: name, Schema: &f.schema})
	if err != nil {
		return err
	}
	set, err := d.api.CreateDataset(ctx, &personalize.CreateDatasetInput{Name: name, DatasetGroupArn: &group, DatasetType: &f.kind, SchemaArn: schema.SchemaArn})
	if err != nil {
		return err
	}
	if err := d.wait(ctx, *set.DatasetArn); err != nil {
		return err
	}
	job, err := d.api.CreateDatasetImportJob(ctx, &personalize.CreateDatasetImportJobInput{
		JobName: name, DatasetArn: set.DatasetArn, RoleArn: aws.String(demoRole),
		DataSource: &types.DataSource{DataLocation: aws.String("s3://" + demoBucket + "/" + key)},
	})
	if err != nil {
		return err
	}
	if err := d.wait(ctx, *job.DatasetImportJobArn); err != nil {
		return err
	}
	d.say("imported %s: %.1f MB", f.kind, float64(len(f.body))/1e6)
	return nil
}

func (d *demo) put(ctx context.Context, key string, body []byte) error {
	_, err := d.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(demoBucket), Key: &key, Body: bytes.NewReader(body)})
	return err
}

// wait follows a resource until it is ACTIVE.
func (d *demo) wait(ctx context.Context, name string) error {
	p, err := follow(ctx, os.Stderr, name, 100*time.Millisecond, d.poll.progress)
	if err != nil {
		return err
	}
	if p.Status != "ACTIVE" {
		return fmt.Errorf("%s is %s: %s", name, p.Status, p.FailureReason)
	}
	return nil
}

// train makes a solution of a recipe and one version of it.
func (d *demo) train(ctx context.Context, group, recipe string) (version string, err error) {
	sol, err := d.api.CreateSolution(ctx, &personalize.CreateSolutionInput{
		Name: aws.String(d.name + strings.TrimPrefix(recipe, "aws")), DatasetGroupArn: &group,
		RecipeArn: aws.String("arn:aws:personalize:::recipe/" + recipe), PerformAutoTraining: aws.Bool(false),
	})
	if err != nil {
		return "", err
	}
	if err := d.wait(ctx, *sol.SolutionArn); err != nil {
		return "", err
	}
	v, err := d.api.CreateSolutionVersion(ctx, &personalize.CreateSolutionVersionInput{SolutionArn: sol.SolutionArn})
	if err != nil {
		return "", err
	}
	if err := d.wait(ctx, *v.SolutionVersionArn); err != nil {
		return "", err
	}
	d.say("trained %s", recipe)
	return *v.SolutionVersionArn, nil
}

// infer runs a batch inference job for all users: what they might like and have not had.
func (d *demo) infer(ctx context.Context, group, version string, users []string) error {
	var in bytes.Buffer
	e := json.NewEncoder(&in)
	for _, u := range users {
		if err := e.Encode(map[string]string{"userId": u}); err != nil {
			return err
		}
	}
	input := d.name + "/in/users.json"
	if err := d.put(ctx, input, in.Bytes()); err != nil {
		return err
	}
	f, err := d.api.CreateFilter(ctx, &personalize.CreateFilterInput{
		Name: aws.String(d.name + "-unseen"), DatasetGroupArn: &group, FilterExpression: aws.String(unseen),
	})
	if err != nil {
		return err
	}
	if err := d.wait(ctx, *f.FilterArn); err != nil {
		return err
	}
	job, err := d.api.CreateBatchInferenceJob(ctx, &personalize.CreateBatchInferenceJobInput{
		JobName: aws.String(d.name + "-batch"), SolutionVersionArn: &version, FilterArn: f.FilterArn, RoleArn: aws.String(demoRole),
		JobInput:  &types.BatchInferenceJobInput{S3DataSource: &types.S3DataConfig{Path: aws.String("s3://" + demoBucket + "/" + input)}},
		JobOutput: &types.BatchInferenceJobOutput{S3DataDestination: &types.S3DataConfig{Path: aws.String("s3://" + demoBucket + "/" + d.name + "/out/")}},
	})
	if err != nil {
		return err
	}
	d.job, d.output = *job.BatchInferenceJobArn, d.name+"/out/users.json.out"
	if err := d.wait(ctx, d.job); err != nil {
		return err
	}
	d.say("answered %d lines", len(users))
	return nil
}

// report prints what came of it.
func (d *demo) report(ctx context.Context, model, baseline string) error {
	answer, err := d.poll.call(ctx, "DescribeBatchInferenceJob", map[string]string{"batchInferenceJobArn": d.job})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, answer, "  ", "  "); err != nil {
		return err
	}
	fmt.Printf("\nDescribeBatchInferenceJob answers\n\n  %s\n\n", b.Bytes())
	if err := d.printHead(ctx); err != nil {
		return err
	}
	return d.printMetrics(ctx, model, baseline)
}

// printHead prints the first lines of the output, shortened.
func (d *demo) printHead(ctx context.Context) error {
	obj, err := d.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(demoBucket), Key: &d.output})
	if err != nil {
		return err
	}
	defer obj.Body.Close()
	body, err := io.ReadAll(obj.Body)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	fmt.Printf("s3://%s/%s has %d lines, %d bytes. The first:\n\n", demoBucket, d.output, len(lines), len(body))
	for _, l := range lines[:min(3, len(lines))] {
		if len(l) > 160 {
			l = append(slices.Clone(l[:160]), "…"...)
		}
		fmt.Printf("  %s\n", l)
	}
	return nil
}

// printMetrics sets the model beside recommending to everybody what is popular.
func (d *demo) printMetrics(ctx context.Context, model, baseline string) error {
	ours, err := d.metrics(ctx, model)
	if err != nil {
		return err
	}
	theirs, err := d.metrics(ctx, baseline)
	if err != nil {
		return err
	}
	fmt.Printf("\nOn a tenth of the users, held out from training:\n\n  %-44s %10s %10s %7s\n", "", "model", "popular", "ratio")
	for _, k := range slices.Sorted(maps.Keys(ours)) {
		ratio := "-"
		if theirs[k] > 0 {
			ratio = fmt.Sprintf("%.1fx", ours[k]/theirs[k])
		}
		fmt.Printf("  %-44s %10.4f %10.4f %7s\n", k, ours[k], theirs[k], ratio)
	}
	return nil
}

func (d *demo) metrics(ctx context.Context, version string) (map[string]float64, error) {
	m, err := d.api.GetSolutionMetrics(ctx, &personalize.GetSolutionMetricsInput{SolutionVersionArn: &version})
	if err != nil {
		return nil, err
	}
	return m.Metrics, nil
}

// printNext tells how to go on.
func (c *demoCmd) printNext(a *app.App, d *demo) {
	key := a.Key()
	fmt.Printf(`
Everything is in %s. To go on with it, start the server

  kindred serve --data %s

and in another shell

  export AWS_ENDPOINT_URL=http://127.0.0.1:8570 AWS_DEFAULT_REGION=%s
  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s
  aws personalize describe-batch-inference-job --batch-inference-job-arn %s
  aws s3 cp s3://%s/%s -

`, c.Data, c.Data, a.Region(), key.AccessKeyID, key.SecretAccessKey, d.job, demoBucket, d.output)
}
