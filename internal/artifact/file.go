package artifact

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"unsafe"
)

// A File is an artifact opened for reading. Slices and strings it hands out are valid until Close.
type File struct {
	name  string
	data  []byte
	unmap func() error
	table table
}

// Open maps an artifact and checks its header and table. The arrays are checked by Verify alone.
func Open(path string) (*File, error) {
	data, unmap, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("open artifact: %w", err)
	}
	f := &File{name: filepath.Base(path), data: data, unmap: unmap}
	if err := f.readTable(); err != nil {
		unmap()
		return nil, fmt.Errorf("open artifact %s: %w", f.name, err)
	}
	return f, nil
}

func (f *File) readTable() error {
	if len(f.data) < headerSize || string(f.data[:8]) != magic {
		return fmt.Errorf("not an artifact of this version")
	}
	h := f.data[:headerSize]
	if crc32.Checksum(h[:28], castagnoli) != binary.LittleEndian.Uint32(h[28:]) {
		return fmt.Errorf("damaged header")
	}
	off, n := binary.LittleEndian.Uint64(h[8:]), binary.LittleEndian.Uint64(h[16:])
	size := uint64(len(f.data))
	if off > size || n > size-off {
		return fmt.Errorf("cut short: %d bytes, table at %d", size, off)
	}
	t := f.data[off : off+n]
	if crc32.Checksum(t, castagnoli) != binary.LittleEndian.Uint32(h[24:]) {
		return fmt.Errorf("damaged table")
	}
	if err := json.Unmarshal(t, &f.table); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	for _, e := range f.table.Arrays {
		if n, ok := e.bytes(); !ok || e.Offset < headerSize || e.Offset%alignment != 0 || uint64(e.Offset)+uint64(n) > off {
			return fmt.Errorf("array %q lies outside the file", e.Name)
		}
	}
	return nil
}

// bytes returns the array's length in bytes.
func (e entry) bytes() (int64, bool) {
	if len(e.Type) != 2 || e.Count < 0 || e.Count > 1<<48 {
		return 0, false
	}
	return e.Count * int64(e.Type[1]-'0'), true
}

// Verify reads everything and reports the first damaged array.
func (f *File) Verify() error {
	for _, e := range f.table.Arrays {
		n, _ := e.bytes()
		if crc32.Checksum(f.data[e.Offset:e.Offset+n], castagnoli) != e.CRC {
			return fmt.Errorf("artifact %s: array %q is damaged", f.name, e.Name)
		}
	}
	return nil
}

// Meta decodes the artifact's JSON document into v.
func (f *File) Meta(v any) error { return json.Unmarshal(f.table.Meta, v) }

// Size returns the length of the file in bytes.
func (f *File) Size() int64 { return int64(len(f.data)) }

// Has reports whether there is an array of that name.
func (f *File) Has(name string) bool {
	_, ok := f.find(name)
	return ok
}

func (f *File) find(name string) (entry, bool) {
	for _, e := range f.table.Arrays {
		if e.Name == name {
			return e, true
		}
	}
	return entry{}, false
}

// Get returns an array without copying it. The caller must not write to it.
func Get[T Element](f *File, name string) ([]T, error) {
	e, ok := f.find(name)
	if !ok {
		return nil, fmt.Errorf("artifact %s has no array %q", f.name, name)
	}
	kind, _ := typeName[T]()
	if e.Type != kind {
		return nil, fmt.Errorf("artifact %s: array %q holds %s, not %s", f.name, name, e.Type, kind)
	}
	if e.Count == 0 {
		return nil, nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&f.data[e.Offset])), e.Count), nil
}

// Close unmaps the file.
func (f *File) Close() error {
	f.data = nil
	return f.unmap()
}

// Strings is a table of strings inside an artifact.
type Strings struct {
	bytes   []byte
	offsets []int64
	index   index // nil if it has none
}

// Strings returns a table that Writer.Strings or Writer.Names wrote.
func (f *File) Strings(name string) (Strings, error) {
	b, err := Get[uint8](f, name+".bytes")
	if err != nil {
		return Strings{}, err
	}
	o, err := Get[int64](f, name+".offsets")
	if err != nil {
		return Strings{}, err
	}
	if len(o) == 0 || o[len(o)-1] != int64(len(b)) {
		return Strings{}, fmt.Errorf("artifact %s: string table %q does not add up", f.name, name)
	}
	s := Strings{bytes: b, offsets: o}
	if f.Has(name + indexSuffix) {
		if s.index, err = Get[uint32](f, name+indexSuffix); err != nil {
			return Strings{}, err
		}
		if len(s.index) < 2 {
			return Strings{}, fmt.Errorf("artifact %s: the index of %q has no slots", f.name, name)
		}
	}
	return s, nil
}

// Len returns the number of strings.
func (s Strings) Len() int { return max(0, len(s.offsets)-1) }

// At returns string i, which shares the file's memory: clone it to keep it longer than the file.
func (s Strings) At(i int) string {
	a, b := s.offsets[i], s.offsets[i+1]
	if a == b {
		return ""
	}
	return unsafe.String(&s.bytes[a], b-a)
}

// Find returns the index of v in a table whose strings ascend.
func (s Strings) Find(v string) (int, bool) {
	if s.index != nil {
		hash := s.index.hash(v)
		i := s.lookup(v, s.index.home(hash), hash)
		return max(i, 0), i >= 0
	}
	return sort.Find(s.Len(), func(i int) int { return strings.Compare(v, s.At(i)) })
}

// readWhole is how a file is opened where it cannot be mapped.
func readWhole(path string) ([]byte, func() error, error) {
	b, err := os.ReadFile(path)
	return b, func() error { return nil }, err
}
