//go:build !unix

package app

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockFolder takes the data folder for this process: elsewhere than on Unix by a file that must not exist.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return f, nil
}
