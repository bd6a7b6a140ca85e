package group

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
)

// Light groups have the defaults and cannot be changed.
func TestLightGroups(t *testing.T) {
	table, err := Open(Options{
		Path: file(t), AutoCreate: func() bool { return false }, Light: true, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	g, err := table.FindOrCreate("%LMQ%g")
	require.NoError(t, err)
	require.Equal(t, newConfig("%LMQ%g"), g)
	require.Same(t, g, table.Lookup([]byte("%LMQ%g")))
	off := *g
	off.ConsumeEnable = false
	require.NoError(t, table.Update(off))
	require.NoError(t, table.Disable("%LMQ%g"))
	require.True(t, table.Find("%LMQ%g").ConsumeEnable)
	require.NotContains(t, table.Snapshot().SubscriptionGroupTable, "%LMQ%g")
	require.Nil(t, table.Find("%LMQ%/"))
	require.Nil(t, open(t, file(t), true).Find("%LMQ%g"), "not without enableLmq")
}
