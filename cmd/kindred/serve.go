package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/service"
)

// settings are the flags of every command that runs a server.
type settings struct {
	Data            string         `default:"./kindred-data" type:"path" help:"Folder for everything the server keeps."`
	Region          string         `default:"us-east-1" help:"Region of the embedded S3."`
	Account         string         `default:"000000000000" help:"Account of the first key pair: twelve digits."`
	AccessKeyID     string         `name:"access-key-id" help:"First key pair, instead of one made at first start."`
	SecretAccessKey string         `help:"Its secret."`
	S3Endpoint      string         `name:"s3-endpoint" env:"KINDRED_S3_ENDPOINT" help:"S3 that jobs read from and write to, instead of the embedded one."`
	Quotas          string         `default:"default" enum:"default,aws" help:"Quotas: default lifts those that only bill or protect a shared service; aws has them all."`
	Quota           map[string]int `placeholder:"NAME=N" help:"One quota, on top of --quotas; 0 lifts it. Repeatable."`
	AutoTraining    bool           `default:"true" negatable:"" help:"Train solutions by themselves on their schedule, as the service does."`
	Threads         int            `default:"0" help:"Processors that training and scoring use; 0 for all."`
	MinInteractions int64          `default:"1000" help:"Interactions that an import and a training need."`
	MinUsers        int            `default:"25" help:"Users with at least two interactions that a training needs."`
}

func (s settings) config(listen string, log *slog.Logger) (app.Config, error) {
	quotas := service.DefaultQuotas()
	if s.Quotas == "aws" {
		quotas = service.AWSQuotas()
	}
	for name, value := range s.Quota {
		if err := quotas.Set(name, value); err != nil {
			return app.Config{}, fmt.Errorf("--quota %s=%d: %w", name, value, err)
		}
	}
	threads := s.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return app.Config{
		Listen: listen, Data: s.Data, Region: s.Region, Account: s.Account,
		AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, S3Endpoint: s.S3Endpoint,
		Quotas: quotas, Threads: threads, MinInteractions: s.MinInteractions, MinUsers: s.MinUsers, NoAutoTraining: !s.AutoTraining, Log: log,
	}, nil
}

type serveCmd struct {
	settings
	Listen string `default:"127.0.0.1:8570" help:"Address to answer on."`
}

// shutdownTime is how long requests in flight may take to end.
const shutdownTime = 20 * time.Second

func (c *serveCmd) Run(ctx context.Context, log *slog.Logger) error {
	config, err := c.config(c.Listen, log)
	if err != nil {
		return err
	}
	a, err := app.Start(ctx, config)
	if err != nil {
		return err
	}
	printKeys(a)
	fmt.Printf("ready %s\n", a.URL())
	select {
	case <-ctx.Done():
	case <-a.Failed():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return a.Close(bounded)
}

// printKeys shows the lines to paste into a shell, on standard error where they are no part of the output.
func printKeys(a *app.App) {
	key := a.Key()
	fmt.Fprintf(os.Stderr, "\nTo point the AWS CLI and every AWS SDK at this server:\n\n"+
		"  export AWS_ENDPOINT_URL=%s\n  export AWS_ACCESS_KEY_ID=%s\n  export AWS_SECRET_ACCESS_KEY=%s\n  export AWS_DEFAULT_REGION=%s\n\n",
		a.URL(), key.AccessKeyID, key.SecretAccessKey, a.Region())
}
