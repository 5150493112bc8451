package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClean checks that the committed files are what the models and this generator make.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	if err := run("../../model", dir); err != nil {
		t.Fatal(err)
	}
	fresh := generated(t, dir)
	committed := generated(t, "../../internal/api")
	if len(fresh) == 0 {
		t.Fatal("nothing was generated")
	}
	for name := range committed {
		if fresh[name] == nil {
			t.Errorf("internal/api/%s is not generated any more; remove it", name)
		}
	}
	for name, text := range fresh {
		if !bytes.Equal(committed[name], text) {
			t.Errorf("internal/api/%s is out of date; run go generate ./internal/api", name)
		}
	}
}

// TestRepeats checks that the same models give the same bytes.
func TestRepeats(t *testing.T) {
	services, err := readModels("../../model")
	if err != nil {
		t.Fatal(err)
	}
	first, err := generate(services)
	if err != nil {
		t.Fatal(err)
	}
	again, err := generate(services)
	if err != nil {
		t.Fatal(err)
	}
	for name := range first {
		if !bytes.Equal(first[name], again[name]) {
			t.Errorf("%s differs between two runs", name)
		}
		if !strings.HasPrefix(string(first[name]), header) {
			t.Errorf("%s does not say that it is generated", name)
		}
	}
}

func TestToRE2(t *testing.T) {
	limit := 1500.0
	for _, c := range []struct{ java, want string }{
		{`\p{ASCII}{0,1500}`, `[\x00-\x7F]*`},
		{`rate\(\d+ days?\)`, `rate\(\d+ days?\)`},
		{`a{0,7}`, `a{0,7}`}, // says more than the maximum does
	} {
		got, err := toRE2(c.java, &limit)
		if err != nil || got != c.want {
			t.Errorf("toRE2(%s) = %s, %v, want %s", c.java, got, err, c.want)
		}
	}
	if got, err := toRE2(`(?<!a)b`, nil); err == nil {
		t.Errorf("toRE2 let a look-behind pass as %s", got)
	}
}

// TestUnknownType checks that a model with something new stops the generator instead of being skipped.
func TestUnknownType(t *testing.T) {
	services, err := readModels("../../model")
	if err != nil {
		t.Fatal(err)
	}
	services[0].Shapes["NextToken"].Type = "document"
	if _, err := generate(services); err == nil || !strings.Contains(err.Error(), "document") {
		t.Errorf("generate = %v, want an error that names the type document", err)
	}
}

// generated reads the generated files of a folder.
func generated(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(p)] = text
	}
	return files
}
