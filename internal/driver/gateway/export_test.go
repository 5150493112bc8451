package gateway

import "path/filepath"

// AssemblyName is the file in the folder of an upload that becomes the object.
const AssemblyName = assemblyName

// KillChild ends the child as a crash does.
func (g *Gateway) KillChild() { g.proc.kill() }

// Socket returns the file that the child listens on.
func (g *Gateway) Socket() string { return g.cfg.Socket }

// Dir returns the folder that the gateway was started over.
func (g *Gateway) Dir() string { return filepath.Dir(g.cfg.Objects) }
