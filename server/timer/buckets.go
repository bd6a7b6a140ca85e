package timer

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// entrySize is an entry's in a bucket file.
const entrySize = 20

func appendEntry(dst []byte, e entry) []byte {
	from := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.due))
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.at))
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[from:], castagnoli))
}

// decodeEntry reads the entry at the front of b; ok is false where there is none.
func decodeEntry(b []byte) (e entry, ok bool) {
	if len(b) < entrySize {
		return entry{}, false
	}
	e.due = int64(binary.BigEndian.Uint64(b))
	e.at = message.QueueOffset(binary.BigEndian.Uint64(b[8:]))
	return e, binary.BigEndian.Uint32(b[16:]) == crc32.Checksum(b[:16], castagnoli)
}

// errDamaged is returned for a bucket with places that hold no entry.
var errDamaged = errors.New("timer bucket is damaged")

// buckets are the files of entries, by their first millisecond. Not for use by several goroutines at once.
type buckets struct {
	tree  mapfile.FS
	dir   string
	width int64           // ms
	sizes map[int64]int64 // of each file, in entries, as far as it is written
}

// openBuckets lists the files.
func openBuckets(tree mapfile.FS, dir string, width int64) (*buckets, error) {
	b := &buckets{tree: tree, dir: dir, width: width, sizes: map[int64]int64{}}
	list, err := tree.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		start, err := strconv.ParseInt(e.Name, 10, 64)
		if e.Dir || err != nil || strconv.FormatInt(start, 10) != e.Name {
			continue
		}
		b.sizes[start] = (e.Size + entrySize - 1) / entrySize // a torn entry keeps its place
	}
	return b, nil
}

func (b *buckets) start(due int64) int64 {
	start := due - due%b.width
	if start > due {
		start -= b.width
	}
	return start
}

func (b *buckets) name(start int64) string { return path.Join(b.dir, strconv.FormatInt(start, 10)) }

// entries is how many the files have together.
func (b *buckets) entries() (sum int64) {
	for _, n := range b.sizes {
		sum += n
	}
	return sum
}

// spill writes entries to their files, on the device.
func (b *buckets) spill(entries []entry) error {
	slices.SortFunc(entries, entry.compare)
	made := false
	for len(entries) > 0 {
		start := b.start(entries[0].due)
		n := 1
		for n < len(entries) && entries[n].due < start+b.width {
			n++
		}
		_, there := b.sizes[start]
		if err := b.extend(start, entries[:n]); err != nil {
			return err
		}
		made = made || !there
		entries = entries[n:]
	}
	if !made {
		return nil
	}
	return b.tree.SyncDir(b.dir)
}

// extend appends entries to one file. What it has written when it fails is written again by the next call.
func (b *buckets) extend(start int64, entries []entry) error {
	f, err := b.tree.Open(b.name(start))
	if errors.Is(err, fs.ErrNotExist) {
		f, err = b.tree.Create(b.name(start))
	}
	if err != nil {
		return err
	}
	text := make([]byte, 0, len(entries)*entrySize)
	for _, e := range entries {
		text = appendEntry(text, e)
	}
	if _, err = f.WriteAt(text, b.sizes[start]*entrySize); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	b.sizes[start] += int64(len(entries))
	return nil
}

// read reads the entries of one file.
func (b *buckets) read(start int64) ([]entry, error) {
	n, there := b.sizes[start]
	if !there {
		return nil, nil
	}
	f, err := b.tree.Open(b.name(start))
	if err != nil {
		return nil, err
	}
	text := make([]byte, n*entrySize)
	got, err := f.ReadAt(text, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	entries := make([]entry, 0, n)
	for text = text[:got]; len(text) > 0; text = text[min(entrySize, len(text)):] {
		e, ok := decodeEntry(text)
		if !ok || b.start(e.due) != start {
			return nil, errDamaged
		}
		entries = append(entries, e)
	}
	if int64(len(entries)) < n {
		return nil, errDamaged
	}
	return entries, nil
}

// remove removes files. That may not last: the cursor says that they are of no use.
func (b *buckets) remove(starts []int64) error {
	for _, start := range starts {
		if err := b.tree.Remove(b.name(start)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		delete(b.sizes, start)
	}
	return nil
}

// all lists the files, the first moment first.
func (b *buckets) all() []int64 {
	var starts []int64
	for start := range b.sizes {
		starts = append(starts, start)
	}
	slices.Sort(starts)
	return starts
}
