package gateway

import (
	"os"
	"strings"
	"syscall"
)

// canReplace reports whether the backend will give f its name by what its descriptor means then.
func canReplace(f *os.File) bool { return strings.HasPrefix(f.Name(), "/proc/self/fd/") }

// replace makes the descriptor of f mean the file of by. What f was has no name and goes away.
func replace(f, by *os.File) error {
	return syscall.Dup3(int(by.Fd()), int(f.Fd()), syscall.O_CLOEXEC)
}
