package stats

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
)

// Times is how long puts took over the last whole minute, and the longest since start (StoreStatsService). A
// minute's counts are added to one of two rounds, while the other shows the minute before.
//
//	round     0         1         0
//	minute    |  first  | second  |  third  …
//	shown     nothing   round 0   round 1
type Times struct {
	rounds  [2]timesRound
	current atomic.Uint32 // number of the round that is added to; the other one is shown
	longest atomic.Int64  // ms
}

type timesRound struct {
	classes [len(timeClasses)]atomic.Int64
	steps   [stepCount]atomic.Int64
}

// timeClasses are the classes of putMessageDistributeTime: what is shown, and the ms below which a put belongs to it.
var timeClasses = [...]struct {
	name  string
	below int64
}{
	{"[<=0ms]", 1}, {"[0~10ms]", 10}, {"[10~50ms]", 50}, {"[50~100ms]", 100}, {"[100~200ms]", 200}, {"[200~500ms]", 500},
	{"[500ms~1s]", 1000}, {"[1~2s]", 2000}, {"[2~3s]", 3000}, {"[3~4s]", 4000}, {"[4~5s]", 5000}, {"[5~10s]", 10_000}, {"[10s~]", math.MaxInt64},
}

// stepCount is the number of the finer classes that quantiles are computed from.
const stepCount = 20 + 15 + 10 + 10 + 6 + 5 + 9 + 1

// timeSteps are the highest ms of each finer class.
var timeSteps = func() (steps [stepCount]int64) {
	i, at := 0, int64(0)
	for _, s := range [...]struct{ width, count int64 }{{1, 20}, {2, 15}, {5, 10}, {10, 10}, {50, 6}, {100, 5}, {1000, 9}} {
		for range s.count {
			at += s.width
			steps[i] = at
			i++
		}
	}
	steps[i] = math.MaxInt64
	return steps
}()

// Add counts n puts that took so many ms each.
func (t *Times) Add(millis, n int64) {
	r := &t.rounds[t.current.Load()%2]
	class := slices.IndexFunc(timeClasses[:], func(c struct {
		name  string
		below int64
	}) bool {
		return millis < c.below
	})
	r.classes[max(class, 0)].Add(n)
	step, _ := slices.BinarySearch(timeSteps[:], millis)
	r.steps[step].Add(n)
	raise(&t.longest, millis)
}

// raise makes v the value unless it is larger already.
func raise(value *atomic.Int64, v int64) {
	for {
		old := value.Load()
		if v <= old || value.CompareAndSwap(old, v) {
			return
		}
	}
}

// rotate begins a minute.
func (t *Times) rotate() {
	next := &t.rounds[(t.current.Load()+1)%2]
	for i := range next.classes {
		next.classes[i].Store(0)
	}
	for i := range next.steps {
		next.steps[i].Store(0)
	}
	t.current.Add(1)
}

func (t *Times) last() *timesRound { return &t.rounds[(t.current.Load()+1)%2] }

// Longest is the longest put since start, in ms.
func (t *Times) Longest() int64 { return t.longest.Load() }

// Distribution is the last minute as putMessageDistributeTime shows it.
func (t *Times) Distribution() string {
	var text strings.Builder
	r := t.last()
	for i, c := range timeClasses {
		fmt.Fprintf(&text, "%s:%d ", c.name, r.classes[i].Load())
	}
	return text.String()
}

// Quantile is how long the share of the last minute's puts took at most, in ms, as between two steps
// StoreStatsService.findPutMessageEntireTimePX estimates it.
func (t *Times) Quantile(share float64) float64 {
	r := t.last()
	var total, passed int64
	for i := range r.steps {
		total += r.steps[i].Load()
	}
	at := int64(float64(total) * share)
	from := int64(0)
	for i := range r.steps {
		count := r.steps[i].Load()
		if at > passed+count {
			passed, from = passed+count, timeSteps[i]
			continue
		}
		if count == 0 {
			return float64(from)
		}
		return float64(from) + float64(timeSteps[i]-from)*float64(at-passed)/float64(count)
	}
	return float64(from)
}
