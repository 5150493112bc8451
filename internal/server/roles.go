package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/fault"
)

// A Role is what iam keeps of a role. Kindred asks for roles because its clients have them to give;
// what a job may reach is decided by the account.
type Role struct {
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	ID          string            `json:"id"`
	Created     time.Time         `json:"created"`
	Description string            `json:"description,omitempty"`
	Trust       string            `json:"trust"`              // JSON policy: who may take the role
	MaxSession  int               `json:"maxSession"`         // seconds
	Attached    []string          `json:"attached,omitempty"` // ARNs of policies, sorted
	Inline      map[string]string `json:"inline,omitempty"`   // JSON policies by name
	Tags        map[string]string `json:"tags,omitempty"`
}

// ARN names the role in an account.
func (r Role) ARN(account string) string {
	return "arn:aws:iam::" + account + ":role" + r.Path + r.Name
}

// Roles keeps the roles of every account. Names are the same whatever their case.
type Roles interface {
	Get(ctx context.Context, account, name string) (Role, error) // fault.NotFound
	Create(ctx context.Context, account string, r Role) error    // fault.Exists
	// Update changes a role by do, and nothing if do fails. fault.NotFound
	Update(ctx context.Context, account, name string, do func(*Role) error) error
	// Delete removes a role if may agrees. fault.NotFound
	Delete(ctx context.Context, account, name string, may func(Role) error) error
	List(ctx context.Context, account string) ([]Role, error) // by name
}

// FileRoles keeps each role in a JSON file, <dir>/<account>/<name in lower case>.json, which is
// replaced whole. One process may use a folder.
type FileRoles struct {
	dir string
	mu  sync.Mutex
}

var _ Roles = (*FileRoles)(nil)

// NewFileRoles keeps roles below dir, which need not be there.
func NewFileRoles(dir string) *FileRoles { return &FileRoles{dir: dir} }

// file names the file of a role; names are checked before they come here, and checked again because
// a name is part of a path.
func (f *FileRoles) file(account, name string) string {
	return filepath.Join(f.dir, filepath.Base(account), filepath.Base(strings.ToLower(name))+".json")
}

// Get is Roles'.
func (f *FileRoles) Get(_ context.Context, account, name string) (Role, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read(account, name)
}

func (f *FileRoles) read(account, name string) (Role, error) {
	var r Role
	b, err := os.ReadFile(f.file(account, name))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fault.Newf(fault.NotFound, "The role with name %s cannot be found.", name)
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read role %s: %w", name, err)
	}
	return r, nil
}

// Create is Roles'.
func (f *FileRoles) Create(_ context.Context, account string, r Role) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.read(account, r.Name)
	if err == nil {
		return fault.Newf(fault.Exists, "Role with name %s already exists.", r.Name)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return f.write(account, r)
}

// Update is Roles'.
func (f *FileRoles) Update(_ context.Context, account, name string, do func(*Role) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.read(account, name)
	if err != nil {
		return err
	}
	if err := do(&r); err != nil {
		return err
	}
	return f.write(account, r)
}

// Delete is Roles'.
func (f *FileRoles) Delete(_ context.Context, account, name string, may func(Role) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, err := f.read(account, name)
	if err != nil {
		return err
	}
	if err := may(r); err != nil {
		return err
	}
	return os.Remove(f.file(account, name))
}

// List is Roles'.
func (f *FileRoles) List(_ context.Context, account string) ([]Role, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(f.dir, filepath.Base(account), "*.json"))
	if err != nil {
		return nil, err
	}
	var roles []Role
	for _, file := range files {
		r, err := f.read(account, strings.TrimSuffix(filepath.Base(file), ".json"))
		if err != nil {
			return nil, err
		}
		roles = append(roles, r)
	}
	slices.SortFunc(roles, func(a, b Role) int { return strings.Compare(a.Name, b.Name) })
	return roles, nil
}

// write replaces the file of a role when the new one is safely on disk.
func (f *FileRoles) write(account string, r Role) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	file := f.file(account, r.Name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".role-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(append(b, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("write role %s: %w", r.Name, err)
	}
	return os.Rename(tmp.Name(), file)
}

// roleID returns a name that no other role ever has.
func roleID() string { return "AROA" + rand.Text()[:17] }
