package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Visitor is told what a scan finds, in the order of the log. An error ends the scan.
type Visitor interface {
	// Record is called for each good record. raw and r's slices are valid until it returns.
	Record(raw []byte, r *message.Record) error
	// Damage is called for bytes that are no record although a good record follows them.
	// r is what the damage was when only its body's checksum is wrong, else nil.
	Damage(e *CorruptError, r *message.Record) error
}

// ScanResult is where a scan ended.
type ScanResult struct {
	End     message.LogOffset // behind the last good record
	Records int64
	// Torn is what lies behind End when that is not just zeros: the last write before a power cut.
	Torn *CorruptError
}

// Scan reads the log from a record's offset, or a file's begin, up to to, where nobody may
// write meanwhile.
func (l *Log) Scan(from, to message.LogOffset, v Visitor) (ScanResult, error) {
	if min(to, l.Written())-from >= pipeFrom {
		return l.scanPiped(from, to, v)
	}
	s := scanner{log: l, visitor: v, pos: from, to: to, result: ScanResult{End: from}}
	buf := windows.Get().(*[]byte)
	s.w.buf = *buf
	err := s.run()
	*buf = s.w.buf[:0]
	windows.Put(buf)
	return s.result, err
}

// windows are for short scans: repairs, and the starts of a simulation.
var windows = sync.Pool{New: func() any { return new([]byte) }}

// run scans file after file.
func (s *scanner) run() error {
	for s.pos < s.to {
		f := s.log.fileAt(s.pos)
		if f == nil || !f.pin() {
			break
		}
		err := s.file(f)
		f.unpin()
		if err != nil {
			return err
		}
	}
	if s.dirty {
		s.result.Torn = s.bad
	}
	return nil
}

// scanner is the state of one Scan.
//
//	          ┌────────── good record ──────────┐
//	          ▼                                 │
//	in step: bad == nil ── not a record ──► searching: bad != nil
//	                                         (next good record ⇒ Damage; end of log ⇒ Torn)
type scanner struct {
	log     *Log
	visitor Visitor
	w       window
	pos     message.LogOffset
	to      message.LogOffset
	result  ScanResult
	rec     message.Record
	bad     *CorruptError   // what is being searched over
	badRec  *message.Record // its record, when only the checksum is wrong
	dirty   bool            // the search has met bytes that are not zero
}

// file scans from pos to the end of f and leaves pos in the next file.
func (s *scanner) file(f *File) error {
	s.w.open(f, s.to)
	for s.pos < min(f.end(), s.to) {
		raw, err := s.record(s.pos)
		switch {
		case err == nil:
			err = s.good(raw)
		case errors.Is(err, message.ErrBlank):
			if s.bad == nil {
				s.result.End = f.end()
			}
			s.pos, err = f.end(), nil
		case isFormat(err):
			err = s.lost(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// good hands the record at pos to the visitor and steps behind it.
func (s *scanner) good(raw []byte) error {
	if s.bad != nil {
		bad, badRec := s.bad, s.badRec
		s.bad, s.badRec, s.dirty = nil, nil, false
		bad.Length = int64(s.pos - bad.Offset)
		if err := s.visitor.Damage(bad, badRec); err != nil {
			return err
		}
	}
	s.result.Records++
	s.pos += message.LogOffset(len(raw))
	s.result.End = s.pos
	return s.visitor.Record(raw, &s.rec)
}

// lost notes that the bytes at pos are no record, and moves pos to where the next one is in
// this file, or to the file's end.
func (s *scanner) lost(cause error) error {
	if s.bad == nil {
		s.note(cause)
	}
	f := s.w.f
	if rec := s.badRec; rec != nil && s.bad.Offset == s.pos {
		// Only the checksum is wrong, so TOTALSIZE is likely right.
		next := s.pos + message.LogOffset(rec.Size())
		if f.holds(next, message.BlankSize) {
			if _, err := s.record(next); err == nil || errors.Is(err, message.ErrBlank) {
				s.pos = next
				return nil
			}
		}
	}
	from, err := s.w.touched(s.pos)
	if err == nil {
		s.pos, err = s.search(from)
	}
	return err
}

// note begins a damage at pos.
func (s *scanner) note(cause error) {
	s.bad = &CorruptError{Path: s.log.PathOf(s.pos), Offset: s.pos, Want: "a record", Got: cause.Error()}
	var format *message.FormatError
	if errors.As(cause, &format) {
		s.bad.Want, s.bad.Got = format.Field+" "+format.Want, fmt.Sprint(format.Got)
		if format.Field == "BODYCRC" {
			rec := s.rec // which outlives the window
			rec.Topic, rec.Body, rec.Properties = bytes.Clone(rec.Topic), bytes.Clone(rec.Body), bytes.Clone(rec.Properties)
			s.badRec = &rec
		}
	}
}

// search looks from off on for a good record behind pos; the file's end when there is none.
func (s *scanner) search(off message.LogOffset) (message.LogOffset, error) {
	f := s.w.f
	for off < s.to && f.holds(off, message.MinSize) {
		b, err := s.w.rest(off)
		if err != nil {
			return 0, err
		}
		end := off + message.LogOffset(len(b))
		s.dirty = s.dirty || !isZero(b)
		for _, at := range s.candidates(b, off) {
			if at <= s.pos {
				continue
			}
			if _, err := s.record(at); err == nil {
				return at, nil
			} else if !isFormat(err) && !errors.Is(err, message.ErrBlank) {
				return 0, err
			}
		}
		if end == f.end() {
			break
		}
		// What was just read is in the page cache and counts as data there, so the next data is looked for
		// behind it. The front of a record may straddle the two.
		data, err := s.w.touched(end)
		if err != nil {
			return 0, err
		}
		off = max(end, data) - (message.BlankSize - 1)
	}
	return f.end(), nil
}

// magicBytes is MAGIC as it stands in a record, behind TOTALSIZE.
var magicBytes = binary.BigEndian.AppendUint32(nil, message.Magic)

// candidates lists where in b, which begins at off, a record's front seems to be.
func (s *scanner) candidates(b []byte, off message.LogOffset) []message.LogOffset {
	var found []message.LogOffset
	const behindSize = 4
	for i := behindSize; i < len(b); i++ {
		k := bytes.Index(b[i:], magicBytes)
		if k < 0 {
			break
		}
		i += k
		found = append(found, off+message.LogOffset(i-behindSize))
	}
	return found
}

// record checks the record at off and decodes it into s.rec.
func (s *scanner) record(off message.LogOffset) ([]byte, error) {
	head, err := s.w.at(off, message.HeadSize)
	if err != nil {
		return nil, err
	}
	h, err := message.Peek(head)
	if errors.Is(err, message.ErrBlank) && int64(h.Size) != int64(s.w.f.end()-off) {
		return nil, &message.FormatError{Field: "TOTALSIZE", Want: fmt.Sprint(int64(s.w.f.end() - off)), Got: int64(h.Size)}
	}
	if err != nil {
		return nil, err
	}
	if !s.w.f.holds(off, h.Size) {
		return nil, &message.FormatError{Field: "TOTALSIZE", Want: "a record within its file", Got: int64(h.Size)}
	}
	s.rec.LogOffset = h.LogOffset
	if err := s.rec.At(off); err != nil {
		return nil, err
	}
	raw, err := s.w.at(off, h.Size)
	if err != nil {
		return nil, err
	}
	if err := message.Decode(raw, &s.rec); err != nil {
		return nil, err
	}
	if err := message.CheckBody(raw, &s.rec); err != nil {
		return nil, err
	}
	if err := message.CheckSeal(raw, s.rec.Properties); err != nil {
		return nil, err
	}
	return raw, checkText(raw, &s.rec)
}

// checkText finds what a power cut may do unnoticed by the record's own checks: topic and
// properties have no checksum, and a sector that never reached the device reads as zeros. No
// text has a sector's worth of zeros at just that place.
func checkText(raw []byte, r *message.Record) error {
	at := len(raw) - len(r.Properties) - 2 - len(r.Topic)
	for at < len(raw) {
		next := at + mapfile.Sector - int(int64(r.LogOffset)+int64(at))%mapfile.Sector
		part := raw[at:min(next, len(raw))]
		if part[0] == 0 && isZero(part) && !(len(r.Properties) == 0 && at+len(part) == len(raw) && len(part) <= 2) {
			return &message.FormatError{Field: "PROPERTIES", Want: "text", Got: 0}
		}
		at = next
	}
	return nil
}

func isFormat(err error) bool {
	var format *message.FormatError
	return errors.As(err, &format)
}
