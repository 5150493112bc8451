package gateway

import "path/filepath"

// KillChild ends the child as a crash does.
func (g *Gateway) KillChild() { g.proc.kill() }

// Socket returns the file that the child listens on.
func (g *Gateway) Socket() string { return g.cfg.Socket }

// Dir returns the folder that the gateway was started over.
func (g *Gateway) Dir() string { return filepath.Dir(g.cfg.Objects) }
