package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/magiconair/properties"
)

// maxPropertyBytes bounds a property file and the body of requests 25 and 318.
const maxPropertyBytes = 1 << 20

// ParseProperties reads Java's property syntax: key=value lines with comments, continued
// lines and escapes. Bytes that are not UTF-8 are taken as ISO 8859-1, Java's reading.
// Nothing in a value is expanded.
func ParseProperties(data []byte) (map[string]string, error) {
	if len(data) > maxPropertyBytes {
		return nil, fmt.Errorf("%d bytes of properties; at most %d are read", len(data), maxPropertyBytes)
	}
	enc := properties.UTF8
	if !utf8.Valid(data) {
		enc = properties.ISO_8859_1
	}
	l := properties.Loader{Encoding: enc, DisableExpansion: true}
	p, err := l.LoadBytes(data)
	if err != nil {
		return nil, fmt.Errorf("not a property file: %w", errors.New(clip(strings.TrimPrefix(err.Error(), "properties: "))))
	}
	return p.Map(), nil
}

// Properties renders options as the answers to 26 and 319 carry them: one key=value line
// each, in table order. Options that are not set and secret ones are left out.
func Properties(objs ...any) string {
	var b strings.Builder
	render(&b, func(o *Option) bool { return !o.Secret }, objs...)
	return b.String()
}

// Important renders what -m prints: the options that RocketMQ marks as important.
func Important(objs ...any) string {
	var b strings.Builder
	render(&b, func(o *Option) bool { return o.Important && !o.Secret }, objs...)
	return b.String()
}

func render(b *strings.Builder, pick func(*Option) bool, objs ...any) {
	seen := map[string]bool{}
	for _, obj := range objs {
		v := reflect.Indirect(reflect.ValueOf(obj))
		for _, o := range Options(obj) {
			val := text(v.Field(o.field))
			if seen[o.Shown] || !pick(&o) || val == "" && o.unset() {
				continue
			}
			seen[o.Shown] = true
			writeLine(b, o.Shown, val)
		}
	}
}

// unset tells whether the empty text is Java's null, which is not printed.
func (o *Option) unset() bool {
	return o.Default == "null" || strings.HasPrefix(o.Default, "$")
}

// writeLine writes a line that reads back as the same value. Java does not escape, so a
// line feed in a value smuggles a further key into the file it persists; this cannot.
func writeLine(b *strings.Builder, key, value string) {
	b.WriteString(keyEscaper.Replace(key))
	b.WriteByte('=')
	if strings.HasPrefix(value, " ") {
		b.WriteByte('\\')
	}
	b.WriteString(valueEscaper.Replace(value))
	b.WriteByte('\n')
}

var (
	valueEscaper = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r", "\t", "\\t", "\f", "\\f")
	keyEscaper   = strings.NewReplacer("\\", "\\\\", "\n", "\\n", "\r", "\\r", "\t", "\\t", "\f", "\\f",
		" ", "\\ ", "=", "\\=", ":", "\\:", "#", "\\#", "!", "\\!")
)
