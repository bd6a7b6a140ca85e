package sql92

import (
	"math"
	"strconv"
	"strings"
)

// term parses a property or a literal.
func (p *parser) term() operand {
	t := p.tok
	if p.terms++; p.terms > MaxTerms {
		p.failf("more than %d terms", MaxTerms)
		return operand{}
	}
	var v value
	switch t.kind {
	case tokName:
		p.advance()
		return p.property(t.text)
	case tokText:
		v = value{kind: words, text: []byte(unquote(t.text))}
	case tokInteger:
		v = p.integer(t.text)
	case tokFloat:
		v = p.float(t.text)
	case tokTrue, tokFalse:
		v = truth(t.kind == tokTrue)
	case tokNull:
	default:
		p.failf("%v stands where a property, a constant or ( is expected", t)
	}
	p.advance()
	return p.constant(v)
}

// integer reads 5 or 5L, which are alike: what fits 32 bits has 32.
func (p *parser) integer(text string) value {
	n, err := strconv.ParseInt(strings.TrimRight(text, "lL"), 10, 64)
	if err != nil {
		p.failf("%v does not fit 64 bits", p.tok)
	}
	if n == int64(int32(n)) {
		return value{kind: integer, bits: n}
	}
	return value{kind: long, bits: n}
}

// float reads 5.5; like Java's it is neither 0.0 nor infinite.
func (p *parser) float(text string) value {
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case f < math.SmallestNonzeroFloat64:
		p.failf("%v is less than %v, the least a number with a point may be", p.tok, math.SmallestNonzeroFloat64)
	case err != nil:
		p.failf("%v is no number of 64 bits", p.tok)
	}
	return number64(f)
}

// unquote is the text that 'it”s' means, with two quotes for the mark in the middle.
func unquote(s string) string {
	if len(s) < 2 {
		return "" // there was an error
	}
	return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
}
