//go:build unix && !linux

package gateway

import "syscall"

// endSignal is for a person to send; here the child learns of its parent's end from its standard
// input alone.
const endSignal = syscall.SIGUSR1

// childAttributes put the child in a process group of its own, out of reach of a terminal's Ctrl-C.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
