package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

// Source is where a server's options come from. Later ones win: defaults of the host,
// Defaults, system properties, the file, flags.
type Source struct {
	File     string            // property file of -c; empty = none
	Flags    map[string]string // by key; an unknown key is an error
	System   map[string]string // -D properties, by key
	Defaults map[string]string // a subcommand's own defaults, by key
	Host     Host
}

// BrokerFile is everything a broker is told at start. It is not written to afterwards;
// see [BrokerFile.With].
type BrokerFile struct {
	Broker Broker
	Store  Store
	Server NettyServer
	Client NettyClient
	Ring   Ring
	System System
	// Extra are the keys of the file nobody knows. Like Java, ringmq shows them in the
	// answer to 26 and writes them back.
	Extra map[string]string
	// Path is the file that request 25 persists to: the one of -c, or Java's default place.
	Path string
}

// NamesrvFile is everything a name server is told at start; otherwise as [BrokerFile].
// The file that request 318 persists to is Namesrv.ConfigStorePath.
type NamesrvFile struct {
	Namesrv Namesrv
	Server  NettyServer
	Ring    Ring
	System  System
	Extra   map[string]string
}

// LoadBroker reads a broker's options from a file ("" = none) and overrides, on this host.
func LoadBroker(file string, overrides map[string]string) (*BrokerFile, []Warning, error) {
	return Source{File: file, Flags: overrides, Host: ThisHost()}.Broker()
}

// LoadNamesrv reads a name server's options from a file ("" = none) and overrides, on this host.
func LoadNamesrv(file string, overrides map[string]string) (*NamesrvFile, []Warning, error) {
	return Source{File: file, Flags: overrides, Host: ThisHost()}.Namesrv()
}

// Broker loads a broker's options. The error names the file, the key, the value and what
// was wanted instead.
func (s Source) Broker() (*BrokerFile, []Warning, error) {
	values, err := s.readFile()
	if err != nil {
		return nil, nil, err
	}
	return s.broker(values)
}

func (s Source) broker(values map[string]string) (*BrokerFile, []Warning, error) {
	f := &BrokerFile{Path: s.Host.Home + "/store/config/broker.properties"}
	if s.File != "" {
		f.Path = s.File
	}
	objs := f.objects()
	setDefaults(&s.Host, append(objs, &f.System)...)
	f.Server.ListenPort = 10911
	s.ownDefaults(objs)
	warnings, err := s.systemProperties(&f.System, &f.Broker.RocketmqHome, &f.Broker.NamesrvAddr)
	if err != nil {
		return nil, nil, err
	}
	extra, more, err := s.fill(objs, values)
	if err != nil {
		return nil, nil, err
	}
	f.Extra = extra
	addressServer(&f.System, extra)
	if err := f.settle(); err != nil {
		return nil, nil, s.blame(err)
	}
	return f, append(warnings, more...), nil
}

// Namesrv loads a name server's options; errors as in [Source.Broker].
func (s Source) Namesrv() (*NamesrvFile, []Warning, error) {
	values, err := s.readFile()
	if err != nil {
		return nil, nil, err
	}
	return s.namesrv(values)
}

func (s Source) namesrv(values map[string]string) (*NamesrvFile, []Warning, error) {
	f := &NamesrvFile{}
	objs := f.objects()
	setDefaults(&s.Host, append(objs, &f.System)...)
	f.Server.ListenPort = 9876
	s.ownDefaults(objs)
	warnings, err := s.systemProperties(&f.System, &f.Namesrv.RocketmqHome, nil)
	if err != nil {
		return nil, nil, err
	}
	extra, more, err := s.fill(objs, values)
	if err != nil {
		return nil, nil, err
	}
	f.Extra = extra
	if s.File != "" {
		f.Namesrv.ConfigStorePath = s.File // as NamesrvStartup does, whatever the file says
	}
	return f, append(warnings, more...), nil
}

// objects lists what requests 25 and 26 see, in Java's order.
func (f *BrokerFile) objects() []any {
	return []any{&f.Broker, &f.Server, &f.Client, &f.Store, &f.Ring}
}

func (f *NamesrvFile) objects() []any { return []any{&f.Namesrv, &f.Server, &f.Ring} }

// setDefaults gives every option its default on this host. A default that does not parse
// is a mistake in the table.
func setDefaults(h *Host, objs ...any) {
	for _, obj := range objs {
		v := reflect.ValueOf(obj).Elem()
		for _, o := range Options(obj) {
			d := o.Default
			if f, ok := computed[d]; ok {
				d = f(h)
			}
			if err := o.set(v.Field(o.field), d); err != nil {
				if o.Default == d { // a literal
					panic("BUG: default of " + err.Error())
				}
				// From the environment, as ROCKETMQ_SERIALIZE_TYPE: checked by systemProperties.
				v.Field(o.field).SetString(d)
			}
		}
	}
}

// ownDefaults applies Defaults; one that does not fit is a mistake of the subcommand.
func (s Source) ownDefaults(objs []any) {
	if rest, err := assign(objs, s.Defaults); err != nil || len(rest) > 0 {
		panic(fmt.Sprintf("BUG: defaults: %v, unknown %v", err, rest))
	}
}

// systemProperties applies -D. The two that only carry a default for another option go
// there: home, and addr where it is not nil.
func (s Source) systemProperties(sys *System, home, addr *string) ([]Warning, error) {
	given := maps.Clone(s.System)
	if v, ok := given["rocketmq.home.dir"]; ok {
		*home = v
	}
	if v, ok := given["rocketmq.namesrv.addr"]; ok && addr != nil {
		*addr = v
	}
	delete(given, "rocketmq.home.dir")
	delete(given, "rocketmq.namesrv.addr")
	unknown, err := assign([]any{sys}, given)
	if err != nil {
		return nil, fmt.Errorf("-D %w", err)
	}
	if t := sys.SerializeType; t != "JSON" && t != "ROCKETMQ" {
		return nil, fmt.Errorf("environment ROCKETMQ_SERIALIZE_TYPE=%s: want JSON or ROCKETMQ", clip(t))
	}
	return warn("-D", unknown, []any{sys}), nil
}

// fill applies the file's values and the flags to objs. It returns the file's unknown keys
// with their values, and warnings of those and of the keys without effect.
func (s Source) fill(objs []any, values map[string]string) (extra map[string]string, warnings []Warning, err error) {
	extra, err = assign(objs, values)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.File, err)
	}
	unknown, err := assign(objs, s.Flags)
	if err != nil {
		return nil, nil, fmt.Errorf("flag %w", err)
	}
	for _, w := range warn("flag", unknown, objs) {
		return nil, nil, errors.New(w.String())
	}
	warnings = warn(s.File, extra, objs)
	warnings = append(warnings, idle(s.File, values, objs, &s.Host)...)
	return extra, append(warnings, idle("flag", s.Flags, objs, &s.Host)...), nil
}

// readFile reads and parses the property file.
func (s Source) readFile() (map[string]string, error) {
	if s.File == "" {
		return nil, nil
	}
	data, err := os.ReadFile(s.File)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("cannot read the configuration file %s: %w", s.File, err)
	}
	values, err := ParseProperties(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.File, err)
	}
	return values, nil
}

// assign sets every option whose key stands in values and returns the rest. A key that
// several structs have is set in all of them, as Java does. On an error, the first in key
// order, objs are partly set.
func assign(objs []any, values map[string]string) (rest map[string]string, err error) {
	rest = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		known := false
		for _, obj := range objs {
			for _, o := range Options(obj) {
				if o.Key != key {
					continue
				}
				known = true
				if err := o.set(reflect.ValueOf(obj).Elem().Field(o.field), values[key]); err != nil {
					return nil, err
				}
			}
		}
		if !known {
			rest[key] = values[key]
		}
	}
	return rest, nil
}

// addressServer moves the two keys that Java turns into system properties.
func addressServer(sys *System, extra map[string]string) {
	for key, to := range map[string]*string{
		keyAddressDomain: &sys.AddressServerDomain,
		keyAddressGroup:  &sys.AddressServerGroup,
	} {
		if v := strings.TrimSpace(extra[key]); v != "" {
			*to = v
		}
	}
}

// Keys that BrokerStartup reads itself; they stay among the extra keys.
const (
	keyAddressDomain = "rmqAddressServerDomain"
	keyAddressGroup  = "rmqAddressServerSubGroup"
)

// blame adds the file to an error that options cause only together.
func (s Source) blame(err error) error {
	if s.File == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.File, err)
}
