package server

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/config"
	"ringmq/internal/mapfile"
	"ringmq/server/delay"
)

// storeOptions are the store's options from RocketMQ's keys.
func (b *Broker) storeOptions() (engine.Options, error) {
	s := &b.cfg.Store
	retention, err := retentionOf(b.cfg)
	if err != nil {
		return engine.Options{}, err
	}
	levels, err := delay.ParseLevels(s.MessageDelayLevel)
	if err != nil {
		return engine.Options{}, err
	}
	flush := engine.AsyncFlush
	if s.FlushDiskType == config.SyncFlush {
		flush = engine.SyncFlush
	}
	mode, err := commitlog.ParseMode(s.FlushMode)
	if err != nil {
		return engine.Options{}, err
	}
	return engine.Options{
		Dir: s.StorePathRootDir, CommitLogDir: s.StorePathCommitLog,
		Flush: flush, FlushMode: mode, RingIO: b.cfg.Ring.RingIO,
		AckFromStaging: s.TransientStorePoolEnable && s.BrokerRole != config.Slave, WarmFiles: s.WarmMapedFileEnable,
		CommitLogFileSize: int64(s.MappedFileSizeCommitLog), ConsumeQueueFileSize: int64(s.MappedFileSizeConsumeQueue),
		MapBytes: s.ReadMappingMaxBytes, ColdBytes: s.ColdReadMaxBytes,
		ConsumeQueueExt: s.EnableConsumeQueueExt, ExtFileSize: int64(s.MappedFileSizeConsumeQueueExt),
		IndexSlots: int32(s.MaxHashSlotNum), IndexEntries: int32(s.MaxIndexNum), NoIndex: !s.MessageIndexEnable,
		Limits: limitsOf(b.cfg), Pace: paceOf(b.cfg), LightQueues: s.EnableLmq, DelayLevels: levels, Seal: s.EnabledAppendPropCRC, Retention: retention,
		Clock: b.clock, Log: b.log,
	}, nil
}

// limitsOf are the store's limits. They change with request 25.
func limitsOf(f *config.BrokerFile) engine.Limits {
	s := &f.Store
	return engine.Limits{
		SyncFlushTimeout: millis(s.SyncFlushTimeout),
		MemoryBytes:      max(mapfile.PhysicalMemory()*int64(s.AccessMessageInMemoryMaxRatio)/100, 1), // 0 is the store's default
		MemoryLimit:      engine.TransferLimit{Bytes: s.MaxTransferBytesOnMessageInMemory, Messages: s.MaxTransferCountOnMessageInMemory},
		DiskLimit:        engine.TransferLimit{Bytes: s.MaxTransferBytesOnMessageInDisk, Messages: s.MaxTransferCountOnMessageInDisk},
		MultiDispatch:    s.EnableMultiDispatch, MaxLightQueues: int64(s.MaxLmqConsumeQueueNum),
	}
}

// paceOf is when the store flushes. It changes with request 25.
func paceOf(f *config.BrokerFile) engine.Pace {
	s := &f.Store
	return engine.Pace{
		FlushInterval:         millis(s.FlushIntervalCommitLog),
		FlushLeastPages:       cmp.Or(s.FlushCommitLogLeastPages, -1), // 0 is the store's default
		FlushThoroughInterval: max(millis(s.FlushCommitLogThoroughInterval), 1),
		FlushEarly:            !s.FlushCommitLogTimed,
		CheckpointInterval:    millis(s.FlushIntervalConsumeQueue),
		PrewriteRate:          int64(s.PrewriteRate), CacheWindow: s.CacheWindow,
	}
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// retentionOf says when the store's files go. It changes with request 25.
func retentionOf(f *config.BrokerFile) (engine.Retention, error) {
	s := &f.Store
	hours, err := deleteHours(s.DeleteWhen)
	return engine.Retention{
		Reserved: max(time.Duration(s.FileReservedTime)*time.Hour, 1), Hours: hours, // 0 is the store's default
		ExpirePercent: max(s.DiskMaxUsedSpaceRatio, 10), ForcePercent: percent(f.System.DiskCleanRatio),
		Forcibly: s.CleanFileForciblyEnable, FullPercent: percent(f.System.DiskWarningRatio),
		LogPause: millis(s.DeleteCommitLogFilesInterval), QueuePause: millis(s.DeleteConsumeQueueFilesInterval),
		Every:     millis(s.CleanResourceInterval),
		HungAfter: max(millis(s.DestroyMapedFileIntervalForcibly), 1), HungEvery: max(millis(s.RedeleteHangedFileInterval), 1),
	}, err
}

func percent(ratio float64) int { return int(math.Round(ratio * 100)) }

// deleteHours reads deleteWhen: hours of the day, "04" or "04;16".
func deleteHours(text string) (hours []int, err error) {
	for word := range strings.SplitSeq(text, ";") {
		hour, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || hour < 0 || hour > 23 {
			return nil, fmt.Errorf("deleteWhen=%s: %q is no hour from 00 to 23", text, word)
		}
		hours = append(hours, hour)
	}
	return hours, nil
}
