package app

import (
	"os"
	"path/filepath"
)

// clearFolder removes what is in dir: scratch files that an earlier process left.
func clearFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
