package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWith(t *testing.T) {
	f, _, err := source(t, "own=1\nbrokerName=b").Broker()
	require.NoError(t, err)
	before := f.Persisted()

	next, known, err := f.With(map[string]string{"brokerPermission": "4", "maxMessageSize": "100", "own": "2", "other": "3"})
	require.NoError(t, err)
	require.Equal(t, []string{"brokerPermission", "maxMessageSize"}, known)
	require.Equal(t, 4, next.Broker.BrokerPermission)
	require.Equal(t, 100, next.Store.MaxMessageSize)
	require.Equal(t, map[string]string{"own": "2"}, next.Extra, "Java's mergeIfExist")
	require.Equal(t, before, f.Persisted(), "the original stays")
}

func TestWithIsAllOrNothing(t *testing.T) {
	f, _, err := Source{Host: javaHost}.Broker()
	require.NoError(t, err)
	_, _, err = f.With(map[string]string{"brokerPermission": "4", "maxMessageSize": "big"})
	require.EqualError(t, err, "maxMessageSize=big: want a whole number from 1 to 16777216 (bytes)")
	b := &Broker{BrokerPermission: 6}
	s := &Store{}
	_, err = Update([]any{b, s}, map[string]string{"brokerPermission": "4", "maxMessageSize": "big"})
	require.Error(t, err)
	require.Equal(t, 6, b.BrokerPermission)
}

func TestForbidden(t *testing.T) {
	broker, _, err := source(t, "configBlackList=configBlackList;brokerName").Broker()
	require.NoError(t, err)
	namesrv, _, err := Source{Host: javaHost}.Namesrv()
	require.NoError(t, err)
	for _, c := range []struct {
		key         string
		bro, namesr bool // may be changed
	}{
		{"brokerPermission", true, true}, // unknown to a name server: ignored there
		{"brokerName", false, true},
		{"configBlackList", false, false},
		{"brokerConfigPath", false, false},
		{"rocketmqHome", false, false},
		{"configStorePath", false, false},
		{"kvConfigPath", false, false},
		{"storePathRootDir", false, true},
		{"storePathCommitLog", false, true},
		{"orderMessageEnable", true, true},
	} {
		change := map[string]string{c.key: "0"}
		if c.key == "orderMessageEnable" {
			change[c.key] = "true"
		}
		for who, with := range map[bool]func() error{
			true:  func() error { _, _, err := broker.With(change); return err },
			false: func() error { _, _, err := namesrv.With(change); return err },
		} {
			err := with()
			if who && c.bro || !who && c.namesr {
				require.NoError(t, err, c.key)
				continue
			}
			var forbidden *ForbiddenError
			require.ErrorAs(t, err, &forbidden, c.key)
			require.Equal(t, c.key, forbidden.Key)
		}
	}
}
