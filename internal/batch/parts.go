package batch

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// An upload is a multipart upload begun for one file.
type upload struct {
	Name  string `json:"name"`
	Prior string `json:"prior,omitzero"` // ETag of the object that stood there before; "" for none
}

// begin starts the uploads of files, in the generation given.
func (j *work) begin(ctx context.Context, generation int, files []int) ([]upload, error) {
	name := fmt.Sprintf("uploads.%d", generation)
	res, err := j.group(ctx, name, len(files), func(ctx context.Context, n int) ([]byte, error) {
		key := j.plan.Files[files[n]].Output
		info, err := j.out.Stat(ctx, key)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, j.outputFault(key, err)
		}
		id, err := j.out.Begin(ctx, key, j.options())
		if err != nil {
			return nil, j.outputFault(key, err)
		}
		return json.Marshal(upload{Name: id, Prior: info.ETag})
	})
	if err != nil {
		return nil, err
	}
	ups, err := decodeAll[upload](res)
	for n, up := range ups {
		j.open[j.plan.Files[files[n]].Output] = up.Name
	}
	return ups, err
}

// scoreAll begins the uploads of files and answers their shards, round by round, until every output but the last
// of each file is large enough to be a part. A round after the first answers anew what the round before found
// too small, joined with what follows it. Joining makes fewer pieces of more, so the rounds end.
func (j *work) scoreAll(ctx context.Context, generation int, files []int) (ups []upload, pieces [][]piece, err error) {
	if ups, err = j.begin(ctx, generation, files); err != nil {
		return nil, nil, err
	}
	pieces = j.pieces(files)
	for round := 0; ; round++ {
		todo, names := outstanding(pieces, ups)
		if len(todo) == 0 {
			return ups, pieces, j.countLines(pieces)
		}
		group := fmt.Sprintf("shards.%d.%d", generation, round)
		if err := j.scoreRound(ctx, group, todo, names); err != nil {
			return nil, nil, err
		}
		for n := range pieces {
			pieces[n] = join(pieces[n], int64(j.minPart))
		}
	}
}

// scoreRound sets the outputs of pieces; names are their uploads.
func (j *work) scoreRound(ctx context.Context, group string, todo []*piece, names []string) error {
	var lost atomic.Bool
	var order turns
	res, err := j.group(ctx, group, len(todo), func(ctx context.Context, n int) ([]byte, error) {
		defer order.begin(n)()
		return j.score(ctx, *todo[n], names[n], &lost, func() error { return j.turn(ctx, &order, n) })
	})
	if err != nil {
		return err
	}
	outs, err := decodeAll[output](res)
	for n := range outs {
		todo[n].out = &outs[n]
	}
	return err
}

// turn waits until it is the turn of task n to send, if the store has less to do then. The order of tasks is that of part
// numbers.
func (j *work) turn(ctx context.Context, order *turns, n int) error {
	if o, ok := j.out.(blob.Ordered); !ok || !o.InOrder() {
		return nil
	}
	return order.await(ctx, n)
}

// pieces returns the shards of files.
func (j *work) pieces(files []int) [][]piece {
	pieces := make([][]piece, len(files))
	for n, i := range files {
		for shard := range j.plan.Files[i].shards() {
			pieces[n] = append(pieces[n], piece{file: i, first: shard, count: 1})
		}
	}
	return pieces
}

// outstanding returns the pieces that have no output and the uploads they belong to.
func outstanding(pieces [][]piece, ups []upload) (todo []*piece, names []string) {
	for n := range pieces {
		for i := range pieces[n] {
			if p := &pieces[n][i]; p.out == nil {
				todo = append(todo, p)
				names = append(names, ups[n].Name)
			}
		}
	}
	return todo, names
}

// join makes one piece, without output, of each run of pieces that begins with a small one and goes on until
// there is enough for a part or the file ends. Outputs that were uploaded or are empty stay as they are.
func join(pieces []piece, minPart int64) []piece {
	var joined []piece
	var size int64 // of the run that the last of joined stands for; 0 when no run is open
	for _, p := range pieces {
		switch {
		case size > 0:
			last := &joined[len(joined)-1]
			last.count += p.count
			last.out = nil
			if size += p.out.Size; size >= minPart {
				size = 0
			}
		case p.out.Small:
			joined = append(joined, piece{file: p.file, first: p.first, count: p.count})
			size = p.out.Size
		default:
			joined = append(joined, p)
		}
	}
	return joined
}

// publish completes the upload of one file. It reports whether the object is there: false means that the
// upload is gone and nobody knows what the object is.
func (j *work) publish(ctx context.Context, f *File, up upload, pieces []piece) (bool, error) {
	parts, size, lost := gather(pieces)
	if lost {
		return false, j.out.Abort(ctx, f.Output, up.Name)
	}
	if len(parts) == 0 { // nothing but blank lines: S3 completes no upload without parts
		if _, err := j.out.Put(ctx, f.Output, strings.NewReader(""), j.options()); err != nil {
			return false, j.outputFault(f.Output, err)
		}
		return true, j.out.Abort(ctx, f.Output, up.Name)
	}
	err := j.out.Complete(ctx, f.Output, up.Name, parts)
	if fault.Is(err, fault.NotFound) {
		return j.published(ctx, f.Output, up, parts, size)
	}
	return err == nil, j.outputFault(f.Output, err)
}

// published reports whether an unknown upload has become the object that is there. It has if a run before
// this one completed it and ended before it could say so; it has not if somebody aborted it.
func (j *work) published(ctx context.Context, key string, up upload, parts []blob.Part, size int64) (bool, error) {
	info, err := j.out.Stat(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, j.outputFault(key, err)
	}
	return info.Size == size && (info.ETag != up.Prior || info.ETag == compositeETag(parts)), nil
}

// compositeETag is the ETag that S3 gives to an object made of parts, if their ETags are MD5 sums: the MD5 of
// the sums and the number of parts. "" if they are something else.
func compositeETag(parts []blob.Part) string {
	h := md5.New()
	for _, p := range parts {
		sum, err := hex.DecodeString(p.ETag)
		if err != nil || len(sum) != md5.Size {
			return ""
		}
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}

// gather lists the parts of a file in order.
func gather(pieces []piece) (parts []blob.Part, size int64, lost bool) {
	for _, p := range pieces {
		parts = append(parts, p.out.Parts...)
		size += p.out.Size
		lost = lost || p.out.Lost
	}
	return parts, size, lost
}

func decodeAll[T any](results [][]byte) ([]T, error) {
	all := make([]T, len(results))
	for i, b := range results {
		if err := json.Unmarshal(b, &all[i]); err != nil {
			return nil, fmt.Errorf("batch: result of task %d: %w", i, err)
		}
	}
	return all, nil
}
