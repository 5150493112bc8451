// Apigen writes the generated half of package api from the service models.
//
// It reads model/*.json, in the form botocore publishes them, and writes types, shape tables and
// operation tables as Go. The same models give the same bytes: everything is sorted by name.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	models := flag.String("models", "model", "folder of the service models")
	out := flag.String("out", "internal/api", "folder to write the generated files to")
	flag.Parse()
	if err := run(*models, *out); err != nil {
		fmt.Fprintln(os.Stderr, "apigen:", err)
		os.Exit(1)
	}
}

// run reads the models and writes every generated file.
func run(models, out string) error {
	services, err := readModels(models)
	if err != nil {
		return err
	}
	files, err := generate(services)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
