package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0512: "0.0512", 1: "1", 1.294: "1.29", 47: "47", 999: "999", 4711: "4711",
		12_345: "12.3 k", 1_293_093: "1.29 M", 2.5e9: "2.5 G", -20_000: "-20 k", 0.0000001: "0",
	} {
		require.Equal(t, want, Short(v), "%v", v)
	}
}

func TestScale(t *testing.T) {
	s := scaleOf(false)
	require.Equal(t, []float64{0, 0.25, 0.5, 0.75, 1}, s.ticks(), "an axis without values")
	for _, v := range []float64{5, 20, math.NaN(), math.Inf(1)} {
		s.add(v)
	}
	require.Equal(t, 0.25, s.share(5))
	require.Equal(t, []float64{0, 5, 10, 15, 20}, s.ticks())
	l := scaleOf(true)
	for _, v := range []float64{0, -4, 3, 20_000} {
		l.add(v)
	}
	require.Equal(t, []float64{1, 10, 100, 1000, 10_000, 100_000}, l.ticks())
	require.InDelta(t, 0.4, l.share(100), 1e-9)
	require.Zero(t, l.share(0))
	one := scaleOf(true)
	one.add(10)
	require.Zero(t, one.share(10))
}

// elements reads an SVG, which must be XML, and counts its elements.
func elements(t *testing.T, svg string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			n[e.Name.Local]++
		}
	}
}

func TestPicturesAreXMLAndRepeat(t *testing.T) {
	lines := Lines{Title: "a < b & c", X: "conns", Y: "msg/s", LogX: true, Series: []Series{
		{"ours", []Point{{1, 10}, {10, 100}, {100, 900}}}, {"<java>", []Point{{1, 5}, {10, 6}}}}}
	bars := Bars{Title: "send", Unit: "msg/s", Names: []string{"java", "ringmq"}, Groups: []Group{{"1 KiB", []float64{70_000, 700_000}}, {"none", []float64{0, 1}}}}
	var a, b strings.Builder
	require.NoError(t, lines.SVG(&a))
	require.NoError(t, lines.SVG(&b))
	require.Equal(t, a.String(), b.String())
	n := elements(t, a.String())
	require.Equal(t, 5, n["circle"])
	require.Equal(t, 2, n["polyline"])
	b.Reset()
	require.NoError(t, bars.SVG(&b))
	require.Equal(t, 2+4, elements(t, b.String())["rect"])

	b.Reset()
	require.NoError(t, bars.Text(&b, 80))
	text := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, text, 5)
	require.InDelta(t, 10*strings.Count(text[1], "█"), strings.Count(text[2], "█"), 5)
	require.Contains(t, text[2], "700 k")
}
