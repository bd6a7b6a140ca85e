package server

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// later are the broker's request codes that are not served yet, with what they wait for. They are
// answered with REQUEST_CODE_NOT_SUPPORTED.
var later = map[wire.Code]string{
	wire.CodeUpdateAndCreateAclConfig:     "access control",
	wire.CodeDeleteAclConfig:              "access control",
	wire.CodeGetBrokerClusterAclInfo:      "access control",
	wire.CodeUpdateGlobalWhiteAddrsConfig: "access control",
}

// Every code that the protocol table gives the broker is served, or stands above.
func TestEveryCodeHasARoute(t *testing.T) {
	for _, row := range wire.Rows() {
		served := routes[row.Code].fn != nil
		why, waits := later[row.Code]
		switch {
		case row.Server&wire.Broker == 0:
			require.False(t, served, "%s is not the broker's", row.Name)
		case waits:
			require.False(t, served, "%s is served, and said to wait for %s", row.Name, why)
		default:
			require.True(t, served, "%s has neither a route nor a reason", row.Name)
		}
		if served && row.Hot {
			require.Equal(t, inline, routes[row.Code].lane, "%s is hot", row.Name)
		}
	}
}
