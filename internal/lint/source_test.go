package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is one Go file of the module.
type source struct {
	path      string // from the module's root
	pkg       string // folder of path, "." for the root
	syntax    *ast.File
	lines     int
	test      bool
	generated bool
}

var positions = token.NewFileSet()

// sources parses every Go file of the module, other modules below it left out.
func sources(t *testing.T) []source {
	t.Helper()
	const root = "../.."
	var list []source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipFolder(root, path, d.Name())
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(positions, path, data, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		list = append(list, source{
			path:      rel,
			pkg:       filepath.Dir(rel),
			syntax:    syntax,
			lines:     strings.Count(string(data), "\n"),
			test:      strings.HasSuffix(path, "_test.go"),
			generated: ast.IsGenerated(syntax),
		})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

func skipFolder(root, path, name string) error {
	if path == root {
		return nil
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	if err == nil || strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "data" {
		return filepath.SkipDir
	}
	return nil
}

// imports lists the import paths of a file.
func (s source) imports() []string {
	var list []string
	for _, i := range s.syntax.Imports {
		list = append(list, strings.Trim(i.Path.Value, `"`))
	}
	return list
}

// localName is the name under which a file uses an import path, "" if it does not.
func (s source) localName(path string) string {
	for _, i := range s.syntax.Imports {
		if strings.Trim(i.Path.Value, `"`) != path {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}

// uses reports every mention of pkgPath.name in a file.
func (s source) uses(pkgPath string, names map[string]bool, report func(*ast.SelectorExpr)) {
	local := s.localName(pkgPath)
	if local == "" {
		return
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == local && names[sel.Sel.Name] {
			report(sel)
		}
		return true
	})
}
