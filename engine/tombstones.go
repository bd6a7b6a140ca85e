package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// tombstones remembers the topics that were deleted: their messages stay in the log until they
// expire, and would be put into queues again whenever those are made from the log. A line of
// ringmq/deleted for each, the newest last:
//
//	‹log offset› ‹CRC-32 of the topic, hex› ‹topic, quoted›
//
// Messages of the topic before the offset are of no queue. A torn last line is of a deletion that
// was not confirmed.
type tombstones struct {
	root    mapfile.FS
	f       mapfile.File
	end     int64 // of the good lines
	offsets map[string]message.LogOffset
}

const tombstoneFile = "deleted"

// openTombstones reads the file.
func openTombstones(root mapfile.FS) (*tombstones, error) {
	f, err := openOrCreate(root, path.Join(ringmqName, tombstoneFile))
	if err != nil {
		return nil, err
	}
	text := make([]byte, f.Size())
	if _, err := f.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	t := &tombstones{root: root, f: f, offsets: map[string]message.LogOffset{}}
	for line := range strings.Lines(string(text)) {
		off, topic, ok := parseTombstone(line)
		if !ok {
			break
		}
		t.offsets[topic] = off
		t.end += int64(len(line))
	}
	return t, nil
}

func tombstoneLine(topic string, off message.LogOffset) string {
	return fmt.Sprintf("%d %08x %q\n", off, crc32.ChecksumIEEE([]byte(topic)), topic)
}

func parseTombstone(line string) (off message.LogOffset, topic string, ok bool) {
	var sum uint32
	if _, err := fmt.Sscanf(line, "%d %x %q", &off, &sum, &topic); err != nil {
		return 0, "", false
	}
	return off, topic, line == tombstoneLine(topic, off)
}

// reserve makes room for a line, so that a full disk refuses a deletion before it has begun. What it adds is zeros, a line
// that is none.
func (t *tombstones) reserve(topic string) error {
	return t.f.Allocate(t.end, int64(len(tombstoneLine(topic, math.MaxInt64))))
}

// add remembers that a topic was deleted when the log ended at off; it lasts when add returns.
func (t *tombstones) add(topic string, off message.LogOffset) error {
	line := tombstoneLine(topic, off)
	if _, err := t.f.WriteAt([]byte(line), t.end); err != nil {
		return err
	}
	if err := t.sync(); err != nil {
		return err
	}
	t.end += int64(len(line))
	t.offsets[topic] = off
	return nil
}

// sync makes the file last, and its name: a killed process may have done neither, and a replace that failed
// half the way not the name.
func (t *tombstones) sync() error {
	return errors.Join(t.f.Sync(), t.root.SyncDir(ringmqName))
}

// dead tells whether a topic was deleted after the record at off.
func (t *tombstones) dead(topic []byte, off message.LogOffset) bool {
	return off < t.offsets[string(topic)]
}

// from lists the topics that were deleted when the log had come to off, or later, sorted.
func (t *tombstones) from(off message.LogOffset) []string {
	var topics []string
	for topic, at := range t.offsets {
		if at >= off {
			topics = append(topics, topic)
		}
	}
	slices.Sort(topics)
	return topics
}

// fit drops what is of no use to a log from begin to end: topics whose messages are all gone, and
// of the others the part behind end, where a power cut has made room for other messages.
func (t *tombstones) fit(begin, end message.LogOffset) error {
	var text strings.Builder
	changed := false
	for topic, off := range t.offsets {
		if off <= begin {
			changed = true
			delete(t.offsets, topic)
			continue
		}
		changed = changed || off > end
		t.offsets[topic] = min(off, end)
		text.WriteString(tombstoneLine(topic, min(off, end)))
	}
	if !changed {
		return nil
	}
	return t.replace(text.String())
}

// replace puts a new file in the old one's place. Once it has the name it is the one that is written, whatever
// fails then: a line in the old one would be seen by nobody.
func (t *tombstones) replace(text string) error {
	name := path.Join(ringmqName, tombstoneFile)
	f, err := openOrCreate(t.root, name+".tmp")
	if err != nil {
		return err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = t.root.Rename(name+".tmp", name)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	old := t.f
	t.f, t.end = f, int64(len(text))
	return errors.Join(t.root.SyncDir(ringmqName), old.Close())
}
