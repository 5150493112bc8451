// Kindred is a recommendation service that speaks the Amazon Personalize API.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/fault"
)

// cli is the command line. Every flag can also be set as KINDRED_<FLAG> in the environment.
type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the service: API, embedded S3 and workers on one address."`
	Demo     demoCmd     `cmd:"" help:"Walk the whole main job on made-up data, or on your own file, and show the result."`
	Watch    watchCmd    `cmd:"" help:"Follow a running job: stage, lines done, lines per second, time left."`
	Evaluate evaluateCmd `cmd:"" help:"Measure a recipe on a CSV file, beside popular items. Needs no server."`
	Insights insightsCmd `cmd:"" help:"Tell what a CSV file allows before anything is trained: what is too little, sparse or left out, and what a training will take. Needs no server."`
	Coverage coverageCmd `cmd:"" hidden:"" help:"Print which operations are implemented, as Markdown."`

	LogLevel  slog.Level `default:"info" help:"Least level that is logged: debug, info, warn or error."`
	LogFormat string     `default:"text" enum:"text,json" help:"Form of the log on standard error: text or json."`
}

func main() {
	gateway.Main() // the embedded S3 is this binary, started again
	var c cli
	k := kong.Parse(&c,
		kong.Name("kindred"),
		kong.Description("Amazon Personalize for your own machines: the same API, real models."),
		kong.DefaultEnvars("KINDRED"),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	k.Bind(c.logger())
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "kindred:", explain(err))
		os.Exit(1)
	}
}

// explain is what the person at the terminal reads: the whole chain, they are the operator.
func explain(err error) string {
	if fault.KindOf(err) != fault.Internal {
		return fault.Sentence(err)
	}
	return err.Error()
}

func (c *cli) logger() *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
