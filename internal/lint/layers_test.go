package lint

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers is the architecture, from the top: a package imports only from the lines below
// its own, or what the pairs allow. A pattern is a path or, with /*, everything below it.
var layers = []string{
	"cmd/ringmq",
	"bench/peer",
	"compat",
	"compat/*",
	"compat/promise",
	"compat/target compat/verdict",
	"compat/raw",
	"server",
	"server/*",
	"server/stats server/filter/sql92",
	"server/configfile server/names",
	"namesrv",
	"namesrv/*",
	"bench bench/flush",
	"bench/*",
	"inspect",
	"engine/sim",
	"engine",
	"commitlog consumequeue index",
	"internal/admin",
	"internal/admin",
	"internal/transport internal/client",
	"internal/wire/gen",
	"internal/message internal/wire",
	"internal/mapfile",
	"internal/ring",
	"internal/statefile internal/config internal/lint internal/sim internal/metrics internal/thread",
	"internal/clock internal/invariant internal/javahash internal/fastjson internal/layout",
}

// pairs are imports within one line, with the reason.
var pairs = map[[2]string]string{}

// seams lists who may import what leaves the program. Everything else takes a clock, a
// transport, a mapfile or a statefile.
var seams = map[string][]string{
	"os":                    {"cmd/ringmq", "bench", "bench/flush", "bench/peer", "bench/usage", "internal/mapfile", "internal/ring", "internal/statefile", "internal/config", "internal/transport", "internal/wire/gen"},
	"os/exec":               {"bench/peer"},
	"os/signal":             {"bench/peer", "cmd/ringmq"},
	"os/user":               {"internal/config"},
	"net":                   {"cmd/ringmq", "bench", "bench/load", "bench/peer", "internal/config", "internal/transport", "internal/client"},
	"net/http":              {"cmd/ringmq"},
	"syscall":               {"bench/peer", "cmd/ringmq", "engine/sim", "internal/mapfile", "internal/ring", "internal/statefile", "internal/transport"},
	"golang.org/x/sys/unix": {"bench/load", "bench/peer", "bench/usage", "internal/mapfile", "internal/ring", "internal/statefile", "internal/thread", "internal/transport"},
	"unsafe":                {"bench/load", "index", "internal/mapfile", "internal/ring", "internal/transport"}, // index: atomics on its mapping
	"math/rand":             {},
	"math/rand/v2":          {"bench", "engine/sim", "internal/mapfile", "server"}, // server: the queue for a sender that leaves the choice
}

// clockNames are what the time package gives a program that reads or waits for the clock.
var clockNames = map[string]bool{"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTicker": true, "NewTimer": true, "Sleep": true}

// clocks are the packages that may use them.
var clocks = []string{"cmd/ringmq", "bench", "bench/flush", "bench/load", "bench/peer", "internal/clock", "internal/mapfile", "internal/ring", "internal/transport", "internal/client"}

// layerOf is the line a package stands on, -1 for none; its own path counts before a /*.
func layerOf(pkg string) int {
	line := func(stands func(pattern string) bool) int {
		return slices.IndexFunc(layers, func(l string) bool { return slices.ContainsFunc(strings.Fields(l), stands) })
	}
	if own := line(func(pattern string) bool { return pattern == pkg }); own >= 0 {
		return own
	}
	return line(func(pattern string) bool {
		above, below := strings.CutSuffix(pattern, "/*")
		return below && strings.HasPrefix(pkg, above+"/")
	})
}

func TestImportsGoDown(t *testing.T) {
	for _, s := range sources(t) {
		from := layerOf(s.pkg)
		if from < 0 {
			t.Errorf("%s: package %s stands on no line of the layers table", s.path, s.pkg)
		}
		for _, i := range s.imports() {
			to, ours := strings.CutPrefix(i, "ringmq/")
			if !ours || s.test {
				continue
			}
			if _, allowed := pairs[[2]string{s.pkg, to}]; !allowed && layerOf(to) <= from {
				t.Errorf("%s imports %s, which is not below it", s.path, to)
			}
		}
	}
}

func TestPairsExist(t *testing.T) {
	for pair, why := range pairs {
		require.NotEmpty(t, why, pair)
		require.True(t, slices.ContainsFunc(sources(t), func(s source) bool {
			return s.pkg == pair[0] && slices.Contains(s.imports(), path.Join("ringmq", pair[1]))
		}), "%v is not imported any more", pair)
	}
}

func TestOnlySeamsLeaveTheProgram(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.pkg, "compat") {
			continue
		}
		for _, i := range s.imports() {
			if who, seam := seams[i]; seam && !slices.Contains(who, s.pkg) {
				t.Errorf("%s imports %s, which only %v may", s.path, i, who)
			}
		}
		if !slices.Contains(clocks, s.pkg) {
			s.uses("time", clockNames, func(sel *ast.SelectorExpr) {
				t.Errorf("%s: time.%s outside the clock's seam; take a clock.Clock", positions.Position(sel.Pos()), sel.Sel.Name)
			})
		}
	}
}
