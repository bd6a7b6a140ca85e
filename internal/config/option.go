package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Option is one row of the table: a struct field and its tag.
type Option struct {
	Key       string // name in files, flags and requests
	Shown     string // name in the answers to 26 and 319; nearly always Key
	Default   string // literal or expression, as written in the tag
	Unit      string
	Range     string
	Doc       string
	Status    Status
	Important bool // printed by -m
	Remote    bool // requests 25 and 318 may change it
	Secret    bool // never printed
	Own       bool // not a key of RocketMQ 4.9's
	Type      reflect.Kind

	field int // index of the field in its struct
}

// Options lists the rows of a struct of options, in field order. obj is the struct or a
// pointer to it.
func Options(obj any) []Option {
	t := reflect.TypeOf(obj)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if rows, ok := rowsOf.Load(t); ok {
		return rows.([]Option)
	}
	rows := make([]Option, 0, t.NumField())
	for i := range t.NumField() {
		rows = append(rows, newOption(i, t.Field(i)))
	}
	rowsOf.Store(t, rows)
	return rows
}

// rowsOf caches Options by struct type.
var rowsOf sync.Map

func newOption(i int, f reflect.StructField) Option {
	tag := f.Tag
	o := Option{
		Key:       tag.Get("key"),
		Shown:     tag.Get("shown"),
		Default:   tag.Get("default"),
		Unit:      tag.Get("unit"),
		Range:     tag.Get("range"),
		Doc:       tag.Get("doc"),
		Status:    Statuses[tag.Get("status")],
		Important: tag.Get("important") == "yes",
		Remote:    tag.Get("remote") != "no",
		Secret:    tag.Get("secret") == "yes",
		Own:       tag.Get("own") == "yes",
		Type:      f.Type.Kind(),
		field:     i,
	}
	if o.Shown == "" {
		o.Shown = o.Key
	}
	return o
}

// set parses text into v, the option's field. The error names what was wanted.
func (o *Option) set(v reflect.Value, text string) error {
	switch o.Type {
	case reflect.String:
		if o.Range != "" {
			if text = strings.TrimSpace(text); !oneOf(o.Range, text) {
				return o.wants(text, "one of "+strings.ReplaceAll(o.Range, "|", ", "))
			}
		}
		v.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true":
			v.SetBool(true)
		case "false":
			v.SetBool(false)
		default:
			return o.wants(text, "true or false")
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !inRange(o.Range, f) {
			return o.wants(text, "a number"+between(o.Range))
		}
		v.SetFloat(f)
	default:
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, o.bits())
		if err != nil || !inRange(o.Range, float64(n)) {
			return o.wants(text, "a whole number"+between(o.Range))
		}
		v.SetInt(n)
	}
	return nil
}

// bits is the width of a whole number in Java: its int is a Go int here, its long an int64.
func (o *Option) bits() int {
	if o.Type == reflect.Int {
		return 32
	}
	return 64
}

// TypeName is the option's type as docs and messages call it.
func (o *Option) TypeName() string {
	switch o.Type {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "bool"
	case reflect.Float64:
		return "number"
	case reflect.Int:
		return "int"
	default:
		return "long"
	}
}

// wants is the error of a value that does not parse.
func (o *Option) wants(text, want string) error {
	if o.Secret {
		return fmt.Errorf("%s: want %s", o.Key, want)
	}
	if o.Unit != "" && o.Unit != "%" {
		want += " (" + o.Unit + ")"
	}
	return fmt.Errorf("%s=%s: want %s", o.Key, clip(text), want)
}

// clip keeps an error message on one line.
func clip(s string) string {
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

func oneOf(words, s string) bool {
	for w := range strings.SplitSeq(words, "|") {
		if w == s {
			return true
		}
	}
	return false
}

// inRange tells whether n lies in "LOW..HIGH"; an empty side has no bound.
func inRange(bounds string, n float64) bool {
	low, high, ok := strings.Cut(bounds, "..")
	if !ok {
		return true
	}
	if l, err := strconv.ParseFloat(low, 64); err == nil && !(n >= l) { // NaN lies in no range
		return false
	}
	if h, err := strconv.ParseFloat(high, 64); err == nil && !(n <= h) {
		return false
	}
	return true
}

// between says a range in words.
func between(bounds string) string {
	low, high, ok := strings.Cut(bounds, "..")
	switch {
	case !ok:
		return ""
	case high == "":
		return " of at least " + low
	case low == "":
		return " of at most " + high
	default:
		return " from " + low + " to " + high
	}
}

// text is the value of v as a property file holds it.
func text(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	default:
		return strconv.FormatInt(v.Int(), 10)
	}
}
