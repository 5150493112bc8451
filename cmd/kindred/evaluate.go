package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/alecthomas/kong"

	"github.com/kindredrec/kindred/internal/driver/fs"
	"github.com/kindredrec/kindred/internal/evaluation"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe/builtin"
)

type evaluateCmd struct {
	File        string            `arg:"" help:"CSV file of interactions, plain or gzip: USER_ID, ITEM_ID, TIMESTAMP and perhaps EVENT_TYPE, EVENT_VALUE."`
	Items       string            `placeholder:"FILE" help:"CSV file of items."`
	Users       string            `placeholder:"FILE" help:"CSV file of users, by which recipes answer those without a history."`
	Schema      string            `placeholder:"FILE" help:"Avro schema of the interactions; without it, the columns named above are taken."`
	ItemsSchema string            `placeholder:"FILE" help:"Avro schema of the items; without it, columns of well-known names are taken."`
	UsersSchema string            `placeholder:"FILE" help:"Avro schema of the users; without it, columns of well-known names are taken."`
	Recipe      string            `default:"aws-user-personalization" help:"Recipe to measure."`
	Split       string            `default:"service" help:"What is held out: service, last-fraction=0.1, leave-one-out or truth=FILE."`
	Context     string            `placeholder:"FILE" help:"With truth=FILE: CSV file of events after the training (USER_ID, ITEM_ID, TIMESTAMP), which the trained model is told of as of new events."`
	Param       map[string]string `placeholder:"NAME=VALUE" help:"A hyperparameter; repeatable."`
	Seen        string            `default:"exclude" enum:"exclude,keep" help:"Whether items that a user had in training may be recommended: exclude or keep."`
	K           []int             `default:"5,10,20,25" help:"Lengths of list to measure."`
	Seed        uint64            `default:"1" help:"Seed of the training and of the service's split."`
	JSON        bool              `help:"Print one JSON object."`
	Threads     int               `placeholder:"N" help:"Threads to train and rank with; the default is all processors. Changes nothing but the time."`
}

// Run measures a recipe and prints the table.
func (c *evaluateCmd) Run(ctx context.Context, log *slog.Logger, root *cli, k *kong.Kong) error {
	return c.evaluate(ctx, quiet(log, root, k), k.Stdout)
}

// quiet is the log of a command whose table is what was asked for: warnings only, unless another level was.
func quiet(log *slog.Logger, root *cli, k *kong.Kong) *slog.Logger {
	if root.LogLevel != slog.LevelInfo {
		return log
	}
	return slog.New(slog.NewTextHandler(k.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// printTable prints a table, or what it is made of as one JSON object.
func printTable(out io.Writer, table interface{ Print(io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return table.Print(out)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(table)
}

// evaluate prints when the folder it worked in is gone already: whoever reads may leave after the first lines,
// which ends the process.
func (c *evaluateCmd) evaluate(ctx context.Context, log *slog.Logger, out io.Writer) error {
	report, err := c.measure(ctx, log)
	if err != nil {
		return err
	}
	return printTable(out, report, c.JSON)
}

// measure works in a temporary folder.
func (c *evaluateCmd) measure(ctx context.Context, log *slog.Logger) (*evaluation.Report, error) {
	order, err := c.order()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kindred-evaluate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	own, err := fs.New(filepath.Join(dir, "artifacts"))
	if err != nil {
		return nil, err
	}
	config := evaluation.Config{Recipe: builtin.Find, Own: own, Scratch: dir, Log: log}
	return config.Run(ctx, order)
}

// order is what the flags say.
func (c *evaluateCmd) order() (o evaluation.Order, err error) {
	o = evaluation.Order{
		Interactions: c.File, Items: c.Items, Users: c.Users, Recipe: c.Recipe, Params: c.Param,
		KeepSeen: c.Seen == "keep", K: c.K, Seed: c.Seed, Threads: c.Threads,
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Threads < 0 {
		return o, fault.Newf(fault.Invalid, "The number of threads is %d; expected at least 1.", o.Threads)
	}
	if o.Split, err = evaluation.ParseSplit(c.Split); err != nil {
		return o, err
	}
	if o.Split, err = o.Split.WithContext(c.Context); err != nil {
		return o, err
	}
	if o.Schema, err = schemaText(c.Schema); err != nil {
		return o, err
	}
	if o.ItemsSchema, err = schemaText(c.ItemsSchema); err != nil {
		return o, err
	}
	o.UsersSchema, err = schemaText(c.UsersSchema)
	return o, err
}

// schemaText reads a file if there is to be one.
func schemaText(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("schema: %w", err)
	}
	return string(b), nil
}
