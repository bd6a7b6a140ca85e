package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"ringmq/engine"
	"ringmq/internal/fastjson"
	"ringmq/internal/mapfile"
	"ringmq/internal/wire"
)

// configName is the folder of the broker's state files.
const configName = "config"

// Names of state files (BrokerPathConfigHelper).
const (
	topicsFile    = "topics.json"
	groupsFile    = "subscriptionGroup.json"
	offsetsFile   = "consumerOffset.json"
	lmqOffsets    = "lmqConsumerOffset.json"
	delaysFile    = "delayOffset.json"
	backupSuffix  = ".bak"
	maxConfigFile = 1 << 30
)

// configs are what a state file is read into; of others only the form is checked.
var configs = map[string]func() any{
	topicsFile:  func() any { return new(wire.TopicConfigSerializeWrapper) },
	groupsFile:  func() any { return new(wire.SubscriptionGroupWrapper) },
	offsetsFile: func() any { return new(wire.OffsetSerializeWrapper) },
	lmqOffsets:  func() any { return new(wire.LmqOffsetSerializeWrapper) },
	delaysFile:  func() any { return new(wire.DelayOffsetSerializeWrapper) },
}

// errEmpty is what an empty state file is: a power cut leaves such.
var errEmpty = errors.New("the file is empty")

// readConfig reads and parses a state file into v.
func readConfig(root mapfile.FS, name string, v any) error {
	data, err := readWhole(root, path.Join(configName, name))
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errEmpty
	}
	return fastjson.Unmarshal(data, v)
}

// readConfigOrBackup is what a broker does: where the file cannot be used, the one before it counts.
func readConfigOrBackup[T any](root mapfile.FS, name string) (*T, error) {
	v := new(T)
	err := readConfig(root, name, v)
	if err == nil {
		return v, nil
	}
	backup := new(T)
	if readConfig(root, name+backupSuffix, backup) == nil {
		return backup, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	return v, fmt.Errorf("%s/%s: %w", configName, name, err)
}

// readWhole reads a small file.
func readWhole(root mapfile.FS, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	if f.Size() > maxConfigFile {
		return nil, errors.Join(fmt.Errorf("%s has %d bytes, more than a state file can have", name, f.Size()), f.Close())
	}
	b := make([]byte, f.Size())
	n, err := f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], errors.Join(err, f.Close())
}

// checkConfig parses every state file.
func (c *checker) checkConfig() error {
	entries, err := c.store.root.ReadDir(configName)
	if errors.Is(err, fs.ErrNotExist) {
		c.find.add(Problem{Note: true, Path: configName, Offset: wholeFile, What: "no folder of state files: topics, groups and offsets are not known"})
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name, backupSuffix)
		if e.Dir || !strings.HasSuffix(name, ".json") {
			continue
		}
		target := func() any { return new(struct{}) }
		if known := configs[name]; known != nil {
			target = known
		}
		c.report.Config = append(c.report.Config, e.Name)
		if err := readConfig(c.store.root, e.Name, target()); err != nil {
			c.find.add(c.configProblem(e.Name, err))
		}
	}
	return nil
}

// configProblem says, too, what a broker will do.
func (c *checker) configProblem(name string, err error) Problem {
	p := Problem{Path: path.Join(configName, name), Offset: wholeFile, What: err.Error()}
	var syntax *fastjson.SyntaxError
	if errors.As(err, &syntax) {
		p.Offset = int64(syntax.Offset)
	}
	if strings.HasSuffix(name, backupSuffix) {
		return p
	}
	if readConfig(c.store.root, name+backupSuffix, new(struct{})) == nil {
		p.What += "; a broker takes " + name + backupSuffix
	} else {
		p.What += "; there is no good " + name + backupSuffix + " either"
	}
	return p
}

// topics is what topics.json names.
func (c *checker) topics() topicKnowledge {
	w, err := readConfigOrBackup[wire.TopicConfigSerializeWrapper](c.store.root, topicsFile)
	if err != nil {
		return topicKnowledge{}
	}
	k := topicKnowledge{ok: true, topics: map[string]bool{}}
	for name := range w.TopicConfigTable {
		k.topics[name] = true
	}
	return k
}

// checkTimes looks at Java's checkpoint. It must not be ahead of the log: a broker would believe that more is
// safe than there is.
func (c *checker) checkTimes() error {
	p := Problem{Path: engine.CheckpointName, Offset: wholeFile}
	data, err := readWhole(c.store.root, engine.CheckpointName)
	if errors.Is(err, fs.ErrNotExist) {
		p.Note, p.What = true, "no checkpoint: the next start looks further back"
		c.find.add(p)
		return nil
	}
	if err != nil {
		return err
	}
	if len(data) != engine.CheckpointSize {
		p.What, p.Want, p.Got = "length of the file", fmt.Sprint(engine.CheckpointSize), fmt.Sprint(len(data))
		p.Note = c.crashed && len(data) == 0
		c.find.add(p)
		return nil
	}
	t := engine.DecodeTimes(data)
	for i, row := range []struct {
		name string
		at   int64
	}{{"PHYSICMSGTIMESTAMP", t.Log}, {"LOGICSMSGTIMESTAMP", t.Queues}, {"INDEXMSGTIMESTAMP", t.Index}} {
		if newest := c.newest; row.at < 0 || row.at > newest && len(c.damage.parts) == 0 {
			c.find.add(Problem{
				Path: engine.CheckpointName, Offset: int64(8 * i), What: row.name + ", a store time",
				Want: fmt.Sprintf("0 to %d, that of the last record", newest), Got: fmt.Sprint(row.at),
			})
		}
	}
	for i, b := range data[24:] {
		if b != 0 {
			c.find.add(Problem{Path: engine.CheckpointName, Offset: int64(24 + i), What: "byte behind the three times", Want: "0", Got: fmt.Sprint(b)})
			break
		}
	}
	return nil
}

// checkMark looks at ringmq's own checkpoint.
func (c *checker) checkMark() error {
	m, ok, damaged, err := engine.ReadMark(c.store.root)
	if err != nil {
		return err
	}
	p := Problem{Path: engine.MarksName, Offset: wholeFile}
	if damaged > 0 {
		p.What, p.Note = fmt.Sprintf("damaged marks: %d of 2", damaged), c.crashed && ok
		c.find.add(p)
	}
	if !ok {
		return nil
	}
	if end := c.report.Log.End; m.Queues > end {
		c.find.add(Problem{Path: engine.MarksName, Offset: wholeFile, What: "it says that the log went further", Want: fmt.Sprintf("at most %d", end), Got: fmt.Sprint(int64(m.Queues)), Note: c.crashed})
	}
	// Where a queue is damaged its end is, too, and that was told.
	if m.Closed && !c.crashed && c.find.problems == 0 && m.Queues == c.report.Log.End && m.Entries != c.report.Queues.Ends {
		c.find.add(Problem{Path: engine.MarksName, Offset: wholeFile, What: "sum of all queues' ends: queues are missing, or too many", Want: fmt.Sprint(m.Entries), Got: fmt.Sprint(c.report.Queues.Ends)})
	}
	return nil
}
