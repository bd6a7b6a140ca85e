package stats

import "time"

// window is one of the spans over which figures are kept.
type window uint8

const (
	minute window = iota
	hour
	day
	windowCount
)

// spans says how often each window is sampled and how many samples it keeps, as StatsItem does.
var spans = [windowCount]struct {
	tick time.Duration
	keep int
}{
	minute: {10 * time.Second, 7},
	hour:   {10 * time.Minute, 7},
	day:    {time.Hour, 25},
}

// Figure is one statistic over one window.
type Figure struct {
	Sum     int64   // what was added
	Rate    float64 // per second
	Average float64 // per operation
}

// field chooses what of a counter a statistic shows.
type field func(sample) int64

func messages(s sample) int64 { return s.messages }
func bytes(s sample) int64    { return s.bytes }

// figure computes one statistic from a history whose last sample was taken at the last tick.
func figure(h []sample, ticks []int64, of field) Figure {
	if len(h) < 2 {
		return Figure{}
	}
	first, last := h[0], h[len(h)-1]
	f := Figure{Sum: of(last) - of(first)}
	if millis := ticks[len(ticks)-1] - ticks[len(ticks)-len(h)]; millis > 0 {
		f.Rate = float64(f.Sum) * 1000 / float64(millis)
	}
	if times := last.times - first.times; times > 0 {
		f.Average = float64(f.Sum) / float64(times)
	}
	return f
}
