package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

var rewrite = flag.Bool("rewrite", false, "write the actual results into testdata/*.txt")

// TestCheckFindsNothing: a good store has no problem, whatever the number of workers, and is not touched.
func TestCheckFindsNothing(t *testing.T) {
	dir := makeStore(t, 300)
	before := tree(t, dir)
	for _, workers := range []int{1, 2, 5} {
		r, lines := check(t, dir, CheckOptions{Workers: workers})
		require.Empty(t, lines)
		require.Zero(t, r.Problems)
		require.EqualValues(t, 300, r.Log.Records)
		require.EqualValues(t, 240, r.Queues.Entries)
		require.EqualValues(t, 240, r.Queues.Ends)
		require.Equal(t, 7, r.Queues.Queues)
		require.EqualValues(t, 300-30+2*30, r.Index.Entries)
		require.Zero(t, r.Index.Unindexed)
		require.Greater(t, r.Index.Files, 2)
		require.Greater(t, r.Log.Files, 3)
		require.Len(t, r.Config, 5)
	}
	require.Equal(t, before, tree(t, dir), "nothing is changed")
}

// TestDamage does to a good store what testdata/damage.txt says, and compares what check tells. A
// block is one store:
//
//	$ flip FILE OFFSET MASK     xor a byte
//	$ write FILE OFFSET TEXT    put text there
//	$ zero FILE OFFSET LENGTH   … or zeros
//	$ length FILE LENGTH        cut, or extend with zeros
//	$ remove NAME, $ create FILE, $ folder NAME, $ move FROM TO
//	$ send FROM TO              open the store with the engine, and put messages FROM to TO-1
//	$ delete TOPIC              … and delete a topic
//	$ topics NAME…              what topics.json names
//
// In names, LOGn, INDEXn stand for the n-th file of the commit log and of the index.
func TestDamage(t *testing.T) {
	const path = "testdata/damage.txt"
	script, err := os.ReadFile(path)
	require.NoError(t, err)
	base := makeStore(t, 100)
	var mark []byte // where the first file of the log ends
	log, err := os.ReadFile(filepath.Join(base, engine.CommitLogName, strings.Repeat("0", 20)))
	require.NoError(t, err)
	mark = binary.BigEndian.AppendUint32(mark, message.BlankMagic)
	require.Equal(t, 16154, bytes.Index(log, mark)-4, "as the script says")
	last, err := os.ReadFile(filepath.Join(base, engine.CommitLogName, fmt.Sprintf("%020d", 16<<10)))
	require.NoError(t, err)
	require.Equal(t, 5495, bytes.Index(last, []byte("message 99")), "as the script says")
	var blocks []string
	for block := range strings.SplitSeq(strings.TrimSpace(string(script)), "\n\n") {
		got := runDamage(t, base, block)
		if blocks = append(blocks, got); !*rewrite {
			require.Equal(t, block+"\n", got, "if this is right: go test -rewrite")
		}
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(blocks, "\n")), 0o644))
	}
}

// runDamage does a block's commands and returns it with what check tells now.
func runDamage(t *testing.T, base, block string) string {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(base)))
	var out strings.Builder
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			fmt.Fprintln(&out, line)
		}
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			fmt.Fprintln(&out, line)
			damage(t, dir, strings.Fields(withNames(t, dir, command)))
		}
	}
	r, lines := check(t, dir, CheckOptions{Workers: 2})
	require.EqualValues(t, len(lines), r.Problems+r.Notes)
	names := placeholders(t, dir)
	for _, line := range lines {
		for name, stands := range names {
			line = strings.ReplaceAll(line, name, stands)
		}
		fmt.Fprintln(&out, strings.ReplaceAll(line, dir, "DIR"))
	}
	if len(lines) == 0 {
		fmt.Fprintln(&out, "nothing is wrong")
	}
	return out.String()
}

// placeholders are the names that differ from run to run, or are long.
func placeholders(t *testing.T, dir string) map[string]string {
	names := map[string]string{}
	for _, kind := range []string{engine.CommitLogName, engine.IndexName} {
		entries, err := os.ReadDir(filepath.Join(dir, kind))
		if !os.IsNotExist(err) {
			require.NoError(t, err)
		}
		for i, e := range entries {
			if strings.Trim(e.Name(), "0123456789") != "" {
				continue
			}
			names[kind+"/"+e.Name()] = fmt.Sprint(kind, "/", map[string]string{engine.CommitLogName: "LOG", engine.IndexName: "INDEX"}[kind], i+1)
		}
	}
	return names
}

func withNames(t *testing.T, dir, command string) string {
	for name, stands := range placeholders(t, dir) {
		command = strings.ReplaceAll(command, stands, name)
	}
	return command
}

// damage does one command.
func damage(t *testing.T, dir string, words []string) {
	t.Helper()
	number := func(i int) int {
		n, err := strconv.ParseInt(words[i], 0, 64)
		require.NoError(t, err, words)
		return int(n)
	}
	name := filepath.Join(dir, words[min(1, len(words)-1)])
	edit := func(change func(b []byte) []byte) {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(name, change(b), 0o600))
	}
	switch words[0] {
	case "flip":
		edit(func(b []byte) []byte { b[number(2)] ^= byte(number(3)); return b })
	case "write":
		edit(func(b []byte) []byte { copy(b[number(2):], strings.Join(words[3:], " ")); return b })
	case "zero":
		edit(func(b []byte) []byte { clear(b[number(2) : number(2)+number(3)]); return b })
	case "length":
		require.NoError(t, os.Truncate(name, int64(number(2))))
	case "remove":
		require.NoError(t, os.RemoveAll(name))
	case "create":
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	case "folder":
		require.NoError(t, os.MkdirAll(name, 0o755))
	case "move":
		require.NoError(t, os.Rename(name, filepath.Join(dir, words[2])))
	case "send":
		fillStore(t, smallOptions(dir), number(1), number(2))
	case "delete":
		s, err := engine.Open(smallOptions(dir))
		require.NoError(t, err)
		require.NoError(t, s.DeleteTopic(words[1]))
		require.NoError(t, s.Close())
	case "topics":
		writeTopics(t, dir, words[1:]...)
	default:
		t.Fatalf("unknown command %q", words)
	}
}

// TestCheckLimits: no more is told than was asked for, and all is counted.
func TestCheckLimits(t *testing.T) {
	dir := makeStore(t, 100)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, engine.ConsumeQueueName)))
	all, lines := check(t, dir, CheckOptions{})
	require.Len(t, lines, 8)
	r, lines := check(t, dir, CheckOptions{Limit: 3})
	require.Len(t, lines, 3)
	require.Equal(t, all.Problems, r.Problems)
	require.EqualValues(t, 8, r.Problems+r.Notes)
}

func TestCheckIsInterrupted(t *testing.T) {
	s, err := Open(Options{Dir: makeStore(t, 100)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = s.Check(ctx, CheckOptions{Progress: func(int64, int64) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, s.Close())
}

// TestCheckProgress: it never goes back and ends at the end.
func TestCheckProgress(t *testing.T) {
	var at []int64
	var of int64
	check(t, makeStore(t, 300), CheckOptions{Progress: func(done, total int64) { at, of = append(at, done), total }})
	require.True(t, slices.IsSorted(at))
	require.Equal(t, of, at[len(at)-1])
}

func TestOpenRefuses(t *testing.T) {
	dir := makeStore(t, 10)
	b, err := engine.Open(smallOptions(dir))
	require.NoError(t, err)
	_, err = Open(Options{Dir: dir})
	require.ErrorIs(t, err, ErrRunning)
	require.ErrorContains(t, err, dir)
	_, err = Rebuild(context.Background(), Options{Dir: dir, ForceRead: true}, RebuildOptions{})
	require.ErrorIs(t, err, ErrRunning)
	s, err := Open(Options{Dir: dir, ForceRead: true})
	require.NoError(t, err)
	r, err := s.Check(context.Background(), CheckOptions{})
	require.NoError(t, err)
	require.Zero(t, r.Problems)
	require.True(t, r.Running)
	require.NoError(t, s.Close())
	require.NoError(t, b.Close())

	s, err = Open(Options{Dir: dir})
	require.NoError(t, err)
	_, err = engine.Open(smallOptions(dir))
	require.ErrorContains(t, err, "another broker", "no broker starts while it is read")
	other, err := Open(Options{Dir: dir})
	require.NoError(t, err, "but others may read")
	require.NoError(t, other.Close())
	require.NoError(t, s.Close())

	_, err = Open(Options{Dir: t.TempDir()})
	require.ErrorContains(t, err, "is no store")
	_, err = Open(Options{Dir: filepath.Join(dir, "no")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestCommitLogElsewhere: the log of a store may lie in another folder.
func TestCommitLogElsewhere(t *testing.T) {
	dir, log := makeStore(t, 100), filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.Rename(filepath.Join(dir, engine.CommitLogName), log))
	s, err := Open(Options{Dir: dir, CommitLogDir: log})
	require.NoError(t, err)
	r, err := s.Check(context.Background(), CheckOptions{Tell: func(p Problem) { t.Error(p) }})
	require.NoError(t, err)
	require.EqualValues(t, 100, r.Log.Records)
	require.NoError(t, s.Close())
}

// TestCheckOfNothing: a store that was never used, one that is only a log, and one that lost its log.
func TestCheckOfNothing(t *testing.T) {
	dir := t.TempDir()
	fillStore(t, smallOptions(dir), 0, 0)
	r, lines := check(t, dir, CheckOptions{})
	require.Zero(t, r.Problems, lines)
	require.Zero(t, r.Log.Records)

	full := makeStore(t, 50)
	for _, name := range []string{configName, engine.IndexName, engine.ConsumeQueueName, engine.RingmqName, engine.CheckpointName, engine.LockName} {
		require.NoError(t, os.RemoveAll(filepath.Join(full, name)))
	}
	r, lines = check(t, full, CheckOptions{})
	require.EqualValues(t, 50, r.Log.Records)
	require.EqualValues(t, 8, r.Problems, lines)
	_, err := Rebuild(context.Background(), Options{Dir: full}, RebuildOptions{QueueFileSize: 400})
	require.NoError(t, err)
	r, lines = check(t, full, CheckOptions{})
	require.Zero(t, r.Problems, lines)

	full = makeStore(t, 50)
	require.NoError(t, os.RemoveAll(filepath.Join(full, engine.CommitLogName)))
	require.NoError(t, os.Mkdir(filepath.Join(full, engine.CommitLogName), 0o755))
	r, lines = check(t, full, CheckOptions{})
	require.Greater(t, r.Problems, int64(7), lines)
	require.Contains(t, strings.Join(lines, "\n"), "lead behind the end of the log")
}
