package sim

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"

	"ringmq/internal/mapfile"
)

// Coverage counts what a run came through.
type Coverage map[Point]int64

// Point is one thing that can happen.
type Point struct {
	Group string // "cut before", "work", "log", "start after", "fault"
	What  string
	Where string // "" where there is no choice
}

func (p Point) String() string { return strings.TrimSpace(p.Group + " " + p.What + " " + p.Where) }

// Add adds other to c.
func (c Coverage) Add(other Coverage) {
	for p, n := range other {
		c[p] += n
	}
}

// Points lists what was reached, sorted.
func (c Coverage) Points() []Point {
	return slices.SortedFunc(maps.Keys(c), func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.What, b.What), cmp.Compare(a.Where, b.Where))
	})
}

// Table prints a line for each point.
func (c Coverage) Table() string {
	var b strings.Builder
	for _, p := range c.Points() {
		fmt.Fprintf(&b, "%12d  %s\n", c[p], p)
	}
	return b.String()
}

func (m *sim) reached(group, what, where string) { m.w.cover[Point{group, what, where}]++ }

// kindOf is which of the store's files a name is.
func kindOf(name string) string {
	if new, ok := strings.CutPrefix(name, "ringmq/rebuild/"); ok {
		return "new " + kindOf(new+"/")
	}
	switch top, _, nested := strings.Cut(name, "/"); {
	case !nested:
		return name
	case top == "ringmq":
		return path.Base(name)
	default:
		return top
	}
}

// reachedCut notes that a life or a branch of it ends before op.
func (m *sim) reachedCut(e ending, op mapfile.Op) {
	m.reached("cut before", string(op.Kind), kindOf(op.Name)+", "+m.phase)
	m.reached("end", e.String(), m.phase)
}

// logHandler is the slog.Handler of a store in a run.
type logHandler struct{ m *sim }

func (h logHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h logHandler) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h logHandler) WithGroup(string) slog.Handler            { return h }

func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	h.m.reached("log", r.Message, "")
	if !h.m.w.tracing {
		return nil
	}
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s", a); return true })
	h.m.logf("  %s %s%s", r.Level, r.Message, b.String())
	return nil
}
