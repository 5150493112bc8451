package main

import (
	"bufio"
	"bytes"
	"context"
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
)

const (
	bucket = "bench"
	role   = "arn:aws:iam::000000000000:role/Bench"

	accessKey = "AKIABENCH0000000000"
	secretKey = "benchbenchbenchbenchbenchbenchbenchbench"
)

// A server is a kindred of its own, as a process that can be measured from outside.
type server struct {
	cmd *exec.Cmd
	dir string
	url string
	api *personalize.Client
	s3  *s3.Client
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
	s := &server{dir: dir}
	data := filepath.Join(dir, "data")
	if prepare != nil {
		if err := prepare(data); err != nil {
			return nil, err
		}
	}
	s.cmd = exec.CommandContext(ctx, bin, "serve", "--listen", "127.0.0.1:0", "--data", data, "--log-level", "warn")
	s.cmd.Env = append(os.Environ(), "KINDRED_ACCESS_KEY_ID="+accessKey, "KINDRED_SECRET_ACCESS_KEY="+secretKey)
	s.cmd.Stderr = io.Discard
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
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
	_, err = s.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	return s, err
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
	os.RemoveAll(s.dir)
}

func (s *server) put(ctx context.Context, key string, body []byte) error {
	_, err := s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(body)})
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
	if err := s.put(ctx, "interactions.csv", csv); err != nil {
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
	began := time.Now()
	job, err := s.api.CreateDatasetImportJob(ctx, &personalize.CreateDatasetImportJobInput{
		JobName: name, DatasetArn: ds.DatasetArn, RoleArn: aws.String(role), DataSource: &types.DataSource{DataLocation: aws.String("s3://bench/interactions.csv")}})
	if err != nil {
		return "", 0, err
	}
	err = until(func() (*string, *string, error) {
		d, err := s.api.DescribeDatasetImportJob(ctx, &personalize.DescribeDatasetImportJobInput{DatasetImportJobArn: job.DatasetImportJobArn})
		if err != nil {
			return nil, nil, err
		}
		return d.DatasetImportJob.Status, d.DatasetImportJob.FailureReason, nil
	})
	return *g.DatasetGroupArn, time.Since(began), err
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
func (s *server) peak() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in the process status")
}

// resetPeak makes peak begin anew.
func (s *server) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0)
}
