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
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/service"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	span    = 5 * time.Second // of each measurement
)

// benchAPI measures reading calls on a catalog of n resources, in this process and over HTTP. Calls per second
// per core are calls by the processor time of whoever answers them.
func benchAPI(ctx context.Context, n int) error {
	dir, err := os.MkdirTemp("", "kindred-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	db, err := catalogOf(ctx, dir, n)
	if err != nil {
		return err
	}
	fmt.Printf("%d resources stored in %s\n\n", n, time.Since(began).Round(time.Millisecond))
	fmt.Printf("%-34s %22s %28s\n", "", "calls/s per core", "time of a call, median and p99")
	svc := service.New(service.Config{Store: db, Engine: idle{}, Quotas: service.DefaultQuotas()})
	called := auth.WithCaller(ctx, auth.Caller{Account: account, Region: region})
	for _, c := range calls(n) {
		m, err := measure(1, span, selfTime, func(_, i int) error { return c.direct(called, svc, i) })
		if err != nil {
			return err
		}
		m.print("service: " + c.name)
	}
	if err := db.Close(); err != nil {
		return err
	}
	s, err := start(ctx, func(data string) error { return os.Rename(dir, data) })
	if err != nil {
		return err
	}
	defer s.stop()
	for _, c := range calls(n) {
		for _, clients := range []int{1, 16} {
			caller, err := s.caller(ctx, c, clients)
			if err != nil {
				return err
			}
			m, err := measure(clients, span, s.cpuTime, caller)
			if err != nil {
				return err
			}
			m.print(fmt.Sprintf("HTTP, %2d clients: %s", clients, c.name))
		}
	}
	fmt.Println("\npromised: Describe 10,000 calls/s per core; a page of 100 under 2 ms")
	return nil
}

// An idle engine has nothing to do.
type idle struct{}

func (idle) Start(context.Context, ...job.Flow) error { return nil }
func (idle) Stop(context.Context) error               { return nil }
func (idle) Wake()                                    {}
func (idle) Cancel(context.Context, arn.ARN) error    { return nil }

// catalogOf makes a data folder whose catalog holds n resources.
func catalogOf(ctx context.Context, dir string, n int) (*sqlite.DB, error) {
	db, err := sqlite.Open(ctx, filepath.Join(dir, "catalog.db"), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	return db, fill(ctx, db, n)
}

// fill stores n resources: a tenth are groups, the rest filters spread over them.
func fill(ctx context.Context, db catalog.Store, n int) error {
	const batch = 5000
	at := time.UnixMilli(1_754_300_001_112)
	for from := 0; from < n; from += batch {
		err := db.Tx(ctx, func(tx catalog.Store) error {
			for i := from; i < min(from+batch, n); i++ {
				rec, doc := resource(i, at.Add(time.Duration(i)*time.Millisecond))
				if err := catalog.Insert(ctx, tx, rec, doc, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func groupARN(i int) arn.ARN {
	return arn.New(region, account, arn.DatasetGroup, fmt.Sprintf("group-%06d", i))
}

func filterARN(i int) arn.ARN {
	return arn.New(region, account, arn.Filter, fmt.Sprintf("filter-%06d", i))
}

// resource returns the ith resource.
func resource(i int, at time.Time) (catalog.Record, any) {
	rec := catalog.Record{Account: account + "/" + region, Status: service.Active, Created: at, Updated: at, Tags: map[string]string{"number": strconv.Itoa(i)}}
	if i%10 == 0 {
		rec.ARN, rec.Kind = groupARN(i/10), arn.DatasetGroup
		return rec, api.DatasetGroup{
			Name: rec.ARN.Name(), DatasetGroupArn: rec.ARN.String(), Status: service.Active, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
	}
	rec.ARN, rec.Kind, rec.Parent = filterARN(i), arn.Filter, groupARN(i/1000*10) // 1,800 or so in a group
	return rec, api.Filter{
		Name: rec.ARN.Name(), FilterArn: rec.ARN.String(), DatasetGroupArn: rec.Parent.String(), Status: service.Active,
		FilterExpression: `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase") | INCLUDE ItemID WHERE Items.GENRE IN ($GENRE)`,
		CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
	}
}

// A call is one reading operation, in both ways.
type call struct {
	name     string
	op       string
	distinct int // after as many calls the same resources come again
	input    func(i int) any
	direct   func(ctx context.Context, s *service.Service, i int) error
}

// calls are what is measured, each on another resource every time until all had their turn: whatever the server
// keeps of some, it meets the others as well.
func calls(n int) []call {
	filters := n / 10 * 9
	one := func(i int) string { return filterARN(i*7919%(n/10)*10 + 1 + i%9).String() }
	describe := func(i int) any { return &api.DescribeFilterRequest{FilterArn: one(i)} }
	tags := func(i int) any { return &api.ListTagsForResourceRequest{ResourceArn: one(i)} }
	all := func(int) any { return &api.ListFiltersRequest{MaxResults: aws.Int32(100)} }
	group := func(i int) any {
		return &api.ListFiltersRequest{MaxResults: aws.Int32(100), DatasetGroupArn: groupARN(i % (n / 1000) * 10).String()}
	}
	return []call{
		{"DescribeFilter", "DescribeFilter", filters, describe, func(ctx context.Context, s *service.Service, i int) error {
			_, err := s.DescribeFilter(ctx, describe(i).(*api.DescribeFilterRequest))
			return err
		}},
		{"ListTagsForResource", "ListTagsForResource", filters, tags, func(ctx context.Context, s *service.Service, i int) error {
			_, err := s.ListTagsForResource(ctx, tags(i).(*api.ListTagsForResourceRequest))
			return err
		}},
		{"ListFilters, 100 of all", "ListFilters", 1, all, func(ctx context.Context, s *service.Service, i int) error {
			return full(s.ListFilters(ctx, all(i).(*api.ListFiltersRequest)))
		}},
		{"ListFilters, 100 of a group", "ListFilters", n / 1000, group, func(ctx context.Context, s *service.Service, i int) error {
			return full(s.ListFilters(ctx, group(i).(*api.ListFiltersRequest)))
		}},
	}
}

// full checks that a page is what is measured.
func full(out *api.ListFiltersResponse, err error) error {
	if err == nil && len(out.Filters) != 100 {
		err = fmt.Errorf("a page of %d, want 100", len(out.Filters))
	}
	return err
}

// A measurement is what many calls took.
type measurement struct {
	calls int
	cpu   time.Duration // of whoever answered
	times []time.Duration
}

func (m measurement) print(what string) {
	slices.Sort(m.times)
	at := func(q float64) time.Duration { return m.times[int(q*float64(len(m.times)-1))].Round(time.Microsecond) }
	fmt.Printf("%-46s %10.0f %14s %10s\n", what, float64(m.calls)/m.cpu.Seconds(), at(0.5), at(0.99))
}

// measure makes calls from a number of clients for a span of time.
func measure(clients int, span time.Duration, cpu func() (time.Duration, error), do func(client, i int) error) (m measurement, err error) {
	for i := range 200 { // until caches and pools are warm
		if err := do(0, i); err != nil {
			return m, err
		}
	}
	before, err := cpu()
	if err != nil {
		return m, err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	end := time.Now().Add(span)
	for c := range clients {
		all.Go(func() {
			var times []time.Duration
			var failed error
			for i := c; failed == nil && time.Now().Before(end); i += clients {
				began := time.Now()
				failed = do(c, i)
				times = append(times, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			m.times = append(m.times, times...)
			if failed != nil {
				err = failed
			}
		})
	}
	all.Wait()
	after, cpuErr := cpu()
	if err == nil {
		err = cpuErr
	}
	m.calls, m.cpu = len(m.times), after-before
	return m, err
}

// selfTime is the processor time of this process.
func selfTime() (time.Duration, error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, err
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}

// cpuTime is the processor time of the server's process, without the embedded S3's.
func (s *server) cpuTime() (time.Duration, error) { return processTime(s.cmd.Process.Pid) }

// processTime is the processor time of a process, without that of its children.
func processTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const userTime, systemTime, perSecond = 11, 12, 100 // places behind the name; ticks of Linux
	var ticks int64
	for _, f := range []int{userTime, systemTime} {
		n, err := strconv.ParseInt(fields[f], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / perSecond, nil
}

// caller returns what makes one call over HTTP. Requests are signed beforehand: what is measured is the
// server, which verifies each.
func (s *server) caller(ctx context.Context, c call, clients int) (func(client, i int) error, error) {
	requests := make([]signed, c.distinct)
	for i := range requests {
		var err error
		if requests[i], err = s.sign(ctx, c, i); err != nil {
			return nil, err
		}
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var sent atomic.Int64 // counts on from one measurement to the next, which so meets other resources
	return func(int, int) error { return requests[sent.Add(1)%int64(len(requests))].send(ctx, client) }, nil
}

// A signed request can be sent again and again.
type signed struct {
	url  string
	head http.Header
	body []byte
}

func (s *server) sign(ctx context.Context, c call, i int) (signed, error) {
	body, err := json.Marshal(c.input(i))
	if err != nil {
		return signed{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/", bytes.NewReader(body))
	if err != nil {
		return signed{}, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonPersonalize."+c.op)
	sum := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
	err = v4.NewSigner().SignHTTP(ctx, creds, r, hex.EncodeToString(sum[:]), "personalize", region, time.Now())
	return signed{s.url + "/", r.Header, body}, err
}

func (q signed) send(ctx context.Context, client *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url, bytes.NewReader(q.body))
	if err != nil {
		return err
	}
	r.Header = q.head
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", resp.StatusCode, out)
	}
	return err
}
