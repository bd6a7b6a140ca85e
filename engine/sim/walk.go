package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Walk is a numbered row of runs, each of which is the same every time.
type Walk struct {
	Name  string
	About string
	// Len is how many runs there are, 0 for no end.
	Len func() uint64
	// Run does one. With trace it remembers what it does.
	Run func(n uint64, trace bool) Result
}

// Walks lists all of them; "seed" is the one without an end.
var Walks = []Walk{
	{"seed", "random lives of a store, and images before operations of the disk", func() uint64 { return 0 }, Run},
	{"sequence", "up to three operations in every order, and every crash point of each", sequenceCount, Sequence},
	{"fault", "every operation of the disk fails, in every way", faultCount, Fault},
	{"bits", "every bit of a small store flipped, one at a time", bitsCount, Bits},
}

// Find finds the run of a name such as seed/17.
func Find(name string) (Walk, uint64, error) {
	kind, number, _ := strings.Cut(name, "/")
	n, err := strconv.ParseUint(number, 10, 64)
	for _, w := range Walks {
		if w.Name != kind || err != nil {
			continue
		}
		if end := w.Len(); end > 0 && n >= end {
			return Walk{}, 0, fmt.Errorf("%s: the last one is %s/%d", name, kind, end-1)
		}
		return w, n, nil
	}
	return Walk{}, 0, fmt.Errorf("%q is no run: want seed/, sequence/, fault/ or bits/ and a number", name)
}

// dice are for a run that leaves little to chance.
func dice(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 1)) }
