// Package group keeps the subscription groups of a broker (SubscriptionGroupManager): who may
// consume, how often and where messages are tried again.
//
// A group comes into being at start (the preset ones), on first use if autoCreateSubscriptionGroup
// is on, or by request 200. Each change is in config/subscriptionGroup.json before the call
// that made it returns. Names are checked before they get that far, which Java does not do.
//
// A [Config] never changes once published. Lookups by the bytes of a request take no lock and
// allocate nothing.
package group

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/server/configfile"
	"ringmq/server/names"
)

// Config is one group. It must not be changed.
type Config = wire.SubscriptionGroupConfig

// MaxGroups bounds the table.
const MaxGroups = 1 << 20

// systemPrefix begins the names of groups that RocketMQ itself consumes with; they may always be made.
const systemPrefix = "CID_RMQ_SYS_"

// preset lists the groups of every broker (MixAll).
var preset = []string{
	"TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP",
	"CID_ONS-HTTP-PROXY", "CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER",
}

// Options of a table.
type Options struct {
	Path       string      // of subscriptionGroup.json
	AutoCreate func() bool // autoCreateSubscriptionGroup
	Light      bool        // every name with [names.LightPrefix] is a group (enableLmq)
	Clock      clock.Clock
	Log        *slog.Logger
}

// Table holds the groups of a broker. Its methods may be called from any goroutine; those that change
// it write the file before they return, so they must not be called on a loop.
type Table struct {
	o      Options // set before use
	groups *names.LightMap[*Config]
	file   *configfile.File

	mu      sync.Mutex // held while the table is changed, not while it is written
	version wire.DataVersion

	fileTime int64 // version.Timestamp of the file that was read, ms; -1 without one. Set by Open
}

// Open makes the preset groups and reads subscriptionGroup.json.
func Open(o Options) (*Table, error) {
	t := &Table{o: o, groups: names.NewLightMap(o.Light, MaxGroups, lightGroup), version: wire.DataVersion{Timestamp: clock.Millis(o.Clock.Now())}}
	t.file = configfile.New(o.Path, t.encode)
	for _, name := range preset {
		t.groups.Put(name, newConfig(name))
	}
	t.fileTime = -1
	return t, t.file.Load(o.Log, t.decode)
}

// newConfig is a group as Java's constructor makes it.
func newConfig(name string) *Config {
	c := new(Config)
	c.SetDefaults()
	c.GroupName = name
	return c
}

// Lookup returns a group, nil if there is none. It does not allocate.
func (t *Table) Lookup(name []byte) *Config {
	c, _ := t.groups.Get(name)
	return c
}

// Find is [Table.Lookup] for a name that is a string.
func (t *Table) Find(name string) *Config {
	c, _ := t.groups.Find(name)
	return c
}

// lightGroup makes a light group, which is in no file and has the defaults (LmqSubscriptionGroupManager).
func lightGroup(name string) (*Config, bool) {
	if names.CheckGroup(name) != nil {
		return nil, false
	}
	return newConfig(name), true
}

// FindOrCreate returns a group, making it if that is allowed. Without error and group it is not.
// The error is an answer for the client.
func (t *Table) FindOrCreate(name string) (*Config, error) {
	if c := t.Find(name); c != nil {
		return c, nil
	}
	if err := names.CheckGroup(name); err != nil {
		return nil, err
	}
	if !t.o.AutoCreate() && !strings.HasPrefix(name, systemPrefix) {
		return nil, nil
	}
	c, isNew, err := t.add(name)
	if err != nil || !isNew {
		return c, err
	}
	if err := t.file.Save(); err != nil {
		return nil, err
	}
	t.o.Log.Info("subscription group created", "group", name)
	return c, nil
}

func (t *Table) add(name string) (c *Config, isNew bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.groups.FindOrPut(name, MaxGroups, func() *Config {
		isNew = true
		return newConfig(name)
	})
	if !ok {
		return nil, false, fmt.Errorf("the broker has %d subscription groups and takes no further one", MaxGroups)
	}
	if isNew {
		t.nextVersion()
	}
	return c, isNew, nil
}

// Update creates or overwrites a group (request 200). The error is an answer for the client.
func (t *Table) Update(c Config) error {
	if err := names.CheckGroup(c.GroupName); err != nil {
		return err
	}
	if err := checkQueues(&c); err != nil {
		return err
	}
	if t.groups.Light(c.GroupName) {
		return nil // it is as it is
	}
	t.replace(&c)
	t.o.Log.Info("subscription group updated", "group", c.GroupName)
	return t.file.Save()
}

// Disable takes a group the right to consume (SubscriptionGroupManager.disableConsume); one that does not exist is no error.
func (t *Table) Disable(name string) error {
	if !t.disable(name) {
		return nil
	}
	return t.file.Save()
}

func (t *Table) disable(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.Find(name)
	if c == nil || !c.ConsumeEnable || t.groups.Light(name) {
		return false
	}
	off := *c
	off.ConsumeEnable = false
	t.groups.Put(name, &off)
	t.nextVersion()
	return true
}

func (t *Table) replace(c *Config) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups.Put(c.GroupName, c)
	t.nextVersion()
}

// Delete removes a group (request 207); one that does not exist is no error. A preset group is back
// after a restart, as in Java.
func (t *Table) Delete(name string) error {
	if !t.remove(name) {
		return nil
	}
	t.o.Log.Info("subscription group deleted", "group", name)
	return t.file.Save()
}

func (t *Table) remove(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.groups.Delete(name) {
		return false
	}
	t.nextVersion()
	return true
}

// Snapshot is the whole table with its version, as request 201 answers it. The groups must not be changed.
func (t *Table) Snapshot() *wire.SubscriptionGroupWrapper {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &wire.SubscriptionGroupWrapper{DataVersion: t.version, SubscriptionGroupTable: make(map[string]*Config, t.groups.Len())}
	for name, c := range t.groups.All() {
		w.SubscriptionGroupTable[name] = c
	}
	return w
}

// SaveIfMarked tries again what an earlier save could not write.
func (t *Table) SaveIfMarked() error { return t.file.SaveIfMarked() }

// nextVersion notes a change; t.mu is held.
func (t *Table) nextVersion() { t.version.Next(clock.Millis(t.o.Clock.Now())) }

func (t *Table) encode() ([]byte, error) { return fastjson.MarshalPretty(t.Snapshot()) }

// decode lays a file over the preset groups. A group that could hurt is left out with a warning: its
// name is part of a topic's, and that of a folder's.
func (t *Table) decode(data []byte) error {
	var w wire.SubscriptionGroupWrapper
	if err := fastjson.Unmarshal(data, &w); err != nil {
		return err
	}
	if w.SubscriptionGroupTable == nil { // else a damaged name would be a broker without groups
		return errors.New("it has no subscriptionGroupTable")
	}
	for name, c := range w.SubscriptionGroupTable {
		if c == nil {
			continue
		}
		if err := errors.Join(names.CheckStored(name), checkQueues(c)); err != nil {
			t.o.Log.Warn("subscription group ignored", "file", t.o.Path, "err", err)
			continue
		}
		own := *c
		own.GroupName = name
		t.groups.Put(name, &own)
	}
	t.version, t.fileTime = w.DataVersion, w.DataVersion.Timestamp
	return nil
}

// Restore takes note that the broker has a retry or dead letter topic of a group, before the table is used.
// When subscriptionGroup.json is missing, or older than the last message there, the group is made
// again; with a file that is newer it was deleted. lastStored is that message's store time in ms.
// [Table.SaveIfMarked] writes what was restored.
func (t *Table) Restore(name string, lastStored func() int64) (restored bool) {
	if names.CheckGroup(name) != nil || t.Find(name) != nil || t.fileTime >= 0 && lastStored() <= t.fileTime {
		return false
	}
	if _, isNew, err := t.add(name); err != nil || !isNew {
		return false
	}
	t.file.Mark()
	return true
}

// checkQueues bounds the queues of the group's retry topic.
func checkQueues(c *Config) error {
	if c.RetryQueueNums < 0 || c.RetryQueueNums > names.MaxQueues {
		return fmt.Errorf("group[%s] retryQueueNums[%d] is illegal, allowing 0 to %d", c.GroupName, c.RetryQueueNums, names.MaxQueues)
	}
	return nil
}
