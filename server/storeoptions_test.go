package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
)

// TestPaceOf: what is 0 in the configuration is not the store's default.
func TestPaceOf(t *testing.T) {
	require.Equal(t, engine.Pace{
		FlushInterval: time.Millisecond, FlushLeastPages: -1, FlushThoroughInterval: 1, FlushEarly: true,
		CheckpointInterval: 20 * time.Millisecond, CacheWindow: -1,
	}, paceOf(testConfig(t, t.TempDir(), 20911, map[string]string{
		"flushIntervalCommitLog": "1", "flushCommitLogLeastPages": "0", "flushCommitLogThoroughInterval": "0", "flushCommitLogTimed": "false",
		"flushIntervalConsumeQueue": "20", "prewriteBytesPerSecond": "0", "pageCacheWindow": "-1",
	})))
	require.Equal(t, engine.Pace{
		FlushInterval: 500 * time.Millisecond, FlushLeastPages: 4, FlushThoroughInterval: 10 * time.Second,
		CheckpointInterval: time.Second, PrewriteRate: 32 << 20,
	}, paceOf(testConfig(t, t.TempDir(), 20911, nil)))
}

// TestRetentionOf: what is 0 in the configuration is not the store's default.
func TestRetentionOf(t *testing.T) {
	none := testConfig(t, t.TempDir(), 20911, map[string]string{
		"fileReservedTime": "0", "diskMaxUsedSpaceRatio": "0", "deleteWhen": "01;13", "deleteCommitLogFilesInterval": "0",
		"deleteConsumeQueueFilesInterval": "0", "cleanFileForciblyEnable": "false",
		"destroyMapedFileIntervalForcibly": "0", "redeleteHangedFileInterval": "0", "cleanResourceInterval": "500",
	})
	r, err := retentionOf(none)
	require.NoError(t, err)
	require.Equal(t, engine.Retention{
		Reserved: 1, Hours: []int{1, 13}, ExpirePercent: 10, ForcePercent: 85, FullPercent: 90,
		Every: 500 * time.Millisecond, HungAfter: 1, HungEvery: 1,
	}, r)
	r, err = retentionOf(testConfig(t, t.TempDir(), 20911, nil))
	require.NoError(t, err)
	require.Equal(t, engine.Retention{
		Reserved: 72 * time.Hour, Hours: []int{4}, ExpirePercent: 75, ForcePercent: 85, Forcibly: true, FullPercent: 90,
		LogPause: 100 * time.Millisecond, QueuePause: 100 * time.Millisecond, Every: 10 * time.Second,
		HungAfter: 2 * time.Minute, HungEvery: 2 * time.Minute,
	}, r)
}
