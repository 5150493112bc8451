package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/kindredrec/kindred/internal/driver/fs"
	"github.com/kindredrec/kindred/internal/evaluation"
)

type insightsCmd struct {
	File        string `arg:"" help:"CSV file of interactions, plain or gzip: USER_ID, ITEM_ID, TIMESTAMP and perhaps EVENT_TYPE, EVENT_VALUE."`
	Items       string `placeholder:"FILE" help:"CSV file of items."`
	Schema      string `placeholder:"FILE" help:"Avro schema of the interactions; without it, the columns named above are taken."`
	ItemsSchema string `placeholder:"FILE" help:"Avro schema of the items; without it, columns of well-known names are taken."`
	JSON        bool   `help:"Print one JSON object."`
}

// Run looks at the data and prints what is worth knowing before a training.
func (c *insightsCmd) Run(ctx context.Context, log *slog.Logger, root *cli, k *kong.Kong) error {
	return c.print(ctx, quiet(log, root, k), k.Stdout)
}

func (c *insightsCmd) print(ctx context.Context, log *slog.Logger, out io.Writer) error {
	in, err := c.look(ctx, log)
	if err != nil {
		return err
	}
	return printTable(out, in, c.JSON)
}

// look works in a temporary folder.
func (c *insightsCmd) look(ctx context.Context, log *slog.Logger) (*evaluation.Insights, error) {
	o := evaluation.Order{Interactions: c.File, Items: c.Items}
	var err error
	if o.Schema, err = schemaText(c.Schema); err != nil {
		return nil, err
	}
	if o.ItemsSchema, err = schemaText(c.ItemsSchema); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kindred-insights-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	own, err := fs.New(filepath.Join(dir, "artifacts"))
	if err != nil {
		return nil, err
	}
	return evaluation.Config{Own: own, Scratch: dir, Log: log}.Insights(ctx, o)
}
