//go:build race

package sim

// raceEnabled tells that sync.Pool drops what it is given at random, as it does under the race detector.
const raceEnabled = true
