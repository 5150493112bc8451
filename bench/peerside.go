package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// An order is what a side is told to do, a line of JSON.
//
//	load  read the vectors of items.f32 and users.f32
//	top   find the K best items of Users users from From on; they go to NAME.i32, K a user
//	sum   the same, and where a side has it the sum of all items' exponentials, which softmax divides by
//	one   the same a user at a time, without keeping what was found
//	fit   factorise known.bin from start.f32 on: a sweep at once and one for each order "step", each answered, and when
//	      the last is done, once more; vectors go to found-rows.f32 and found-cols.f32
type order struct {
	Do             string  `json:"do"`
	Dim            int     `json:"dim,omitempty"`
	K              int     `json:"k,omitempty"`
	From           int     `json:"from"`
	Users          int     `json:"users,omitempty"`
	Rows           int     `json:"rows,omitempty"`
	Sweeps         int     `json:"sweeps,omitempty"`
	Steps          int     `json:"steps,omitempty"`
	Weight         float64 `json:"weight,omitempty"`
	Regularization float64 `json:"regularization,omitempty"`
}

// A report is a side's answer. Times are seconds.
type report struct {
	Failed string    `json:"failed,omitempty"`
	CPU    float64   `json:"cpu"` // of all processors
	Wall   float64   `json:"wall"`
	Times  []float64 `json:"times,omitempty"` // of each user of one
}

// A side is one of those that are compared, in a process of its own.
type side struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

// startSide starts a program that obeys orders, on one processor if that is all its threads need.
func startSide(ctx context.Context, name string, threads int, program string, args ...string) (*side, error) {
	if core, ok := lastCore(); ok && threads == 1 {
		if taskset, err := exec.LookPath("taskset"); err == nil {
			program, args = taskset, append([]string{"-c", core, program}, args...)
		}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	n := strconv.Itoa(threads)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+n, "OMP_NUM_THREADS="+n, "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &side{name: name, cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

// lastCore names a processor that this process may run on.
func lastCore() (string, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", false
	}
	_, list, ok := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ = strings.Cut(list, "\n")
	return strings.TrimSpace(list[strings.LastIndexAny(list, ",-\t")+1:]), ok
}

// tell gives an order and waits for the answer.
func (s *side) tell(o order) (report, error) {
	line, err := json.Marshal(o)
	if err != nil {
		return report{}, err
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		return report{}, fmt.Errorf("%s: %w", s.name, err)
	}
	return s.hear()
}

// hear waits for an answer.
func (s *side) hear() (r report, err error) {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return r, fmt.Errorf("%s ended: %w", s.name, err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("%s answers %q: %w", s.name, line, err)
	}
	if r.Failed != "" {
		return r, fmt.Errorf("%s: %s", s.name, r.Failed)
	}
	return r, nil
}

func (s *side) stop() error { return errors.Join(s.in.Close(), s.cmd.Wait()) }

//go:embed peer.py
var peerProgram []byte
