package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

// TestStore runs the commands of testdata/store.txt on a small store and compares what they print. A
// line beginning with ! changes the store: see changeStore.
func TestStore(t *testing.T) {
	const path = "testdata/store.txt"
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	dir := t.TempDir()
	makeStore(t, dir)
	var got strings.Builder
	for line := range strings.Lines(string(want)) {
		command, asked := strings.CutPrefix(line, "$ ")
		change, changed := strings.CutPrefix(line, "! ")
		switch {
		case asked:
			line += runStore(t, dir, command)
		case changed:
			changeStore(t, dir, strings.Fields(change))
		case !strings.HasPrefix(line, "# "):
			continue // a former result
		case got.Len() > 0:
			line = "\n" + line
		}
		if got.WriteString(line); !*rewrite {
			require.Contains(t, string(want), line, "if this is right: go test -rewrite")
		}
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o644))
		return
	}
	require.Equal(t, len(want), got.Len())
}

func storeOptions(dir string) engine.Options {
	return engine.Options{Dir: dir, CommitLogFileSize: 4096, ConsumeQueueFileSize: 400, IndexSlots: 20, IndexEntries: 80}
}

// makeStore writes messages of two topics and the state files of a broker.
func makeStore(t *testing.T, dir string) {
	s, err := engine.Open(storeOptions(dir))
	require.NoError(t, err)
	for n := range 20 {
		r := &message.Record{
			Topic: []byte(fmt.Sprint("Topic", n%2)), QueueID: int32(n % 2), Body: []byte(fmt.Sprint("message ", n)),
			BornTimestamp: 1_700_000_000_000, StoreTimestamp: 1_700_000_000_000 + int64(n)*1000,
			BornHost: netip.MustParseAddrPort("10.0.0.1:4321"), StoreHost: netip.MustParseAddrPort("127.0.0.1:10911"),
			Properties: message.Properties(nil).Append("TAGS", "tag").Append("UNIQ_KEY", fmt.Sprintf("%032X", n)).Append("KEYS", fmt.Sprintf("order%d all", n)),
		}
		if n == 7 {
			r.Body = []byte{0xFF, 0, 1}
			r.Topic, r.QueueID, r.Properties = []byte("SCHEDULE_TOPIC_XXXX"), 2, r.Properties.Append("DELAY", "3")
		}
		got, err := s.Append(s.Queue(r.Topic, r.QueueID), r)
		require.NoError(t, err)
		_, err = s.Commit(got.End(), nil)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	config := filepath.Join(dir, "config")
	require.NoError(t, os.Mkdir(config, 0o755))
	for name, text := range map[string]string{
		"consumerOffset.json": `{"offsetTable":{"Topic0@CG":{0:4}}}`,
		"delayOffset.json":    `{"offsetTable":{3:0}}`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(config, name), []byte(text), 0o600))
	}
}

// changeStore knows "flip FILE OFFSET" and "remove NAME".
func changeStore(t *testing.T, dir string, words []string) {
	name := filepath.Join(dir, words[1])
	if words[0] == "remove" {
		require.NoError(t, os.RemoveAll(name))
		return
	}
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	var at int
	_, err = fmt.Sscan(words[2], &at)
	require.NoError(t, err)
	b[at] ^= 1
	require.NoError(t, os.WriteFile(name, b, 0o600))
}

// runStore runs a command and returns its output, errors last, without what differs from run to run.
func runStore(t *testing.T, dir, command string) string {
	t.Helper()
	var out, err bytes.Buffer
	args := append([]string{"store"}, splitWords(strings.ReplaceAll(strings.TrimSpace(command), "DIR", dir))...)
	status := run(args, &out, &err)
	text := strings.ReplaceAll(out.String()+err.String(), dir, "DIR")
	for _, r := range []struct{ what, by string }{
		{`in [0-9.]+ s( \([^)]*/s\))?`, "in 0.0 s"},
		{`"seconds": [0-9.e-]+`, `"seconds": 0`},
		{`index/[0-9]{17}`, "index/INDEX"},
		{`time=\S+ `, ""},
		// The next file of the log is made ahead of need.
		{`(commit log  )[12] files?`, "${1}2 files"},
		{`("commitLog": {\s+"files": )[12]`, "${1}2"},
	} {
		text = regexp.MustCompile(r.what).ReplaceAllString(text, r.by)
	}
	if status != 0 {
		text += fmt.Sprintf("[%d]\n", status)
	}
	return text
}

func TestStoreRefusesARunningOne(t *testing.T) {
	dir := t.TempDir()
	makeStore(t, dir)
	s, err := engine.Open(storeOptions(dir))
	require.NoError(t, err)
	for _, command := range []string{"check DIR", "dump DIR", "offsets DIR", "rebuild DIR"} {
		out := runStore(t, dir, command)
		require.Contains(t, out, "ringmq: a broker runs on the store DIR: stop it")
		require.Contains(t, out, "[1]")
		require.Equal(t, 2, strings.Count(out, "\n"), out)
	}
	out := runStore(t, dir, "check DIR --force-read")
	require.Contains(t, out, "note: lock: a broker runs on the store")
	require.Contains(t, out, "nothing is wrong")
	require.NoError(t, s.Close())
}

func TestStoreFlags(t *testing.T) {
	dir := t.TempDir()
	makeStore(t, dir)
	for command, want := range map[string]string{
		"":                                 "Check, print and repair a store",
		"chek":                             `ringmq: unknown store command "chek"`,
		"check":                            "ringmq: ringmq store check needs the directory of one store (storePathRootDir), got 0 arguments",
		"check a b":                        "got 2 arguments",
		"check DIR/none":                   "no such file or directory",
		"check DIR/config":                 "DIR/config is no store: it has no folder commitlog (--commitlog names one elsewhere)",
		"check DIR --commitlog DIR/none":   "no such file or directory",
		"check DIR --delay-levels 5":       `"5" is not a number with s, m, h or d`,
		"dump DIR --offset x":              "ringmq: --offset x: want N, N-M or N-",
		"dump DIR --offset 7-3":            "ringmq: --offset 7-3: want N, N-M or N-",
		"dump DIR --queue 1":               "ringmq: --queue needs a --topic",
		"dump DIR --from yesterday":        "ringmq: --from yesterday: want milliseconds since 1970, or 2006-01-02T15:04:05",
		"dump DIR --file lock":             "ringmq: lock: want a file of consumequeue,",
		"dump DIR --file checkpoint":       "checkpoint, at byte 0\n  offset  width  field                        value\n       0      8  PHYSICMSGTIMESTAMP ",
		"dump DIR --unit -1":               "ringmq: --unit must not be negative",
		"dump DIR --limit -1":              "ringmq: --limit must not be negative",
		"dump DIR --log-offset 9999999":    "ringmq: log offset 9999999 lies outside the commit log",
		"rebuild DIR --delay-levels 1x":    `"1x" is not a number with s, m, h or d`,
		"rebuild DIR --queue-file-size 40": "",
	} {
		require.Contains(t, runStore(t, dir, command), want, command)
	}
}
