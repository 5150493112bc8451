package artifact

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// A Writer makes one artifact. It buffers 256 KiB and holds no array; nothing is visible under the final
// name before Commit. A Writer is for one goroutine.
type Writer struct {
	path  string
	f     *os.File
	buf   *bufio.Writer
	off   int64
	table table
	open  bool // an Array is being streamed
	err   error
}

// Create begins an artifact that Commit will put at path, replacing what is there. The folder is made.
func Create(path string) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create artifact: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return nil, fmt.Errorf("create artifact: %w", err)
	}
	w := &Writer{path: path, f: f, buf: bufio.NewWriterSize(f, 256<<10)}
	w.write(make([]byte, headerSize))
	return w, w.err
}

// Path is where Commit will put the artifact.
func (w *Writer) Path() string { return w.path }

func (w *Writer) write(p []byte) {
	if w.err != nil {
		return
	}
	n, err := w.buf.Write(p)
	w.off += int64(n)
	w.err = err
}

// Meta sets the JSON document that describes the artifact as a whole.
func (w *Writer) Meta(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("artifact meta: %w", err)
	}
	w.table.Meta = b
	return nil
}

// An Array is one array of an artifact while it is written piece by piece.
type Array[T Element] struct {
	w *Writer
	e entry
}

// Stream begins an array whose length is not known yet. Only one may be open at a time.
func Stream[T Element](w *Writer, name string) *Array[T] {
	if w.open && w.err == nil {
		w.err = fmt.Errorf("artifact: array %q begun before the last one was closed", name)
	}
	for _, e := range w.table.Arrays {
		if e.Name == name && w.err == nil {
			w.err = fmt.Errorf("artifact: two arrays named %q", name)
		}
	}
	w.open = true
	if pad := (alignment - w.off%alignment) % alignment; pad > 0 {
		w.write(make([]byte, pad))
	}
	kind, _ := typeName[T]()
	return &Array[T]{w: w, e: entry{Name: name, Type: kind, Offset: w.off}}
}

// Append adds elements.
func (a *Array[T]) Append(xs ...T) {
	b := raw(xs)
	a.e.CRC = crc32.Update(a.e.CRC, castagnoli, b)
	a.e.Count += int64(len(xs))
	a.w.write(b)
}

// Close ends the array and returns the first error of the writer so far.
func (a *Array[T]) Close() error {
	a.w.open = false
	a.w.table.Arrays = append(a.w.table.Arrays, a.e)
	return a.w.err
}

// Put writes a whole array.
func Put[T Element](w *Writer, name string, xs []T) error {
	a := Stream[T](w, name)
	a.Append(xs...)
	return a.Close()
}

// Strings writes a table of n strings: their bytes end to end and n+1 offsets. Memory: 8 bytes a string.
func (w *Writer) Strings(name string, n int, at func(i int) string) error {
	offsets := make([]int64, 0, n+1)
	offsets = append(offsets, 0)
	var end int64
	a := Stream[uint8](w, name+".bytes")
	for i := range n {
		s := at(i)
		a.Append([]byte(s)...)
		end += int64(len(s))
		offsets = append(offsets, end)
	}
	if err := a.Close(); err != nil {
		return err
	}
	return Put(w, name+".offsets", offsets)
}

// indexSuffix is behind the name of a table in the name of its index.
const indexSuffix = ".index"

// Names is Strings for n distinct strings in ascending order, with an index of 6 bytes a string by which Find and
// FindAll need no search. Memory: 14 bytes a string.
func (w *Writer) Names(name string, n int, at func(i int) string) error {
	if err := w.Strings(name, n, at); err != nil {
		return err
	}
	x := newIndex(n, at, mostProbes)
	if x == nil {
		return w.err
	}
	return Put(w, name+indexSuffix, x)
}

// Commit writes the table, makes the file durable and gives it its name.
func (w *Writer) Commit() error {
	if err := w.commit(); err != nil {
		w.Discard()
		return fmt.Errorf("commit artifact %s: %w", filepath.Base(w.path), err)
	}
	return nil
}

func (w *Writer) commit() error {
	if w.open {
		return errors.New("an array is still open")
	}
	t, err := json.Marshal(w.table)
	if err != nil {
		return err
	}
	var h [headerSize]byte
	copy(h[:], magic)
	binary.LittleEndian.PutUint64(h[8:], uint64(w.off))
	binary.LittleEndian.PutUint64(h[16:], uint64(len(t)))
	binary.LittleEndian.PutUint32(h[24:], crc32.Checksum(t, castagnoli))
	binary.LittleEndian.PutUint32(h[28:], crc32.Checksum(h[:28], castagnoli))
	w.write(t)
	if w.err != nil {
		return w.err
	}
	if err := w.buf.Flush(); err != nil {
		return err
	}
	if _, err := w.f.WriteAt(h[:], 0); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	if err := w.f.Chmod(0o644); err != nil {
		return err
	}
	if err := w.f.Close(); err != nil {
		return err
	}
	if err := os.Rename(w.f.Name(), w.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(w.path))
}

// Discard drops the artifact. After Commit it does nothing.
func (w *Writer) Discard() {
	w.f.Close()
	os.Remove(w.f.Name())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
