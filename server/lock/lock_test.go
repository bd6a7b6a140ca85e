package lock

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// TestScript runs testdata/lock.txt: one step a line, "=>" its outcome.
func TestScript(t *testing.T) {
	file, err := os.Open("testdata/lock.txt")
	require.NoError(t, err)
	defer file.Close()
	table, now, steps := New(time.Minute), time.Unix(0, 0), 0
	in := bufio.NewScanner(file)
	for line := 1; in.Scan(); line++ {
		step, want, _ := strings.Cut(in.Text(), "=>")
		f := strings.Fields(step)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		steps++
		var got string
		switch f[0] {
		case "lock":
			got = show(table.Lock(now, f[1], f[2], queues(t, f[3:])))
		case "unlock":
			table.Unlock(f[1], f[2], queues(t, f[3:]))
		case "after":
			d, err := time.ParseDuration(f[1])
			require.NoError(t, err)
			now = now.Add(d)
		case "expire":
			table.Expire(now)
		default:
			t.Fatalf("line %d: %s?", line, f[0])
		}
		if f[0] != "lock" {
			got = fmt.Sprint("held ", table.Held())
		}
		require.Equal(t, strings.TrimSpace(want), got, "line %d: %s", line, in.Text())
	}
	require.NoError(t, in.Err())
	require.Greater(t, steps, 20)
}

func queues(t *testing.T, words []string) (qs []wire.MessageQueue) {
	for _, w := range words {
		topic, id, _ := strings.Cut(w, "-")
		n, err := strconv.Atoi(id)
		require.NoError(t, err)
		qs = append(qs, wire.MessageQueue{Topic: topic, BrokerName: "b", QueueID: int32(n)})
	}
	return qs
}

func show(qs []wire.MessageQueue) string {
	var words []string
	for _, q := range qs {
		words = append(words, fmt.Sprintf("%s-%d", q.Topic, q.QueueID))
	}
	return strings.Join(words, " ")
}

func TestNoTwoHolders(t *testing.T) {
	table, now := New(time.Minute), time.Unix(0, 0)
	q := []wire.MessageQueue{{Topic: "T", BrokerName: "b"}}
	var wg sync.WaitGroup
	granted := make(chan string, 8)
	for c := range 8 {
		wg.Go(func() {
			client := strconv.Itoa(c)
			for range 100 {
				if len(table.Lock(now, "g", client, q)) == 1 {
					granted <- client
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, granted, 1)
}

func TestBound(t *testing.T) {
	table, now := New(time.Minute), time.Unix(0, 0)
	table.held = MaxHeld // as if so many were held
	q := []wire.MessageQueue{{Topic: "T", BrokerName: "b"}}
	require.Empty(t, table.Lock(now, "g", "c", q))
	table.held = 0
	require.Len(t, table.Lock(now, "g", "c", q), 1)
	table.held = MaxHeld
	require.Len(t, table.Lock(now, "g", "c", q), 1, "renewal needs no room")
}
