package lint

import (
	"go/ast"
	"testing"

	"github.com/stretchr/testify/require"
)

// Limits of what a person reads at once. Tests and generated files are free.
const (
	maxFileLines = 350
	maxFuncLines = 70
)

// longer are the exceptions, with the reason.
var longer = map[string]string{}

func TestFilesAndFunctionsFit(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.test || s.generated {
			continue
		}
		if s.lines > maxFileLines {
			if used[s.path] = true; longer[s.path] == "" {
				t.Errorf("%s has %d lines; at most %d", s.path, s.lines, maxFileLines)
			}
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := positions.Position(f.End()).Line - positions.Position(f.Pos()).Line + 1
			name := s.path + ":" + f.Name.Name
			if lines > maxFuncLines {
				if used[name] = true; longer[name] == "" {
					t.Errorf("%s has %d lines; at most %d", name, lines, maxFuncLines)
				}
			}
		}
	}
	for name := range longer {
		require.True(t, used[name], "%s is an exception without need", name)
	}
}
