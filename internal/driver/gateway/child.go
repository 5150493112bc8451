package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

const (
	// childVariable in the environment makes Main run the child.
	childVariable = "KINDRED_GATEWAY"
	// grace is how long requests under way have when the parent has gone.
	grace = 3 * time.Second
	// largestCopy is S3's limit for the source of one copy. The backend takes 0 for "nothing may be
	// copied".
	largestCopy = 5 << 30
)

// Main runs the embedded S3 and exits if this process was started for that; otherwise it does
// nothing. It must be the first thing that main does, and that TestMain does where tests call Start.
func Main() {
	if os.Getenv(childVariable) == "" {
		return
	}
	if err := serve(os.Stdin, os.NewFile(3, "ready")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(stdin io.Reader, ready *os.File) error {
	in := json.NewDecoder(stdin)
	var cfg config
	if err := in.Decode(&cfg); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	ctx := orphaned(io.MultiReader(in.Buffered(), stdin))
	defer func() { _ = os.RemoveAll(filepath.Dir(cfg.Socket)) }()
	backend, err := newStore(cfg)
	if err != nil {
		return err
	}
	err = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess:    "kindred-root",
		RootUserSecret:    cfg.RootSecret,
		Region:            cfg.Region,
		Ports:             []string{cfg.Socket},
		SocketPerm:        "0600",
		MaxConnections:    4096,
		MaxRequests:       4096,
		MultipartMaxParts: 10000,
		Quiet:             true,
		KeepAlive:         true,
		IAMService:        accounts{cfg},
		S3Options: []s3api.Option{
			s3api.WithMiddleware("/", wholeBodies),
			s3api.WithOnListen(func() {
				_, _ = ready.Write([]byte{1}) // a parent that is gone shows on standard input
				_ = ready.Close()
			}),
		},
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// orphaned returns a context that ends when standard input does or the parent's death is signalled;
// a little later the process ends whatever it is doing. Signals for the whole service are left to
// the parent.
func orphaned(stdin io.Reader) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	end := make(chan os.Signal, 1)
	signal.Notify(end, endSignal)
	eof := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		close(eof)
	}()
	go func() {
		select {
		case <-end:
		case <-eof:
		}
		time.AfterFunc(grace, func() { os.Exit(1) })
		cancel()
	}()
	return ctx
}

// accounts tells the gateway of users: each account is one, with the secret that the proxy signs with.
type accounts struct{ cfg config }

var errFixed = errors.New("accounts are managed by Kindred")

func (a accounts) GetUserAccount(access string) (auth.Account, error) {
	return auth.Account{Access: access, Secret: a.cfg.secret(access), Role: auth.RoleUserPlus}, nil
}

// ResolveAccounts returns those that do not exist: none.
func (a accounts) ResolveAccounts([]string) ([]string, error) { return nil, nil }

func (a accounts) CreateAccount(auth.Account) error                  { return errFixed }
func (a accounts) UpdateUserAccount(string, auth.MutableProps) error { return errFixed }
func (a accounts) DeleteUserAccount(string) error                    { return errFixed }
func (a accounts) ListUserAccounts() ([]auth.Account, error)         { return nil, nil }
func (a accounts) Shutdown() error                                   { return nil }
