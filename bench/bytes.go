package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// printBytes trains on a made-up world, answers lines for its users, a stranger and lines that have no answer, and
// prints the size and the hash of the output. It is the same for every build and every number of processors:
// scripts/identical.sh compares them.
func printBytes(ctx context.Context) error {
	sh := shape{lines: 60_000, items: 1_000, users: 2_000, events: 40_000} // some 35 MB of output: several shards
	s, version, err := sh.world(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	in := string(sh.input()) + `{"userId":"a stranger"}` + "\n" + `{"userId":""}` + "\nno JSON\n"
	if err := s.put(ctx, "in/users.json", strings.NewReader(in)); err != nil {
		return err
	}
	if _, err := s.infer(ctx, version); err != nil {
		return err
	}
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("out/users.json.out")})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	var lines counter
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(hash, &lines), out.Body)
	if err != nil {
		return err
	}
	if want := strings.Count(in, "\n"); int(lines) != want {
		return fmt.Errorf("the output has %d lines, want %d", lines, want)
	}
	fmt.Printf("%d lines, %d bytes, sha256 %x\n", lines, size, hash.Sum(nil))
	return nil
}

// A counter counts lines.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(strings.Count(string(p), "\n"))
	return len(p), nil
}
