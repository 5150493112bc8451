// Package kindredtest runs a whole Kindred inside a Go test: API, embedded S3 and workers on one loopback
// address, in a folder that goes away with the test.
//
//	func TestMain(m *testing.M) { kindredtest.Main(m) }
//
//	func TestRecommendations(t *testing.T) {
//		srv := kindredtest.Start(t)
//		client := personalize.NewFromConfig(srv.Config())
//		…
//	}
package kindredtest

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/service"
)

// Main runs the tests of a package. The embedded S3 is a child process of the test binary, which is
// started again for it; call Main from TestMain so that the child knows what it is.
func Main(m *testing.M) {
	gateway.Main()
	os.Exit(m.Run())
}

// Options change a server for a test. The zero value works.
type Options struct {
	Dir             string // data folder; a new one that the test removes
	MinInteractions int64  // rows that an import and a training need; none by default, so that small data works
	MinUsers        int    // users with two interactions that a training needs; none by default
	AWSQuotas       bool   // the real service's quotas instead of the lifted ones
	PartBytes       int    // size aimed at for a part of a batch job's output; 16 MiB
	Log             *slog.Logger
}

// A Server is a running Kindred.
type Server struct {
	URL             string
	AccessKeyID     string
	SecretAccessKey string
	Region          string
	Dir             string // its data folder

	app *app.App
}

// Start runs a server with default options until the test ends.
func Start(t testing.TB) *Server { return StartWith(t, Options{}) }

// StartWith runs a server until the test ends, or until Stop.
func StartWith(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	quotas := service.DefaultQuotas()
	if o.AWSQuotas {
		quotas = service.AWSQuotas()
	}
	a, err := app.Start(t.Context(), app.Config{
		Listen: "127.0.0.1:0", Data: o.Dir, Quotas: quotas, MinInteractions: o.MinInteractions, MinUsers: o.MinUsers,
		PartBytes: o.PartBytes, Log: o.Log,
	})
	if err != nil {
		t.Fatalf("start kindred: %v", err)
	}
	key := a.Key()
	s := &Server{URL: a.URL(), AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey, Region: a.Region(), Dir: o.Dir, app: a}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// Stop ends the server before the test does. A second call does nothing.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.app == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.app.Close(ctx); err != nil {
		t.Errorf("stop kindred: %v", err)
	}
	s.app = nil
}

// Config returns what an AWS SDK client needs to reach the server. S3 clients also want path-style
// addressing (Options.UsePathStyle).
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region: s.Region, BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, ""),
	}
}
