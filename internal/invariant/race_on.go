//go:build race

package invariant

// Race tells whether the race detector is on: tests then do less, and sync.Pool drops what it is given at random.
const Race = true
