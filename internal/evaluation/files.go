package evaluation

import (
	"bufio"
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/table"
)

// A file is one local file in the place of a bucket, so that an import can read it. It holds one object, by
// the file's base name.
type file struct {
	blob.Driver // an import only reads
	path        string
}

// Bucket is blob.Buckets'.
func (f file) Bucket(context.Context, string) (blob.Driver, error) { return f, nil }

func (f file) location() string { return "s3://local/" + filepath.Base(f.path) }

// Stat is blob.Driver's.
func (f file) Stat(context.Context, string) (blob.Info, error) {
	st, err := os.Stat(f.path)
	if err != nil {
		return blob.Info{}, absent(f.path, err)
	}
	return blob.Info{Key: filepath.Base(f.path), Size: st.Size(), Modified: st.ModTime()}, nil
}

// Open is blob.Driver's. An import reads whole objects.
func (f file) Open(_ context.Context, _ string, off, n int64) (io.ReadCloser, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return nil, absent(f.path, err)
	}
	if _, err := r.Seek(off, io.SeekStart); err != nil {
		r.Close()
		return nil, err
	}
	if n < 0 {
		return r, nil
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(r, n), r}, nil
}

// List is blob.Driver's: one object is in no folder.
func (f file) List(context.Context, string) iter.Seq2[blob.Info, error] {
	return func(func(blob.Info, error) bool) {}
}

// absent gives a file that cannot be opened its sentence.
func absent(path string, err error) error {
	switch {
	case os.IsNotExist(err):
		return fault.Wrap(fault.NotFound, err, "There is no file %s.", path)
	case os.IsPermission(err):
		return fault.Wrap(fault.Denied, err, "The file %s may not be read.", path)
	}
	return err
}

// readTable calls do with the header and then with every record of a CSV file, plain or gzip, until one returns
// false. A record is only valid during the call.
func readTable(path string, do func(rec [][]byte, line int) (bool, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return absent(path, err)
	}
	defer f.Close()
	var body io.Reader = bufio.NewReaderSize(f, 256<<10)
	if head, _ := body.(*bufio.Reader).Peek(2); string(head) == "\x1f\x8b" {
		if body, err = gzip.NewReader(body); err != nil {
			return damaged(path, err)
		}
	}
	csv := table.NewReader(body)
	for {
		rec, err := csv.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return damaged(path, err)
		}
		if more, err := do(rec, csv.Line()); err != nil || !more {
			return err
		}
	}
}

func damaged(path string, err error) error {
	return fault.Wrap(fault.Invalid, err, "%s cannot be read as CSV, plain or gzip: %v.", filepath.Base(path), err)
}
