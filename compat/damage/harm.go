package damage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// harm is one thing that can happen to a file.
type harm struct {
	name string
	do   func(path string) error
}

var (
	flipped = harm{"a bit flipped", func(path string) error {
		return rewrite(path, func(b []byte) []byte {
			at := len(bytes.TrimRight(b, "\x00")) / 2 // files end with zeros
			if at == 0 {
				return b
			}
			b[at] ^= 0x10
			return b
		})
	}}
	noise = harm{"noise instead", func(path string) error {
		return rewrite(path, func(b []byte) []byte {
			x := uint32(2463534242)
			for i := range b {
				x ^= x << 13
				x ^= x >> 17
				x ^= x << 5
				b[i] = byte(x)
			}
			return b
		})
	}}
	zeros   = harm{"zeros instead", func(path string) error { return rewrite(path, func(b []byte) []byte { clear(b); return b }) }}
	halved  = harm{"cut in half", func(path string) error { return rewrite(path, func(b []byte) []byte { return b[:len(b)/2] }) }}
	emptied = harm{"emptied", func(path string) error { return rewrite(path, func([]byte) []byte { return nil }) }}
	missing = harm{"missing", os.Remove}
	folder  = harm{"a folder in its place", func(path string) error {
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Mkdir(path, 0o755)
	}}
	every = []harm{flipped, noise, zeros, halved, emptied, missing, folder}
)

// inRecord changes a byte of a commit log file's tenth record; field tells which, given where the body ends.
func inRecord(name string, field func(bodyEnd int) int) harm {
	return harm{name, func(path string) error {
		return rewrite(path, func(b []byte) []byte {
			at := 0
			for range 9 {
				at += int(binary.BigEndian.Uint32(b[at:]))
			}
			const bodyLength = 84
			b[at+field(bodyLength+4+int(binary.BigEndian.Uint32(b[at+bodyLength:])))] ^= 2
			return b
		})
	}}
}

func fixed(at int) func(int) int { return func(int) int { return at } }

// fields of a record that a bit can be flipped in. Nothing protects the others, and properties, but enabledAppendPropCRC: a message
// that has them changed is served.
var fields = []harm{
	inRecord("TOTALSIZE changed", fixed(3)), inRecord("TOTALSIZE huge", fixed(0)), inRecord("MAGIC changed", fixed(6)),
	inRecord("BODYCRC changed", fixed(9)), inRecord("QUEUEID changed", fixed(15)), inRecord("QUEUEOFFSET changed", fixed(27)),
	inRecord("PHYSICALOFFSET changed", fixed(35)), inRecord("BODYLENGTH changed", fixed(87)), inRecord("TOPICLENGTH changed", func(end int) int { return end }),
	inRecord("TOPIC changed", func(end int) int { return end + 2 }), inRecord("PROPERTIESLENGTH changed", func(end int) int { return end + 1 + len(topic) + 1 }),
	inRecord("PROPERTIES changed", func(end int) int { return end + 1 + len(topic) + 2 }), // the name of the first: UNIQ_KEY
}

func rewrite(path string, change func([]byte) []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(b), 0o644)
}

// harmed is one case: a file, what happens to it, and what may come of that.
type harmed struct {
	file    string // below the store; * as in a shell, the first match counts
	harm    harm
	loses   int    // messages, at most
	offsets bool   // the group's offsets may be lost, never moved ahead
	refused string // what the last line says of a broker that does not come up
}

func (h harmed) do(store string) error {
	paths, err := filepath.Glob(filepath.Join(store, h.file))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("there is no %s", h.file)
	}
	slices.Sort(paths)
	return h.harm.do(paths[0])
}

// inFile is more messages than a commit log file holds.
const inFile = 2700

// kind is files of which the same is expected.
type kind struct {
	files []string
	harms []harm
	// loses is how many messages harms take that leave the file its length; wiped ones take inFile of a file with messages.
	loses int
	// refused is, by harm, what a broker says that does not come up.
	refused map[string]string
	offsets bool
}

var kinds = []kind{
	{files: []string{"commitlog/00000000000000000000"}, harms: every, loses: 1, refused: map[string]string{
		halved.name: "mappedFileSizeCommitLog", emptied.name: "missing or empty", // a first one that is missing has expired
	}},
	{files: []string{"commitlog/00000000000000262144", "commitlog/00000000000000786432"}, harms: append(fields, every...), loses: 1, refused: map[string]string{
		halved.name: "mappedFileSizeCommitLog", emptied.name: "missing or empty", missing.name: "missing or empty", folder.name: "missing or empty",
	}},
	{files: []string{
		"consumequeue/damage/0/00000000000000000000", "consumequeue/damage/0/00000000000000001000", "consumequeue/damage/0/00000000000000004000",
		"consumequeue/SCHEDULE_TOPIC_XXXX/13/00000000000000000000",
	}, harms: every, refused: map[string]string{halved.name: "mappedFileSizeConsumeQueue", folder.name: "move it out"}},
	{files: []string{"consumequeue_ext/damage/0/00000000000000000000", "index/2*", "config/topics.json.bak"}, harms: every},
	{files: []string{
		"checkpoint", "lock", "ringmq/checkpoint", "ringmq/deleted", "ringmq/timer/checkpoint",
		"config/topics.json", "config/subscriptionGroup.json", "config/delayOffset.json",
	}, harms: every, refused: map[string]string{folder.name: "is a directory"}},
	{files: []string{"config/consumerOffset.json"}, harms: every, offsets: true, refused: map[string]string{folder.name: "is a directory"}},
}

// cases are all of them.
func cases() []harmed {
	var all []harmed
	for _, k := range kinds {
		for _, file := range k.files {
			for _, h := range k.harms {
				c := harmed{file: file, harm: h, offsets: k.offsets, loses: k.loses}
				switch h.name {
				case noise.name, zeros.name, missing.name, folder.name:
					c.loses *= inFile
				}
				if word, ok := k.refused[h.name]; ok {
					c.refused = word
				}
				all = append(all, c)
			}
		}
	}
	return all
}
