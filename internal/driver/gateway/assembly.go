package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/versity/versitygw/s3err"
)

// An assembly is the object that an unfinished multipart upload will be, as far as its parts have come: a file in the
// upload's folder, beside the parts. A part's bytes go into it at once, to where they belong if the parts before have
// come or all parts are of one size, and else to its end. The file of the part that the backend knows then holds nothing
// but a note of the place, at its full size without taking room: a stand-in.
//
//	<bucket>/.sgwtmp/multipart/<hash of the key>/<upload>/object   the assembly
//	<bucket>/.sgwtmp/multipart/<hash of the key>/<upload>/7        part 7: a stand-in, or its bytes
//
// Completing the upload puts right what does not lie where it belongs and makes the assembly itself the object, by one
// link. If more than half would have to be moved, the object is put together by a copy, as the backend does it.
//
// Whatever a stand-in notes is there: notes change after the bytes have been copied and before others take their place.
// So a crash costs nothing that was acknowledged.
type assembly struct {
	dir    string
	making sync.RWMutex // held for reading while a part gets its place and its name, for writing while the upload ends

	mu     sync.Mutex
	turns  int // counts attempts to end the upload; what was begun before one must not go on after it
	loaded bool
	places map[place]bool // that hold a part, held one that was sent again, or are being written
	unit   int64          // size of all parts but the last, if they lie at multiples of it; 0 if they follow each other as they came
}

// A place is a range of an assembly.
type place struct{ off, size int64 }

func (p place) end() int64 { return p.off + p.size }

const (
	assemblyName = "object" // not a number, so that the backend takes it for no part
	// standIn are the permissions by which a stand-in is told from a part. The backend gives its own files others, and
	// no request can set them.
	standIn = fs.FileMode(0o700)
	// noteSize is the length of a note: "assembly" and an offset, for whoever looks into the file too.
	noteSize = 40
	// unitStep divides the sizes that clients cut files into; other sizes are of parts that differ.
	unitStep = 64 << 10
)

func note(off int64) []byte { return fmt.Appendf(nil, "assembly %030d\n", off) }

// readNote returns the place of a part, and whether its file is a stand-in.
func readNote(file string) (p place, ok bool, err error) {
	fi, err := os.Lstat(file)
	if err != nil || fi.Mode().Perm() != standIn {
		return place{}, false, err
	}
	f, err := os.Open(file)
	if err != nil {
		return place{}, false, err
	}
	defer func() { _ = f.Close() }()
	var b [noteSize]byte
	if _, err := io.ReadFull(f, b[:]); err != nil {
		return place{}, false, fmt.Errorf("note of %s: %w", file, err)
	}
	word, number, _ := strings.Cut(strings.TrimSuffix(string(b[:]), "\n"), " ")
	off, err := strconv.ParseInt(number, 10, 64)
	if word != "assembly" || err != nil {
		return place{}, false, fmt.Errorf("%s says %q, want the place of a part", file, b[:])
	}
	return place{off, fi.Size()}, true, nil
}

// take moves the bytes of part n from f, a file without a name, into the assembly and leaves a stand-in. A part that
// cannot be taken stays as it is.
func (a *assembly) take(n int, f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	// Where files without a name are not to be had, the backend sets the permissions again.
	if fi.Size() < noteSize || !strings.HasPrefix(f.Name(), "/proc/self/fd/") {
		return nil
	}
	p, _, err := a.reserve(n, fi.Size())
	if err != nil {
		return a.explain(err)
	}
	if err := a.fill(p, f); err != nil {
		a.release(p)
		return nil
	}
	return stand(f, p)
}

// stand makes f a stand-in.
func stand(f *os.File, p place) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := f.Truncate(p.size); err != nil {
		return err
	}
	if _, err := f.WriteAt(note(p.off), 0); err != nil {
		return err
	}
	return f.Chmod(standIn)
}

// links is how many names a file has; 0 if that cannot be told.
func links(f *os.File) uint64 {
	fi, err := f.Stat()
	if err != nil {
		return 0
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(st.Nlink)
}

// fill copies f to a place.
func (a *assembly) fill(p place, f *os.File) error {
	to, err := a.file()
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	return move(to, p.off, f, place{0, p.size})
}

// file opens the assembly's file.
func (a *assembly) file() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(a.dir, assemblyName), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil && links(f) != 1 { // it became an object, and nobody could clear up
		err = errors.Join(fmt.Errorf("%s is an object", f.Name()), f.Close())
	}
	return f, err
}

// move copies a place of one file to where it begins in another, or further on in the same file. Both have offsets of
// their own.
func move(to *os.File, at int64, from *os.File, p place) error {
	if _, err := from.Seek(p.off, io.SeekStart); err != nil {
		return err
	}
	if _, err := to.Seek(at, io.SeekStart); err != nil {
		return err
	}
	n, err := io.Copy(to, io.LimitReader(from, p.size)) // in the kernel, where it can
	if err == nil && n < p.size {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// reserve finds a place for part n that no other part has. It is good for one turn.
func (a *assembly) reserve(n int, size int64) (p place, turn int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.load(); err != nil {
		return place{}, 0, err
	}
	if len(a.places) == 0 && size%unitStep == 0 {
		a.unit = size
	}
	p = place{int64(n-1) * a.unit, size}
	if size > a.unit || !a.free(p) {
		p.off = a.end()
	}
	a.places[p] = true
	return p, a.turns, nil
}

func (a *assembly) free(p place) bool {
	for q := range a.places {
		if p.off < q.end() && q.off < p.end() {
			return false
		}
	}
	return true
}

func (a *assembly) end() (end int64) {
	for p := range a.places {
		end = max(end, p.end())
	}
	return end
}

func (a *assembly) release(p place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.places, p)
}

// load reads where the parts are that came before this process, or before they were moved.
func (a *assembly) load() error {
	if a.loaded {
		return nil
	}
	noted, err := readNotes(a.dir)
	if err != nil {
		return err
	}
	a.places, a.unit = map[place]bool{}, 0
	for n, p := range noted {
		a.places[p] = true
		if p.size%unitStep == 0 && p.off == int64(n-1)*p.size {
			a.unit = p.size
		}
	}
	a.loaded = true
	return nil
}

// turn ends a turn. Parts may lie elsewhere now; whoever needs to know reads again where.
func (a *assembly) turn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turns++
	a.loaded = false
}

// still fails if a turn is over: the upload has ended, or the client did not wait for its parts before it tried to.
func (a *assembly) still(turn int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turns != turn {
		return s3err.GetNoSuchUploadErr(filepath.Base(a.dir))
	}
	return nil
}

// readNotes returns the places of all stand-ins in the folder of an upload, by part number.
func readNotes(dir string) (map[int]place, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[int]place{}
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p, ok, err := readNote(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if ok {
			all[n] = p
		}
	}
	return all, nil
}

// A making is one attempt to make the object of an upload. The backend has claimed the upload's folder under another
// name and checked the list of parts.
type making struct {
	under   *assembly
	numbers []int // of the parts, in the object's order
	next    int
	whole   bool // the assembly has become the file that the backend links
	parts   []part
	source  *os.File // the assembly; nil if there is none
}

// A part is a part of an object: where its bytes are and where they belong.
type part struct {
	file  string
	taken bool  // its bytes lie in the assembly
	place       // there, or in its own file
	to    int64 // offset in the object
}

func (p *part) inPlace() bool { return p.taken && p.off == p.to }

// A broken making is what add panics with. Of an error the backend would think that it may copy the part's file instead,
// which is a stand-in, and it does not look whether that went well.
type broken struct{ error }

// add is called for each part in turn, as the backend's copy of it to the object's file. It reports that the upload may
// be completed again if anything fails later: until the link, every part is where its note says.
func (m *making) add(from, to *os.File) (again bool, err error) {
	if m.next == 0 {
		err = m.begin(filepath.Dir(from.Name()), to)
	}
	if err == nil {
		err = m.append(from, to)
	}
	if err != nil {
		_ = from.Close()
		panic(broken{err})
	}
	return true, nil
}

// append copies the next part, unless all have found their place at once.
func (m *making) append(from, to *os.File) error {
	p := &m.parts[m.next]
	m.next++
	switch {
	case m.whole:
		return nil
	case p.taken:
		return copyTo(to, m.source, p.place)
	}
	return copyTo(to, from, p.place)
}

// end closes what was opened. It makes an error again of what add panicked with; others go on.
func (m *making) end(panicked any, err *error) {
	if m.source != nil {
		_ = m.source.Close()
	}
	if b, ok := panicked.(broken); ok {
		*err = m.under.explain(b.error)
	} else if panicked != nil {
		panic(panicked)
	}
}

// copyTo appends a place of a file to another.
func copyTo(to, from *os.File, p place) error {
	at, err := to.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	return move(to, at, from, p)
}

// begin finds out where the parts are and makes the assembly the object if that is less work than a copy.
func (m *making) begin(dir string, to *os.File) error {
	noted, err := readNotes(dir)
	if err != nil {
		return err
	}
	var total, astray int64
	listed := 0
	for _, n := range m.numbers {
		p := part{file: filepath.Join(dir, strconv.Itoa(n)), to: total}
		if p.place, p.taken = noted[n]; p.taken {
			listed++
		} else if fi, err := os.Lstat(p.file); err != nil {
			return err
		} else {
			p.place = place{0, fi.Size()}
		}
		if total += p.size; !p.inPlace() {
			astray += p.size
		}
		m.parts = append(m.parts, p)
	}
	if len(noted) == 0 {
		return nil // what is there are parts with bytes of their own
	}
	if m.source, err = os.OpenFile(filepath.Join(dir, assemblyName), os.O_RDWR, 0); err != nil {
		return err
	}
	// A part that is not in the list keeps its place: the list may turn out to be refused and the next one name it.
	if astray > total/2 || listed < len(noted) || links(m.source) != 1 || !canReplace(to) {
		return nil
	}
	if err := m.arrange(total); err != nil {
		return err
	}
	m.whole = true
	return replace(to, m.source)
}

// arrange puts every part where it belongs. Parts that lie in the assembly elsewhere go to its end first, so that there
// is never a moment at which the only copy of one is being overwritten.
func (m *making) arrange(total int64) error {
	fi, err := m.source.Stat()
	if err != nil {
		return err
	}
	end := max(total, fi.Size())
	for i := range m.parts {
		if p := &m.parts[i]; p.taken && !p.inPlace() {
			if err := m.shift(p, end); err != nil {
				return err
			}
			end += p.size
		}
	}
	for i := range m.parts {
		p := &m.parts[i]
		if p.inPlace() {
			continue
		}
		if p.taken {
			err = m.shift(p, p.to)
		} else {
			err = m.insert(p)
		}
		if err != nil {
			return err
		}
	}
	if err := m.source.Truncate(total); err != nil {
		return err
	}
	now := time.Now()
	return os.Chtimes(m.source.Name(), now, now)
}

// shift copies a part from one place of the assembly to another and notes it.
func (m *making) shift(p *part, at int64) error {
	from, err := os.Open(m.source.Name())
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	if err := move(m.source, at, from, p.place); err != nil {
		return err
	}
	f, err := os.OpenFile(p.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(note(at), 0)
	p.off = at
	return errors.Join(err, f.Close())
}

// insert copies a part with bytes of its own, which it keeps.
func (m *making) insert(p *part) error {
	f, err := os.Open(p.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return move(m.source, p.to, f, p.place)
}
