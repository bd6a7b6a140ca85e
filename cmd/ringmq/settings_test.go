package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConnectionsLeaveDescriptorsToTheStore(t *testing.T) {
	require.Equal(t, 18_000, connections(1_000_000, 20_000))
	require.Equal(t, 100, connections(100, 20_000))
	require.Equal(t, 512, connections(1_000_000, 1024))
}
