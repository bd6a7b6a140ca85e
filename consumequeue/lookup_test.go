package consumequeue

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLookup compares with a map, over growth, deletion, and what comes back.
func TestLookup(t *testing.T) {
	l := newLookup(maphash.MakeSeed())
	model := map[string]*Queue{}
	table := &Table{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		topic, id := fmt.Sprintf("T%d", random.IntN(400)), random.Int32N(8)
		name := fmt.Sprint(topic, "/", id)
		require.Same(t, model[name], l.find([]byte(topic), id))
		switch q := model[name]; {
		case q == nil:
			model[name] = newQueue(table, topic, id)
			l.add(model[name])
		case random.IntN(3) == 0:
			l.remove(q)
			delete(model, name)
		}
	}
	places := 0
	for i := range l.shards {
		if rows := l.shards[i].rows.Load(); rows != nil {
			places += len(*rows)
		}
	}
	require.Less(t, places, 16384, "places of deleted queues are used again")
	l.remove(newQueue(table, "none", 0))
}

// TestLookupBesideAdd: what was there before is found whatever comes.
func TestLookupBesideAdd(t *testing.T) {
	l := newLookup(maphash.MakeSeed())
	table := &Table{}
	first := newQueue(table, "first", 0)
	l.add(first)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if l.find([]byte("first"), 0) != first || l.find([]byte("none"), 0) != nil {
					t.Error("lost")
					return
				}
			}
		})
	}
	for i := range int32(5000) {
		q := newQueue(table, "T", i)
		l.add(q)
		require.Same(t, q, l.find([]byte("T"), i))
	}
	close(stop)
	readers.Wait()
}
