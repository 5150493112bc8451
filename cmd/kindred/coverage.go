package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/service"
	"github.com/kindredrec/kindred/internal/wire"
)

type coverageCmd struct {
	Exercised string `default:"internal/conformance/testdata" help:"Folder with the record of what was exercised."`
}

func (c coverageCmd) Run() error {
	seen, err := readExercised(c.Exercised)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(wire.Coverage(api.Bind(&service.Service{}), seen))
	return err
}

// readExercised reads exercised.json, which the conformance tests write, and clients/*.txt, one operation
// per line, which scripts/clients.sh writes.
func readExercised(dir string) (seen wire.Exercised, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "exercised.json"))
	if err != nil {
		return seen, err
	}
	if err := json.Unmarshal(b, &seen.Outcomes); err != nil {
		return seen, fmt.Errorf("exercised.json: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "clients", "*.txt"))
	if err != nil {
		return seen, err
	}
	seen.Clients = map[string][]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return seen, err
		}
		seen.Clients[strings.TrimSuffix(filepath.Base(f), ".txt")] = strings.Fields(string(b))
	}
	return seen, nil
}
