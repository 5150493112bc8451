package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/driver/gateway"
)

const parentVariable = "KINDRED_TEST_PARENT"

// beParent runs a gateway over dir, prints its socket, and waits to be killed.
func beParent(dir string) {
	g, err := gateway.Start(context.Background(), gateway.Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(g.Socket())
	select {}
}

// When the parent is killed its child ends too, takes its socket with it, and the folder is free for
// the next server.
func TestChildEndsWithKilledParent(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), parentVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the parent said %q: %v", line, err)
	}
	private := filepath.Dir(strings.TrimSpace(line))
	if _, err := os.Stat(private); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed, which is what it says
	deadline, tick := time.After(time.Minute), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for gone := false; !gone; {
		select {
		case <-tick.C:
			_, err := os.Stat(private)
			gone = os.IsNotExist(err)
		case <-deadline:
			t.Fatalf("a minute after its parent was killed the child still has %s", private)
		}
	}
	c := client(t, serve(t, start(t, dir)), keys[0], "us-east-1")
	makeBucket(t, c, "after")
}
