//go:build unix

package fs

import (
	"errors"
	iofs "io/fs"
	"syscall"
)

// isMissing reports whether err says that there is no such file, or that what should be a folder
// on its path is a file.
func isMissing(err error) bool {
	return errors.Is(err, iofs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// inode returns the file's number, which a replacement does not share.
func inode(info iofs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
