package wire

import (
	"fmt"
	"math"
)

// FieldError tells which header field of a request is missing or is no number.
type FieldError struct {
	Header string // the header struct
	Field  string // the field's wire name
	Value  string // what stood there; empty if the field is missing
	Absent bool
}

func (e *FieldError) Error() string {
	if e.Absent {
		return fmt.Sprintf("the header field %s of %s is missing", e.Field, e.Header)
	}
	return fmt.Sprintf("the header field %s of %s is no number: %q", e.Field, e.Header, e.Value)
}

func missing(header, field string) error {
	return &FieldError{Header: header, Field: field, Absent: true}
}

func badNumber(header string, f *Field) error {
	value := f.Value[:min(len(f.Value), 64)]
	return &FieldError{Header: header, Field: string(f.Key), Value: string(value)}
}

// extReader reads the fields of a cold header and keeps the first error.
type extReader struct {
	header string
	ext    Ext
	err    error
}

func (r *extReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *extReader) text(key string) string {
	v, ok := r.ext.Get(key)
	if !ok {
		r.fail(missing(r.header, key))
	}
	return string(v)
}

func (r *extReader) textOpt(key string) string {
	v, _ := r.ext.Get(key)
	return string(v)
}

func (r *extReader) int64(key string) int64 {
	v, ok := r.int64Opt(key)
	if !ok {
		r.fail(missing(r.header, key))
	}
	return v
}

func (r *extReader) int64Opt(key string) (int64, bool) {
	text, ok := r.ext.Get(key)
	if !ok {
		return 0, false
	}
	n, ok := parseInt64(text)
	if !ok {
		r.fail(badNumber(r.header, &Field{[]byte(key), text}))
	}
	return n, true
}

func (r *extReader) int32(key string) int32 {
	v, ok := r.int32Opt(key)
	if !ok {
		r.fail(missing(r.header, key))
	}
	return v
}

func (r *extReader) int32Opt(key string) (int32, bool) {
	text, ok := r.ext.Get(key)
	if !ok {
		return 0, false
	}
	n, ok := parseInt32(text)
	if !ok {
		r.fail(badNumber(r.header, &Field{[]byte(key), text}))
	}
	return n, true
}

func (r *extReader) bool(key string) bool {
	v, ok := r.boolOpt(key)
	if !ok {
		r.fail(missing(r.header, key))
	}
	return v
}

func (r *extReader) boolOpt(key string) (value, ok bool) {
	text, ok := r.ext.Get(key)
	return parseBool(text), ok
}

// parseBool is Boolean.parseBoolean: true only for "true" in any case.
func parseBool(v []byte) bool {
	return len(v) == 4 && v[0]|0x20 == 't' && v[1]|0x20 == 'r' && v[2]|0x20 == 'u' && v[3]|0x20 == 'e'
}

func parseInt32(v []byte) (int32, bool) {
	n, ok := parseInt64(v)
	if n < math.MinInt32 || n > math.MaxInt32 {
		return 0, false
	}
	return int32(n), ok
}

// parseInt64 is Long.parseLong: decimal digits behind an optional sign, nothing else.
func parseInt64(v []byte) (int64, bool) {
	negative := false
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		negative = v[0] == '-'
		v = v[1:]
	}
	if len(v) == 0 {
		return 0, false
	}
	if len(v) <= 18 { // cannot overflow
		n := int64(0)
		for _, c := range v {
			if c -= '0'; c > 9 {
				return 0, false
			}
			n = n*10 + int64(c)
		}
		if negative {
			n = -n
		}
		return n, true
	}
	// n counts downwards: the smallest int64 has no positive twin.
	n := int64(0)
	for _, c := range v {
		digit := int64(c) - '0'
		if digit < 0 || digit > 9 || n < (math.MinInt64+digit)/10 {
			return 0, false
		}
		n = n*10 - digit
	}
	if negative {
		return n, true
	}
	return -n, n != math.MinInt64
}
