package lint

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// prose lists the documents that people write.
func prose(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/differences.md", "../../docs/decisions/*.md"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			texts[strings.TrimPrefix(name, "../../")] = string(data)
		}
	}
	require.Contains(t, texts, "README.md")
	return texts
}

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	goFile   = regexp.MustCompile(`^[a-z*][\w/*.]*\.(go|tbl|sh)$`)
	link     = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	makeWord = regexp.MustCompile(`\bmake ([a-z-]+)`)
)

// A file named in a document is there: from the root, below internal/, or, after a path in the
// same document, by its bare name.
func TestDocumentsNameWhatExists(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	for doc, text := range prose(t) {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			if goFile.MatchString(m[1]) && !exists(m[1]) {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
		for _, m := range makeWord.FindAllStringSubmatch(strings.Join(code(text), "\n"), -1) {
			if !strings.Contains(string(makefile), "\n"+m[1]+":") {
				t.Errorf("%s names make %s, which the Makefile does not have", doc, m[1])
			}
		}
	}
}

// code lists the parts of a document that are set as code: indented lines and `quoted` text.
func code(text string) []string {
	var parts []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "    ") {
			parts = append(parts, line)
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		parts = append(parts, m[1])
	}
	return parts
}

// exists looks a name up from the root and below internal/; a bare name anywhere.
func exists(name string) bool {
	for _, pattern := range []string{"../../" + name, "../../internal/" + name, "../../*/" + filepath.Base(name), "../../internal/*/" + filepath.Base(name)} {
		if strings.Contains(name, "/") && strings.Contains(pattern, "*/") {
			continue
		}
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return true
		}
	}
	return false
}

// Every file that starts a goroutine stands in ARCHITECTURE.md's table.
func TestGoroutinesAreInTheTable(t *testing.T) {
	text := prose(t)["ARCHITECTURE.md"]
	_, table, _ := strings.Cut(text, "## Goroutines")
	table, _, _ = strings.Cut(table, "\n## ")
	var named []string
	for _, m := range quoted.FindAllStringSubmatch(table, -1) {
		named = append(named, m[1])
	}
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.pkg, "compat") || s.pkg == "internal/clock" || !startsGoroutine(s) {
			continue
		}
		if !slices.ContainsFunc(named, func(n string) bool { return n == s.path || "internal/"+n == s.path }) {
			t.Errorf("%s starts a goroutine that ARCHITECTURE.md does not list", s.path)
		}
	}
}

func startsGoroutine(s source) bool {
	found := false
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.SelectorExpr:
			found = found || n.Sel.Name == "Go"
		}
		return !found
	})
	return found
}
