package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"ringmq/commitlog"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// FlushType says when a message is acknowledged.
type FlushType uint8

// The two flush types (flushDiskType).
const (
	// AsyncFlush acknowledges what the page cache has: a killed process loses nothing, a power
	// cut may lose the last moments.
	AsyncFlush FlushType = iota
	// SyncFlush acknowledges what the device has.
	SyncFlush
)

// Options of a Store. The zero value of a field means its default, which is Java's where a
// key of broker.conf is named.
type Options struct {
	// Dir is the store's directory (storePathRootDir).
	Dir string
	// CommitLogDir is the commit log's (storePathCommitLog); default Dir/commitlog.
	CommitLogDir string
	// FS replaces both directories in tests; the commit log is its "commitlog" then.
	FS mapfile.FS

	Flush FlushType
	// FlushMode is how the log's files are written (flushMode). Auto is what measured best: direct for
	// SyncFlush where the file system can do it, else write-dsync; write-fsync for AsyncFlush.
	FlushMode commitlog.Mode
	// RingIO is auto, on or off: whether files are used through io_uring; default auto.
	RingIO string
	// AckFromStaging acknowledges with AsyncFlush what is staged: a killed process loses the last
	// moments (transientStorePoolEnable).
	AckFromStaging bool
	// WarmFiles makes new files ready to be stored to in the mmap modes (warmMapedFileEnable).
	WarmFiles bool

	CommitLogFileSize    int64 // mappedFileSizeCommitLog, 1 GiB
	ConsumeQueueFileSize int64 // mappedFileSizeConsumeQueue, 6,000,000
	ConsumeQueueExt      bool  // enableConsumeQueueExt
	ExtFileSize          int64 // mappedFileSizeConsumeQueueExt, 48 MiB
	// FilterBits tells of a message which filters may want it, for the ext files; nil, or a nil answer: not known. It is
	// called for each message that is put, on the goroutine that puts it, and must be quick.
	FilterBits   func(topic []byte, p message.Properties) []byte
	IndexSlots   int32 // maxHashSlotNum, 5,000,000
	IndexEntries int32 // maxIndexNum, 20,000,000
	NoIndex      bool  // messageIndexEnable=false

	// MapBytes bounds what of the log is mapped for readers, ColdBytes the memory for what is read from the
	// device for readers far behind. Defaults 4 GiB, for which the page tables are 8 MiB at most, and a 32nd of the
	// memory that the process may have.
	MapBytes, ColdBytes int64
	// StagingBytes is the memory for messages that are not written yet; default 32 MiB.
	StagingBytes int

	// Limits and Pace can be replaced later, as Retention can.
	Limits
	Pace

	// LightQueues makes queues named %LMQ%… light ones (enableLmq).
	LightQueues bool

	// DelayLevels is how long level n, at n-1, delays a message (messageDelayLevel).
	DelayLevels []time.Duration

	// Seal appends a checksum over the whole record to each message, as a property (enabledAppendPropCRC of
	// RocketMQ 5). Records that have one are always checked where body checksums are.
	Seal bool

	// Retention says when commit log files go. It can be replaced later.
	Retention Retention

	Clock clock.Clock
	Log   *slog.Logger

	// stepped starts no goroutines: a simulation calls the loops' steps itself.
	stepped bool
}

// Limits are what can be replaced while the store is used; see [Store.SetLimits]. The zero value of a field means its
// default, as in [Options].
type Limits struct {
	// SyncFlushTimeout is how long an append waits for SyncFlush (syncFlushTimeout, 5 s).
	SyncFlushTimeout time.Duration
	// MemoryBytes is how far behind the end of the log a message counts as old: physical RAM ×
	// accessMessageInMemoryMaxRatio.
	MemoryBytes int64
	// The limits of one Get: bytes and messages; DiskLimit for old ones that are not in memory
	// (maxTransfer{Bytes,Count}OnMessageIn{Memory,Disk}: 256 KiB, 32, 64 KiB, 8).
	MemoryLimit, DiskLimit TransferLimit
	// MultiDispatch puts messages into all queues that they name (enableMultiDispatch), of which there are about
	// MaxLightQueues light ones at most (maxLmqConsumeQueueNum).
	MultiDispatch  bool
	MaxLightQueues int64
}

func (l Limits) withDefaults() Limits {
	l.SyncFlushTimeout = cmp.Or(l.SyncFlushTimeout, 5*time.Second)
	l.MemoryBytes = cmp.Or(l.MemoryBytes, mapfile.PhysicalMemory()*40/100)
	l.MemoryLimit = cmp.Or(l.MemoryLimit, TransferLimit{256 << 10, 32})
	l.DiskLimit = cmp.Or(l.DiskLimit, TransferLimit{64 << 10, 8})
	return l
}

// SetLimits replaces the limits: they count from the next call on.
func (s *Store) SetLimits(l Limits) {
	l = l.withDefaults()
	s.limits.Store(&l)
}

// TransferLimit bounds what one Get returns; the first message always fits.
type TransferLimit struct{ Bytes, Messages int }

const (
	commitLogName    = "commitlog"
	consumeQueueName = "consumequeue"
	indexName        = "index"
	ringmqName       = "ringmq" // what is ringmq's own; Java does not look there
)

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" && o.FS == nil {
		return o, fmt.Errorf("storePathRootDir is empty")
	}
	o.CommitLogDir = cmp.Or(o.CommitLogDir, filepath.Join(o.Dir, commitLogName))
	o.RingIO = cmp.Or(o.RingIO, "auto")
	if o.AckFromStaging && o.Flush == SyncFlush {
		o.AckFromStaging = false // as in Java, where the pool is of use to ASYNC_FLUSH only
	}
	o.CommitLogFileSize = cmp.Or(o.CommitLogFileSize, 1<<30)
	o.ConsumeQueueFileSize = cmp.Or(o.ConsumeQueueFileSize, 6_000_000)
	o.IndexSlots = cmp.Or(o.IndexSlots, 5_000_000)
	o.IndexEntries = cmp.Or(o.IndexEntries, 20_000_000)
	o.StagingBytes = cmp.Or(o.StagingBytes, 32<<20)
	o.MapBytes = cmp.Or(o.MapBytes, 4<<30)
	if o.ColdBytes == 0 {
		o.ColdBytes = mapfile.UsableMemory() / 32
	}
	o.Limits = o.Limits.withDefaults()
	o.Pace = o.Pace.withDefaults()
	o.Retention = o.Retention.withDefaults()
	if o.DelayLevels == nil {
		o.DelayLevels = defaultDelays[:]
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// defaultDelays is messageDelayLevel's default.
var defaultDelays = [...]time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	1 * time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
	6 * time.Minute, 7 * time.Minute, 8 * time.Minute, 9 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

// openLog opens the commit log, whose directory may lie outside the store's.
func (o *Options) openLog(root mapfile.FS, loop *mapfile.Loop, failed func(error)) (*commitlog.Log, error) {
	lo := commitlog.Options{FS: root, Dir: commitLogName, FileSize: o.CommitLogFileSize, Failed: failed, Log: o.Log,
		MapBytes: o.MapBytes, ColdBytes: o.ColdBytes, Mode: o.FlushMode, Warm: o.WarmFiles}
	if o.FS == nil && o.CommitLogDir != filepath.Join(o.Dir, commitLogName) {
		own, err := mapfile.OpenDirOn(o.CommitLogDir, loop)
		if err != nil {
			return nil, err
		}
		lo.FS, lo.Dir = own, "."
	}
	return commitlog.Open(lo)
}

// prewriteAhead is how far zeros are written behind the log's end, at most. The next start reads them.
const prewriteAhead = 16 << 20

// chooseMode decides on Auto.
func (s *Store) chooseMode() error {
	o := &s.o
	if o.FlushMode == commitlog.Auto {
		o.FlushMode = commitlog.WriteFsync
		if o.Flush == SyncFlush {
			o.FlushMode = commitlog.WriteDsync
			if o.CommitLogFileSize%mapfile.DirectAlign == 0 && s.canDirect() == nil {
				o.FlushMode = commitlog.Direct
			}
		}
		return nil
	}
	if o.FlushMode == commitlog.Direct {
		if err := s.canDirect(); err != nil {
			return fmt.Errorf("flushMode=direct: this file system cannot do it, choose write-dsync: %w", err)
		}
	}
	return nil
}

// canDirect tries whether the file system reads past the page cache.
func (s *Store) canDirect() error {
	done := make(chan error, 1)
	r := mapfile.Request{P: mapfile.Memory(mapfile.DirectAlign), How: mapfile.Direct}
	r.Done = func(_ int, err error) { done <- err }
	s.lock.Start(&r, nil)
	if err := <-done; !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
