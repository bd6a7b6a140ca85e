package raw

import (
	"context"
	"regexp"
)

// address is a broker's in the cluster information, whose integer keys are bare ({0:"ip:port"}), so
// that no JSON parser takes it.
var address = regexp.MustCompile(`"(\d+\.\d+\.\d+\.\d+:\d+)"`)

// Brokers returns the addresses of the brokers that a name server knows.
func (c *Conn) Brokers(ctx context.Context) ([]string, error) {
	r, err := c.Want(ctx, CodeClusterInfo, nil, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, m := range address.FindAllSubmatch(r.Body, -1) {
		out = append(out, string(m[1]))
	}
	return out, nil
}
