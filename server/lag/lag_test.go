package lag

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A script of pulls ("group topic queue bytes") and of looks ("? threshold: the groups that are too slow").
func TestSlowGroups(t *testing.T) {
	const script = `
? 100:
CG1 T 0 50
CG1 T 1 100
CG2 T 0 99
? 100:
CG2 T 0 101
CG2 T 1 0
? 100: CG2
? 100:
CG2 T 1 101
CG1 T 1 500
CG1 T 0 0
? 100: CG1 CG2
? 0:
CG3 %RETRY%CG3 0 1
? 0: CG3
`
	var table Table
	for i, line := range strings.Split(strings.TrimSpace(script), "\n") {
		if ask, ok := strings.CutPrefix(line, "? "); ok {
			threshold, want, _ := strings.Cut(ask, ":")
			var n int64
			_, err := fmt.Sscan(threshold, &n)
			require.NoError(t, err)
			require.Equal(t, strings.Fields(want), append([]string{}, table.Slow(n)...), "line %d: %s", i+1, line)
			continue
		}
		var q Queue
		var bytes int64
		_, err := fmt.Sscan(line, &q.Group, &q.Topic, &q.ID, &bytes)
		require.NoError(t, err)
		table.Note(q, bytes)
	}
}

func TestEventsArePaced(t *testing.T) {
	var table Table
	a, b := Queue{"CG", "T", 0}, Queue{"CG", "T", 1}
	for _, c := range []struct {
		q    Queue
		at   int64
		want bool
	}{{a, 5000, true}, {a, 5001, false}, {b, 5001, true}, {a, 5999, false}, {a, 6000, true}, {a, 6999, false}, {b, 9000, true}} {
		require.Equal(t, c.want, table.Event(c.q, c.at), "%v at %d", c.q, c.at)
	}
	for i := range eventQueues + 5 {
		require.True(t, table.Event(Queue{"other", "T", int32(i)}, 9000))
	}
	require.LessOrEqual(t, len(table.events), eventQueues)
}

func TestBound(t *testing.T) {
	var table Table
	for i := range MaxQueues + 1 {
		table.Note(Queue{"CG", "T", int32(i)}, 1)
	}
	require.Len(t, table.behind, MaxQueues)
	table.Note(Queue{"CG", "T", 7}, 2)
	require.Equal(t, int64(2), table.behind[Queue{"CG", "T", 7}])
}
