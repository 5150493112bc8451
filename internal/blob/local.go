package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Publish makes a file with write and stores it under key: in place where the driver keeps files, and by
// way of the scratch folder elsewhere. write must leave a complete file at path or return an error.
func Publish(ctx context.Context, d Driver, key, scratch string, write func(path string) error) error {
	if l, ok := d.(Local); ok {
		return write(l.Path(key))
	}
	path := cached(scratch, key)
	defer os.Remove(path)
	if err := write(path); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("publish %s: %w", key, err)
	}
	defer f.Close()
	if _, err := d.Put(ctx, key, f, Options{}); err != nil {
		return fmt.Errorf("publish %s: %w", key, err)
	}
	return nil
}

// File returns a local file with the bytes of key, for memory-mapping: the driver's own where it keeps
// files, and otherwise a copy in the cache folder, fetched once. Objects read this way never change
// under their key.
func File(ctx context.Context, d Driver, key, cache string) (string, error) {
	if l, ok := d.(Local); ok {
		if _, err := d.Stat(ctx, key); err != nil {
			return "", err
		}
		return l.Path(key), nil
	}
	path := cached(cache, key)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := fetch(ctx, d, key, path); err != nil {
		return "", fmt.Errorf("fetch %s: %w", key, err)
	}
	return path, nil
}

// Remove deletes an object that was read with File, and the copy in the cache folder. Whoever has mapped the
// file keeps it.
func Remove(ctx context.Context, d Driver, key, cache string) error {
	if err := d.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	if _, ok := d.(Local); ok {
		return nil
	}
	if err := os.Remove(cached(cache, key)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("delete the copy of %s: %w", key, err)
	}
	return nil
}

// fetch copies an object to path, which appears whole.
func fetch(ctx context.Context, d Driver, key, path string) error {
	r, err := d.Open(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if _, err := io.Copy(tmp, r); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// cached names the local file of a key: keys may hold what file names must not.
func cached(dir, key string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(dir, hex.EncodeToString(sum[:16]))
}
