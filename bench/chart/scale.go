package chart

import (
	"fmt"
	"math"
	"strings"
)

// scale maps values to shares of an axis.
type scale struct {
	log       bool
	low, high float64
	empty     bool
}

func scaleOf(log bool) *scale { return &scale{log: log, empty: true} }

// add makes the axis reach v. A logarithmic one has no place for 0 and below.
func (s *scale) add(v float64) {
	if s.log && v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if s.empty {
		s.low, s.high, s.empty = v, v, false
		if !s.log {
			s.low = 0
		}
	}
	s.low, s.high = min(s.low, v), max(s.high, v)
}

// bounds are low and high, widened to whole decades on a logarithmic axis.
func (s *scale) bounds() (low, high float64) {
	if s.empty {
		return 0, 1
	}
	if s.log {
		low, high = math.Floor(math.Log10(s.low)+1e-9), math.Ceil(math.Log10(s.high)-1e-9)
		return low, max(high, low+1)
	}
	return s.low, max(s.high, s.low+1e-9)
}

// share is where v lies on the axis, from 0 to 1.
func (s *scale) share(v float64) float64 {
	low, high := s.bounds()
	if s.log {
		if v <= 0 {
			return 0
		}
		v = math.Log10(v)
	}
	return min(max((v-low)/(high-low), 0), 1)
}

// ticks are the values that are written at the axis.
func (s *scale) ticks() (t []float64) {
	low, high := s.bounds()
	if s.log {
		for e := low; e <= high; e++ {
			t = append(t, math.Pow(10, e))
		}
		return t
	}
	step := math.Pow(10, math.Floor(math.Log10(high-low)))
	for (high-low)/step < 4 {
		step /= 2
	}
	for v := math.Ceil(low/step) * step; v <= high*(1+1e-9); v += step {
		t = append(t, v)
	}
	return t
}

// Short writes a figure with three digits and a letter: 1.29 M, 47 k, 0.05.
func Short(v float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e4, " k"}} {
		if math.Abs(v) < u.size {
			continue
		}
		if u.size == 1e4 {
			u.size = 1e3
		}
		return digits(v/u.size) + u.name
	}
	return digits(v)
}

// digits writes three of them.
func digits(v float64) string {
	after := 0
	if a := math.Abs(v); a > 0 && a < 100 {
		after = 2 - int(math.Floor(math.Log10(a)))
	}
	text := fmt.Sprintf("%.*f", min(after, 6), v)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
