package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A library is somebody else's, and how to get it.
type library struct {
	module   string   // that Python imports
	packages []string // of PyPI; Debian has some as python3-MODULE
}

var libraries = []library{
	{"implicit", []string{"implicit==0.7.3"}},
	{"faiss", []string{"faiss-cpu==1.15.1"}},
}

// python returns a Python that imports the library, and the version of it and of what multiplies for it. A virtual
// environment in the folder comes first, then the system's Python, then the virtual environment with the
// packages installed.
func (l library) python(ctx context.Context, cache string) (program, version string, err error) {
	venv := filepath.Join(cache, "venv")
	own := filepath.Join(venv, "bin", "python")
	for _, program := range []string{own, "python3"} {
		if version, err := l.version(ctx, program); err == nil {
			return program, version, nil
		}
	}
	fmt.Fprintf(os.Stderr, "bench: installing %s below %s\n", strings.Join(l.packages, " "), cache)
	if _, err := os.Stat(own); err != nil {
		if err := run(ctx, "python3", "-m", "venv", venv); err != nil {
			return "", "", err
		}
	}
	if err := run(ctx, own, append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, l.packages...)...); err != nil {
		return "", "", err
	}
	version, err = l.version(ctx, own)
	return own, version, err
}

func (l library) version(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "-c", fmt.Sprintf("import numpy, platform, %[1]s; "+
		"print('%[1]s', %[1]s.__version__ + ', numpy', numpy.__version__ + ', Python', platform.python_version())", l.module)).Output()
	return strings.TrimSpace(string(out)), err
}

// run runs a program and, if it fails, returns the last line it said.
func run(ctx context.Context, program string, args ...string) error {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s: %w: %s", filepath.Base(program), err, lines[len(lines)-1])
	}
	return nil
}

// machine describes what this runs on.
func machine(ctx context.Context) string {
	var said []string
	info, _ := os.ReadFile("/proc/cpuinfo")
	said = append(said, field(string(info), "model name"))
	var has []string
	flags := strings.Fields(field(string(info), "flags"))
	for _, want := range []string{"avx2", "fma", "avx512f", "avx512bw", "avx512_vnni"} {
		for _, flag := range flags {
			if flag == want {
				has = append(has, want)
			}
		}
	}
	said = append(said, strings.Join(has, " "))
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		said = append(said, "load "+strings.Fields(string(load))[0])
	}
	if out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		said = append(said, "kindred "+strings.TrimSpace(string(out)))
	}
	return strings.Join(said, "; ")
}

// field is the first value of a name in a file of lines "name : value".
func field(file, name string) string {
	_, rest, _ := strings.Cut(file, name)
	_, rest, _ = strings.Cut(rest, ":")
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}
