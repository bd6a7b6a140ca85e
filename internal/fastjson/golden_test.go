package fastjson

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "record the goldens anew; PEER names the script that has the Java class path")

const golden = "testdata/fastjson-1.2.69.golden"

// TestRecord runs testdata/Golden.java over testdata/inputs.txt.
func TestRecord(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	classes, err := exec.Command(os.Getenv("PEER"), "classpath").Output()
	require.NoError(t, err)
	out, err := exec.Command("java", "-cp", strings.TrimSpace(string(classes)), "testdata/Golden.java", "testdata/inputs.txt").Output()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(golden, out, 0o644))
}

type key struct {
	Name string `json:"name,omitempty"`
	ID   int32  `json:"id"`
}

// bean is the class of the same name in Golden.java.
type bean struct {
	S  string                    `json:"s,omitempty"`
	N  *bean                     `json:"n"`
	L  []string                  `json:"l"`
	BL *[]bean                   `json:"bl"`
	IA []int32                   `json:"ia,omitempty"`
	D  float64                   `json:"d"`
	I  int32                     `json:"i"`
	J  int64                     `json:"j"`
	B  bool                      `json:"b"`
	IM map[int32]int64           `json:"im"`
	SM map[string]*bean          `json:"sm"`
	KM map[key]int64             `json:"km"`
	MM map[int32]map[int32]*bean `json:"mm"`
}

func (b *bean) SetDefaults() { *b = bean{I: 7} }

const fresh = `{"b":false,"d":0.0,"i":7,"im":{},"j":0,"km":{},"l":[],"mm":{},"sm":{}}`

// ours is where we read otherwise than fastjson, and why.
var ours = map[string]string{
	// A null collection is the empty one: Go has no use for the difference.
	`{"j":null,"i":null,"d":null,"b":null,"s":null,"l":null,"im":null,"n":null}`: fresh,
	`{"im":""}`: fresh,
	// Text in a Go list is never null.
	`{"l":["a",1,true,null]}`: strings.Replace(fresh, `"l":[]`, `"l":["a","1","true",""]`, 1),
	// A number is taken for text in keys as it is in values.
	`{"sm":{1:{"s":"x"}}}`: strings.Replace(fresh, `"sm":{}`, `"sm":{"1":`+strings.Replace(fresh, `"sm"`, `"s":"x","sm"`, 1)+`}`, 1),
	// Comments may stand everywhere.
	`{/*c*/"s"/*c*/:/*c*/"x"}`: strings.Replace(fresh, `"sm"`, `"s":"x","sm"`, 1),
	// Names match exactly.
	`{"S":"x"}`: fresh,
	// A document is an object, or null.
	`[]`: "refused", `null`: fresh, `""`: fresh,
	// A number may begin with its point.
	`{"i":.5}`: strings.Replace(fresh, `"i":7`, `"i":0`, 1),
	// RocketMQ writes no collection with a class name.
	`{"l":Set["a"]}`: "refused",
}

var lineBreaks = strings.NewReplacer("␤", "\n", "␉", "\t")

func TestGolden(t *testing.T) {
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	checks := map[string]func(t *testing.T, in string, want []string){"text": checkText, "double": checkDouble, "bean": checkBean}
	count := 0
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		checks[f[0]](t, f[1], f[2:])
		count++
	}
	require.Greater(t, count, 150)
}

func checkText(t *testing.T, in string, want []string) {
	text, err := hex.DecodeString(in)
	require.NoError(t, err)
	got, err := Marshal(string(text))
	require.NoError(t, err)
	require.Equal(t, want[0], string(got))
	require.Equal(t, want[0], `"`+string(AppendEscaped(nil, text))+`"`)
	standard, err := MarshalStandard(string(text))
	require.NoError(t, err)
	require.Equal(t, want[1], string(standard))
	for _, form := range [][]byte{got, standard} {
		var back string
		require.NoError(t, Unmarshal(form, &back))
		require.Equal(t, string(text), back)
		out, next := Unescape(make([]byte, 0, len(form)+8), form, 1, '"')
		require.Equal(t, len(form), next)
		require.True(t, bytes.Equal(text, out))
	}
}

func checkDouble(t *testing.T, in string, want []string) {
	f, err := strconv.ParseFloat(in, 64)
	require.NoError(t, err)
	got, err := Marshal(f)
	require.NoError(t, err)
	require.Equal(t, want[0], string(got))
}

func checkBean(t *testing.T, in string, want []string) {
	different, isOurs := ours[in]
	if isOurs {
		want = []string{different}
	}
	var b bean
	if err := Unmarshal([]byte(lineBreaks.Replace(in)), &b); want[0] == "refused" {
		require.Error(t, err, in)
		return
	} else {
		require.NoError(t, err, in)
	}
	compact, err := Marshal(&b)
	require.NoError(t, err)
	require.Equal(t, want[0], string(compact), in)
	standard, err := MarshalStandard(&b)
	require.NoError(t, err)
	pretty, err := MarshalPretty(&b)
	require.NoError(t, err)
	if !isOurs {
		require.Equal(t, want[1], string(standard), in)
		require.Equal(t, lineBreaks.Replace(want[2]), string(pretty), in)
	}
	for _, form := range [][]byte{compact, standard, pretty} {
		var back bean
		require.NoError(t, Unmarshal(form, &back), "%s", form)
		again, err := Marshal(&back)
		require.NoError(t, err)
		require.Equal(t, string(compact), string(again))
	}
}
