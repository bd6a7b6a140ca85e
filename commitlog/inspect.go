package commitlog

import (
	"errors"
	"math"

	"ringmq/internal/message"
)

// What follows is for tools that read the files of a store that nobody runs, damaged ones too, one
// by one and without opening it.

// ParseFileName tells which log offset a file's name stands for; false when it is no name of a
// commit log file.
func ParseFileName(name string) (message.LogOffset, bool) { return parseName(name) }

// FileName is the name of the file that begins at base.
func FileName(base message.LogOffset) string { return fileName(base) }

// CheckRecord decodes the record at the front of raw, which lies at off, and checks it as
// [Log.Scan] does: format, place, body checksum, and texts that a power cut may have zeroed. It
// returns the record's size.
func CheckRecord(raw []byte, off message.LogOffset, r *message.Record) (int, error) {
	h, err := message.Peek(raw)
	if err != nil {
		return 0, err
	}
	if err := message.Decode(raw, r); err != nil {
		return 0, err
	}
	if err := r.At(off); err != nil {
		return 0, err
	}
	if err := message.CheckBody(raw, r); err != nil {
		return 0, err
	}
	if err := message.CheckSeal(raw[:h.Size], r.Properties); err != nil {
		return 0, err
	}
	return h.Size, checkText(raw[:h.Size], r)
}

// ScanFile is [Log.Scan] for the one file that begins at base, from a record's offset in it on. The
// file may have another length than o.FileSize. End is base plus that length when the records
// end with the file's end mark.
func ScanFile(o Options, base, from message.LogOffset, v Visitor) (result ScanResult, err error) {
	l := &Log{o: o}
	f, err := o.FS.Open(l.name(base))
	if err != nil {
		return ScanResult{End: from}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := scanner{log: l, visitor: v, pos: from, to: math.MaxInt64, result: ScanResult{End: from}}
	err = s.file(newFile(f, base, f.Size()))
	if s.dirty {
		s.result.Torn = s.bad
	}
	return s.result, err
}

// SyncFiles puts the bytes of every file on the device, of a log that was opened and only read since.
func (l *Log) SyncFiles() error {
	for _, f := range *l.files.Load() {
		if err := f.f.Sync(); err != nil {
			return l.fail(err)
		}
	}
	return nil
}

// Overwrite replaces bytes of one file of a log that was opened and only read since, on the device, too.
func (l *Log) Overwrite(p []byte, off message.LogOffset) error {
	f := l.fileAt(off)
	if f == nil || !f.holds(off, len(p)) {
		return ErrOutOfRange
	}
	if _, err := f.f.WriteAt(p, int64(off-f.base)); err != nil {
		return l.fail(err)
	}
	if err := f.f.Sync(); err != nil {
		return l.fail(err)
	}
	return nil
}
