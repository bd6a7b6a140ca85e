package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"ringmq/commitlog"
	"ringmq/internal/message"
)

// damageFile lists the damage that was found, a line each, newest last; it is never
// shortened. Beside it, damageDir keeps the damaged bytes themselves, a file for each damage named
// by its log offset: the log's own go with the next retention, and a torn end is overwritten.
const (
	damageFile = "damage.log"
	damageDir  = "damage"
	// Of one damage keptBytes are kept, of all together keptTotal.
	keptBytes = 16 << 20
	keptTotal = 256 << 20
)

// reportDamage writes damage to the log and, when it is new, to ringmq/damage.log, so that it is not forgotten
// when the log of the day is; and keeps its bytes.
func (s *Store) reportDamage(e *commitlog.CorruptError) {
	s.damage.Add(1)
	s.o.Log.Error("damage", "err", e)
	anyNew := false
	err := s.eachFile(e.Offset, e.Offset+message.LogOffset(e.Length), func(from, to, _ message.LogOffset) error {
		isNew, err := s.keepDamage(from, int64(to-from))
		anyNew = anyNew || isNew
		return err
	})
	if err != nil {
		s.o.Log.Error("damaged bytes cannot be kept", "err", err)
	}
	if !anyNew {
		return
	}
	if err := s.appendDamage(e); err != nil {
		s.o.Log.Error("damage report cannot be written", "err", err)
	}
}

func (s *Store) appendDamage(e *commitlog.CorruptError) error {
	f, err := openOrCreate(s.root, path.Join(ringmqName, damageFile))
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s %s\n", s.o.Clock.Now().UTC().Format(time.RFC3339), e)
	_, err = f.WriteAt([]byte(line), f.Size())
	return errors.Join(err, f.Close())
}

// eachFile cuts a part of the log at the ends of files.
func (s *Store) eachFile(from, to message.LogOffset, fn func(from, to, fileEnd message.LogOffset) error) error {
	for size := message.LogOffset(s.log.FileSize()); from < to; {
		end := from - from%size + size
		if err := fn(from, min(to, end), end); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// keepTorn keeps what lies behind the log's end before it is overwritten.
func (s *Store) keepTorn(end message.LogOffset) {
	if _, err := s.keepDamage(end, keptBytes/4); err != nil {
		s.o.Log.Error("torn bytes cannot be kept", "err", err)
	}
}

// keepDamage copies n bytes of the log, but for zeros at their end, to damageDir. isNew tells that there was no
// copy yet.
func (s *Store) keepDamage(off message.LogOffset, n int64) (isNew bool, err error) {
	dir := path.Join(ringmqName, damageDir)
	name := path.Join(dir, commitlog.FileName(off))
	if _, err := s.root.Stat(name); err == nil {
		return false, nil
	}
	if err := s.root.MkdirAll(dir); err != nil {
		return true, err
	}
	entries, err := s.root.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	left := int64(keptTotal)
	for _, e := range entries {
		left -= e.Size
	}
	b, err := s.log.ReadBytes(off, int(min(n, keptBytes, max(left, 0))))
	if err != nil {
		return true, err
	}
	b = bytes.TrimRight(b, "\x00")
	f, err := s.root.Create(name)
	if err != nil {
		return true, err
	}
	if _, err = f.WriteAt(b, 0); err == nil {
		err = f.Sync()
	}
	return true, errors.Join(err, f.Close())
}
