package lint

import (
	"go/ast"
	"go/importer"
	"go/types"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/config"
)

// shown are options without effect that are read to be shown, or for what is always false so far.
var shown = map[string]string{
	"sendThreadPoolQueueCapacity":     "in the answer to 28",
	"pullThreadPoolQueueCapacity":     "in the answer to 28",
	"queryThreadPoolQueueCapacity":    "in the answer to 28",
	"endTransactionPoolQueueCapacity": "in the answer to 28",
	"slaveReadEnable":                 "decides which broker a pull suggests; there is only one",
}

const configPath = "ringmq/internal/config"

// An option that docs/config.md calls working is read by the program, and one that it does
// not is read nowhere but where a server refuses to start because of it.
func TestOptionsSayWhatIsTrue(t *testing.T) {
	read := fieldsRead(t)
	for _, obj := range []any{config.Broker{}, config.Store{}, config.NettyServer{}, config.NettyClient{},
		config.Namesrv{}, config.Ring{}, config.System{}} {
		typ := reflect.TypeOf(obj)
		for i, o := range config.Options(obj) {
			field := typ.Name() + "." + typ.Field(i).Name
			switch works := o.Status.Kind == config.Works; {
			case works && !read[field]:
				t.Errorf("%s (%s) is said to work, and nothing reads it", field, o.Key)
			case !works && read[field] && shown[o.Key] == "":
				t.Errorf("%s (%s) is said to be %s (%s), and something reads it", field, o.Key, o.Status.Kind, o.Status.Why)
			}
		}
	}
}

// fieldsRead collects Struct.Field of every selection of a field of package config.
func fieldsRead(t *testing.T) map[string]bool {
	t.Helper()
	read := map[string]bool{}
	lookup := exportData(t)
	folders := map[string][]*ast.File{}
	for _, s := range sources(t) {
		if !s.test && (s.pkg == "internal/config" || slices.Contains(s.imports(), configPath)) {
			folders[s.pkg] = nil
		}
	}
	for _, s := range sources(t) {
		if _, ok := folders[s.pkg]; ok && !s.test && !strings.HasSuffix(s.path, "off.go") {
			folders[s.pkg] = append(folders[s.pkg], s.syntax)
		}
	}
	for pkg, files := range folders {
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		conf := types.Config{Importer: importer.ForCompiler(positions, "gc", lookup)}
		_, err := conf.Check("ringmq/"+pkg, positions, files, info)
		require.NoError(t, err)
		for sel, is := range info.Selections {
			if pkg == "internal/config" && !answers(files, sel) {
				continue
			}
			if name := configField(is); name != "" {
				read[name] = true
			}
		}
	}
	return read
}

// answers tells whether sel stands in a method of package config that others ask, as
// Broker.RegisterPeriod; loading and refusing do not count.
func answers(files []*ast.File, sel *ast.SelectorExpr) bool {
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Pos() <= sel.Pos() && sel.Pos() < fn.End() {
				file := positions.Position(fn.Pos()).Filename
				asked := strings.HasSuffix(file, "rules.go") && fn.Name.Name != "Unsupported" || fn.Name.Name == "With"
				return asked && fn.Name.IsExported()
			}
		}
	}
	return false
}

// configField is Struct.Field of a selected option, or "".
func configField(is *types.Selection) string {
	v, ok := is.Obj().(*types.Var)
	if !ok || !v.IsField() || v.Pkg() == nil || v.Pkg().Path() != configPath {
		return ""
	}
	typ := is.Recv()
	if p, ok := typ.Underlying().(*types.Pointer); ok {
		typ = p.Elem()
	}
	if n, ok := typ.(*types.Named); ok {
		return n.Obj().Name() + "." + v.Name()
	}
	return ""
}

// exportData finds compiled packages as the go command keeps them.
func exportData(t *testing.T) func(path string) (io.ReadCloser, error) {
	t.Helper()
	cmd := exec.Command("go", "list", "-pgo=off", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}
