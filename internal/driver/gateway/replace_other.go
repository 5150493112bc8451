//go:build unix && !linux

package gateway

import (
	"errors"
	"os"
)

// canReplace is false where files without a name are not to be had: the backend renames a file then.
func canReplace(*os.File) bool { return false }

func replace(*os.File, *os.File) error { return errors.ErrUnsupported }
