package gateway

import "syscall"

// endSignal is what the kernel sends the child when its parent dies. It is not SIGTERM: service
// managers send that to every process at once, and the parent still needs its child then.
const endSignal = syscall.SIGUSR1

// childAttributes put the child in a process group of its own, out of reach of a terminal's Ctrl-C.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: endSignal, Setpgid: true}
}
