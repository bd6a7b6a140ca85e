package main

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage, by what lives, a server lets pile up before it collects: half of Go's own
// choice, for half the memory. Messages leave no garbage, so that collections stay rare: none during minutes of load.
const garbagePercent = 50

// boundGarbage sets garbagePercent, unless the user has chosen with GOGC. GOMEMLIMIT is the user's alone: a limit
// below what many topics need would only make the collector run for ever.
func boundGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
