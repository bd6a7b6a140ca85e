package group

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
	"ringmq/server/names"
)

func open(t *testing.T, path string, auto bool) *Table {
	t.Helper()
	table, err := Open(Options{Path: path, AutoCreate: func() bool { return auto }, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return table
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "subscriptionGroup.json") }

func TestPresetGroups(t *testing.T) {
	table := open(t, file(t), false)
	require.Equal(t, 7, table.groups.Len())
	for _, name := range preset {
		require.Equal(t, &Config{
			GroupName: name, ConsumeEnable: true, ConsumeFromMinEnable: true, ConsumeBroadcastEnable: true,
			RetryQueueNums: 1, RetryMaxTimes: 16, WhichBrokerWhenConsumeSlowly: 1, NotifyConsumerIDsChangedEnable: true,
		}, table.Find(name))
	}
}

func TestFindOrCreate(t *testing.T) {
	path := file(t)
	table := open(t, path, true)
	require.Nil(t, table.Find("G"))
	c, err := table.FindOrCreate("G")
	require.NoError(t, err)
	require.Equal(t, "G", c.GroupName)
	again, err := table.FindOrCreate("G")
	require.NoError(t, err)
	require.Same(t, c, again)
	require.EqualValues(t, 1, table.Snapshot().DataVersion.Counter)
	for name, want := range map[string]error{
		"": names.ErrGroupBlank, "a/../x": names.ErrGroupIllegal, "g@T": names.ErrGroupIllegal, "g\x00": names.ErrGroupIllegal,
		strings.Repeat("g", 300): names.ErrGroupLong,
	} {
		c, err := table.FindOrCreate(name)
		require.ErrorIs(t, err, want)
		require.Nil(t, c)
	}
	require.Equal(t, table.Snapshot(), open(t, path, false).Snapshot(), "it is on disk")

	closed := open(t, file(t), false)
	c, err = closed.FindOrCreate("G")
	require.NoError(t, err)
	require.Nil(t, c)
	c, err = closed.FindOrCreate("CID_RMQ_SYS_TRANS")
	require.NoError(t, err)
	require.NotNil(t, c)
}

func TestUpdateAndDelete(t *testing.T) {
	path := file(t)
	table := open(t, path, false)
	c := *newConfig("G")
	c.RetryMaxTimes = 3
	require.NoError(t, table.Update(c))
	require.EqualValues(t, 3, table.Lookup([]byte("G")).RetryMaxTimes)
	c.GroupName = "a/../x"
	require.ErrorIs(t, table.Update(c), names.ErrGroupIllegal)
	c.GroupName, c.RetryQueueNums = "H", math.MaxInt32
	require.EqualError(t, table.Update(c), "group[H] retryQueueNums[2147483647] is illegal, allowing 0 to 65536")
	c.RetryQueueNums = -1
	require.Error(t, table.Update(c))
	require.Nil(t, table.Find("H"))
	require.EqualValues(t, 1, table.version.Counter)

	require.NoError(t, table.Delete("G"))
	require.Nil(t, table.Find("G"))
	require.NoError(t, table.Delete("G"))
	require.EqualValues(t, 2, table.version.Counter)
	require.NoError(t, table.Delete("TOOLS_CONSUMER"))
	require.Nil(t, table.Find("TOOLS_CONSUMER"))
	require.NotNil(t, open(t, path, false).Find("TOOLS_CONSUMER"), "back after a restart, as in Java")
}

func TestDisable(t *testing.T) {
	path := file(t)
	table := open(t, path, true)
	g, err := table.FindOrCreate("G")
	require.NoError(t, err)
	require.NoError(t, table.Disable("G"))
	require.False(t, table.Find("G").ConsumeEnable)
	require.True(t, g.ConsumeEnable, "a published group does not change")
	require.False(t, open(t, path, true).Find("G").ConsumeEnable, "saved")
	version := table.version
	require.NoError(t, table.Disable("G"))
	require.NoError(t, table.Disable("none"))
	require.Equal(t, version, table.version)
	require.Nil(t, table.Find("none"))
}

// TestFileAsJava reads a file of a Java broker, writes it and finds it unchanged.
func TestFileAsJava(t *testing.T) {
	golden, err := os.ReadFile("testdata/java-4.9.7/subscriptionGroup.json")
	require.NoError(t, err)
	path := file(t)
	require.NoError(t, os.WriteFile(path, golden, 0o600))
	table := open(t, path, true)
	require.EqualValues(t, 3, table.Find("CG9").RetryMaxTimes)
	require.NoError(t, table.file.Save())
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, entries(string(golden)), entries(string(written)))
}

// entries cuts a file into its table entries: Java's map has another order.
func entries(data string) map[string]bool {
	set := make(map[string]bool)
	for _, e := range strings.Split(strings.ReplaceAll(data, ",\n", "\n"), "\n\t\t\"") {
		set[strings.TrimSuffix(e, "\n\t}\n}")] = true
	}
	return set
}

func TestLoadPoisonedFile(t *testing.T) {
	path := file(t)
	require.NoError(t, os.WriteFile(path, []byte(`{"dataVersion":{"counter":3,"timestamp":1},"subscriptionGroupTable":{
		"a/../x":{"groupName":"a/../x","retryQueueNums":1},
		"wide":{"groupName":"wide","retryQueueNums":2147483647},
		"null":null,
		"G":{"groupName":"other","retryMaxTimes":2}}}`), 0o600))
	table := open(t, path, true)
	require.Equal(t, 8, table.groups.Len())
	require.Equal(t, "G", table.Find("G").GroupName)
	require.EqualValues(t, 2, table.Find("G").RetryMaxTimes)
	require.True(t, table.Find("G").ConsumeEnable, "what a file leaves out has Java's default")
}

func TestDamagedFile(t *testing.T) {
	path := file(t)
	require.NoError(t, os.WriteFile(path, []byte(`{"subscriptionGroupTable":`), 0o600))
	table := open(t, path, true)
	require.Equal(t, len(preset), table.groups.Len(), "as without the file, which is kept for people")
	require.FileExists(t, path+".damaged")
}

// TestRestore: what the store has is believed when the file is missing or older.
func TestRestore(t *testing.T) {
	for _, c := range []struct {
		name, group string
		fileTime    string // of the file; "" for none
		stored      int64
		want        bool
	}{
		{"missing file", "G", "", -1, true},
		{"older file", "G", "1000", 1001, true},
		{"newer file: it was deleted", "G", "1000", 1000, false},
		{"is there", "TOOLS_CONSUMER", "", 5, false},
		{"no group's name", "a.b", "", 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t)
			if c.fileTime != "" {
				require.NoError(t, os.WriteFile(path, []byte(`{"dataVersion":{"counter":3,"timestamp":`+c.fileTime+`},"subscriptionGroupTable":{}}`), 0o600))
			}
			table := open(t, path, true)
			before := table.Find(c.group) != nil
			require.Equal(t, c.want, table.Restore(c.group, func() int64 { return c.stored }))
			require.NoError(t, table.SaveIfMarked())
			require.Equal(t, before || c.want, open(t, path, true).Find(c.group) != nil)
		})
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := open(t, file(t), true)
	name := []byte("TOOLS_CONSUMER")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if table.Lookup(name) == nil {
			t.Fatal("lost")
		}
	}))
}
