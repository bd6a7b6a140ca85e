package fastjson

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// scalar reads text, a number or a boolean into a v of one of these kinds and converts as fastjson's TypeUtils.
func (p *parser) scalar(v reflect.Value, c byte) error {
	start := p.i
	var word []byte
	var err error
	switch c {
	case '"', '\'':
		word, err = p.text()
	case '{', '[':
		if v.Kind() != reflect.String {
			return p.want(fmt.Sprintf("a value for a %s", v.Type()))
		}
		word, err = p.skip() // text of a nested value is the value's own
	default:
		if word, err = p.bare(); err == nil {
			word = trimSuffix(word)
		}
	}
	if err != nil {
		return err
	}
	if v.Kind() == reflect.String {
		if err := p.spend(len(word)); err != nil {
			return err
		}
		v.SetString(string(word))
		return nil
	}
	if len(word) == 0 {
		return nil // fastjson takes "" for null
	}
	if !convert(v, word) {
		return &SyntaxError{start, fmt.Sprintf("a %s", v.Type())}
	}
	return nil
}

// trimSuffix cuts the type letter off a number such as 5L.
func trimSuffix(word []byte) []byte {
	if n := len(word) - 1; n > 0 && word[n-1] >= '0' && word[n-1] <= '9' && bytes.IndexByte([]byte("LSBFD"), word[n]) >= 0 {
		return word[:n]
	}
	return word
}

// convert sets a number or boolean from its text; false if it is none or does not fit.
func convert(v reflect.Value, word []byte) bool {
	switch v.Kind() {
	case reflect.Bool:
		switch string(bytes.ToLower(word)) {
		case "true", "1", "y", "t":
			v.SetBool(true)
		case "false", "0", "n", "f":
			v.SetBool(false)
		default:
			return false
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, ok := integer(word)
		if !ok || v.OverflowInt(n) {
			return false
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		n, ok := integer(word)
		if !ok || n < 0 || v.OverflowUint(uint64(n)) {
			return false
		}
		v.SetUint(uint64(n))
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(string(word), 64)
		if err != nil {
			return false
		}
		v.SetFloat(f)
	default:
		return false
	}
	return true
}

// integer parses a whole number; of a decimal fraction it takes the whole part, as BigDecimal.longValue does.
func integer(word []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(word), 10, 64); err == nil {
		return n, true
	}
	if !bytes.ContainsAny(word, ".eE") {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(word), 64)
	if err != nil || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}
