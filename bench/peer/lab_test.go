package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/compat/target"
)

func TestPortsAreUsedAgain(t *testing.T) {
	l := &lab{o: &options{ports: 21900}, dir: t.TempDir(), ports: target.NewPorts(21900, 21999)}
	for range 60 {
		_, err := l.fresh(ours, asyncFlush)
		require.NoError(t, err)
	}
}

func TestCommandsOfContestants(t *testing.T) {
	l := &lab{o: &options{binary: "/bin/ringmq", peer: "/bin/peer", java: []string{"j=1"}, ours: []string{"o=1"}}}
	line := func(who contestant, mode flush) string {
		command, _ := l.command(&server{who: who, mode: mode, addr: "127.0.0.1:7", port: 7, dir: "/d", extra: []string{"x=1"}})
		return strings.Join(command, " ")
	}
	require.Regexp(t, `^/bin/peer broker -p 7 -s /d/store -w /d/home sendMessageThreadPoolNums=1 flushDiskType=ASYNC_FLUSH .* x=1 j=1$`, line(java, asyncFlush))
	require.Contains(t, line(java, syncFlush), "sendMessageThreadPoolNums=16 useReentrantLockWhenPutMessage=true flushDiskType=SYNC_FLUSH")
	require.Contains(t, line(ours, syncFlush), "-o flushDiskType=SYNC_FLUSH -o ringIO=on -o x=1 -o o=1")
	require.Contains(t, line(ournet, asyncFlush), "-o ringIO=off")
	require.Equal(t, "/bin/ringmq bench null --listen 127.0.0.1:7 --io net", line(nullnet, asyncFlush))
}

func TestSizeAndForget(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 5000), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b"), make([]byte, 7), 0o600))
	require.EqualValues(t, 5007, size(dir))
	require.NoError(t, forget(dir))
	require.Zero(t, size(filepath.Join(dir, "missing")))
	require.Error(t, forget(filepath.Join(dir, "missing")))
}

func TestWriteTopics(t *testing.T) {
	for n, want := range map[int]string{1: `"T":{"topicName":"T","readQueueNums":8,"writeQueueNums":8,"perm":6`, 12: `"T_000011":{"topicName":"T_000011"`} {
		dir := filepath.Join(t.TempDir(), "config")
		require.NoError(t, writeTopics(dir, "T", n))
		text, err := os.ReadFile(filepath.Join(dir, "topics.json"))
		require.NoError(t, err)
		require.Contains(t, string(text), want)
		require.Equal(t, n, strings.Count(string(text), "topicName"))
	}
}
