//go:build unix

// Package killtest kills a real server with SIGKILL in the middle of its work, over and over, and checks
// that the work ends as if nothing had happened.
package killtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	keyID  = "KILLTEST"
	secret = "killtest-secret"
	region = "us-east-1"

	// patience is how long anything may take that should take well under a second.
	patience = time.Minute
)

// binary returns the program to kill: the one that KINDRED_BIN names, or this module's, built.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("KINDRED_BIN"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "kindred")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/kindredrec/kindred/cmd/kindred").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// A process is a running `kindred serve`, which leads a process group of its own.
type process struct {
	cmd   *exec.Cmd
	url   string
	log   *os.File
	ended chan struct{} // closed when cmd has been waited for
	err   error         // of the wait
}

// launch starts a server on a folder and returns when it says that it is ready.
func launch(t *testing.T, bin, dir string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(bin, "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0"), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "KINDRED_ACCESS_KEY_ID="+keyID, "KINDRED_SECRET_ACCESS_KEY="+secret)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if p.log, err = os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		first <- line
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	select {
	case line := <-first:
		url, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
		if !ready {
			t.Fatalf("the server says %q, want ready and its address\n%s", line, tail(dir))
		}
		p.url = url
	case <-time.After(patience):
		t.Fatalf("the server is not ready after %v\n%s", patience, tail(dir))
	}
	return p
}

// end sends a signal, unless the process has ended, and waits for its end.
func (p *process) end(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err == nil || errors.Is(err, os.ErrProcessDone) {
		<-p.ended
	}
	p.log.Close()
}

// kill kills the leader of the group alone. Its children must then end by themselves.
func (p *process) kill(t *testing.T) {
	t.Helper()
	kids, err := children(p.cmd.Process.Pid)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // no /proc but on Linux
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && len(kids) == 0 {
		t.Error("the server has no child process, want its embedded S3")
	}
	p.end(syscall.SIGKILL)
	err = poll(patience, func() (bool, error) {
		for _, kid := range kids {
			if alive(kid) {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		t.Errorf("after its parent was killed, one of the processes %v lives on: %v", kids, err)
	}
}

// stop ends the server in order.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.end(syscall.SIGTERM)
	if p.err != nil {
		t.Errorf("the server ended on SIGTERM with %v, want status 0", p.err)
	}
}

// children lists the processes that a process started.
func children(pid int) (kids []int, err error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a thread that has ended since
		}
		if err != nil {
			return nil, err
		}
		for _, f := range strings.Fields(string(b)) {
			kid, err := strconv.Atoi(f)
			if err != nil {
				return nil, err
			}
			kids = append(kids, kid)
		}
	}
	return kids, err
}

// alive reports whether a process runs; one that has ended and waits for its parent to notice does not.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := bytes.Cut(b, []byte(") "))
	return len(state) > 0 && state[0] != 'Z' && state[0] != 'X'
}

// poll asks until the answer is yes, every 10 ms.
func poll(most time.Duration, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := ask(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v", most)
		case <-tick.C:
		}
	}
}

// tail returns the end of a server's log.
func tail(dir string) string {
	b, _ := os.ReadFile(filepath.Join(dir, "log"))
	return string(b[max(0, len(b)-4000):])
}
