package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// queueFiles is the consume queues as their directories list them.
type queueFiles struct {
	fs mapfile.FS
	// fileSize is what most files have.
	fileSize int64
	queues   []*queue // with a folder, by topic and id
	foreign  []Problem
	missing  bool // there is no consumequeue at all
}

// queueFile is one file of a queue.
type queueFile struct {
	start int64 // byte of its first entry in the queue
	size  int64 // its own length
	odd   bool  // its name is wrong; it is not read
}

// list reads the directories.
func (l *queueFiles) list() error {
	topics, err := l.fs.ReadDir(engine.ConsumeQueueName)
	if errors.Is(err, fs.ErrNotExist) {
		l.missing = true
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range topics {
		if !e.Dir {
			l.notice(e.Name, "not a topic's folder")
			continue
		}
		if err := l.listTopic(e.Name); err != nil {
			return err
		}
	}
	var sizes []int64
	for _, q := range l.queues {
		for _, f := range q.files {
			sizes = append(sizes, f.size)
		}
	}
	l.fileSize = mostCommon(sizes) / consumequeue.EntrySize * consumequeue.EntrySize
	return nil
}

func (l *queueFiles) notice(name, what string) {
	l.foreign = append(l.foreign, Problem{Note: true, Path: path.Join(engine.ConsumeQueueName, name), Offset: wholeFile, What: what})
}

func (l *queueFiles) listTopic(topic string) error {
	entries, err := l.fs.ReadDir(path.Join(engine.ConsumeQueueName, topic))
	if err != nil {
		return err
	}
	var queues []*queue
	for _, e := range entries {
		id, err := strconv.ParseUint(e.Name, 10, 31)
		if !e.Dir || err != nil || strconv.FormatUint(id, 10) != e.Name {
			l.notice(path.Join(topic, e.Name), "not a queue's folder")
			continue
		}
		q := &queue{topic: topic, id: int32(id), listed: true}
		if err := l.listQueue(q); err != nil {
			return err
		}
		queues = append(queues, q)
	}
	slices.SortFunc(queues, byName)
	l.queues = append(l.queues, queues...)
	return nil
}

func (l *queueFiles) listQueue(q *queue) error {
	entries, err := l.fs.ReadDir(q.dir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		start, err := strconv.ParseUint(e.Name, 10, 63)
		if e.Dir || err != nil || len(e.Name) != len(queueFileName(0)) {
			l.foreign = append(l.foreign, Problem{Path: path.Join(q.dir(), e.Name), Offset: wholeFile, What: "not a consume queue file; no broker starts with it in this folder"})
			continue
		}
		q.files = append(q.files, queueFile{start: int64(start), size: e.Size})
	}
	return nil
}

// check tells what is wrong with names and lengths of a queue's files, and marks those that are not read.
func (l *queueFiles) check(q *queue, crashed bool) (found []Problem) {
	for i := range q.files {
		f := &q.files[i]
		p := Problem{Path: q.path(*f), Offset: wholeFile}
		switch {
		case f.size == 0 && crashed && i == len(q.files)-1:
			p.Note, p.What = true, "a file that was never begun"
			found = append(found, p)
		case f.size != l.fileSize:
			p.What, p.Want, p.Got = "length of the file", fmt.Sprint(l.fileSize), fmt.Sprint(f.size)
			found = append(found, p)
		case f.start%l.fileSize != 0:
			f.odd = true
			p.What, p.Want, p.Got = "name of the file", fmt.Sprintf("a multiple of %d", l.fileSize), fmt.Sprint(f.start)
			found = append(found, p)
		case i > 0 && f.start != q.files[i-1].start+l.fileSize:
			p.Path = path.Join(q.dir(), queueFileName(q.files[i-1].start+l.fileSize))
			p.What, p.Want = "a file is missing", "the files from here up to "+q.path(*f)
			found = append(found, p)
		}
	}
	return found
}

func queueFileName(start int64) string { return fmt.Sprintf("%020d", start) }

func (q *queue) dir() string {
	return path.Join(engine.ConsumeQueueName, q.topic, strconv.Itoa(int(q.id)))
}

func (q *queue) path(f queueFile) string { return path.Join(q.dir(), queueFileName(f.start)) }

// file is the one that holds an entry, and the entry's byte in it; nil when it is not there.
func (q *queue) file(off message.QueueOffset, fileSize int64) (f *queueFile, at int64) {
	at = int64(off) * consumequeue.EntrySize
	if off < 0 || int64(off) > (1<<62)/consumequeue.EntrySize || fileSize == 0 {
		return nil, 0
	}
	start := at - at%fileSize
	i, ok := slices.BinarySearchFunc(q.files, start, func(f queueFile, start int64) int { return int(min(max(f.start-start, -1), 1)) })
	if !ok || q.files[i].odd {
		return nil, at - start
	}
	return &q.files[i], at - start
}
