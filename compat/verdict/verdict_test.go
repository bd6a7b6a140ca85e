package verdict

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBoard(t *testing.T) {
	var out strings.Builder
	b := NewBoard(&out)
	require.False(t, b.OK(), "nothing was looked at")
	require.True(t, b.Check("one", func() error { return nil }))
	require.True(t, b.OK())
	require.Equal(t, "1 passed, 0 failed", b.Summary())
	require.False(t, b.Check("two", func() error { return errors.New("lines\nof\t text") }))
	b.Skip("three", "not served")
	require.False(t, b.OK())
	require.Equal(t, "1 passed, 1 failed, 1 skipped", b.Summary())
	require.Equal(t, "PASS one\nFAIL two: lines of text\nSKIP three: not served\n", out.String())
}

func TestRelay(t *testing.T) {
	var out, rest strings.Builder
	b := NewBoard(&out)
	seen, err := b.Relay(strings.NewReader("noise\nPASS a\nFAIL b: why\nPASSED c\n"), "java: ", &rest)
	require.NoError(t, err)
	require.Equal(t, 2, seen)
	require.Equal(t, "PASS java: a\nFAIL java: b: why\n", out.String())
	require.Equal(t, "noise\nPASSED c\n", rest.String())
	require.Equal(t, "1 passed, 1 failed", b.Summary())
}
