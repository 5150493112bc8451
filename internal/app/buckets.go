package app

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/driver/s3"
	"github.com/kindredrec/kindred/internal/fault"
)

// buckets is the S3 that jobs read from and write to: the embedded one, or another by its endpoint with
// the credentials of the environment.
func (a *App) buckets(ctx context.Context) (blob.Buckets, error) {
	if a.cfg.S3Endpoint == "" {
		return embedded{a.gate}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(a.cfg.Region))
	if err != nil {
		return nil, fmt.Errorf("credentials for %s: %w", a.cfg.S3Endpoint, err)
	}
	return s3.New(s3.Config{Endpoint: a.cfg.S3Endpoint, Region: a.cfg.Region, Credentials: cfg.Credentials}), nil
}

// embedded opens buckets of the embedded S3 for the account that a job runs for.
type embedded struct{ gate *gateway.Gateway }

// Bucket implements blob.Buckets.
func (e embedded) Bucket(ctx context.Context, name string) (blob.Driver, error) {
	caller, ok := auth.From(ctx)
	if !ok {
		return nil, fmt.Errorf("bucket %s: no account in the context", name)
	}
	client, creds := e.gate.Client(caller.Account)
	all := s3.New(s3.Config{Endpoint: gateway.Endpoint, Region: e.gate.Region(), Credentials: creds, HTTPClient: client, Private: true})
	d, err := all.Bucket(ctx, name)
	if err != nil {
		return nil, err
	}
	return plain{d}, nil
}

// A plain bucket keeps objects as they are: an order to encrypt is refused, not ignored.
type plain struct{ blob.Driver }

// InOrder implements blob.Ordered: parts that follow each other lie in the object's file already.
func (plain) InOrder() bool { return true }

func refuseKey(o blob.Options) error {
	if o.KMSKey == "" {
		return nil
	}
	return fault.Newf(fault.Unsupported, "The embedded S3 cannot encrypt with the key %s; leave kmsKeyArn out, or start the server with an external S3 (--s3-endpoint).", o.KMSKey)
}

// Put implements blob.Driver.
func (p plain) Put(ctx context.Context, key string, r io.Reader, o blob.Options) (blob.Info, error) {
	if err := refuseKey(o); err != nil {
		return blob.Info{}, err
	}
	return p.Driver.Put(ctx, key, r, o)
}

// Begin implements blob.Driver.
func (p plain) Begin(ctx context.Context, key string, o blob.Options) (string, error) {
	if err := refuseKey(o); err != nil {
		return "", err
	}
	return p.Driver.Begin(ctx, key, o)
}
