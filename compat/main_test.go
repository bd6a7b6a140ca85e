package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlags(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"-target", "java", "-only", "go,crash", "-ports", "1000-2000"}, ""},
		{[]string{"-target", "kafka"}, `-target "kafka" is none of ringmq java`},
		{[]string{"-io", "epoll"}, `-io "epoll" is none of auto ring net`},
		{[]string{"-only", "java,rust"}, `-only "rust" is none of java go mqadmin operate hostile exchange crash`},
		{[]string{"-flush", "NEVER"}, `-flush "NEVER" is none of`},
		{[]string{"-ports", "x"}, `-ports "x" is not FIRST-LAST`},
		{[]string{"more"}, `unexpected argument "more"`},
	} {
		_, err := parse(tc.args)
		if tc.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, tc.want)
		}
	}
}

func TestOnly(t *testing.T) {
	o, err := parse([]string{"-only", "go,crash"})
	require.NoError(t, err)
	require.True(t, o.wants("crash"))
	require.False(t, o.wants("java"))
	require.True(t, options{}.wants("java"))
}
