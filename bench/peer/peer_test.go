package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/bench"
	"ringmq/bench/latency"
	"ringmq/bench/usage"
)

func TestSpread(t *testing.T) {
	require.Equal(t, spread{low: 1, median: 2, high: 9, n: 3}, spreadOf([]float64{9, 1, 2}))
	require.Equal(t, spread{low: 1, median: 1.5, high: 2, n: 2}, spreadOf([]float64{2, 1}))
	require.Equal(t, "–", spreadOf(nil).text(whole))
	require.Equal(t, "7", spreadOf([]float64{7}).text(whole))
	require.Equal(t, "2 (1–9)", spreadOf([]float64{9, 1, 2}).text(whole))
}

// Rows are told by group and name; nobody is left without a place on the page.
func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		key := r.group + "/" + r.name
		require.False(t, seen[key], key)
		seen[key] = true
		require.NotContains(t, r.name, ",", "-rows divides by commas")
		require.NotEmpty(t, r.who)
		require.True(t, r.called(r.group) && r.called(r.name) && r.called(key))
		if r.group != groupScale {
			require.True(t, slices.ContainsFunc(sections, func(s section) bool { return s.group == r.group }), r.group)
		}
	}
	for _, name := range []string{"send/128 B 1x1", "send/1 KiB 64x1", "sync/16 KiB 64x32", "open/50000/s", "pull/far behind 8 conns", "conns/50000", "scale/topics=60000"} {
		require.True(t, seen[name], name)
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-rows", "send,e2e/1000/s", "-who", "ringmq,null", "-java", "a=b,c=d"})
	require.NoError(t, err)
	var rows []string
	for _, r := range table {
		if o.wants(&r) {
			rows = append(rows, r.group)
			require.Subset(t, []contestant{ours, null}, o.contestants(&r))
		}
	}
	require.Len(t, rows, 13)
	require.Equal(t, []string{"a=b", "c=d"}, o.java)
	all, err := parse(nil)
	require.NoError(t, err)
	for _, r := range table {
		require.Equal(t, r.group != groupScale, all.wants(&r))
	}
	for want, args := range map[string][]string{
		"no such group": {"-rows", "sned"}, "want one of": {"-who", "me"}, "flags only": {"send"}, "half a second": {"-seconds", "1ms"},
	} {
		_, err := parse(args)
		require.ErrorContains(t, err, want)
	}
}

// sample is what a run of two rounds leaves behind.
func sample(t *testing.T, o *options) *results {
	t.Helper()
	all, err := loadResults(o)
	require.NoError(t, err)
	all.now.args = ""
	keep := func(group, row string, who contestant, round int, f figures) {
		require.NoError(t, all.keep(result{Group: group, Row: row, Who: who, Round: round, Figures: f}))
	}
	for round, rates := range [][2]float64{{70_000, 700_000}, {72_000, 760_000}} {
		keep(groupSend, "1 KiB 16x32", java, round, figures{"rate": rates[0], "cpu": 21, "p99": 8})
		keep(groupSend, "1 KiB 16x32", ours, round, figures{"rate": rates[1], "cpu": 1.2, "p99": 2, "tool cpu": 0.6})
	}
	all.now.args = "-add -rows conns"
	keep(groupConns, "5000", ours, 0, figures{"conns": 5000, "kib": 1})
	keep(groupConns, "50000", ours, 0, figures{"conns": 17900, "kib": 1})
	keep(groupScale, "topics=1", ours, 0, figures{"rate": 500_000, "cpu": 1.5})
	keep(groupScale, "topics=10000", ours, 0, figures{"rate": 400_000, "cpu": 2})
	keep(groupScale, "store=4", ours, 0, figures{"rate": 4, "cpu": 2, "clean": 90, "killed": 95})
	keep(groupScale, "store=30", ours, 0, figures{"rate": 3, "cpu": 2, "clean": 100})
	return all
}

func TestPage(t *testing.T) {
	dir := t.TempDir()
	o := &options{results: filepath.Join(dir, "r.jsonl"), page: filepath.Join(dir, "page.md"), add: true}
	all := sample(t, o)
	require.NoError(t, all.writePage(o))
	page, err := os.ReadFile(o.page)
	require.NoError(t, err)
	for _, want := range []string{
		"| 1 KiB 16x32 | 71 k (70 k–72 k) | 730 k (700 k–760 k) | **10.3 ×** | 21.00 (21.00–21.00) | 1.20 (1.20–1.20) |",
		"| 10000 | 400 k | 2.00 | – | – | – | – |", "| 4 | 4 | 2.00 | – | – | – | 90 | 95 | – |", "## Topics", "(page-topics.svg)", "in 2 rounds (A B A B)",
		"Of 50000 connections only 17900 could be made", "    make bench-peer\n    make bench-peer ARGS='-add -rows conns'\n\nEach row",
	} {
		require.Contains(t, string(page), want)
	}
	require.NotContains(t, string(page), "Of 5000 ")
	require.NotContains(t, string(page), "Pull", "a group without results")
	for _, name := range []string{"page-rates.svg", "page-topics.svg", "page-store.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else {
				require.NoError(t, err)
			}
		}
	}

	// A later run adds to what is there, and replaces the rows it measures.
	again, err := loadResults(o)
	require.NoError(t, err)
	require.Equal(t, all.list, again.list)
	again.forget(groupSend, "1 KiB 16x32")
	require.Zero(t, again.of(groupSend, "1 KiB 16x32", java, "rate").n)
	require.Equal(t, []int{1, 10_000}, again.points("topics"))
	require.True(t, again.has(groupScale, "store=30"))
	require.False(t, again.has(groupScale, "store=1"))

	// The page of the curves alone has a head of its own.
	o.rows = []string{"scale/topics=1", groupScale}
	require.NoError(t, again.writePage(o))
	page, err = os.ReadFile(o.page)
	require.NoError(t, err)
	require.Contains(t, string(page), "# As the work grows")
	require.Contains(t, string(page), "Not measured: 10, 100, 1000, 60000 topics.")
	o.add = false
	fresh, err := loadResults(o)
	require.NoError(t, err)
	require.Empty(t, fresh.list)
}

func TestFiguresOfAReport(t *testing.T) {
	rep := &bench.Report{PerSecond: 100, Seconds: 2, Latency: latency.Summary{P99: 3}, Tool: usage.Cost{CPUMicros: 0.5}, PollMicros: 0.25, Server: &usage.Cost{CPUMicros: 1.5, PeakAnonMiB: 20},
		EndToEnd: &latency.Summary{P99: 7}, Delivered: 50, Answers: map[string]uint64{"SYSTEM_BUSY": 4}, Pull: &bench.PullChecks{Gaps: 1, Damaged: 2},
		Series: []bench.Slice{{PerSecond: 90}, {PerSecond: 110}}}
	f := ofReport(rep)
	want := figures{"rate": 100, "p99": 3, "tool cpu": 0.5, "tool poll": 0.25, "cpu": 1.5, "anon": 20, "e2e p99": 7, "delivered": 25, "answers SYSTEM_BUSY": 4, "faults": 3, "slowest": 90}
	for name, want := range want {
		require.Equal(t, want, f[name], name)
	}
	require.True(t, strings.HasPrefix(f.String(), "anon 20  answers SYSTEM_BUSY 4  cpu 1.5"))
}
