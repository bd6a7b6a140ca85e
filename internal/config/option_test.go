package config

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// javaHost is the machine on which testdata/java-4.9.8.tsv was recorded.
var javaHost = Host{Home: "/home/u", Name: "vm", Address: "192.0.2.2", CPUs: 6}

// everything lists one of each struct of options.
func everything() []any {
	return []any{&Broker{}, &Store{}, &NettyServer{}, &NettyClient{}, &Namesrv{}, &Ring{}, &System{}}
}

// The table has exactly Java's keys in Java's order, with Java's types, defaults and marks.
func TestTableEqualsJava(t *testing.T) {
	data, err := os.ReadFile("testdata/java-4.9.8.tsv")
	require.NoError(t, err)
	want := map[string][]string{}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") {
			class, row, _ := strings.Cut(line, "\t")
			want[class] = append(want[class], row)
		}
	}
	keys := 0
	for class, obj := range map[string]any{
		"BrokerConfig": &Broker{}, "MessageStoreConfig": &Store{}, "NettyServerConfig": &NettyServer{},
		"NettyClientConfig": &NettyClient{}, "NamesrvConfig": &Namesrv{},
	} {
		setDefaults(&javaHost, obj)
		var got []string
		for _, o := range Options(obj) {
			if o.Own {
				continue
			}
			got = append(got, javaRow(o, reflect.ValueOf(obj).Elem().Field(o.field)))
		}
		require.Equal(t, want[class], got, class)
		keys += len(got)
	}
	require.Equal(t, 194, keys)
}

// javaRow is an option as the recording has it.
func javaRow(o Option, v reflect.Value) string {
	typ := map[reflect.Kind]string{reflect.Bool: "boolean", reflect.Int: "int", reflect.Int64: "long"}[v.Kind()]
	switch {
	case v.Type() == reflect.TypeFor[string]():
		typ = "String"
	case v.Kind() == reflect.String:
		typ = v.Type().Name()
	}
	def := "=" + text(v)
	if def == "=" && o.unset() {
		def = "null"
	}
	mark := "-"
	if o.Important {
		mark = "important"
	}
	return strings.Join([]string{o.Shown, typ, def, mark}, "\t")
}

// A tag that is misspelt would be ignored silently.
func TestTagsAreWellFormed(t *testing.T) {
	known := map[string]bool{"key": true, "shown": true, "default": true, "unit": true, "range": true,
		"doc": true, "status": true, "important": true, "remote": true, "secret": true, "own": true}
	for _, obj := range everything() {
		typ := reflect.TypeOf(obj).Elem()
		seen := map[string]bool{}
		for i, o := range Options(obj) {
			f := typ.Field(i)
			name := typ.Name() + "." + f.Name
			require.NotEmpty(t, o.Key, name)
			require.NotEmpty(t, o.Doc, name)
			require.Contains(t, Statuses, f.Tag.Get("status"), name)
			require.Contains(t, []string{"", "ms", "s", "h", "bytes", "%"}, o.Unit, name)
			require.False(t, seen[o.Key], "%s: key twice", name)
			seen[o.Key] = true
			for _, pair := range tagNames(string(f.Tag)) {
				require.True(t, known[pair], "%s: tag %q", name, pair)
			}
		}
	}
}

// tagNames lists the names in a struct tag whose values hold no `:"`.
func tagNames(tag string) []string {
	var names []string
	for _, part := range strings.Split(tag, `:"`) {
		names = append(names, part[strings.LastIndexByte(part, ' ')+1:])
	}
	return names[:len(names)-1]
}

func TestEveryStatusIsUsed(t *testing.T) {
	used := map[string]bool{}
	for _, obj := range everything() {
		typ := reflect.TypeOf(obj).Elem()
		for i := range typ.NumField() {
			used[typ.Field(i).Tag.Get("status")] = true
		}
	}
	for word := range Statuses {
		require.True(t, used[word], "status %q has no option", word)
	}
}

func TestSet(t *testing.T) {
	type all struct {
		Port  int        `key:"port" range:"0..65535"`
		Least int64      `key:"least" range:"1.." unit:"ms"`
		Most  int        `key:"most" range:"..9"`
		Ratio float64    `key:"ratio" range:"0..1"`
		On    bool       `key:"on"`
		Word  BrokerRole `key:"word" range:"ASYNC_MASTER|SLAVE"`
		Text  string     `key:"text"`
		Key   int        `key:"pass" secret:"yes"`
	}
	for _, c := range []struct{ key, in, want, err string }{
		{"port", "10911", "10911", ""},
		{"port", " 7 ", "7", ""},
		{"port", "65536", "", "port=65536: want a whole number from 0 to 65535"},
		{"port", "", "", "port=: want a whole number from 0 to 65535"},
		{"port", "4294967297", "", "port=4294967297: want a whole number from 0 to 65535"},
		{"port", "1e3", "", "port=1e3: want a whole number from 0 to 65535"},
		{"port", "9\n\x1b[2J", "", "port=9??[2J: want a whole number from 0 to 65535"},
		{"least", "9223372036854775807", "9223372036854775807", ""},
		{"least", "0", "", "least=0: want a whole number of at least 1 (ms)"},
		{"most", "10", "", "most=10: want a whole number of at most 9"},
		{"ratio", "0.5", "0.5", ""},
		{"ratio", "NaN", "", "ratio=NaN: want a number from 0 to 1"},
		{"on", "TRUE", "true", ""},
		{"on", "false ", "false", ""},
		{"on", "yes", "", "on=yes: want true or false"},
		{"word", "SLAVE ", "SLAVE", ""},
		{"word", "slave", "", "word=slave: want one of ASYNC_MASTER, SLAVE"},
		{"text", " as it is ", " as it is ", ""},
		{"pass", "hunter2", "", "pass: want a whole number"},
	} {
		obj := &all{}
		_, err := assign([]any{obj}, map[string]string{c.key: c.in})
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err, "%s=%q", c.key, c.in)
		for _, o := range Options(obj) {
			if o.Key == c.key {
				require.Equal(t, c.want, text(reflect.ValueOf(obj).Elem().Field(o.field)))
			}
		}
	}
}
