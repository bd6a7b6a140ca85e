package bench

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Sizes says how large bodies are: one size, a range, or a list to choose from.
//
//	1024           always
//	128-16384      between, small ones more often: each doubling is as likely as the next
//	128,1024,4096  one of them, each as likely
type Sizes struct {
	list []int
	from int // of a range; 0: list
	to   int
}

// maxBody is Java's maxMessageSize, 4 MiB, which brokers refuse to exceed by default.
const maxBody = 4 << 20

// ParseSizes reads the text form.
func ParseSizes(text string) (Sizes, error) {
	bad := func() (Sizes, error) {
		return Sizes{}, fmt.Errorf("size %q: want bytes from 1 to %d, as 1024, 128-16384 or 128,1024,4096", text, maxBody)
	}
	number := func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= 1 && n <= maxBody
	}
	if low, high, ok := strings.Cut(text, "-"); ok {
		from, okFrom := number(low)
		to, okTo := number(high)
		if !okFrom || !okTo || from > to {
			return bad()
		}
		return Sizes{from: from, to: to}, nil
	}
	var s Sizes
	for part := range strings.SplitSeq(text, ",") {
		n, ok := number(part)
		if !ok {
			return bad()
		}
		s.list = append(s.list, n)
	}
	return s, nil
}

// Min is the smallest size.
func (s Sizes) Min() int {
	if s.from > 0 {
		return s.from
	}
	if len(s.list) == 0 {
		return 0
	}
	return slices.Min(s.list)
}

// Max is the largest size.
func (s Sizes) Max() int {
	if s.from > 0 {
		return s.to
	}
	if len(s.list) == 0 {
		return 0
	}
	return slices.Max(s.list)
}

func (s Sizes) draw(r *rand.Rand) int {
	if s.from > 0 {
		low, high := math.Log(float64(s.from)), math.Log(float64(s.to))
		return min(max(int(math.Exp(low+r.Float64()*(high-low))+0.5), s.from), s.to)
	}
	if len(s.list) == 1 {
		return s.list[0]
	}
	return s.list[r.IntN(len(s.list))]
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
