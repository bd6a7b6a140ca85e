package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// source writes text to a file b.conf and returns a Source of it on javaHost.
func source(t *testing.T, text string) Source {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("b.conf", []byte(text), 0o600))
	return Source{File: "b.conf", Host: javaHost}
}

func TestBrokerDefaults(t *testing.T) {
	f, warnings, err := Source{Host: javaHost}.Broker()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 10911, f.Server.ListenPort)
	require.Equal(t, 10912, f.Store.HaListenPort)
	require.Equal(t, "/home/u/store", f.Store.StorePathRootDir)
	require.Equal(t, "/home/u/store/config/broker.properties", f.Path)
	require.Equal(t, "vm", f.Broker.BrokerName)
	require.Equal(t, "JSON", f.System.SerializeType)
	require.Equal(t, 2*time.Minute, f.Server.IdleTimeout())
	require.NoError(t, f.Unsupported())
}

func TestNamesrvDefaults(t *testing.T) {
	f, warnings, err := Source{Host: javaHost}.Namesrv()
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, 9876, f.Server.ListenPort)
	require.Equal(t, "/home/u/namesrv/namesrv.properties", f.Namesrv.ConfigStorePath)

	f, _, err = source(t, "configStorePath=/elsewhere\nlistenPort=9999\n").Namesrv()
	require.NoError(t, err)
	require.Equal(t, "b.conf", f.Namesrv.ConfigStorePath, "the -c file wins")
	require.Equal(t, 9999, f.Server.ListenPort)
}

// Defaults, environment, system properties, file, flags: each wins over those before it.
func TestLaterSourcesWin(t *testing.T) {
	s := source(t, "")
	load := func() string {
		f, _, err := s.Broker()
		require.NoError(t, err)
		return f.Broker.NamesrvAddr
	}
	require.Equal(t, "", load())
	s.Host.Env = func(name string) string { return map[string]string{"NAMESRV_ADDR": "env:1"}[name] }
	require.Equal(t, "env:1", load())
	s.System = map[string]string{"rocketmq.namesrv.addr": "sys:2"}
	require.Equal(t, "sys:2", load())
	require.NoError(t, os.WriteFile("b.conf", []byte("namesrvAddr=file:3"), 0o600))
	require.Equal(t, "file:3", load())
	s.Flags = map[string]string{"namesrvAddr": "flag:4"}
	require.Equal(t, "flag:4", load())
}

func TestBrokerFileSyntaxAndRules(t *testing.T) {
	for _, c := range []struct {
		name, text string
		check      func(*testing.T, *BrokerFile)
	}{
		{"Java's syntax", "# c\n! c\n brokerName : a b \\\n   c\nbrokerIP1\t10.1.1.1\nregionId=\\u00e4\\=\n", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, "a b c", f.Broker.BrokerName)
			require.Equal(t, "10.1.1.1", f.Broker.BrokerIP1)
			require.Equal(t, "ä=", f.Broker.RegionID)
		}},
		{"nothing is expanded", "brokerName=${HOME}${brokerName}", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, "${HOME}${brokerName}", f.Broker.BrokerName)
		}},
		{"line ends of Windows", "brokerName=a\r\nlistenPort=7\r\n", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, "a", f.Broker.BrokerName)
			require.Equal(t, 7, f.Server.ListenPort)
		}},
		{"the last of two wins", "listenPort=7\nlistenPort=8", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, 8, f.Server.ListenPort)
		}},
		{"UTF-8", "brokerName=größe", func(t *testing.T, f *BrokerFile) { require.Equal(t, "größe", f.Broker.BrokerName) }},
		{"ISO 8859-1", "brokerName=gr\xf6\xdfe", func(t *testing.T, f *BrokerFile) { require.Equal(t, "größe", f.Broker.BrokerName) }},
		{"masters have id 0", "brokerId=3\nbrokerRole=SYNC_MASTER", func(t *testing.T, f *BrokerFile) { require.Zero(t, f.Broker.BrokerID) }},
		{"slaves keep theirs", "brokerId=3\nbrokerRole=SLAVE", func(t *testing.T, f *BrokerFile) {
			require.EqualValues(t, 3, f.Broker.BrokerID)
			require.ErrorContains(t, f.Unsupported(), "brokerRole=SLAVE")
		}},
		{"DLedger has id -1", "enableDLegerCommitLog=true", func(t *testing.T, f *BrokerFile) {
			require.EqualValues(t, -1, f.Broker.BrokerID)
			require.ErrorContains(t, f.Unsupported(), "enableDLegerCommitLog")
		}},
		{"HA port follows the port", "haListenPort=5\nlistenPort=20911", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, 20912, f.Store.HaListenPort)
		}},
		{"ACL is not ignored", "aclEnable=true", func(t *testing.T, f *BrokerFile) {
			require.ErrorContains(t, f.Unsupported(), "aclEnable=true")
		}},
		{"one key in two classes", "writeBufferHighWaterMark=9", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, 9, f.Server.WriteBufferHighWaterMark)
			require.Equal(t, 9, f.Client.WriteBufferHighWaterMark)
		}},
		{"name servers", "namesrvAddr=a:1; b:2;;[::1]:3", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, "a:1; b:2;;[::1]:3", f.Broker.NamesrvAddr, "as it was written")
		}},
		{"address server", "rmqAddressServerDomain=d\nrmqAddressServerSubGroup=s", func(t *testing.T, f *BrokerFile) {
			require.Equal(t, "d", f.System.AddressServerDomain)
			require.Equal(t, "s", f.System.AddressServerGroup)
			require.Equal(t, "d", f.Extra["rmqAddressServerDomain"])
		}},
		{"ringmq's own", "ringIO=off", func(t *testing.T, f *BrokerFile) { require.Equal(t, "off", f.Ring.RingIO) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _, err := source(t, c.text).Broker()
			require.NoError(t, err)
			c.check(t, f)
		})
	}
}

func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		name, text    string
		flags, system map[string]string
		err           string
	}{
		{name: "value", text: "listenPort=ten", err: "b.conf: listenPort=ten: want a whole number from 0 to 65535"},
		{name: "bool", text: "aclEnable=1", err: "b.conf: aclEnable=1: want true or false"},
		{name: "role", text: "brokerRole=MASTER", err: "b.conf: brokerRole=MASTER: want one of ASYNC_MASTER, SYNC_MASTER, SLAVE"},
		{name: "slave without id", text: "brokerRole=SLAVE", err: "b.conf: brokerId=0: a SLAVE needs a brokerId above 0"},
		{name: "no room for the fast port", text: "listenPort=2", err: "b.conf: listenPort=2: want 3 to 65534: a broker's neighbours, the fast port listenPort-2 and haListenPort listenPort+1, are its too"},
		{name: "name server", text: "namesrvAddr=a:1;b", err: "b.conf: namesrvAddr=a:1;b: want host:port, several divided by ';', as 127.0.0.1:9876;192.168.0.1:9876"},
		{name: "name server port", text: "namesrvAddr=a:99999", err: "b.conf: namesrvAddr=a:99999: want host:port, several divided by ';', as 127.0.0.1:9876;192.168.0.1:9876"},
		{name: "escape", text: "a=\\u12", err: "b.conf: not a property file: Line 1: invalid unicode literal"},
		{name: "flag value", flags: map[string]string{"listenPort": "x"}, err: "flag listenPort=x: want a whole number from 0 to 65535"},
		{name: "flag key", flags: map[string]string{"listenport": "1"}, err: "flag: listenport: unknown key; did you mean listenPort?"},
		{name: "property value", system: map[string]string{"tls.enable": "x"}, err: "-D tls.enable=x: want true or false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(t, c.text)
			s.Flags, s.System = c.flags, c.system
			_, _, err := s.Broker()
			require.EqualError(t, err, c.err)
		})
	}
	_, _, err := LoadBroker("missing.conf", nil)
	require.EqualError(t, err, "cannot read the configuration file missing.conf: no such file or directory")
	_, _, err = LoadNamesrv(t.TempDir(), nil)
	require.ErrorContains(t, err, "is a directory")
	s := Source{Host: javaHost}
	s.Host.Env = func(string) string { return "XML" }
	_, _, err = s.Namesrv()
	require.EqualError(t, err, "environment ROCKETMQ_SERIALIZE_TYPE=XML: want JSON or ROCKETMQ")
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"near", "brokerNmae=x", "b.conf: brokerNmae: unknown key; did you mean brokerName?"},
		{"case", "LISTENPORT=1", "b.conf: LISTENPORT: unknown key; did you mean listenPort?"},
		{"far", "qqq=x", "b.conf: qqq: unknown key"},
		{"system property", "tls.server.mode=enforcing", "b.conf: tls.server.mode: is a system property: give it as -D tls.server.mode=…"},
		{"not yet", "slaveReadEnable=true", "b.conf: slaveReadEnable: has no effect yet: master-slave replication"},
		{"not yet, at its default", "slaveReadEnable=false", ""},
		{"accepted for good", "sendMessageThreadPoolNums=1", ""},
		{"address server", "rmqAddressServerDomain=x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, warnings, err := source(t, c.text).Broker()
			require.NoError(t, err)
			got := ""
			for _, w := range warnings {
				got += w.String()
			}
			require.Equal(t, c.want, got)
		})
	}
	_, warnings, err := Source{Host: javaHost, System: map[string]string{"tls.server.mod": "x"}}.Namesrv()
	require.NoError(t, err)
	require.Equal(t, "-D: tls.server.mod: unknown key; did you mean tls.server.mode?", warnings[0].String())
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 2}, {"same", "same", 0}} {
		require.Equal(t, c.want, distance(c.a, c.b), "%s %s", c.a, c.b)
	}
}

func TestStandalone(t *testing.T) {
	s := source(t, "listenPort=20911\nringIO=off\nkvConfigPath=/kv\nbrokerName=b\nserverSocketBacklog=7\nbrokerNmae=x")
	s.Flags = map[string]string{"orderMessageEnable": "true", "regionId": "r"}
	names, broker, warnings, err := s.Standalone(19876,
		map[string]string{"kvConfigPath": "data/kv.json", "configStorePath": "data/n.properties"},
		map[string]string{"storePathRootDir": "data/store"})
	require.NoError(t, err)
	require.Len(t, warnings, 1, warnings)
	require.Equal(t, 19876, names.Server.ListenPort)
	require.Equal(t, "/kv", names.Namesrv.KvConfigPath, "the file wins over the subcommand's default")
	require.Equal(t, "data/n.properties", names.Namesrv.ConfigStorePath, "not the shared file")
	require.True(t, names.Namesrv.OrderMessageEnable)
	require.Equal(t, "off", names.Ring.RingIO)
	require.Equal(t, 7, names.Server.ServerSocketBacklog)
	require.Equal(t, 20911, broker.Server.ListenPort)
	require.Equal(t, "off", broker.Ring.RingIO)
	require.Equal(t, "r", broker.Broker.RegionID)
	require.Equal(t, "127.0.0.1:19876", broker.Broker.NamesrvAddr)
	require.Equal(t, "data/store/config/broker.properties", broker.Path)
	require.NotContains(t, broker.Extra, "kvConfigPath")

	for bind, want := range map[string]string{"": "127.0.0.1:1", "0.0.0.0": "127.0.0.1:1", "10.0.0.5": "10.0.0.5:1", "fd00::5": "[fd00::5]:1"} {
		s := Source{Flags: map[string]string{"bindAddress": bind}, Host: javaHost}
		s.Host.Env = func(string) string { return "JSON" } // of NAMESRV_ADDR, too: it is meant for clients
		_, broker, _, err := s.Standalone(1, nil, nil)
		require.NoError(t, err)
		require.Equal(t, want, broker.Broker.NamesrvAddr)
	}
	s = Source{Flags: map[string]string{"namesrvAddr": "a:1"}, Host: javaHost}
	_, broker, _, err = s.Standalone(1, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "a:1", broker.Broker.NamesrvAddr)

	_, _, _, err = Source{Flags: map[string]string{"nope": "1"}, Host: javaHost}.Standalone(1, nil, nil)
	require.EqualError(t, err, "flag: nope: unknown key")
}

func TestThisHostLoads(t *testing.T) {
	t.Setenv("HOME", "")
	f, _, err := LoadBroker("", map[string]string{"storePathRootDir": filepath.Join(t.TempDir(), "s")})
	require.NoError(t, err)
	require.NotEmpty(t, f.Broker.BrokerIP1)
	require.NotEmpty(t, f.Broker.BrokerName)
	require.NotEmpty(t, ThisHost().Home, "without HOME the user's entry tells")
}
