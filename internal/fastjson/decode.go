package fastjson

import (
	"errors"
	"fmt"
	"reflect"
)

// Bounds on what input may cost, see [parser].
const (
	memoryBase   = 64 << 10
	memoryFactor = 16
	walkBudget   = 16 << 20
)

var errMemory = errors.New("fastjson: the input would take far more memory than its own size")

// Unmarshal reads one document into the value that v points to. Unknown members are ignored; what the input
// does not mention keeps its value, in fresh and zero structs the one [Defaulter] gives. Numbers, booleans and text
// stand for one another where fastjson converts them. A null empties text and collections and leaves the rest.
//
// The result shares no memory with data. Errors are [*SyntaxError], or name the type that a value does not fit.
func Unmarshal(data []byte, v any) error {
	dst := reflect.ValueOf(v)
	if dst.Kind() != reflect.Pointer || dst.IsNil() {
		return fmt.Errorf("fastjson: Unmarshal wants a pointer, not %T", v)
	}
	p := parser{scanner: scanner{b: data}, memory: memoryBase + memoryFactor*len(data), walk: walkBudget}
	if dst.Elem().IsZero() {
		setDefaults(dst.Elem())
	}
	if err := p.value(dst.Elem()); err != nil {
		return err
	}
	if p.space(); p.i < len(data) {
		return p.want("the end")
	}
	return nil
}

// parser fills a Go value from a document.
//
// Two budgets keep hostile input cheap. memory counts the bytes of elements, entries and text made: a list of
// a million `{}` makes a million structs of three bytes each, and a reference copies what it points to. walk
// counts the bytes passed over to find what references point to.
type parser struct {
	scanner
	depth  int
	memory int
	walk   int
	absent bool // the value just read was null in other words: "" for an object, a reference to nothing
}

func (p *parser) spend(n int) error {
	if p.memory -= n; p.memory < 0 {
		return errMemory
	}
	return nil
}

// value reads the next value into v.
func (p *parser) value(v reflect.Value) error {
	if p.depth++; p.depth > maxDepth {
		return p.want("less nesting")
	}
	defer func() { p.depth-- }()
	p.absent = false
	c := p.space()
	if (c == 'n' || c == 'u') && p.null() {
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.String:
			v.SetZero()
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		return p.pointer(v)
	case reflect.Struct:
		return p.object(v, c)
	case reflect.Map:
		return p.table(v, c)
	case reflect.Slice:
		return p.list(v, c)
	}
	return p.scalar(v, c)
}

// null reads the words null and undefined.
func (p *parser) null() bool {
	start := p.i
	if w, err := p.bare(); err == nil && (string(w) == "null" || string(w) == "undefined") {
		return true
	}
	p.i = start
	return false
}

func (p *parser) pointer(v reflect.Value) error {
	if v.IsNil() {
		t := v.Type().Elem()
		if err := p.spend(int(t.Size())); err != nil {
			return err
		}
		fresh := reflect.New(t)
		setDefaults(fresh.Elem())
		v.Set(fresh)
	}
	err := p.value(v.Elem())
	if p.absent {
		v.SetZero()
	}
	return err
}

func setDefaults(v reflect.Value) {
	if v.Kind() == reflect.Struct && structInfoOf(v.Type()).defaults {
		v.Addr().Interface().(Defaulter).SetDefaults()
	}
}

// mismatch reads an empty text, which fastjson takes for null, or complains.
func (p *parser) mismatch(v reflect.Value, want string) error {
	start := p.i
	if c := p.space(); c == '"' || c == '\'' {
		if t, err := p.text(); err == nil && len(t) == 0 {
			p.absent = true
			return nil
		}
	}
	return &SyntaxError{start, fmt.Sprintf("%s for a %s", want, v.Type())}
}

func (p *parser) object(v reflect.Value, c byte) error {
	if c != '{' {
		return p.mismatch(v, "an object")
	}
	p.i++
	info := structInfoOf(v.Type())
	for first := true; ; first = false {
		done, err := p.next('}', first)
		if done || err != nil {
			p.absent = false // whatever the members were
			return err
		}
		name, err := p.name()
		if err == nil {
			err = p.colon()
		}
		if err != nil {
			return err
		}
		if first && string(name) == "$ref" {
			return p.reference(v)
		}
		if i, ok := info.byName[string(name)]; ok {
			err = p.value(v.Field(info.fields[i].index))
		} else {
			_, err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

func (p *parser) list(v reflect.Value, c byte) error {
	out := reflect.MakeSlice(v.Type(), 0, 0)
	defer func() { v.Set(out) }()
	if c != '[' { // fastjson makes a list of a lone value
		return p.element(&out)
	}
	p.i++
	for first := true; ; first = false {
		done, err := p.next(']', first)
		if done || err != nil {
			p.absent = false
			return err
		}
		if err := p.element(&out); err != nil {
			return err
		}
	}
}

// element reads the next value to the end of a list.
func (p *parser) element(out *reflect.Value) error {
	n := out.Len()
	if n == out.Cap() {
		grow := max(4, n)
		if err := p.spend(grow * int(out.Type().Elem().Size())); err != nil {
			return err
		}
		wide := reflect.MakeSlice(out.Type(), n, n+grow)
		reflect.Copy(wide, *out)
		*out = wide
	}
	*out = out.Slice(0, n+1)
	x := out.Index(n)
	setDefaults(x)
	return p.value(x)
}

func (p *parser) table(v reflect.Value, c byte) error {
	if c != '{' {
		return p.mismatch(v, "an object")
	}
	p.i++
	t := v.Type()
	if v.IsNil() {
		if err := p.spend(48); err != nil {
			return err
		}
		v.Set(reflect.MakeMap(t))
	}
	for first := true; ; first = false {
		done, err := p.next('}', first)
		if done || err != nil {
			p.absent = false // whatever the members were
			return err
		}
		key := reflect.New(t.Key()).Elem()
		if err := p.key(key); err != nil {
			return err
		}
		if err := p.colon(); err != nil {
			return err
		}
		if first && key.Kind() == reflect.String && key.String() == "$ref" {
			return p.reference(v)
		}
		x := reflect.New(t.Elem()).Elem()
		setDefaults(x)
		if err := p.value(x); err != nil {
			return err
		}
		if err := p.spend(2 * int(t.Key().Size()+t.Elem().Size())); err != nil {
			return err
		}
		v.SetMapIndex(key, x)
	}
}

// key reads a map key: bare or quoted, for structs an object or, as the standard form has it, its text.
func (p *parser) key(k reflect.Value) error {
	c := p.space()
	if k.Kind() != reflect.Struct || c == '{' {
		return p.value(k)
	}
	start := p.i
	if c != '"' {
		return p.want("an object as key")
	}
	text, err := p.text()
	if err != nil {
		return err
	}
	inner := parser{scanner: scanner{b: text}, depth: p.depth, memory: p.memory, walk: p.walk}
	if err := inner.value(k); err != nil {
		return &SyntaxError{start, fmt.Sprintf("a key that is a %s", k.Type())}
	}
	p.memory, p.walk = inner.memory, inner.walk
	return nil
}
