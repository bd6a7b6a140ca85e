package sql92

import (
	"bytes"
	"cmp"
	"math"
)

// kind is the type of a value.
type kind uint8

const (
	null    kind = iota
	boolean      // bits: 0 or 1
	integer      // bits: 32 bits' worth (Integer)
	long         // bits: 64 (Long)
	double       // bits: as math.Float64bits (Double)
	words        // text (String)
)

// value is what a term of an expression amounts to.
type value struct {
	kind kind
	bits int64
	text []byte
}

func truth(b bool) value {
	if b {
		return value{kind: boolean, bits: 1}
	}
	return value{kind: boolean}
}

func number64(f float64) value { return value{kind: double, bits: int64(math.Float64bits(f))} }

func (v *value) float() float64 {
	if v.kind == double {
		return math.Float64frombits(uint64(v.bits))
	}
	return float64(v.bits)
}

func (v *value) isNumber() bool { return v.kind == integer || v.kind == long || v.kind == double }

// negated is -v; null for what is no number.
func (v *value) negated() value {
	switch v.kind {
	case integer:
		return value{kind: integer, bits: int64(int32(-v.bits))}
	case long:
		return value{kind: long, bits: -v.bits}
	case double:
		return number64(-v.float())
	}
	return value{}
}

// equal is l = r (ComparisonExpression.doCreateEqual); ok is false for an error.
func equal(l, r *value) (v value, ok bool) {
	switch {
	case l.kind == null && r.kind == null:
		return truth(true), true
	case l.kind == null:
		return value{}, true
	case r.kind == null:
		return truth(false), true
	}
	c, ok := compare(l, r)
	return truth(c == 0), ok
}

// ordered compares for <, <=, >, >=, where text beside text means two doubles. Neither is null.
func ordered(l, r *value) (c int, ok bool) {
	if l.kind == words && r.kind == words {
		a, ok := parseDouble(l.text)
		if !ok {
			return 0, false
		}
		b, ok := parseDouble(r.text)
		return compareDoubles(a, b), ok
	}
	return compare(l, r)
}

// compare orders two values that are not null (ComparisonExpression.__compare). Text is made what the other is, a number
// the wider of the two; types that have nothing in common count as less. ok is false for an error.
func compare(l, r *value) (c int, ok bool) {
	switch {
	case l.kind == r.kind:
		return compareSame(l, r), true
	case l.kind == words:
		converted, ok := convert(l.text, r.kind)
		return compareSame(&converted, r), ok
	case r.kind == words:
		if l.kind == boolean {
			return 0, false // Java casts the wrong operand
		}
		converted, ok := convert(r.text, l.kind)
		return compareSame(l, &converted), ok
	case l.kind == boolean || r.kind == boolean:
		return -1, true
	case l.kind == double || r.kind == double:
		return compareDoubles(l.float(), r.float()), true
	}
	return cmp.Compare(l.bits, r.bits), true
}

func compareSame(l, r *value) int {
	switch r.kind {
	case words:
		return bytes.Compare(l.text, r.text)
	case double:
		return compareDoubles(l.float(), r.float())
	}
	return cmp.Compare(l.bits, r.bits)
}

// compareDoubles orders as Double.compareTo: -0.0 before 0.0, NaN behind everything and equal to itself.
func compareDoubles(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case math.IsNaN(a) || math.IsNaN(b):
		return cmp.Compare(rank(math.IsNaN(a)), rank(math.IsNaN(b)))
	case a == 0:
		return cmp.Compare(rank(math.Signbit(b)), rank(math.Signbit(a)))
	}
	return 0
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// convert makes text a value of another kind, as the valueOf of Java's class does.
func convert(text []byte, to kind) (v value, ok bool) {
	switch to {
	case boolean:
		return truth(len(text) == 4 && bytes.EqualFold(text, []byte("true"))), true
	case integer:
		n, ok := parseLong(text, math.MinInt32, math.MaxInt32)
		return value{kind: integer, bits: n}, ok
	case long:
		n, ok := parseLong(text, math.MinInt64, math.MaxInt64)
		return value{kind: long, bits: n}, ok
	}
	f, ok := parseDouble(text)
	return number64(f), ok
}
