package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	bucket = "bench"
	role   = "arn:aws:iam::000000000000:role/Bench"

	accessKey = "AKIABENCH0000000000"
	secretKey = "benchbenchbenchbenchbenchbenchbenchbench"
)

// A server is a kindred of its own, as a process that can be measured from outside.
type server struct {
	cmd  *exec.Cmd
	dir  string
	kept bool           // the folder stays
	in   io.WriteCloser // commands to a child, nil if it takes none
	out  *bufio.Reader
	url  string
	api  *personalize.Client
	s3   *s3.Client
}

// start builds the binary and runs it on a new data folder, which prepare may fill; nil for nothing.
func start(ctx context.Context, prepare func(data string) error) (*server, error) {
	dir, err := os.MkdirTemp("", "kindred-bench-")
	if err != nil {
		return nil, err
	}
	bin := filepath.Join(dir, "kindred")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/kindred").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	return startBinary(ctx, bin, dir, prepare)
}

// startBinary runs a binary on a new data folder in dir, which is removed when the server stops.
func startBinary(ctx context.Context, bin, dir string, prepare func(data string) error) (*server, error) {
	data := filepath.Join(dir, "data")
	if prepare != nil {
		if err := prepare(data); err != nil {
			return nil, err
		}
	}
	return launch(ctx, &server{dir: dir, cmd: exec.CommandContext(ctx, bin, "serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn")})
}

// startChild runs this program as a server that takes commands too, on a data folder that is kept, or on a new one.
func startChild(ctx context.Context, dir string) (*server, error) {
	bin, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, kept: dir != ""}
	if !s.kept {
		if s.dir, err = os.MkdirTemp("", "kindred-bench-"); err != nil {
			return nil, err
		}
	}
	s.cmd = exec.CommandContext(ctx, bin, "-what", "child", "-data", filepath.Join(s.dir, "data"))
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return launch(ctx, s)
}

// launch starts the server's process, waits until it is ready and makes its bucket.
func launch(ctx context.Context, s *server) (*server, error) {
	s.cmd.Env = append(os.Environ(), "KINDRED_ACCESS_KEY_ID="+accessKey, "KINDRED_SECRET_ACCESS_KEY="+secretKey)
	s.cmd.Stderr = io.Discard
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(stdout)
	line, err := s.out.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		s.stop()
		return nil, fmt.Errorf("the server said %q, want ready …: %v", line, err)
	}
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")}
	s.url = url
	s.api = personalize.NewFromConfig(cfg)
	s.s3 = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err = s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		if _, mine := errors.AsType[*s3types.BucketAlreadyOwnedByYou](err); !mine {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

// stop ends the process, and removes its folder unless that is kept.
func (s *server) stop() {
	if s.in != nil {
		s.in.Close()
	} else {
		s.cmd.Process.Signal(syscall.SIGTERM)
	}
	s.cmd.Wait()
	if !s.kept {
		os.RemoveAll(s.dir)
	}
}

func (s *server) put(ctx context.Context, key string, body io.ReadSeeker) error {
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: body})
	return err
}

// until asks for a status until it is ACTIVE.
func until(ask func() (status, reason *string, err error)) error {
	for {
		status, reason, err := ask()
		if err != nil {
			return err
		}
		switch *status {
		case "ACTIVE":
			return nil
		case "CREATE FAILED":
			return fmt.Errorf("failed: %s", *reason)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// load makes a group with an interactions dataset.
func (s *server) load(ctx context.Context, csv []byte, schema string) (group string, took time.Duration, err error) {
	if err := s.put(ctx, "interactions.csv", bytes.NewReader(csv)); err != nil {
		return "", 0, err
	}
	name := aws.String("bench")
	g, err := s.api.CreateDatasetGroup(ctx, &personalize.CreateDatasetGroupInput{Name: name})
	if err != nil {
		return "", 0, err
	}
	if err := until(func() (*string, *string, error) {
		d, err := s.api.DescribeDatasetGroup(ctx, &personalize.DescribeDatasetGroupInput{DatasetGroupArn: g.DatasetGroupArn})
		if err != nil {
			return nil, nil, err
		}
		return d.DatasetGroup.Status, d.DatasetGroup.FailureReason, nil
	}); err != nil {
		return "", 0, err
	}
	sc, err := s.api.CreateSchema(ctx, &personalize.CreateSchemaInput{Name: name, Schema: &schema})
	if err != nil {
		return "", 0, err
	}
	ds, err := s.api.CreateDataset(ctx, &personalize.CreateDatasetInput{Name: name, DatasetGroupArn: g.DatasetGroupArn, DatasetType: aws.String("Interactions"), SchemaArn: sc.SchemaArn})
	if err != nil {
		return "", 0, err
	}
	if err := until(func() (*string, *string, error) {
		d, err := s.api.DescribeDataset(ctx, &personalize.DescribeDatasetInput{DatasetArn: ds.DatasetArn})
		if err != nil {
			return nil, nil, err
		}
		return d.Dataset.Status, aws.String(""), nil
	}); err != nil {
		return "", 0, err
	}
	took, err = s.importFile(ctx, *ds.DatasetArn, "interactions.csv", types.ImportModeFull)
	return *g.DatasetGroupArn, took, err
}

// add imports more interactions into the dataset that load made.
func (s *server) add(ctx context.Context, group, key string) (took time.Duration, err error) {
	sets, err := s.api.ListDatasets(ctx, &personalize.ListDatasetsInput{DatasetGroupArn: &group})
	if err != nil {
		return 0, err
	}
	return s.importFile(ctx, *sets.Datasets[0].DatasetArn, key, types.ImportModeIncremental)
}

func (s *server) importFile(ctx context.Context, set, key string, mode types.ImportMode) (took time.Duration, err error) {
	began := time.Now()
	job, err := s.api.CreateDatasetImportJob(ctx, &personalize.CreateDatasetImportJobInput{
		JobName: aws.String("bench-" + strconv.FormatInt(began.UnixNano(), 10)), DatasetArn: &set, RoleArn: aws.String(role),
		DataSource: &types.DataSource{DataLocation: aws.String("s3://bench/" + key)}, ImportMode: mode})
	if err != nil {
		return 0, err
	}
	err = until(func() (*string, *string, error) {
		d, err := s.api.DescribeDatasetImportJob(ctx, &personalize.DescribeDatasetImportJobInput{DatasetImportJobArn: job.DatasetImportJobArn})
		if err != nil {
			return nil, nil, err
		}
		return d.DatasetImportJob.Status, d.DatasetImportJob.FailureReason, nil
	})
	return time.Since(began), err
}

// train makes a version of aws-user-personalization.
func (s *server) train(ctx context.Context, group string, params map[string]string) (version string, took time.Duration, err error) {
	sol, err := s.api.CreateSolution(ctx, &personalize.CreateSolutionInput{
		Name: aws.String("bench"), DatasetGroupArn: &group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-user-personalization"),
		SolutionConfig: &types.SolutionConfig{AlgorithmHyperParameters: params}})
	if err != nil {
		return "", 0, err
	}
	if err := until(func() (*string, *string, error) {
		d, err := s.api.DescribeSolution(ctx, &personalize.DescribeSolutionInput{SolutionArn: sol.SolutionArn})
		if err != nil {
			return nil, nil, err
		}
		return d.Solution.Status, aws.String(""), nil
	}); err != nil {
		return "", 0, err
	}
	began := time.Now()
	v, err := s.api.CreateSolutionVersion(ctx, &personalize.CreateSolutionVersionInput{SolutionArn: sol.SolutionArn})
	if err != nil {
		return "", 0, err
	}
	err = until(func() (*string, *string, error) {
		d, err := s.api.DescribeSolutionVersion(ctx, &personalize.DescribeSolutionVersionInput{SolutionVersionArn: v.SolutionVersionArn})
		if err != nil {
			return nil, nil, err
		}
		return d.SolutionVersion.Status, d.SolutionVersion.FailureReason, nil
	})
	return *v.SolutionVersionArn, time.Since(began), err
}

// peak returns the server's highest resident memory in bytes since the last reset.
func (s *server) peak() (int64, error) { return s.memory("VmHWM") }

// memory returns a size in bytes that the process status tells.
func (s *server) memory(name string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in the process status", name)
}

// watch looks at the server's memory that is not mapped from files, 20 times a second until the function it returns
// is called, which tells the most it saw.
func (s *server) watch() (most func() int64) {
	quit, seen := make(chan struct{}), make(chan int64)
	go func() {
		var high int64
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if now, err := s.memory("RssAnon"); err == nil {
					high = max(high, now)
				}
			case <-quit:
				seen <- high
				return
			}
		}
	}()
	return func() int64 {
		close(quit)
		return <-seen
	}
}

// A usage is processor time.
type usage struct{ server, gateway time.Duration }

// used returns the processor time so far of the server and of its embedded S3, a child process.
func (s *server) used() (u usage, err error) {
	pid := s.cmd.Process.Pid
	if u.server, err = processTime(pid); err != nil {
		return u, err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return u, err
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(b)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				return u, err
			}
			t, err := processTime(child)
			if err != nil {
				return u, err
			}
			u.gateway += t
		}
	}
	return u, nil
}

// resetPeak makes peak begin anew.
func (s *server) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}
