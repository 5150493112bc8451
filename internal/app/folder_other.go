//go:build !unix

package app

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockFolder opens the lock file. Elsewhere than on Unix nothing keeps a second process out of the data folder;
// the embedded S3 does not run there either.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return f, nil
}
