package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// frameOf makes a frame, without its length prefix, of a header and a body.
func frameOf(s Serialize, header, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(s)<<24|uint32(len(header)))
	return append(append(b, header...), body...)
}

// describe prints a command in one line.
func describe(c *Command) string {
	s := fmt.Sprintf("code=%d flag=%d opaque=%d version=%d language=%s", c.Code, c.Flag, c.Opaque, c.Version, c.Language)
	if c.Remark != nil {
		s += fmt.Sprintf(" remark=%q", c.Remark)
	}
	for _, f := range c.Ext {
		s += fmt.Sprintf(" %s=%q", f.Key, f.Value)
	}
	if c.Body != nil {
		s += fmt.Sprintf(" body=%q", c.Body)
	}
	return s
}

func TestDecodeJSON(t *testing.T) {
	const plain = "code=10 flag=0 opaque=5 version=409 language=JAVA"
	for name, c := range map[string]struct{ header, want string }{
		"fastjson": {`{"code":10,"extFields":{"a":"x","b":"1"},"flag":0,"language":"JAVA","opaque":5,"remark":"r","serializeTypeCurrentRPC":"JSON","version":409}`,
			plain + ` remark="r" a="x" b="1"`},
		"no fields":          {`{"code":10,"flag":0,"language":"JAVA","opaque":5,"version":409}`, plain},
		"empty fields":       {`{"code":10,"extFields":{},"language":"JAVA","opaque":5,"version":409}`, plain},
		"null fields":        {`{"code":10,"extFields":null,"language":"JAVA","opaque":5,"remark":null,"version":409}`, plain},
		"any order, spaces":  {" {\n \"version\" : 409 , \"opaque\":5,\"language\":\"JAVA\",\"extFields\" : { \"a\" : \"x\" } ,\"code\":10 } ", plain + ` a="x"`},
		"commas":             {`{,"code":10,,"version":409,"opaque":5,"language":"JAVA",}`, plain},
		"quoted numbers":     {`{"code":"10","version":"409","opaque":"5","language":"JAVA","flag":"0"}`, plain},
		"negative numbers":   {`{"code":-1,"version":409,"opaque":-2147483648,"language":"JAVA"}`, "code=-1 flag=0 opaque=-2147483648 version=409 language=JAVA"},
		"bare values":        {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"a":1,"b":true,"c":null,"d":-1.50,"e":1e5}}`, plain + ` a="1" b="true" d="-1.50" e="1e5"`},
		"nested values":      {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"a":{"x":["}",1]},"b":[{}]}}`, plain + ` a="{\"x\":[\"}\",1]}" b="[{}]"`},
		"unknown members":    {`{"x":{"y":[1,"\"}"]},"code":10,"z":null,"version":409,"opaque":5,"language":"JAVA","w":"\\"}`, plain},
		"unknown language":   {`{"code":10,"version":409,"opaque":5,"language":"KLINGON"}`, "code=10 flag=0 opaque=5 version=409 language="},
		"no language":        {`{"code":10,"version":409,"opaque":5}`, "code=10 flag=0 opaque=5 version=409 language="},
		"escapes":            {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"a":"k\u0001v\u0002\"\\\/\b\f\n\r\t"}}`, plain + ` a="k\x01v\x02\"\\/\b\f\n\r\t"`},
		"escaped key":        {`{"\u0063ode":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"\u0061\"":"x"}}`, plain + ` a"="x"`},
		"not ASCII":          {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"a":"中\u4e2D😀\uD83D\uDE00é\u00e9"}}`, plain + ` a="中中😀😀éé"`},
		"half surrogates":    {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"a":"\uD83Dx\uDE00\ud83d\ud83d\ude00"}}`, plain + ` a="?x??😀"`},
		"raw control bytes":  {"{\"code\":10,\"version\":409,\"opaque\":5,\"language\":\"JAVA\",\"extFields\":{\"a\":\"k\x01v\x02\n\"}}", plain + ` a="k\x01v\x02\n"`},
		"empty text":         {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"":"","a":""}}`, plain + ` ="" a=""`},
		"member twice":       {`{"code":1,"version":409,"opaque":5,"language":"JAVA","code":10}`, plain},
		"trailing bytes":     {`{"code":10,"version":409,"opaque":5,"language":"JAVA"}xyz`, plain},
		"long text, escapes": {`{"code":10,"version":409,"opaque":5,"language":"JAVA","extFields":{"a":"` + strings.Repeat(`0123456\u0001`, 40) + `","b":"\u0002"}}`, plain + fmt.Sprintf(` a=%q b="\x02"`, strings.Repeat("0123456\x01", 40))},
	} {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			for range 3 { // scanned, then by its shape
				var got Command
				require.NoError(t, d.Decode(frameOf(JSON, c.header, ""), &got))
				require.Equal(t, c.want, describe(&got))
				require.NoError(t, d.Decode(frameOf(JSON, c.header, "b"), &got))
				require.Equal(t, c.want+` body="b"`, describe(&got))
			}
		})
	}
}

func TestDecodeJSONRefuses(t *testing.T) {
	var d Decoder
	for _, header := range []string{
		``, ` `, `null`, `[]`, `"x"`, `{`, `{"`, `{"code`, `{"code"`, `{"code":`, `{"code":1`, `{"code":1,`, `{"code" 1}`, `{code:1}`,
		`{"code":x}`, `{"code":"x"}`, `{"code":1.5}`, `{"code":2147483648}`, `{"code":99999999999999999999}`, `{"code":}`, `{"code":{}}`,
		`{"code":1,"extFields":1}`, `{"code":1,"extFields":[]}`, `{"code":1,"extFields":{"a"}}`, `{"code":1,"extFields":{"a":"x}}`,
		`{"code":1,"extFields":{"a":"\`, `{"code":1,"extFields":{"a":"\"`, `{"code":1,"extFields":{"a":"\q"}}`, `{"code":1,"extFields":{"a":"\u12"}}`,
		`{"code":1,"extFields":{"a":"\u12G4"}}`, `{"code":1,"extFields":{"a":[}}`, `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		`{"code":1,"extFields":{` + strings.Repeat(`"a":"",`, maxFields+1) + `}}`,
	} {
		var c Command
		require.Error(t, d.Decode(frameOf(JSON, header, ""), &c), "%.60s", header)
	}
	var c Command
	require.NoError(t, d.Decode(frameOf(JSON, `{"code":1,"extFields":{`+strings.Repeat(`"a":"",`, maxFields)+`}}`, ""), &c))
	require.Len(t, c.Ext, maxFields)
}

// TestShapes decodes headers that are almost alike with one Decoder: each must read as with a fresh one.
func TestShapes(t *testing.T) {
	const head = `{"code":310,"extFields":`
	headers := []string{
		head + `{"a":"PG","b":"T","e":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409}`,
		head + `{"a":"PG","b":"T","e":"2","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":2,"version":409}`,
		head + `{"a":"PG","b":"T","e":"12","i":"k\u0001w"},"flag":2,"language":"JAVA","opaque":12,"version":409}`,
		head + `{"a":"PG","b":"T","e":"1","i":"kv"},"flag":0,"language":"GO","opaque":123456,"version":1}`,
		head + `{"a":"P\"G","b":"","e":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409}`,
		head + `{"a":"PG","b":null,"e":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409}`,
		head + `{"a":"PG","b":"T","e":1,"i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":"1","version":409}`,
		head + `{"a":"PG","b":"T","e":1,"i":"k\u0001v","j":"0"},"flag":0,"language":"JAVA","opaque":1,"version":409}`,
		head + `{"a":"PG","b":"T","x":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409}`,
		head + `{"a":"PG","b":"T","e":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409}  `,
		head + `{"a":"PG","b":"T","e":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409,"remark":"r"}`,
		head + `{"a":"PG","b":"T","e":"1","i":"k\u0001v"},"flag":0,"language":"JAVA","opaque":1,"version":409,"remark":"s"}`,
		head + `{"a":"PG"},"opaque":1,"opaque":2}`,
		head + `{"a":"PG"},"opaque":3,"opaque":2}`,
		head + `{"a":"PG"},"opaque":1,"opaque":null}`,
		`{"code":0,"extFields":{"a":"1"},"flag":1,"opaque":1}`,
		`{"code":0,"extFields":{"a":"2"},"flag":1,"opaque":1,"remark":"x"}`,
		head + `{},"extFields":{"a":"1"},"opaque":1}`,
		head + `null,"extFields":{"a":"1"},"opaque":1}`,
	}
	var d Decoder
	for _, first := range headers {
		for _, second := range headers {
			for _, h := range []string{first, second} {
				var fresh Decoder
				var want, got Command
				require.NoError(t, fresh.Decode(frameOf(JSON, h, ""), &want))
				require.NoError(t, d.Decode(frameOf(JSON, h, ""), &got))
				require.Equal(t, describe(&want), describe(&got), "%s behind %s", h, first)
			}
		}
	}
}

// TestShapesAreUsed makes sure that what TestShapes compares is not one way twice.
func TestShapesAreUsed(t *testing.T) {
	frames := sendRequests(JSON)
	var d Decoder
	var c Command
	require.NoError(t, d.Decode(frames[0], &c))
	d.spans = nil
	for _, f := range frames {
		require.NoError(t, d.Decode(f, &c))
		require.Nil(t, d.spans, "the header was scanned")
	}
}

// TestIdleConnectionsKeepNoShapes: heartbeats and admin requests are not worth the memory.
func TestIdleConnectionsKeepNoShapes(t *testing.T) {
	var d Decoder
	var c Command
	for _, seed := range headerSeeds {
		if !Lookup(seed.code).Hot && !seed.response {
			require.NoError(t, d.Decode(encodeSeed(seed, JSON, nil), &c))
		}
	}
	require.NoError(t, d.Decode(AppendRequest(nil, JSON, CodeHeartBeat, 1, 0, nil, []byte("{}"))[4:], &c))
	require.Equal(t, [shapeSlots]*shape{}, d.shapes)
	require.LessOrEqual(t, unsafe.Sizeof(d), uintptr(256))
}

func TestDecodeRocketMQ(t *testing.T) {
	head := "\x00\x0a\x00\x01\x99\x00\x00\x00\x05\x00\x00\x00\x00"
	const plain = "code=10 flag=0 opaque=5 version=409 language=JAVA"
	entry := func(key, value string) string {
		b := binary.BigEndian.AppendUint16(nil, uint16(len(key)))
		b = binary.BigEndian.AppendUint32(append(b, key...), uint32(len(value)))
		return string(append(b, value...))
	}
	text := func(s string) string { return string(append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)) }
	for name, c := range map[string]struct{ header, want string }{
		"empty":            {head + text("") + text(""), plain},
		"remark":           {head + text("r中") + text(""), plain + ` remark="r中"`},
		"fields":           {head + text("") + text(entry("a", "x")+entry("b", "k\x01v")), plain + ` a="x" b="k\x01v"`},
		"empty is null":    {head + text("") + text(entry("a", "")+entry("b", "1")), plain + ` b="1"`},
		"empty key":        {head + text("") + text(entry("", "x")), plain + ` ="x"`},
		"bytes behind":     {head + text("") + text("") + "xyz", plain},
		"negative ext":     {head + text("") + "\xff\xff\xff\xff", plain},
		"unknown language": {"\xff\xff\xc8\x80\x00\xff\xff\xff\xff\x00\x00\x00\x03" + text("") + text(""), "code=-1 flag=3 opaque=-1 version=-32768 language="},
	} {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var got Command
			require.NoError(t, d.Decode(frameOf(RocketMQ, c.header, "body"), &got))
			require.Equal(t, c.want+` body="body"`, describe(&got))
		})
	}
	for name, header := range map[string]string{
		"nothing":         "",
		"short":           head + "\x00\x00\x00\x00\x00\x00\x00",
		"remark too long": head + "\x00\x00\x00\x05" + "abcd",
		"remark negative": head + "\xff\xff\xff\xff" + "abcd",
		"ext too long":    head + text("") + "\x00\x00\x00\x09" + entry("a", "x"),
		"key too long":    head + text("") + text("\x00\x09a"),
		"key cut":         head + text("") + text("\x00"),
		"value too long":  head + text("") + text("\x00\x01a\x00\x00\x00\x02x"),
		"value negative":  head + text("") + text("\x00\x01a\xff\xff\xff\xff"),
		"no value":        head + text("") + text("\x00\x01a\x00\x00"),
		"many fields":     head + text("") + text(strings.Repeat(entry("a", "x"), maxFields+1)),
	} {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var got Command
			require.Error(t, d.Decode(frameOf(RocketMQ, header, ""), &got))
		})
	}
}

func TestDecodeFrameRefuses(t *testing.T) {
	var d Decoder
	var c Command
	for _, frame := range []string{"", "\x00", "\x00\x00\x00", "\x00\x00\x00\x01", "\x01\x00\x00\x20123", "\x02\x00\x00\x02{}", "\x00\xff\xff\xff{}"} {
		require.Error(t, d.Decode([]byte(frame), &c), "%q", frame)
	}
	require.ErrorIs(t, d.Decode(make([]byte, MaxFrame+1), &c), errLong)
}

// TestScratchIsGivenBack: one large header must not be kept for the life of a connection.
func TestScratchIsGivenBack(t *testing.T) {
	var d Decoder
	var c Command
	large := `{"code":1,"extFields":{"a":"` + strings.Repeat(`\n`, 1<<20) + `"}}`
	require.NoError(t, d.Decode(frameOf(JSON, large, ""), &c))
	require.Equal(t, strings.Repeat("\n", 1<<20), string(c.Ext[0].Value))
	require.NoError(t, d.Decode(frameOf(JSON, `{"code":1}`, ""), &c))
	require.LessOrEqual(t, cap(d.scratch), keepScratch)
}

// TestClone: a clone outlives its frame and its Decoder's next frame.
func TestClone(t *testing.T) {
	var d Decoder
	var c Command
	frame := frameOf(JSON, `{"code":10,"remark":"r\n","extFields":{"a":"x\u0001"}}`, "body")
	require.NoError(t, d.Decode(frame, &c))
	want, kept := describe(&c), c.Clone()
	for i := range frame {
		frame[i] = '!'
	}
	require.NoError(t, d.Decode(frameOf(JSON, `{"code":11,"remark":"s\n","extFields":{"b":"y\u0002"}}`, ""), &c))
	require.Equal(t, want, describe(kept))
}

func TestExtGet(t *testing.T) {
	e := Ext{{[]byte("a"), []byte("1")}, {[]byte("b"), []byte("2")}, {[]byte("a"), []byte("3")}}
	v, ok := e.Get("a")
	require.True(t, ok)
	require.Equal(t, "3", string(v))
	_, ok = e.Get("c")
	require.False(t, ok)
}
