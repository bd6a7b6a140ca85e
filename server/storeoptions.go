package server

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"ringmq/engine"
	"ringmq/internal/config"
	"ringmq/internal/mapfile"
	"ringmq/server/delay"
)

// storeOptions are the store's options from RocketMQ's keys.
func (b *Broker) storeOptions() (engine.Options, error) {
	s := &b.cfg.Store
	hours, err := deleteHours(s.DeleteWhen)
	if err != nil {
		return engine.Options{}, err
	}
	levels, err := delay.ParseLevels(s.MessageDelayLevel)
	if err != nil {
		return engine.Options{}, fmt.Errorf("messageDelayLevel: %w", err)
	}
	flush := engine.AsyncFlush
	if s.FlushDiskType == config.SyncFlush {
		flush = engine.SyncFlush
	}
	clean := 0 // never while files are young
	if s.CleanFileForciblyEnable {
		clean = percent(b.cfg.System.DiskCleanRatio)
	}
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return engine.Options{
		Dir: s.StorePathRootDir, CommitLogDir: s.StorePathCommitLog,
		Flush: flush, SyncFlushTimeout: ms(s.SyncFlushTimeout),
		FlushInterval: ms(s.FlushIntervalCommitLog), FlushLeastPages: s.FlushCommitLogLeastPages,
		FlushThoroughInterval: ms(s.FlushCommitLogThoroughInterval), CheckpointInterval: ms(s.FlushIntervalConsumeQueue),
		CommitLogFileSize: int64(s.MappedFileSizeCommitLog), ConsumeQueueFileSize: int64(s.MappedFileSizeConsumeQueue),
		IndexSlots: int32(s.MaxHashSlotNum), IndexEntries: int32(s.MaxIndexNum), NoIndex: !s.MessageIndexEnable,
		MemoryBytes: mapfile.PhysicalMemory() * int64(s.AccessMessageInMemoryMaxRatio) / 100,
		MemoryLimit: engine.TransferLimit{Bytes: s.MaxTransferBytesOnMessageInMemory, Messages: s.MaxTransferCountOnMessageInMemory},
		DiskLimit:   engine.TransferLimit{Bytes: s.MaxTransferBytesOnMessageInDisk, Messages: s.MaxTransferCountOnMessageInDisk},
		DelayLevels: levels, FileReserved: time.Duration(s.FileReservedTime) * time.Hour, DeleteHours: hours,
		DiskFullPercent: percent(b.cfg.System.DiskWarningRatio), DiskCleanPercent: clean,
		Clock: b.clock, Log: b.log,
	}, nil
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
