package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"path"

	"ringmq/commitlog"
	"ringmq/internal/message"
)

// A damaged part of the log ends a Java broker's recovery, which cuts off what lies behind. [Rebuild] can put
// fillers in its place: records that a Java broker steps over, and neither queues nor indexes, because they say that they
// roll something back. To the end of a file its end mark does.
//
//	│ record │ damaged part            │ record │     │ record │ damaged … file's end │
//	│ record │ filler │ filler …       │ record │     │ record │ end mark │
const (
	fillerTopic = "RINGMQ_DAMAGED"
	fillerBytes = 1 << 20 // of one filler
)

// isFiller tells fillers from messages.
func isFiller(r *message.Record) bool {
	return r.Transaction() == message.TransactionRollback && len(r.Topic) > 0 &&
		bytes.HasPrefix([]byte(fillerTopic), r.Topic) && len(r.Properties) == 0 && r.BornTimestamp == 0
}

// filling is a damaged part that is to be filled.
type filling struct {
	from, to  message.LogOffset
	storeTime int64 // of a record beside it
}

// fill writes fillers over damaged parts whose bytes were kept, and returns how many parts that were.
func (s *Store) fill(parts []filling) (filled int64, err error) {
	for _, p := range parts {
		kept := true
		err := s.eachFile(p.from, p.to, func(from, to, _ message.LogOffset) error {
			ok, err := s.isKept(from, to)
			kept = kept && ok
			return err
		})
		if err != nil {
			return filled, err
		}
		if !kept {
			s.o.Log.Warn("a damaged part is not filled: its bytes could not be kept", "logOffset", int64(p.from), "bytes", int64(p.to-p.from))
			continue
		}
		err = s.eachFile(p.from, p.to, func(from, to, fileEnd message.LogOffset) error {
			return s.log.Overwrite(fillers(from, to, fileEnd, p.storeTime), from)
		})
		if err != nil {
			return filled, err
		}
		filled++
	}
	return filled, nil
}

// isKept tells whether ringmq/damage has a copy of the bytes, which lie in one file.
func (s *Store) isKept(from, to message.LogOffset) (bool, error) {
	if to-from > keptBytes {
		return false, nil
	}
	b, err := s.log.ReadBytes(from, int(to-from))
	if err != nil {
		return false, err
	}
	f, err := s.root.Open(path.Join(ringmqName, damageDir, commitlog.FileName(from)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	kept := make([]byte, f.Size())
	_, err = f.ReadAt(kept, 0)
	return bytes.Equal(bytes.TrimRight(b, "\x00"), kept), errors.Join(ignoreEOF(err), f.Close())
}

// fillers are the bytes to put in the place of [from, to), in a file that ends at fileEnd.
func fillers(from, to, fileEnd message.LogOffset, storeTime int64) []byte {
	if to == fileEnd {
		mark := binary.BigEndian.AppendUint32(nil, uint32(to-from))
		return binary.BigEndian.AppendUint32(mark, message.BlankMagic)
	}
	b := make([]byte, 0, to-from)
	for at := from; at < to; at = from + message.LogOffset(len(b)) {
		size := int(to - at)
		if size > fillerBytes+message.MinSize {
			size = fillerBytes // and enough for another one stays
		}
		r := message.Record{Topic: []byte(fillerTopic), SysFlag: message.TransactionRollback, LogOffset: at, StoreTimestamp: storeTime}
		if size < r.Size() {
			r.Topic = r.Topic[:1]
		}
		r.Body = make([]byte, size-r.Size())
		b = r.Append(b)
	}
	return b
}
