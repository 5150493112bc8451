package importtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/kindredrec/kindred"
)

// TestRows reads the rows from ARCHITECTURE.md and the imports from the source, for every operating
// system and build tag. Tests are free to import what they need.
func TestRows(t *testing.T) {
	r, err := parseRows(read(t, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatalf("ARCHITECTURE.md: %v", err)
	}
	imports := ownImports(t)
	used := map[string]bool{}
	needed := map[[2]string]bool{}
	for pkg, list := range imports {
		p, ok := r.find(pkg)
		if !ok && !isKit(pkg) {
			t.Errorf("%s is in no row of ARCHITECTURE.md", pkg)
		}
		used[p.text] = true
		for _, imported := range list {
			needed[[2]string{pkg, imported}] = true
			if wrong := r.check(pkg, imported); wrong != "" {
				t.Error(wrong)
			}
		}
	}
	for _, p := range r.patterns {
		if !used[p.text] {
			t.Errorf("ARCHITECTURE.md has %s in a row, and there is no such package", p.text)
		}
	}
	for pair := range r.sideways {
		if !needed[pair] {
			t.Errorf("ARCHITECTURE.md allows %s to import %s, which it does not do", pair[0], pair[1])
		}
	}
}

// TestDependencies checks that docs/dependencies.md says why each module is there that go.mod requires
// directly.
func TestDependencies(t *testing.T) {
	doc := read(t, "docs/dependencies.md")
	direct := regexp.MustCompile(`(?m)^\t(?:require )?([^\s]+) v[^\s]+$`)
	found := direct.FindAllStringSubmatch(read(t, "go.mod"), -1)
	if len(found) == 0 {
		t.Fatal("no direct requirement found in go.mod")
	}
	for _, m := range found {
		if !strings.Contains(doc, "`"+m[1]+"`") {
			t.Errorf("docs/dependencies.md does not mention `%s`", m[1])
		}
	}
}

// TestCheck holds the rules against a small made-up tree.
func TestCheck(t *testing.T) {
	r, err := parseRows("# T\n\n| row | packages | what |\n|---|---|---|\n| edge | `cmd/*` `app` | a |\n" +
		"| rules | `job` `catalog` `recipe` | b |\n| words | `arn` `num/*` | c |\n\n- `job` → `catalog`: one transaction\n\n## Next\n| x | `arn` | y |\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ pkg, imported, want string }{
		{"cmd/kindred", "job", ""},
		{"job", "num/f32", ""},
		{"job", "catalog", ""},
		{"catalog", "job", "catalog imports job, which is in its own row"},
		{"arn", "catalog", "arn imports catalog, which is in a higher row"},
		{"num/als", "num/f32", "num/als imports num/f32, which is in its own row"},
		{"app", "cmd/kindred", "app imports cmd/kindred, which is in its own row"},
		{"stray", "arn", "stray is in no row of ARCHITECTURE.md"},
		{"app", "num/simd/avx", "num/simd/avx is in no row of ARCHITECTURE.md"},
		{"app", "recipe/recipetest", "app imports recipe/recipetest, which is for tests"},
		{"recipe/recipetest", "recipe", ""},
	} {
		if got := r.check(c.pkg, c.imported); got != c.want {
			t.Errorf("check(%s, %s) = %q, want %q", c.pkg, c.imported, got, c.want)
		}
	}
	if _, err := parseRows("no table"); err == nil {
		t.Error("parseRows of a text without a table succeeded")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ownImports returns, for every package of the module that has code beside its tests, which packages of
// the module that code imports.
func ownImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file != root && foreign(file) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		return addImports(imports, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(imports, ".") // the root holds no code: at most a list of dependencies
	if len(imports) < 10 {
		t.Fatalf("found %d packages; expected the whole tree", len(imports))
	}
	return imports
}

// foreign reports whether a folder is no part of the module, as the go command sees it.
func foreign(dir string) bool {
	name := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func addImports(imports map[string][]string, file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, filepath.Dir(file))
	if err != nil {
		return err
	}
	pkg := short(path.Join(module, filepath.ToSlash(rel)))
	list := imports[pkg]
	for _, spec := range parsed.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if p = short(p); p != "" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	imports[pkg] = list
	return nil
}

// short names a package of the module as ARCHITECTURE.md does, "." for the root and "" for packages of
// others.
func short(p string) string {
	if p == module {
		return "."
	}
	own, ok := strings.CutPrefix(p, module+"/")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(own, "internal/")
}
