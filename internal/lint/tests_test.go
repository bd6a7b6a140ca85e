package lint

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Inside synctest.Test a sleep takes no time and orders events; elsewhere it is a guess.
func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		var bubbles [][2]token.Pos
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, "synctest", "Test") {
				bubbles = append(bubbles, [2]token.Pos{call.Pos(), call.End()})
			}
			return true
		})
		s.uses("time", map[string]bool{"Sleep": true}, func(sel *ast.SelectorExpr) {
			if !slices.ContainsFunc(bubbles, func(b [2]token.Pos) bool { return b[0] <= sel.Pos() && sel.Pos() < b[1] }) {
				t.Errorf("%s: a test waits for an event or uses testing/synctest, it does not sleep", positions.Position(sel.Pos()))
			}
		})
	}
}

func isSelector(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == pkg
}

// parsers are the packages that parse bytes from outside: each has a fuzz target.
var parsers = []string{
	"internal/config", "internal/fastjson", "internal/message", "internal/wire",
}

func TestParsersAreFuzzed(t *testing.T) {
	fuzzed := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && strings.HasPrefix(f.Name.Name, "Fuzz") {
				fuzzed[s.pkg] = true
			}
		}
	}
	for _, pkg := range parsers {
		if !fuzzed[pkg] {
			t.Errorf("%s parses bytes and has no Fuzz function", pkg)
		}
	}
}
