package main

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// generator makes up expressions and messages. Names and values are few, so that they meet.
type generator struct{ *rand.Rand }

func (g *generator) one(words ...string) string { return words[g.IntN(len(words))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

var names = []string{"a", "b", "c", "A", "_x", "$y", "TAGS", "KEYS", "a1", "ſ", "nil"}

// message is names and values in turn, each name once.
func (g *generator) message() []string {
	var m []string
	for _, n := range names {
		if g.chance(70) {
			m = append(m, n, g.value())
		}
	}
	return m
}

// value is what a property may hold: numbers of all kinds and edges, near misses, texts.
func (g *generator) value() string {
	switch g.IntN(6) {
	case 0:
		return strconv.Itoa(g.IntN(12) - 4)
	case 1:
		return g.one("6.5", "5.0", "-0.5", "1e3", "1E-3", ".5", "5.", "-0.0", "0.0", "0", "1e400", "-1e400", "1e-400", "4.9E-324",
			"NaN", "-NaN", "Infinity", "-Infinity", "inf", "nan", "INFINITY", "1f", "1d", "1D", "1F", "1dd", "1L", "5e", "e5", ".", "-", "+",
			"1_000", "0x1p3", "0x1.8p1d", "0X.8P+1", "0x1", "0x.p1", "0xg", "1e5.5", "--1", "+ 1", "1 2", "0b1", "08.5", "1.5.5", "1e+", "0x1p")
	case 2:
		return g.one("2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
			"-9223372036854775808", "-9223372036854775809", "9007199254740993", "9007199254740992", "00000000000000000000000000005",
			"+5", "+", "-", "٥", "-٥", "５", "𝟓", "²", "5٥", "९", "1e3", "99999999999999999999999999")
	case 3:
		return g.one(" 5", "5 ", "\t5\n", " 5.5 ", " ", "\u00a05", "\u20055", "5\u0000", "\u001f5.0\u001d")
	case 4:
		return g.one("true", "TRUE", "True", "tRuE", "false", "FALSE", "yes", "true ", "null", "NULL", "trüe")
	}
	return g.one("x", "y", "it's", "'", "''", "ä", "日本", "x y", "X", "a", "%", "5x", "\U0001f600")
}

// expression is a text: mostly one that the grammar allows, sometimes damaged.
func (g *generator) expression() string {
	if g.chance(5) {
		return g.noise()
	}
	var w []string
	g.or(&w, 1+g.IntN(4))
	if g.chance(12) {
		w = g.damaged(w)
	}
	if g.chance(4) {
		w = append(w, g.one("x", "like 'x'", "+ 1 > 2", "5", "'x'", "not", "#", "'open", "/*", "-- x", "--\n#", ")", "between", "is", "in"))
	}
	return g.spaced(w)
}

func (g *generator) or(w *[]string, depth int) {
	g.and(w, depth)
	for g.chance(25) {
		*w = append(*w, g.one("OR", "or", "Or"))
		g.and(w, depth)
	}
}

func (g *generator) and(w *[]string, depth int) {
	g.equality(w, depth)
	for g.chance(25) {
		*w = append(*w, g.one("AND", "and", "aNd"))
		g.equality(w, depth)
	}
}

func (g *generator) equality(w *[]string, depth int) {
	g.comparison(w, depth)
	for i := 45; g.chance(i); i /= 3 {
		switch g.IntN(4) {
		case 0:
			*w = append(*w, "IS", "NULL")
		case 1:
			*w = append(*w, "is", "not", "null")
		default:
			*w = append(*w, g.one("=", "=", "<>"))
			g.comparison(w, depth)
		}
	}
}

func (g *generator) comparison(w *[]string, depth int) {
	g.unary(w, depth)
	for i := 50; g.chance(i); i /= 16 {
		if g.chance(15) {
			*w = append(*w, "NOT")
		}
		switch g.IntN(5) {
		case 0:
			*w = append(*w, "BETWEEN")
			if low := g.IntN(6); g.chance(60) {
				*w = append(*w, strconv.Itoa(low), "AND", strconv.Itoa(low+g.IntN(4)))
			} else {
				g.unary(w, depth)
				*w = append(*w, "AND")
				g.unary(w, depth)
			}
		case 1:
			*w = append(*w, "IN", "(", g.text())
			for g.chance(60) {
				*w = append(*w, ",", g.text())
			}
			*w = append(*w, ")")
		default:
			if n := len(*w) - 1; (*w)[n] == "NOT" && g.chance(90) {
				*w = (*w)[:n]
			}
			*w = append(*w, g.one("<", "<=", ">", ">="))
			g.unary(w, depth)
		}
	}
}

func (g *generator) unary(w *[]string, depth int) {
	for g.chance(7) {
		*w = append(*w, g.one("+", "-", "NOT", "not", "-", "+"))
	}
	if depth > 0 && g.chance(22) {
		*w = append(*w, "(")
		g.or(w, depth-1)
		*w = append(*w, ")")
		return
	}
	switch g.IntN(30) {
	case 0, 1:
		*w = append(*w, g.text())
	case 2:
		*w = append(*w, g.one("TRUE", "FALSE", "NULL", "true", "false", "null"))
	case 3, 4, 5, 6, 7, 8, 9:
		*w = append(*w, g.literal())
	default:
		*w = append(*w, names[g.IntN(4)])
		if g.chance(15) {
			(*w)[len(*w)-1] = g.one("_x", "$y", "TAGS", "KEYS", "a1", "missing", "nothing", "ORDER", "isnt")
		}
	}
}

func (g *generator) literal() string {
	if g.chance(70) {
		return g.one("0", "1", "2", "3", "4", "5", "6", "7", "5L", "2147483648", "5.5", "5.0", ".5", "1E3", "0.001")
	}
	return g.one("0", "5L", "5l", "0L", "05", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "3000000000L",
		"5.5", "5.0", "5.", ".5", "6.5e0", "1E3", "1e-3", "0.0", "0.", "1e400", "1e-400", "4.9E-324", "2e-324", "3e-324", "1.7976931348623157e308", "0.5",
		"5e", "1e+", "5.e1", "00.5", "9007199254740992.0", "9007199254740993", "1000", "0.001", "99999999999999999999")
}

func (g *generator) text() string { return "'" + strings.ReplaceAll(g.value(), "'", "''") + "'" }

// damaged takes a word out, doubles or swaps one.
func (g *generator) damaged(w []string) []string {
	i, j := g.IntN(len(w)), g.IntN(len(w))
	switch g.IntN(4) {
	case 0:
		return append(w[:i:i], w[i+1:]...)
	case 1:
		return append(w[:i+1:i+1], w[i:]...)
	case 2:
		w[i], w[j] = w[j], w[i]
	case 3:
		w[i] = g.word()
	}
	return w
}

func (g *generator) word() string {
	return g.one("a", "b", "5", "5.5", "'x'", "(", ")", ",", "=", "<>", "<", ">", "<=", ">=", "+", "-", "--", "NOT", "AND", "OR", "BETWEEN", "IN", "IS",
		"NULL", "TRUE", "FALSE", "!", "#", "\"x\"", "'", "''", "'it''s'", "/* c */", "/**/", "/*/", "/***/", "/* * / */", "-- c\n", "--\r", "-- c", ".", "..5",
		"5.5.5", "1e5e", "ä", "nOt", "==", "!=", "*", "/", "%", "[", "like", ";", "\x00", "\v", "\u00a0", "ſ", "5a", "5l5", "İn", "ıs")
}

// noise is words in any order.
func (g *generator) noise() string {
	var w []string
	for range g.IntN(9) {
		w = append(w, g.word())
	}
	return g.spaced(w)
}

// spaced joins words, now and then with what else may stand between them, or nothing.
func (g *generator) spaced(w []string) string {
	var b strings.Builder
	for i, s := range w {
		if i > 0 && !g.chance(8) {
			if g.chance(95) {
				b.WriteByte(' ')
			} else {
				b.WriteString(g.one("\t", "\n", "\r\n", "\f", "  ", "/* c */", "-- c\n", "--\r", " /* ' */ ", "/**/"))
			}
		}
		b.WriteString(s)
	}
	return b.String()
}
