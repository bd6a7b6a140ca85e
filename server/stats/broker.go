package stats

import (
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/clock"
)

// Broker counts the traffic of the whole broker.
type Broker struct {
	Puts Counter // messages stored for producers
	Gets Counter // messages handed to consumers

	PutFailed atomic.Int64 // puts that the store refused
	Found     atomic.Int64 // pulls that found messages
	Missed    atomic.Int64 // pulls that found none

	PutTimes Times        // how long puts took, the wait for the flush included
	longest  atomic.Int64 // ms, of a pull that found messages

	boot int64 // ms at start; set before use

	mu    sync.Mutex
	rates []rateSample // the last ten minutes, a sample a second, oldest first; under mu
	// Totals at the last two local midnights; under mu.
	today, yesterday Morning
	nextMorning      int64 // ms of the next midnight; under mu
	nextMinute       int64 // ms of the next turn of PutTimes; under mu
}

// Morning is the broker's totals at a local midnight.
type Morning struct{ Puts, Gets int64 }

// Rates are per-second rates over the last 10 s, minute and ten minutes (or since start, if shorter).
type Rates struct{ Put, Found, Missed, Transferred [3]float64 }

// rateSeconds are the spans of Rates.
var rateSeconds = [3]int{10, 60, 600}

// rateSample is one second's totals.
type rateSample struct{ millis, put, found, missed, transferred int64 }

// Boot is when the broker started, in ms.
func (b *Broker) Boot() int64 { return b.boot }

// LongestGet is how long the longest pull took that found messages, in ms.
func (b *Broker) LongestGet() int64 { return b.longest.Load() }

// Mornings are the totals at the last midnight and at the one before, zero when the broker is younger.
func (b *Broker) Mornings() (today, yesterday Morning) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.today, b.yesterday
}

// Rates computes the present rates.
func (b *Broker) Rates() (r Rates) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.rates[len(b.rates)-1]
	for i, seconds := range rateSeconds {
		first := b.rates[max(0, len(b.rates)-1-seconds)]
		if last.millis <= first.millis {
			continue
		}
		span := float64(last.millis-first.millis) / 1000
		r.Put[i] = float64(last.put-first.put) / span
		r.Found[i] = float64(last.found-first.found) / span
		r.Missed[i] = float64(last.missed-first.missed) / span
		r.Transferred[i] = float64(last.transferred-first.transferred) / span
	}
	return r
}

// tick is called every second.
func (b *Broker) tick(now time.Time) {
	millis := clock.Millis(now)
	b.sampleRates(millis)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nextMorning == 0 {
		b.nextMorning = midnightAfter(now)
	}
	if millis >= b.nextMinute {
		b.nextMinute = millis + 60_000
		b.PutTimes.rotate()
	}
	if millis >= b.nextMorning {
		b.yesterday, b.today = b.today, Morning{b.Puts.Messages(), b.Gets.Messages()}
		b.nextMorning = midnightAfter(now)
	}
}

func (b *Broker) sampleRates(millis int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.rates) == rateSeconds[2]+1 {
		b.rates = b.rates[:copy(b.rates, b.rates[1:])]
	}
	b.rates = append(b.rates, rateSample{
		millis: millis, put: b.Puts.Messages(), transferred: b.Gets.Messages(),
		found: b.Found.Load(), missed: b.Missed.Load(),
	})
}

func midnightAfter(now time.Time) int64 {
	y, m, d := now.Date()
	return clock.Millis(time.Date(y, m, d+1, 0, 0, 0, 0, now.Location()))
}
