package fastjson

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
)

// form is one of the three ways fastjson writes a document.
type form uint8

const (
	compact  form = iota
	standard      // the feature BrowserCompatible: every key quoted, text in ASCII
	pretty        // the feature PrettyFormat: tabs and line feeds
)

// Marshal returns the compact form of v, the one message bodies have. The error names a type that cannot be
// written, or nesting of more than 64 levels.
func Marshal(v any) ([]byte, error) { return marshal(v, compact) }

// MarshalStandard returns the form that any JSON parser reads: integer keys are quoted, text that is not ASCII
// is escaped. The name server answers GET_ROUTEINFO_BY_TOPIC so for clients from V4_9_4 on.
func MarshalStandard(v any) ([]byte, error) { return marshal(v, standard) }

// MarshalPretty returns the form of the files under config/: indented by tabs, a line per member, but members
// with integer keys stay on the line of the opening brace.
func MarshalPretty(v any) ([]byte, error) { return marshal(v, pretty) }

func marshal(v any, f form) ([]byte, error) {
	e := encoder{form: f}
	e.value(reflect.ValueOf(v))
	if e.err != nil {
		return nil, e.err
	}
	return e.out, nil
}

// encoder appends one document to out and keeps the first error.
type encoder struct {
	out    []byte
	form   form
	indent int // depth of nesting, also the number of tabs in the pretty form
	err    error
}

func (e *encoder) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Invalid:
		e.out = append(e.out, "null"...)
	case reflect.Pointer, reflect.Interface:
		e.value(v.Elem())
	case reflect.Struct:
		e.nest('{', '}', v, (*encoder).object)
	case reflect.Map:
		e.nest('{', '}', v, (*encoder).table)
	case reflect.Slice, reflect.Array:
		e.nest('[', ']', v, (*encoder).list)
	case reflect.String:
		e.text(v.String())
	case reflect.Bool:
		e.out = strconv.AppendBool(e.out, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.integer(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		e.integer(int64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		e.out = appendDouble(e.out, v.Float())
	default:
		e.fail(fmt.Errorf("fastjson: cannot write the type %s", v.Type()))
	}
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// nest writes brackets around what inside writes, one level deeper. inside reports whether the closing bracket
// goes on a line of its own in the pretty form.
func (e *encoder) nest(open, close byte, v reflect.Value, inside func(*encoder, reflect.Value) bool) {
	if e.indent >= maxDepth {
		e.fail(fmt.Errorf("fastjson: %s nests deeper than %d levels", v.Type(), maxDepth))
		return
	}
	e.out = append(e.out, open)
	e.indent++
	ownLine := inside(e, v)
	e.indent--
	if ownLine {
		e.newLine()
	}
	e.out = append(e.out, close)
}

func (e *encoder) newLine() {
	if e.form != pretty {
		return
	}
	e.out = append(e.out, '\n')
	for range e.indent {
		e.out = append(e.out, '\t')
	}
}

func (e *encoder) object(v reflect.Value) bool {
	info, some := structInfoOf(v.Type()), false
	for i := range info.fields {
		f := &info.fields[i]
		x := v.Field(f.index)
		if isNull(x) || f.omitEmpty && isEmpty(x) {
			continue
		}
		if some {
			e.out = append(e.out, ',')
		}
		some = true
		e.newLine()
		e.out = append(e.out, f.prefix...)
		e.value(x)
	}
	return len(info.fields) > 0
}

func isNull(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	}
	return v.IsZero()
}

func (e *encoder) list(v reflect.Value) bool {
	lines := v.Len() > 0
	switch v.Type().Elem().Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		lines = false // an int[] stays on its line
	}
	for i := range v.Len() {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if lines {
			e.newLine()
		}
		e.value(v.Index(i))
	}
	return lines
}

// table writes a map, its keys in ascending order; Java's order is that of its hash table.
func (e *encoder) table(v reflect.Value) bool {
	keys := e.sortedKeys(v)
	some := false
	for _, k := range keys {
		x := v.MapIndex(k.value)
		if isNull(x) {
			continue
		}
		if some {
			e.out = append(e.out, ',')
		}
		if k.value.Kind() == reflect.String {
			e.newLine() // other keys stay on the line, as MapSerializer leaves them
		}
		some = true
		e.out = append(e.out, k.text...)
		e.out = append(e.out, ':')
		e.value(x)
	}
	return len(keys) > 0
}

// tableKey is a map key and its text as it is written.
type tableKey struct {
	value reflect.Value
	text  []byte
}

func (e *encoder) sortedKeys(v reflect.Value) []tableKey {
	keys := make([]tableKey, 0, v.Len())
	for _, k := range v.MapKeys() {
		sub := encoder{form: e.form, indent: e.indent}
		sub.key(k)
		if sub.err != nil {
			e.fail(sub.err)
			return nil
		}
		keys = append(keys, tableKey{k, sub.out})
	}
	slices.SortFunc(keys, func(a, b tableKey) int {
		if a.value.CanInt() {
			return cmp.Compare(a.value.Int(), b.value.Int())
		}
		return bytes.Compare(a.text, b.text)
	})
	return keys
}

// key writes a map key: text is quoted, all else is not, unless the form is standard.
func (e *encoder) key(k reflect.Value) {
	if k.Kind() == reflect.String || e.form != standard {
		e.value(k)
		return
	}
	inner := encoder{indent: e.indent}
	inner.value(k)
	if inner.err != nil {
		e.fail(inner.err)
	}
	e.text(string(inner.out))
}

func (e *encoder) text(s string) {
	e.out = append(e.out, '"')
	if e.form == standard {
		e.out = appendStandard(e.out, s)
	} else {
		e.out = AppendEscaped(e.out, s)
	}
	e.out = append(e.out, '"')
}

// maxSafe is the largest integer that a JavaScript number holds exactly; beyond it the standard form quotes.
const maxSafe = 1<<53 - 1

func (e *encoder) integer(n int64) {
	quote := e.form == standard && (n > maxSafe || n < -maxSafe)
	if quote {
		e.out = append(e.out, '"')
	}
	e.out = strconv.AppendInt(e.out, n, 10)
	if quote {
		e.out = append(e.out, '"')
	}
}

// appendDouble writes a number as Java's Double.toString does: 0.0, 1.5, 1.0E7, 1.0E-4; what is no number is null.
func appendDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
		if bytes.IndexByte(dst[start:], '.') < 0 {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	digits := strconv.AppendFloat(nil, f, 'e', -1, 64) // d.ddde±dd
	mantissa, exponent, _ := bytes.Cut(digits, []byte{'e'})
	dst = append(dst, mantissa...)
	if bytes.IndexByte(mantissa, '.') < 0 {
		dst = append(dst, ".0"...)
	}
	dst = append(dst, 'E')
	if exponent[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(exponent[1:], "0")...)
}
