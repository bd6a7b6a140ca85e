package message

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample() *Record {
	return &Record{
		Topic: []byte("Topic"), Body: []byte("hello"), Properties: Properties("TAGS\x01a"),
		QueueID: 3, Flag: 7, SysFlag: TransactionCommit, QueueOffset: 11, LogOffset: 4096,
		BornTimestamp: 1700000000001, StoreTimestamp: 1700000000002,
		BornHost: netip.MustParseAddrPort("10.0.0.1:4321"), StoreHost: netip.MustParseAddrPort("127.0.0.1:10911"),
		ReconsumeTimes: 2, PreparedTransactionOffset: 99,
	}
}

// TestGridInDoc compares the grid in the package's doc with the table the code uses.
func TestGridInDoc(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.SplitSeq(string(doc), "\n") {
		if fields := strings.Fields(strings.TrimPrefix(line, "//")); strings.HasPrefix(line, "//\t") && len(fields) >= 3 {
			rows = append(rows, fields[:3])
		}
	}
	require.Equal(t, []string{"offset", "width", "field"}, rows[0])
	rows = rows[1:]
	require.Len(t, rows, len(Layout))
	widths := map[string]string{"BORNHOST": "v+4", "STOREHOST": "v+4", "BODY": "n", "TOPIC": "t", "PROPERTIES": "p"}
	behind := ""
	for i, f := range Layout {
		offset := fmt.Sprint(f.Offset)
		if behind != "" {
			offset += behind
		}
		width, ok := widths[f.Name]
		if !ok {
			width = fmt.Sprint(f.Width)
		}
		require.Equal(t, []string{offset, width, f.Name}, rows[i])
		if f.Width == 0 {
			behind += "+" + width
		}
	}
}

// TestEncodeBytes writes a record out, field by field.
func TestEncodeBytes(t *testing.T) {
	want := strings.Join([]string{
		"0000006b",         // TOTALSIZE 107
		"daa320a7",         // MAGIC
		"3610a686",         // BODYCRC of "hello"
		"00000003",         // QUEUEID
		"00000007",         // FLAG
		"000000000000000b", // QUEUEOFFSET
		"0000000000001000", // PHYSICALOFFSET
		"00000008",         // SYSFLAG
		"0000018bcfe56801", // BORNTIMESTAMP
		"0a000001000010e1", // BORNHOST
		"0000018bcfe56802", // STORETIMESTAMP
		"7f00000100002a9f", // STOREHOST
		"00000002",         // RECONSUMETIMES
		"0000000000000063", // PREPARED_TRANSACTION_OFFSET
		"00000005", "68656c6c6f",
		"05", "546f706963",
		"0006", "544147530161",
	}, "")
	r := sample()
	require.Equal(t, want, hex.EncodeToString(r.Append(nil)))
	require.Equal(t, len(want)/2, r.Size())
}

func TestRoundTrip(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8::1]:80")
	for _, c := range []struct {
		name   string
		change func(r *Record)
		size   int
		flags  int32
	}{
		{"v4", func(*Record) {}, 107, 0},
		{"born v6", func(r *Record) { r.BornHost = v6 }, 119, FlagBornHostV6},
		{"store v6", func(r *Record) { r.StoreHost = v6 }, 119, FlagStoreHostV6},
		{"both v6", func(r *Record) { r.BornHost, r.StoreHost = v6, v6 }, 131, FlagBornHostV6 | FlagStoreHostV6},
		{"v4 written as v6", func(r *Record) { r.BornHost = netip.MustParseAddrPort("[::ffff:10.0.0.1]:80") }, 119, FlagBornHostV6},
		{"empty body", func(r *Record) { r.Body = nil }, 102, 0},
		{"no properties", func(r *Record) { r.Properties = nil }, 101, 0},
		{"longest topic", func(r *Record) { r.Topic = []byte(strings.Repeat("t", MaxTopic)) }, 229, 0},
		{"longest properties", func(r *Record) { r.Properties = make(Properties, MaxProperties) }, 32868, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sample()
			c.change(r)
			require.NoError(t, r.Check())
			b := r.Append([]byte("front"))[5:]
			require.Equal(t, c.size, r.Size())
			require.Len(t, b, c.size)
			var got Record
			require.NoError(t, Decode(append(b, "behind"...), &got))
			require.NoError(t, CheckBody(b, &got))
			r.SysFlag |= c.flags
			r.Body, r.Properties = append([]byte{}, r.Body...), append(Properties{}, r.Properties...)
			require.Equal(t, *r, got)
			h, err := Peek(b)
			require.NoError(t, err)
			require.Equal(t, Head{c.size, r.QueueOffset, r.LogOffset, r.SysFlag, r.StoreTimestamp}, h)
		})
	}
}

func TestJavaRecord(t *testing.T) {
	b, err := os.ReadFile("testdata/java-4.9.7.record")
	require.NoError(t, err)
	var r Record
	require.NoError(t, Decode(b, &r))
	require.NoError(t, CheckBody(b, &r))
	require.NoError(t, r.At(0))
	require.Equal(t, "BenchmarkTest", string(r.Topic))
	require.Equal(t, "TagA", string(r.Properties.Get(PropertyTags)))
	require.Equal(t, "DefaultCluster", string(r.Properties.Get("CLUSTER")))
	require.Equal(t, "127.0.0.1:21210", r.StoreHost.String())
	require.Equal(t, b, r.Append(nil))
}

func TestCheck(t *testing.T) {
	r := sample()
	r.Topic = nil
	require.ErrorIs(t, r.Check(), ErrTopicLength)
	r.Topic = make([]byte, MaxTopic+1)
	require.ErrorIs(t, r.Check(), ErrTopicLength)
	r = sample()
	r.Properties = make(Properties, MaxProperties+1)
	require.ErrorIs(t, r.Check(), ErrPropertiesLength)
}

// TestDecodeRefuses names the field that is wrong.
func TestDecodeRefuses(t *testing.T) {
	good := sample().Append(nil)
	for _, c := range []struct {
		name  string
		wrong func(b []byte) []byte
		field string
	}{
		{"nothing", func([]byte) []byte { return nil }, "TOTALSIZE"},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)) }, "MAGIC"},
		{"cut", func(b []byte) []byte { return b[:len(b)-1] }, "TOTALSIZE"},
		{"cut in the head", func(b []byte) []byte { return b[:50] }, "TOTALSIZE"},
		{"magic", func(b []byte) []byte { b[posMagic]++; return b }, "MAGIC"},
		{"small size", func(b []byte) []byte { b[posTotalSize+3] = MinSize - 1; return b }, "TOTALSIZE"},
		{"negative size", func(b []byte) []byte { b[posTotalSize] = 0x80; return b }, "TOTALSIZE"},
		{"size too small for the parts", func(b []byte) []byte { b[posTotalSize+3]--; return b }, "PROPERTIESLENGTH"},
		{"size too large for the parts", func(b []byte) []byte { b[posTotalSize+3]++; return append(b, 0) }, "TOTALSIZE"},
		{"body length", func(b []byte) []byte { b[posBodyLength] = 0x7f; return b }, "BODYLENGTH"},
		{"negative body length", func(b []byte) []byte { b[posBodyLength] = 0xff; return b }, "BODYLENGTH"},
		{"negative topic length", func(b []byte) []byte { b[posBody+5] = 0xff; return b }, "TOPICLENGTH"},
		{"properties length", func(b []byte) []byte { b[len(b)-8] = 0x7f; return b }, "PROPERTIESLENGTH"},
		{"v6 flag on v4", func(b []byte) []byte { b[posSysFlag+3] |= byte(FlagBornHostV6); return b }, "BODYLENGTH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r Record
			err := Decode(c.wrong(append([]byte(nil), good...)), &r)
			var format *FormatError
			require.ErrorAs(t, err, &format)
			require.Equal(t, c.field, format.Field, err.Error())
		})
	}
	var r Record
	require.NoError(t, Decode(good, &r))
	require.Error(t, r.At(4095))
	good[posBody]++
	require.NoError(t, Decode(good, &r))
	require.ErrorContains(t, CheckBody(good, &r), "BODYCRC")
	blank := append([]byte{0, 0, 0, 9}, 0xCB, 0xD4, 0x31, 0x94)
	require.ErrorIs(t, Decode(blank, &r), ErrBlank)
}

func TestProperties(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		p := Properties(strings.NewReplacer("=", "\x01", ";", "\x02").Replace(text))
		var got []string
		last := map[string]string{}
		for name, value := range p.All() {
			got = append(got, string(name)+"="+strings.ReplaceAll(string(value), "\x01", "="))
			last[string(name)] = string(value)
		}
		require.Equal(t, want, got, text)
		for name, value := range last {
			require.Equal(t, value, string(p.Get(name)), "the last one wins")
		}
		require.Nil(t, p.Get("absent"))
		require.Nil(t, p.Get(""))
	}
	f("")
	f("a=1", "a=1")
	f("a=1;", "a=1")
	f("a=1;b=2", "a=1", "b=2")
	f("a=1;;b=2;", "a=1", "b=2")
	f("a=", []string(nil)...)
	f("=1;a=1", "a=1")
	f("a;b=2", "b=2")
	f("a=b=c", "a=b=c")
	f("a=1;a=2", "a=1", "a=2")
	require.Equal(t, "a\x011\x02b\x012", string(Properties(nil).Append("a", "1").Append("b", "2")))
	require.Equal(t, "a\x011\x02b\x012", string(Properties("a\x011\x02").Append("b", "2")))
}

func TestID(t *testing.T) {
	f := func(host string, off LogOffset, want string) {
		t.Helper()
		id := string(AppendID(nil, netip.MustParseAddrPort(host), off))
		require.Equal(t, want, id)
		gotHost, gotOff, err := ParseID(strings.ToLower(id))
		require.NoError(t, err)
		require.Equal(t, host, gotHost.String())
		require.Equal(t, off, gotOff)
	}
	f("127.0.0.1:29911", 0, "7F000001000074D70000000000000000")
	f("10.1.2.3:10911", 1<<40+5, "0A01020300002A9F0000010000000005")
	f("[2001:db8::1]:10911", 7, "20010DB800000000000000000000000100002A9F0000000000000007")
	for _, id := range []string{"", "7F", strings.Repeat("x", 32), strings.Repeat("0", 33)} {
		_, _, err := ParseID(id)
		require.Error(t, err, id)
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	r := sample()
	b := make([]byte, r.Size())
	var got Record
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Encode(b, BodyCRC(r.Body))
		if err := Decode(b, &got); err != nil {
			t.Fatal(err)
		}
		if got.Properties.Get("TAGS") == nil {
			t.Fatal("no tags")
		}
	}))
}

// FuzzDecode decodes anything; what is a record and has plain hosts encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	f.Add(sample().Append(nil))
	v6 := sample()
	v6.BornHost = netip.MustParseAddrPort("[2001:db8::1]:80")
	f.Add(v6.Append(nil))
	f.Add([]byte{0, 0, 0, 8, 0xCB, 0xD4, 0x31, 0x94})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		if Decode(b, &r) != nil {
			return
		}
		for name, value := range r.Properties.All() {
			require.NotEmpty(t, name)
			require.NotEmpty(t, value)
		}
		if r.BornHost.Addr().Is4In6() || r.StoreHost.Addr().Is4In6() || len(r.Topic) == 0 {
			return
		}
		out := make([]byte, r.Size())
		r.Encode(out, BodyCRC(r.Body))
		b = append([]byte(nil), b[:len(out)]...)
		copy(b[posBodyCRC:], out[posBodyCRC:posBodyCRC+4])
		for _, p := range []int{posBornHost + len(r.BornHost.Addr().AsSlice()), portAt(&r)} {
			copy(b[p:p+2], []byte{0, 0}) // a port has 16 bits, its field 32
		}
		require.Equal(t, b, out)
	})
}

// portAt is the position of STOREHOST's port.
func portAt(r *Record) int {
	return posStoreHost + hostExtra(r.BornHost) + len(r.StoreHost.Addr().AsSlice())
}

func BenchmarkEncode(b *testing.B) {
	r := sample()
	r.Body = make([]byte, 1024)
	dst := make([]byte, r.Size())
	b.SetBytes(int64(r.Size()))
	b.ReportAllocs()
	for b.Loop() {
		r.Encode(dst, BodyCRC(r.Body))
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := sample().Append(nil)
	var r Record
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(raw, &r); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzProperties: pairs are those of a split at the separators.
func FuzzProperties(f *testing.F) {
	f.Add([]byte("KEYS\x01order-4711\x02UNIQ_KEY\x017F000001000155B1F8E9C2A400000000\x02WAIT\x01true\x02"))
	f.Add([]byte("a\x00b\x01c\x01\x00d\x02\x02\x01\x02e\x01\x02f\x02longer-than-a-word\x01longer-than-a-word"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want, got [][2]string
		for pair := range bytes.SplitSeq(text, []byte{PropertySeparator}) {
			if name, value, _ := bytes.Cut(pair, []byte{NameSeparator}); len(name) > 0 && len(value) > 0 {
				want = append(want, [2]string{string(name), string(value)})
			}
		}
		for name, value := range Properties(text).All() {
			got = append(got, [2]string{string(name), string(value)})
		}
		require.Equal(t, want, got)
	})
}

// TestIDPrefix: both ways to write an id write the same, for any offset, and it reads back.
func TestIDPrefix(t *testing.T) {
	for _, host := range []string{"127.0.0.1:10911", "[2001:db8::1]:80"} {
		h := netip.MustParseAddrPort(host)
		prefix := NewIDPrefix(h)
		for _, off := range []LogOffset{0, 1, 0xff, 0x100, 0xA1B2C3D4, 1 << 40, 1<<63 - 1} {
			id := string(AppendID([]byte("x"), h, off))
			require.Equal(t, id, string(prefix.AppendID([]byte("x"), off)))
			back, at, err := ParseID(id[1:])
			require.NoError(t, err)
			require.Equal(t, h, back)
			require.Equal(t, off, at)
		}
	}
}
