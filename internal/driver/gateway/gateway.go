// Package gateway is the embedded S3: a versitygw over a folder, run as a child process of the same
// binary, behind a reverse proxy that takes requests whose caller is already verified.
//
// The child keeps to itself what cannot be shared: it changes its working directory, and its package
// has globals that allow one instance per process. It listens on a unix socket in a private folder
// and ends when its parent does, however that ends.
//
// Clients' keys never reach the child. The proxy signs every request anew for the caller's account,
// with a secret derived from one that parent and child share for as long as they run. So buckets
// belong to accounts rather than keys, any region a client signs for is served, and keys can change.
//
// On disk, Dir/objects holds a folder per bucket with the objects as plain files, and Dir/meta what
// S3 keeps beside them.
// The parts of a multipart upload lie in one file that becomes the object, so completing one copies
// nothing (assembly). A part takes 256 KiB of memory while it comes, at most 1 MiB if it has checksums.
package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxSocketPath is the longest name that every system takes for a unix socket, less a byte.
const maxSocketPath = 100

// Config says where the gateway keeps its objects.
type Config struct {
	Dir    string // made if it is not there
	Region string // reported to clients; "" for us-east-1
	Logger *slog.Logger
}

// A Gateway is a running embedded S3.
type Gateway struct {
	cfg       config
	log       *slog.Logger
	transport *http.Transport
	proc      *process
}

// config is what the child needs to know. It travels over the child's standard input, where other
// processes cannot read it, unlike the environment.
type config struct {
	Objects    string
	Meta       string
	Socket     string
	Region     string
	RootSecret string
	Master     []byte // of the accounts' secrets
}

// secret returns the secret that stands for an account between parent and child.
func (c config) secret(account string) string {
	h := hmac.New(sha256.New, c.Master)
	h.Write([]byte(account))
	return hex.EncodeToString(h.Sum(nil))
}

// Start makes the folders, starts the child and returns when it answers. ctx bounds the start only.
// A child that ends by itself is started again, after a pause that grows from 100 ms to 10 s.
func Start(ctx context.Context, c Config) (*Gateway, error) {
	if os.Getenv(childVariable) != "" {
		return nil, errors.New("gateway: this is a child process whose main did not call gateway.Main first")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	cfg, err := prepare(c)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g := &Gateway{cfg: cfg, log: c.Logger, proc: newProcess(cfg, c.Logger)}
	g.transport = &http.Transport{
		DialContext:         g.dial,
		DisableCompression:  true, // objects travel as they are
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
	}
	go g.proc.supervise()
	if err := g.proc.await(ctx); err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return g, nil
}

func prepare(c Config) (config, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return config{}, err
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	cfg := config{
		Objects: filepath.Join(dir, "objects"),
		Meta:    filepath.Join(dir, "meta"),
		Region:  c.Region,
		Master:  make([]byte, 32),
	}
	_, _ = rand.Read(cfg.Master) // never fails
	cfg.RootSecret = cfg.secret("root")
	for _, d := range []string{cfg.Objects, cfg.Meta} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return config{}, err
		}
	}
	private, err := privateDir()
	if err != nil {
		return config{}, err
	}
	cfg.Socket = filepath.Join(private, "s3")
	return cfg, nil
}

// privateDir makes a folder of which nobody else can open anything, with a name short enough for a
// socket in it.
func privateDir() (string, error) {
	d, err := os.MkdirTemp("", "kindred-")
	if err == nil && len(d) > maxSocketPath-len("/s3") {
		_ = os.Remove(d)
		d, err = os.MkdirTemp("/tmp", "kindred-")
	}
	return d, err
}

func (g *Gateway) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if err := g.proc.await(ctx); err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "unix", g.cfg.Socket)
}

// Client returns what the server's own S3 client for an account needs: any http address as endpoint,
// reached through this client, with these credentials and Region.
func (g *Gateway) Client(account string) (*http.Client, aws.CredentialsProvider) {
	creds := g.credentials(account)
	return &http.Client{Transport: g.transport}, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return creds, nil
	})
}

// Endpoint is an address for clients made by Client; nobody else can reach it.
const Endpoint = "http://s3.kindred.internal"

// Region returns the region that the gateway signs and answers for.
func (g *Gateway) Region() string { return g.cfg.Region }

func (g *Gateway) credentials(account string) aws.Credentials {
	return aws.Credentials{AccessKeyID: account, SecretAccessKey: g.cfg.secret(account), Source: "kindred"}
}

// Healthy returns nil when the child answers, and else what it lacks.
func (g *Gateway) Healthy() error { return g.proc.state() }

// Close ends the child and waits for it.
func (g *Gateway) Close() error {
	g.proc.close()
	g.transport.CloseIdleConnections()
	if err := os.RemoveAll(filepath.Dir(g.cfg.Socket)); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}
