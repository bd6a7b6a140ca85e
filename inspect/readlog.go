package inspect

import (
	"context"
	"fmt"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/message"
)

// fileState is what reading one file of the log has found.
type fileState struct {
	met    bool // it has records
	closed bool // it ends with its end mark
	unread bool // a device error
	end    message.LogOffset
	torn   *commitlog.CorruptError // what follows end
}

// readLog reads all records and holds them against queues and index.
func (c *checker) readLog(ctx context.Context) error {
	log := &c.store.log
	if len(log.files) == 0 {
		return nil
	}
	c.files = make([]fileState, len(log.files))
	s := &sprint{log: log, queues: c.dir, take: c.takeChunk}
	for range c.o.Workers {
		s.provers = append(s.provers, &prover{queues: c.dir, deriver: engine.NewDeriver(c.o.DelayLevels)})
		s.chunks = append(s.chunks, &chunk{}, &chunk{})
	}
	s.chunks = append(s.chunks, &chunk{}, &chunk{})
	for at := (spot{0, log.files[0].base}); at.file < len(log.files); {
		stopped, err := s.run(ctx, at)
		if err != nil {
			return err
		}
		if stopped == nil {
			break
		}
		if at, err = c.overDamage(stopped); err != nil {
			return err
		}
	}
	c.judgeFiles()
	return nil
}

// takeChunk takes a chunk's facts, in the order of the log.
func (c *checker) takeChunk(k *chunk) error {
	for ; c.file < k.file; c.file++ {
		// What is missing between two files counts as damage.
		if from, to := c.store.log.files[c.file].end(), c.store.log.files[c.file+1].base; from < to {
			c.damage.add(from, to)
		}
	}
	for i := range k.facts {
		f := &k.facts[i]
		if f.queue != nil {
			if err := c.match.take(f); err != nil {
				return err
			}
		}
		if f.alias {
			continue
		}
		c.report.Log.Records++
		c.newest = max(c.newest, f.storeTime)
		if f.hashTo > f.hashFrom {
			if err := c.keys.take(f.entry.LogOffset, f.storeTime, k.hashes[f.hashFrom:f.hashTo]); err != nil {
				return err
			}
		}
	}
	st := &c.files[k.file]
	st.met = st.met || len(k.facts) > 0
	st.end = k.end
	if k.verdict == fileEnded {
		st.closed, st.end = true, c.store.log.files[k.file].end()
	}
	c.progress(st.end)
	return nil
}

func (c *checker) progress(at message.LogOffset) {
	log := &c.store.log
	c.o.Progress(int64(at-log.min()), int64(log.files[len(log.files)-1].end()-log.min()))
}

// overDamage finds where the log goes on behind a chunk that stopped.
func (c *checker) overDamage(k *chunk) (spot, error) {
	log := &c.store.log
	next := spot{file: k.file + 1}
	if next.file < len(log.files) {
		next.off = log.files[next.file].base
	}
	if k.verdict == unread {
		c.unreadable(k.file, k.end, k.err)
		return next, nil
	}
	s := search{from: k.end}
	found, result, err := s.run(log, k.file)
	if err != nil {
		c.unreadable(k.file, k.end, err)
		return next, nil
	}
	if !found {
		c.files[k.file].torn = result.Torn
		if k.end < log.files[k.file].end() {
			c.damage.add(k.end, log.files[k.file].end())
		}
		c.progress(log.files[k.file].end())
		return next, nil
	}
	if s.bad == nil { // larger than a chunk may be, or written this moment
		path, at := log.place(s.next)
		c.find.add(Problem{Path: path, Offset: at, What: fmt.Sprintf("record at log offset %d", s.next), Want: fmt.Sprintf("at most %d bytes", maxRecord), Got: fmt.Sprint(s.size)})
		return spot{k.file, s.next + message.LogOffset(s.size)}, nil
	}
	c.damage.add(s.bad.Offset, s.next)
	c.report.Log.Damaged += int64(s.next - s.bad.Offset)
	c.find.add(c.damaged(s.bad, s.badBody))
	return spot{k.file, s.next}, nil
}

// unreadable gives a file up from an offset on.
func (c *checker) unreadable(file int, from message.LogOffset, err error) {
	f := c.store.log.files[file]
	c.files[file].unread = true
	c.damage.add(from, f.end())
	c.report.Log.Damaged += int64(f.end() - from)
	c.find.add(Problem{Path: c.store.log.path(f.base), Offset: int64(from - f.base), What: fmt.Sprintf("the file cannot be read from here on: %v", err)})
}

// damaged tells of bytes that are no record.
func (c *checker) damaged(e *commitlog.CorruptError, body *message.Record) Problem {
	path, at := c.store.log.place(e.Offset)
	p := Problem{Path: path, Offset: at, What: fmt.Sprintf("damaged record at log offset %d, %d bytes", e.Offset, e.Length), Want: e.Want, Got: e.Got}
	if body != nil {
		p.What = fmt.Sprintf("damaged body of the record at log offset %d (%s queue %d offset %d), %d bytes", e.Offset, shortTopic(string(body.Topic)), body.QueueID, body.QueueOffset, e.Length)
	}
	return p
}

// judgeFiles tells how the files end, now that it is known which is the last with records.
func (c *checker) judgeFiles() {
	log := &c.store.log
	last := 0
	for i, st := range c.files {
		if st.met || st.closed {
			last = i
		}
	}
	for i, st := range c.files {
		f := log.files[i]
		end := max(st.end, f.base)
		switch {
		case st.closed || st.unread || f.size == 0:
		case i < last:
			c.report.Log.Damaged += int64(f.end() - end)
			c.find.add(c.ending(f, end, st.torn, "the records end here, without an end mark, although a later file has some"))
		case st.torn != nil && i == last:
			p := c.ending(f, end, st.torn, "behind the last record lies something that is none")
			p.Note = c.crashed
			c.find.add(p)
		case st.torn != nil:
			c.find.add(c.ending(f, end, st.torn, "a file behind the end of the log is not empty"))
		}
	}
	c.report.Log.End = max(c.files[last].end, log.files[last].base)
	c.dropTail(last)
}

// dropTail takes the untouched rest of the log out of the damage: entries that lead there are wrong.
func (c *checker) dropTail(last int) {
	end := c.report.Log.End
	torn := c.files[last].torn != nil || c.files[last].unread
	for n := len(c.damage.parts); n > 0 && c.damage.parts[n-1].from >= end && !torn; n-- {
		c.damage.parts = c.damage.parts[:n-1]
	}
}

func (c *checker) ending(f logFile, end message.LogOffset, torn *commitlog.CorruptError, what string) Problem {
	p := Problem{Path: c.store.log.path(f.base), Offset: int64(end - f.base), What: what}
	if torn != nil {
		p.Want, p.Got = torn.Want, torn.Got
	}
	return p
}
