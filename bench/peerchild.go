package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// An obeyer is Kindred's side.
type obeyer struct {
	dir     string
	threads int
	orders  *json.Decoder
	answers *json.Encoder

	matrix *topk.Matrix
	users  []float32
	jobs   []topk.Job
	found  []int32
	scores []float32
}

// obey does what orders say with at most so many threads; files are those of dir.
func obey(ctx context.Context, dir string, threads int, orders io.Reader, answers io.Writer) error {
	o := obeyer{dir: dir, threads: threads, orders: json.NewDecoder(orders), answers: json.NewEncoder(answers)}
	for {
		var told order
		if err := o.orders.Decode(&told); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r, err := o.do(ctx, told)
		if err != nil {
			r.Failed = err.Error()
		}
		if err := o.answers.Encode(r); err != nil {
			return err
		}
	}
}

func (o *obeyer) do(ctx context.Context, told order) (report, error) {
	switch told.Do {
	case "load":
		return report{}, o.load(told.Dim)
	case "top":
		r, err := o.top(ctx, told, topk.Best)
		if err != nil {
			return r, err
		}
		return r, writeNumbers(filepath.Join(o.dir, "kindred.i32"), o.found)
	case "sum":
		return o.top(ctx, told, topk.Scan)
	case "one":
		return o.one(ctx, told)
	case "fit":
		return report{}, o.fit(ctx, told)
	}
	return report{}, fmt.Errorf("cannot do %q", told.Do)
}

func (o *obeyer) load(dim int) error {
	items, err := readNumbers[float32](filepath.Join(o.dir, "items.f32"))
	if err != nil {
		return err
	}
	if o.users, err = readNumbers[float32](filepath.Join(o.dir, "users.f32")); err != nil {
		return err
	}
	n := len(items) / dim
	o.matrix, err = topk.NewMatrix(n, dim, items, make([]float32, n))
	return err
}

// scanUsers is how many users a thread scores together. Batch inference takes 256.
const scanUsers = 1200

// top ranks with find. Vectors become jobs and heaps become lists on the clock.
func (o *obeyer) top(ctx context.Context, told order, find func(context.Context, *topk.Matrix, []topk.Job) error) (report, error) {
	size := told.Users * told.K
	o.found, o.scores = make([]int32, size), make([]float32, size)
	if o.jobs == nil {
		o.jobs = make([]topk.Job, o.threads*scanUsers)
	}
	t, err := startTimer()
	if err != nil {
		return report{}, err
	}
	size = min(scanUsers, (told.Users+o.threads-1)/o.threads)
	failed := make([]error, o.threads)
	var group sync.WaitGroup
	for w := range o.threads {
		group.Go(func() {
			jobs := o.jobs[w*scanUsers:]
			for u := w * size; u < told.Users && failed[w] == nil; u += o.threads * size {
				failed[w] = o.block(ctx, told, jobs[:min(size, told.Users-u)], u, find)
			}
		})
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return report{}, err
	}
	return t.stop()
}

// block ranks for the users from the given one of an order on.
func (o *obeyer) block(ctx context.Context, told order, jobs []topk.Job, first int, find func(context.Context, *topk.Matrix, []topk.Job) error) error {
	dim := o.matrix.Stride
	for k := range jobs {
		u := told.From + first + k
		if err := jobs[k].Set(o.users[u*dim:(u+1)*dim], 0); err != nil {
			return err
		}
		jobs[k].Best.Reset(told.K)
	}
	if err := find(ctx, o.matrix, jobs); err != nil {
		return err
	}
	for k := range jobs {
		at := (first + k) * told.K
		for i, key := range jobs[k].Best.Sorted() {
			o.found[at+i], o.scores[at+i] = key.Index(), key.Score()
		}
	}
	return nil
}

func (o *obeyer) one(ctx context.Context, told order) (report, error) {
	o.found, o.scores = make([]int32, told.K), make([]float32, told.K)
	job := make([]topk.Job, 1)
	times := make([]float64, 0, told.Users)
	t, err := startTimer()
	if err != nil {
		return report{}, err
	}
	for range told.Users {
		began := time.Now()
		if err := o.block(ctx, told, job, 0, topk.Best); err != nil {
			return report{}, err
		}
		times = append(times, time.Since(began).Seconds())
		told.From++
	}
	r, err := t.stop()
	r.Times = times
	return r, err
}

func (o *obeyer) fit(ctx context.Context, told order) error {
	m, err := readSparse(filepath.Join(o.dir, "known.bin"), float32(told.Weight))
	if err != nil {
		return err
	}
	c := als.Config{Dim: told.Dim, Unobserved: 1, Regularization: told.Regularization, Sweeps: told.Sweeps, Steps: told.Steps, Threads: o.threads}
	f := &als.Factors{Rows: make([]float32, m.Rows*told.Dim)}
	if f.Cols, err = readNumbers[float32](filepath.Join(o.dir, "start.f32")); err != nil {
		return err
	}
	var failed error
	t, err := startTimer()
	if err != nil {
		return err
	}
	c.Progress = func(done, total int) {
		r, err := t.stop()
		failed = errors.Join(failed, err, o.answers.Encode(r))
		if done < total {
			failed = errors.Join(failed, o.orders.Decode(&told))
		}
		t, err = startTimer()
		failed = errors.Join(failed, err)
	}
	if err := errors.Join(als.Fit(ctx, m, c, f), failed); err != nil {
		return err
	}
	return errors.Join(writeNumbers(filepath.Join(o.dir, "found-rows.f32"), f.Rows), writeNumbers(filepath.Join(o.dir, "found-cols.f32"), f.Cols))
}

// A timer counts time of the clock and of the processors.
type timer struct {
	wall time.Time
	cpu  time.Duration
}

func startTimer() (t timer, err error) {
	t.cpu, err = selfTime()
	t.wall = time.Now()
	return t, err
}

func (t timer) stop() (report, error) {
	wall := time.Since(t.wall)
	cpu, err := selfTime()
	return report{CPU: (cpu - t.cpu).Seconds(), Wall: wall.Seconds()}, err
}
