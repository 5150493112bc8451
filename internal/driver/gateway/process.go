package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	longPause  = 10 * time.Second
	// A child that takes longer to begin or to end is killed.
	startPatience = time.Minute
	stopPatience  = 10 * time.Second
)

var errClosed = errors.New("the embedded S3 is closed")

// A process keeps one child running until it is closed.
type process struct {
	cfg  config
	log  *slog.Logger
	stop chan struct{} // closed to end
	done chan struct{} // closed when the last child has ended

	mu      sync.Mutex
	up      bool
	changed chan struct{} // closed, and replaced, when up or lastErr changes
	fatal   error         // why there will be no child any more
	running *os.Process
	once    sync.Once
}

func newProcess(cfg config, log *slog.Logger) *process {
	return &process{cfg: cfg, log: log, stop: make(chan struct{}), done: make(chan struct{}), changed: make(chan struct{})}
}

func (p *process) set(up bool, fatal error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up, p.fatal = up, fatal
	close(p.changed)
	p.changed = make(chan struct{})
}

// await returns when the child answers.
func (p *process) await(ctx context.Context) error {
	for {
		p.mu.Lock()
		up, fatal, changed := p.up, p.fatal, p.changed
		p.mu.Unlock()
		if up || fatal != nil {
			return fatal
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the embedded S3: %w", ctx.Err())
		}
	}
}

func (p *process) state() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fatal == nil && !p.up {
		return errors.New("the embedded S3 is starting")
	}
	return p.fatal
}

// kill ends the child at once; another one takes its place.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.running.Kill() // one that has ended already is as good
}

func (p *process) close() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}

// supervise starts child after child. The signal for a dead parent is tied to the thread that made
// the child, so this goroutine keeps its thread. A child that never answered is a fault of the
// installation: nothing is tried again.
func (p *process) supervise() {
	runtime.LockOSThread()
	defer close(p.done)
	pause, begun := firstPause, false
	for {
		up, err := p.run()
		begun = begun || up
		if p.stopped() {
			p.set(false, errClosed)
			return
		}
		if !begun {
			p.set(false, fmt.Errorf("the embedded S3 does not start: %w", err))
			return
		}
		p.set(false, nil)
		p.log.Error("embedded S3 ended; starting it again", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-p.stop:
		}
		if pause = min(2*pause, longPause); up {
			pause = firstPause
		}
	}
}

func (p *process) stopped() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// run starts one child and returns when it has ended, telling whether it ever answered.
func (p *process) run() (up bool, err error) {
	c, err := p.start()
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	p.running = c.cmd.Process
	p.mu.Unlock()
	answered := make(chan bool, 1)
	go func() { answered <- c.answers(func() { p.set(true, nil) }) }()
	go c.guard(p.stop)
	err = c.cmd.Wait()
	close(c.exited)
	if err == nil {
		err = errors.New("it exited")
	}
	return <-answered, err
}

// A child is a started process with our ends of its pipes.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser // open for as long as the child is to live
	ready  *os.File       // a byte comes when the child listens
	begun  chan struct{}  // closed when it came
	exited chan struct{}  // closed when the process has ended
}

func (p *process) start() (*child, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	_ = os.Remove(p.cfg.Socket) // of a child before
	c := &child{cmd: exec.Command(exe), begun: make(chan struct{}), exited: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.SysProcAttr = childAttributes()
	out := &logWriter{log: p.log}
	c.cmd.Stdout, c.cmd.Stderr = out, out
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	c.ready, c.cmd.ExtraFiles = ready, []*os.File{theirs}
	if err := c.cmd.Start(); err != nil {
		_ = ready.Close()
		return nil, err
	}
	_ = json.NewEncoder(c.stdin).Encode(p.cfg) // a child that cannot read it exits and says so
	return c, nil
}

// answers waits for the child's byte and reports whether it came before the child ended.
func (c *child) answers(do func()) bool {
	defer func() { _ = c.ready.Close() }()
	var b [1]byte
	if n, _ := c.ready.Read(b[:]); n == 0 {
		return false
	}
	close(c.begun)
	do()
	return true
}

// guard ends the child when stop is closed, and by force if it takes too long to begin or to end.
func (c *child) guard(stop <-chan struct{}) {
	late := time.NewTimer(startPatience)
	defer late.Stop()
	select {
	case <-c.begun:
		late.Stop()
	case <-stop:
	case <-late.C:
		_ = c.cmd.Process.Kill()
	case <-c.exited:
	}
	select {
	case <-stop:
	case <-c.exited:
		return
	}
	_ = c.stdin.Close()
	late.Reset(stopPatience)
	select {
	case <-c.exited:
	case <-late.C:
		_ = c.cmd.Process.Kill()
	}
}

// A logWriter passes the child's output on, a line at a time.
type logWriter struct {
	log  *slog.Logger
	part []byte
}

func (w *logWriter) Write(b []byte) (int, error) {
	w.part = append(w.part, b...)
	for {
		line, rest, ok := bytes.Cut(w.part, []byte("\n"))
		if !ok && len(w.part) < 4096 {
			return len(b), nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			w.log.Info("embedded S3", "says", string(line))
		}
		w.part = append(w.part[:0], rest...)
	}
}
