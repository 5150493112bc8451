package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/synth"
)

type shape struct{ lines, items, users, events int }

// benchBatch answers lines for the users of a made-up world, again and again, and reads the memory of
// the server process from outside.
func benchBatch(ctx context.Context, sh shape) error {
	s, err := start(ctx, nil)
	if err != nil {
		return err
	}
	defer s.stop()
	var csv bytes.Buffer
	if _, err := synth.New(synth.Shape{Users: sh.users, Items: sh.items, Events: sh.events, Seed: 1}).Interactions(&csv); err != nil {
		return err
	}
	group, _, err := s.load(ctx, csv.Bytes(), synth.InteractionsSchema)
	if err != nil {
		return err
	}
	version, trained, err := s.train(ctx, group, map[string]string{"hidden_dimension": "64"})
	if err != nil {
		return err
	}
	model, err := modelSize(s.dir)
	if err != nil {
		return err
	}
	var in bytes.Buffer
	for n := range sh.lines {
		in.WriteString(`{"userId":"` + synth.UserID(n%sh.users) + `"}` + "\n")
	}
	if err := s.put(ctx, "in/users.json", in.Bytes()); err != nil {
		return err
	}
	if err := s.resetPeak(); err != nil {
		return err
	}
	took, err := s.infer(ctx, version)
	if err != nil {
		return err
	}
	peak, err := s.peak()
	if err != nil {
		return err
	}
	fmt.Printf("batch job, %d lines, %d items, d=64 (trained in %v): %v, %.0f lines/s\n",
		sh.lines, sh.items, trained.Round(time.Second), took.Round(time.Second), float64(sh.lines)/took.Seconds())
	fmt.Printf("peak memory of the server %d MiB, model %d MiB, difference %d MiB; bound 1024 MiB\n", peak>>20, model>>20, (peak-model)>>20)
	return nil
}

func (s *server) infer(ctx context.Context, version string) (time.Duration, error) {
	began := time.Now()
	at := func(p string) *types.S3DataConfig { return &types.S3DataConfig{Path: aws.String("s3://bench/" + p)} }
	job, err := s.api.CreateBatchInferenceJob(ctx, &personalize.CreateBatchInferenceJobInput{
		JobName: aws.String("bench-" + strconv.FormatInt(began.Unix(), 10)), SolutionVersionArn: &version, RoleArn: aws.String(role),
		JobInput: &types.BatchInferenceJobInput{S3DataSource: at("in/")}, JobOutput: &types.BatchInferenceJobOutput{S3DataDestination: at("out/")}})
	if err != nil {
		return 0, err
	}
	err = until(func() (*string, *string, error) {
		d, err := s.api.DescribeBatchInferenceJob(ctx, &personalize.DescribeBatchInferenceJobInput{BatchInferenceJobArn: job.BatchInferenceJobArn})
		if err != nil {
			return nil, nil, err
		}
		return d.BatchInferenceJob.Status, d.BatchInferenceJob.FailureReason, nil
	})
	return time.Since(began), err
}

// modelSize returns the bytes of the artifacts that a job maps: the model and the snapshot.
func modelSize(dir string) (int64, error) {
	var sum int64
	err := filepath.Walk(filepath.Join(dir, "data", "own"), func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && filepath.Base(path) == "model" {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
