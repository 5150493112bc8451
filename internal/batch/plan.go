package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

const (
	// checkName is the object written beside the results when a job starts: it proves that writing is allowed.
	checkName = "_CHECK"
	// outSuffix follows the name of an input in the name of its output.
	outSuffix = ".out"

	maxParts   = 10_000 // S3's bound on part numbers
	maxShards  = 2_500  // of a file, so that each has some part numbers to spare
	maxShard   = 64 << 20
	probeBytes = 256 << 10
	scoreBytes = 12 // of an item's score with its comma, and of the comma behind its id
)

// Limits are what a job's input must keep to; 0 means no limit.
type Limits struct {
	Files int   // objects
	Bytes int64 // all objects together
	Lines int64 // of one object

	ItemLines, AttributeLines int64 // of one object that asks for segments of items, of attributes
}

// lines is the limit of one object's lines.
func (l Limits) lines(asks recipe.Asks) int64 {
	switch asks {
	case recipe.UsersByItem:
		return l.ItemLines
	case recipe.UsersByAttributes:
		return l.AttributeLines
	}
	return l.Lines
}

// A Plan is what a job found when it started: decided once, and the same for every later run.
type Plan struct {
	Files     []File  `json:"files"`     // ascending by key
	LineBytes float64 `json:"lineBytes"` // of an average line, estimated
}

// A File is one input.
type File struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	ETag   string `json:"etag"`
	Output string `json:"output"`         // key
	Shard  int64  `json:"shard,omitzero"` // bytes of a shard; 0 when the file is answered whole
}

func (p *Plan) bytes() (n int64) {
	for i := range p.Files {
		n += p.Files[i].Size
	}
	return n
}

// shards is how many shards a file has.
func (f *File) shards() int {
	if f.Shard == 0 {
		return 1
	}
	return int((f.Size + f.Shard - 1) / f.Shard)
}

// span returns count shards from first on.
func (f *File) span(d blob.Driver, first, count int) *span {
	s := &span{driver: d, key: f.Key, end: f.Size, size: f.Size}
	if f.Shard > 0 {
		s.start = int64(first) * f.Shard
		s.end = min(f.Size, int64(first+count)*f.Shard)
	}
	return s
}

// makePlan lists the inputs and cuts them into shards.
func (j *work) makePlan(ctx context.Context) ([]byte, error) {
	files, err := j.list(ctx)
	if err != nil {
		return nil, err
	}
	nameOutputs(files, j.input, j.output)
	p := &Plan{Files: files}
	if err := j.cut(ctx, p); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// list finds the input objects: all whose key begins with the location's, but folder markers and what a job
// with this output writes itself.
func (j *work) list(ctx context.Context) ([]File, error) {
	var files []File
	var total int64
	matched := map[string]bool{}
	for info, err := range j.in.List(ctx, j.input.Key) {
		if err != nil {
			return nil, j.inputFault(j.input.Key, err)
		}
		if strings.HasSuffix(info.Key, "/") || j.written(info.Key, matched) {
			continue
		}
		files = append(files, File{Key: info.Key, Size: info.Size, ETag: info.ETag})
		total += info.Size
		if err := j.checkLimits(len(files), total); err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fault.Newf(fault.Invalid, "Invalid S3 input path. There is no object whose key begins with %s.", j.input)
	}
	return files, nil
}

func (j *work) checkLimits(files int, bytes int64) error {
	l := j.cfg.Limits
	if l.Files > 0 && files > l.Files {
		return fault.Newf(fault.Invalid, "Invalid S3 input path. %s holds more than %d files, which is the limit of one job.", j.input, l.Files)
	}
	if l.Bytes > 0 && bytes > l.Bytes {
		return fault.Newf(fault.Invalid, "Invalid S3 input path. The files in %s are larger than %d bytes together, which is the limit of one job.", j.input, l.Bytes)
	}
	return nil
}

// checkLines holds one file against the limit of lines.
func (j *work) checkLines(f *File, t Tally) error {
	if l := j.cfg.Limits.lines(j.oracle.asks); l > 0 && t.Lines > l {
		return fault.Newf(fault.Invalid, "Invalid S3 input path. %s has %d lines; a file may have at most %d.",
			blob.Location{Bucket: j.input.Bucket, Key: f.Key}, t.Lines, l)
	}
	return nil
}

// written reports whether key is what an earlier run wrote: it stands in the output folder and that is inside
// the input, or it is the check object, or the output of another input. Keys come in ascending order, so an
// input has been seen before its output. Without this a second job would read the first one's answers.
func (j *work) written(key string, matched map[string]bool) bool {
	if j.input.Bucket != j.output.Bucket {
		return false
	}
	folder := j.output.Key
	if len(folder) > len(j.input.Key) && strings.HasPrefix(folder, j.input.Key) {
		return strings.HasPrefix(key, folder)
	}
	name, inside := strings.CutPrefix(key, folder)
	if !inside {
		return false
	}
	matched[name] = true
	source, isOut := strings.CutSuffix(name, outSuffix)
	return name == checkName || isOut && matched[source]
}

// nameOutputs decides where each file's answers go: base name and .out. Files that share a base name keep
// their path behind the input's folder.
func nameOutputs(files []File, input, output blob.Location) {
	bases := map[string]int{}
	for i := range files {
		bases[base(files[i].Key)]++
	}
	root := input.Key[:strings.LastIndexByte(input.Key, '/')+1]
	for i := range files {
		name := base(files[i].Key)
		if bases[name] > 1 {
			name = strings.TrimPrefix(files[i].Key, root)
		}
		files[i].Output = output.Key + name + outSuffix
	}
}

func base(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// cut decides which files are answered whole and how large the shards of the others are: see aim. How much output a byte of input makes is measured on the first lines of the largest file.
func (j *work) cut(ctx context.Context, p *Plan) error {
	largest := &p.Files[0]
	for i := range p.Files {
		if p.Files[i].Size > largest.Size {
			largest = &p.Files[i]
		}
	}
	growth, line, err := j.probe(ctx, largest)
	if err != nil {
		return err
	}
	p.LineBytes = line
	for i := range p.Files {
		f := &p.Files[i]
		if f.Size == 0 || j.cfg.ShardBytes == 0 && j.oracle.mostOutput(f.Size) <= int64(j.part+j.minPart) {
			continue
		}
		if float64(f.Size)*growth > 0.8*maxParts*float64(j.part) {
			return fault.Newf(fault.Invalid, "Invalid S3 input path. The output of %s would not fit into %d parts of %d bytes; split the file.",
				blob.Location{Bucket: j.input.Bucket, Key: f.Key}, maxParts, j.part)
		}
		f.Shard = j.shardBytes(f.Size, growth, float64(p.bytes())*growth)
	}
	return nil
}

// aim is the output that a shard should have if all have that much together: a part, or less, so that towards the end
// there is work for everybody. But no less than two of the smallest parts: one that has half of what was expected is
// still large enough.
func (j *work) aim(output float64) float64 {
	const rounds = 16 // of as many shards as are answered at a time
	return min(max(output/float64(rounds*j.cfg.Width), 2*float64(j.minPart)), float64(j.part))
}

func (j *work) shardBytes(size int64, growth, output float64) int64 {
	n := j.cfg.ShardBytes
	if n == 0 {
		n = min(maxShard, int64(j.aim(output)/growth))
	}
	return max(n, 1, (size+maxShards-1)/maxShards)
}

// probe answers the first lines of a file for nothing but their sizes: output per byte of input and the
// bytes of an input line.
func (j *work) probe(ctx context.Context, f *File) (growth, line float64, err error) {
	sp := &span{driver: j.in, key: f.Key, end: min(f.Size, probeBytes), size: f.Size}
	lines, err := newLineReader(ctx, sp)
	defer func() { err = errors.Join(err, lines.Close()) }()
	if err != nil {
		return 0, 0, j.inputFault(f.Key, err)
	}
	d := newDesk(j.oracle)
	for more := true; more && !d.full() && len(d.entries) < j.oracle.sample; {
		if more, err = d.take(lines); err != nil {
			return 0, 0, j.inputFault(f.Key, err)
		}
	}
	var t Tally
	out := 0
	_, err = d.answer(ctx, nil, &t, func(b []byte) ([]byte, error) {
		out += len(b)
		return b[:0], nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("first lines of %s: %w", f.Key, err)
	}
	if out == 0 {
		return 1, float64(max(lines.at, 1)), nil
	}
	return float64(out) / float64(lines.at), float64(lines.at) / float64(t.Lines), nil
}

// mostOutput bounds the output that size bytes of input can make.
//
// A string can grow sixfold when it is quoted, and the ids of a list stand in the output twice, with a score
// each. A line that has an answer or a long error is at least 12 bytes, and one that has a short error 2.
func (or *oracle) mostOutput(size int64) int64 {
	const frame, shortError = 64, 160
	row := int64(or.count) * int64(or.longest+scoreBytes)
	if or.asks == recipe.ByUserList {
		row = 0
	}
	if or.program != nil || or.asks == recipe.UsersByItem || or.asks == recipe.UsersByAttributes {
		row = max(row, 6*maxSentence)
	}
	return 15*size + max((size/12+1)*(row+frame), (size/2+1)*shortError)
}
