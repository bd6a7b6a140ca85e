//go:build invariants

package invariant

// Enabled tells whether [Check] checks.
const Enabled = true
