package fastjson

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPrettyFile is consumerOffset.json as Java writes it.
func TestPrettyFile(t *testing.T) {
	type table struct {
		OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
	}
	const file = "{\n\t\"offsetTable\":{\n\t\t\"TopicA@CG\":{0:2,1:2\n\t\t}\n\t}\n}"
	out, err := MarshalPretty(table{map[string]map[int32]int64{"TopicA@CG": {1: 2, 0: 2}}})
	require.NoError(t, err)
	require.Equal(t, file, string(out))
	var back table
	require.NoError(t, Unmarshal([]byte(file), &back))
	require.Equal(t, table{map[string]map[int32]int64{"TopicA@CG": {0: 2, 1: 2}}}, back)
}

// TestUnmarshalKeeps: what the input does not mention stays.
func TestUnmarshalKeeps(t *testing.T) {
	b := bean{S: "kept", I: 3, SM: map[string]*bean{"a": {S: "kept"}}}
	require.NoError(t, Unmarshal([]byte(`{"j":5,"sm":{"b":{"i":1}}}`), &b))
	require.Equal(t, "kept", b.S)
	require.Equal(t, int32(3), b.I)
	require.Equal(t, "kept", b.SM["a"].S)
	require.Equal(t, int32(1), b.SM["b"].I)
}

// TestUnmarshalCopies: nothing of the result aliases the input.
func TestUnmarshalCopies(t *testing.T) {
	in := []byte(`{"s":"text","l":["one"],"sm":{"key":{"s":"in\n"}}}`)
	var b bean
	require.NoError(t, Unmarshal(in, &b))
	for i := range in {
		in[i] = '!'
	}
	require.Equal(t, "text", b.S)
	require.Equal(t, []string{"one"}, b.L)
	require.Equal(t, "in\n", b.SM["key"].S)
}

// TestUnmarshalMakesUTF8: as in Java, what is no text becomes the replacement character when it is read, so it is the same when it is written.
func TestUnmarshalMakesUTF8(t *testing.T) {
	for _, in := range []string{"{\"sm\":{\"a\xffb\":{\"s\":\"\xfe\"}}}", "{'sm':{a\xffb:{\"s\":\"\\u00\x34\x31\xfe\"}}}"} {
		var b bean
		require.NoError(t, Unmarshal([]byte(in), &b), in)
		require.Contains(t, b.SM, "a\ufffdb", in)
		require.Contains(t, b.SM["a\ufffdb"].S, "\ufffd", in)
	}
}

func TestErrors(t *testing.T) {
	var b bean
	require.ErrorContains(t, Unmarshal([]byte("{}"), b), "wants a pointer")
	require.ErrorContains(t, Unmarshal([]byte("{}"), (*bean)(nil)), "wants a pointer")
	var syntax *SyntaxError
	require.ErrorAs(t, Unmarshal([]byte(`{"i":`), &b), &syntax)
	require.Equal(t, 5, syntax.Offset)
	require.ErrorContains(t, Unmarshal([]byte(`{"i":"x"}`), &b), "wanted a int32 at offset 5")
	_, err := Marshal(make(chan int))
	require.ErrorContains(t, err, "chan int")
	_, err = Marshal(map[string]any{"a": func() {}})
	require.ErrorContains(t, err, "func()")
	loop := &bean{}
	loop.N = loop
	_, err = Marshal(loop)
	require.ErrorContains(t, err, "nests deeper")
	require.Error(t, Unmarshal([]byte(`{"a":1}`), new(map[bool]int)))
	_, err = MarshalStandard(map[chan int]int{nil: 1})
	require.Error(t, err)
}

func TestNumbersThatDoNotFit(t *testing.T) {
	require.Error(t, Unmarshal([]byte("300"), new(uint8)))
	require.Error(t, Unmarshal([]byte("-1"), new(uint8)))
	require.Error(t, Unmarshal([]byte("1e300"), new(int64)))
	require.Error(t, Unmarshal([]byte("1e999"), new(float64)))
	var u uint8
	require.NoError(t, Unmarshal([]byte("255"), &u))
	require.Equal(t, uint8(math.MaxUint8), u)
}

func TestDepth(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(strings.Repeat(`{"n":`, n) + `{}` + strings.Repeat(`}`, n))
	}
	require.NoError(t, Unmarshal(nested(20), new(bean)))
	require.Error(t, Unmarshal(nested(maxDepth), new(bean)))
	require.Error(t, Unmarshal(nested(1<<20), new(bean)))
	require.Error(t, Unmarshal([]byte(`{"unknown":`+strings.Repeat("[", 1<<20)+`}`), new(bean)))
}

// hostile inputs ask for far more memory or time than they have bytes.
var hostile = map[string]string{
	"empty elements": `{"bl":[` + strings.Repeat(`{},`, 1<<18) + `]}`,
	"a large referent": `{"l":["` + strings.Repeat("x", 1<<18) + `"],"sm":{` + func() string {
		var b strings.Builder
		for i := range 1 << 12 {
			fmt.Fprintf(&b, `%d:{"$ref":"$"},`, i)
		}
		return b.String()
	}() + `}}`,
	"a reference bomb": bomb(40),
	"a circle":         `{"n":{"n":{"$ref":"$.n"}}}`,
	"far references":   `{"l":[` + strings.Repeat(`"x",`, 1<<18) + `],"bl":[` + strings.Repeat(`{"$ref":"$.q"},`, 1<<14) + `]}`,
}

// bomb is a chain of lists of which each holds the one before it twice.
func bomb(n int) string {
	var b strings.Builder
	b.WriteString(`{"sm":{"a0":{"l":["x"]}`)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, `,"a%d":{"bl":[{"$ref":"$.sm.a%d"},{"$ref":"$.sm.a%d"}]}`, i, i-1, i-1)
	}
	return b.String() + `}}`
}

func TestHostileInput(t *testing.T) {
	for name, in := range hostile {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			require.Error(t, Unmarshal([]byte(in), new(bean)))
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20+64*len(in)))
		})
	}
}

// TestBudgetIsEnough: what RocketMQ sends stays far below the bounds, also in short forms.
func TestBudgetIsEnough(t *testing.T) {
	var b strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&b, `"topic-%d@group":{0:5,1:7},`, i)
	}
	var offsets struct {
		OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
	}
	require.NoError(t, Unmarshal([]byte(`{"offsetTable":{`+b.String()+`}}`), &offsets))
	require.Len(t, offsets.OffsetTable, 100000)

	refs := `{"n":{"s":"a subscription that many groups share","l":["TagA","TagB"]},"bl":[` + strings.Repeat(`{"$ref":"$.n"},`, 1000) + `]}`
	var shared bean
	require.NoError(t, Unmarshal([]byte(refs), &shared))
	require.Len(t, *shared.BL, 1000)
	require.Equal(t, "TagB", (*shared.BL)[999].L[1])
}

func TestUnescapeBounds(t *testing.T) {
	for _, in := range []string{``, `x`, `\`, `\u`, `\u12`, `\x`, `\x4`, `\ud83d`, `abcdefgh`, `abcdefg\`, `\u0001\u000`} {
		_, next := Unescape(make([]byte, 0, len(in)+8), []byte(in), 0, '"')
		require.Equal(t, -1, next, in)
		_, err := (&scanner{b: []byte(`"` + in)}).text()
		require.True(t, errors.As(err, new(*SyntaxError)), in)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, in := range hostile {
		if len(in) < 1<<12 {
			f.Add([]byte(in))
		}
	}
	for in := range ours {
		f.Add([]byte(in))
	}
	f.Add([]byte(`{"s":"\u0001中","km":{{"name":"a","id":1}:5},"im":{1:2},"sm":{"a":{"$ref":"$"}},"mm":{1:{2:{}}},"bl":[{}],"ia":[1]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var b bean
		if Unmarshal(in, &b) != nil {
			return
		}
		for _, write := range []func(any) ([]byte, error){Marshal, MarshalStandard, MarshalPretty} {
			out, err := write(&b)
			require.NoError(t, err)
			var back bean
			require.NoError(t, Unmarshal(out, &back), "%s", out)
			again, err := write(&back)
			require.NoError(t, err)
			require.Equal(t, string(out), string(again))
		}
	})
}
