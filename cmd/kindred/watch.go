package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/schollz/progressbar/v3"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/fault"
)

type watchCmd struct {
	ARN      string        `arg:"" name:"arn" help:"ARN of an import job, a solution version or a batch inference job."`
	Endpoint string        `default:"http://127.0.0.1:8570" env:"AWS_ENDPOINT_URL" help:"Address of the server."`
	Data     string        `default:"./kindred-data" type:"path" help:"Data folder whose key pair is used when AWS_ACCESS_KEY_ID is not set."`
	Region   string        `default:"us-east-1" env:"AWS_REGION,AWS_DEFAULT_REGION" help:"Region to ask in."`
	Every    time.Duration `default:"500ms" help:"How often to ask."`
}

// Run follows the job until it is settled, and fails if the job did.
func (c *watchCmd) Run(ctx context.Context) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	p := &poller{endpoint: c.Endpoint, region: c.Region, key: key}
	last, err := follow(ctx, os.Stderr, c.ARN, c.Every, p.progress)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s\n", c.ARN, last.Status)
	if last.FailureReason != "" {
		return fault.Newf(fault.Invalid, "%s", last.FailureReason)
	}
	return nil
}

// key is the pair of the environment, or the first one of the data folder.
func (c *watchCmd) key() (auth.Key, error) {
	if id := os.Getenv("AWS_ACCESS_KEY_ID"); id != "" {
		return auth.Key{AccessKeyID: id, SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
	}
	file := filepath.Join(c.Data, app.KeyFile)
	if _, err := os.Stat(file); err != nil {
		return auth.Key{}, fmt.Errorf("no key pair: AWS_ACCESS_KEY_ID is not set and there is no %s", file)
	}
	ring, err := auth.OpenKeyring(file, auth.Key{}, "")
	if err != nil {
		return auth.Key{}, err
	}
	return ring.First(), nil
}

// A poller asks a server how far jobs are, and whatever else is to be shown as it travels.
type poller struct {
	endpoint, region string
	key              auth.Key
}

// progress asks how far a resource is.
func (p *poller) progress(ctx context.Context, name string) (app.Progress, error) {
	var out app.Progress
	body, err := p.send(ctx, http.MethodGet, app.ProgressPath+"?arn="+url.QueryEscape(name), "", nil)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(body, &out)
}

// call sends an operation and returns the answer as it travels.
func (p *poller) call(ctx context.Context, operation string, in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return p.send(ctx, http.MethodPost, "/", "AmazonPersonalize."+operation, body)
}

// send signs and sends a request.
func (p *poller) send(ctx context.Context, method, path, target string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if target != "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", target)
	}
	sum := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: p.key.AccessKeyID, SecretAccessKey: p.key.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(ctx, creds, r, hex.EncodeToString(sum[:]), auth.Personalize, p.region, time.Now()); err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		var e struct{ Message string }
		if json.Unmarshal(answer, &e) != nil || e.Message == "" {
			e.Message = fmt.Sprintf("%s: %s", resp.Status, answer)
		}
		return nil, fault.Newf(fault.Invalid, "%s", e.Message)
	}
	return answer, nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// follow shows a bar until the resource is settled. The bar is silent where out is no terminal.
func follow(ctx context.Context, out *os.File, name string, every time.Duration, ask func(context.Context, string) (app.Progress, error)) (app.Progress, error) {
	bar := newBar(out)
	defer bar.Exit()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		p, err := ask(ctx, name)
		if err != nil {
			return p, err
		}
		show(bar, p)
		if p.Settled {
			bar.Clear()
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-tick.C:
		}
	}
}

func newBar(out *os.File) *progressbar.ProgressBar {
	if st, err := out.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return progressbar.DefaultSilent(-1)
	}
	return progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish())
}

// show puts a progress on the bar: stage, share, speed and the time that is left at this speed.
func show(bar *progressbar.ProgressBar, p app.Progress) {
	text := p.Status
	if j := p.Job; j != nil && !p.Settled {
		text = j.Stage
		if j.Total > 0 {
			bar.ChangeMax64(j.Total)
			bar.Set64(min(j.Done, j.Total))
		}
		if s := j.Updated.Sub(j.Started).Seconds(); s > 0 && j.Done > 0 {
			rate := float64(j.Done) / s
			text = fmt.Sprintf("%s: %d of %d %s, %.0f/s", j.Stage, j.Done, j.Total, j.Unit, rate)
			if left := float64(j.Total-j.Done) / rate; j.Total > j.Done {
				text += fmt.Sprintf(", %s left", time.Duration(left*float64(time.Second)).Round(time.Second))
			}
		}
	}
	bar.Describe(text)
}
