package sql92

import (
	"slices"
	"sync"

	"ringmq/internal/message"
)

// Result is what an expression says of a message.
type Result uint8

// The results. Only True lets a message pass.
const (
	Null Result = iota // it depends on a property that the message has not
	False
	True
	Error // a property is not the number it is compared with
)

func (r Result) String() string { return [...]string{"null", "false", "true", "error"}[r] }

// Match tells whether a message with these properties passes.
func (e *Expression) Match(p message.Properties) bool { return e.Evaluate(p) == True }

// Evaluate tells what the expression comes to for a message with these properties.
func (e *Expression) Evaluate(p message.Properties) Result {
	m := machines.Get().(*machine)
	r := m.run(e, p)
	m.release()
	return r
}

// machine is the memory of one evaluation.
type machine struct {
	stack      [maxStack]value
	properties [][]byte // by number in Expression.names; nil: the message has none
}

var machines = sync.Pool{New: func() any { return new(machine) }}

// release gives the machine back without the properties, which load expects.
func (m *machine) release() {
	clear(m.properties)
	machines.Put(m)
}

// load notes the properties that the expression names; of two of one name the later one counts.
func (m *machine) load(e *Expression, p message.Properties) {
	if cap(m.properties) < len(e.names) {
		m.properties = make([][]byte, len(e.names))
	}
	m.properties = m.properties[:len(e.names)]
	for name, value := range p.All() {
		if e.lengths>>(len(name)&63)&1 == 0 {
			continue
		}
		if n := e.number(name); n >= 0 {
			m.properties[n] = value
		}
	}
}

// few names are found faster one by one than by their hash.
const few = 8

// number is the number of a property, -1 for one that the expression does not name.
func (e *Expression) number(name []byte) int32 {
	if len(e.names) <= few {
		return int32(slices.IndexFunc(e.names, func(n string) bool { return n == string(name) }))
	}
	if n, ok := e.numbers[string(name)]; ok {
		return n
	}
	return -1
}

func (m *machine) run(e *Expression, p message.Properties) Result {
	m.load(e, p)
	s := &m.stack
	top := -1
	for at := 0; at < len(e.code); at++ {
		in := e.code[at]
		switch in.op {
		case opConstant:
			top++
			s[top] = e.constants[in.arg]
		case opProperty:
			top++
			s[top] = value{}
			if text := m.properties[in.arg]; text != nil {
				s[top] = value{kind: words, text: text}
			}
		case opTest:
			c := &e.tests[in.arg]
			top++
			if !c.run(m.properties[c.property], &s[top]) {
				return Error
			}
		case opFalseJump, opTrueJump, opNullJump:
			if jumps(in.op, &s[top]) {
				at = int(in.arg) - 1
			}
		case opCopy:
			s[top+1] = s[top]
			top++
		case opOver:
			s[top+1] = s[top-1]
			top++
		case opNip:
			s[top-1] = s[top]
			top--
		case opCast, opNot, opNegate, opIn, opNotIn:
			s[top] = e.one(in, &s[top])
		default:
			v, ok := two(in.op, &s[top-1], &s[top])
			if !ok {
				return Error
			}
			top--
			s[top] = v
		}
	}
	switch {
	case s[0].kind == null:
		return Null
	case s[0].bits == 0:
		return False
	}
	return True
}

// run compares the text of a property, nil for none; it returns false for an error.
func (c *test) run(text []byte, result *value) (ok bool) {
	left := value{}
	if text != nil {
		left = value{kind: words, text: text}
	} else if c.op != opEqual {
		*result = left
		return true
	}
	*result, ok = two(c.op, &left, &c.constant)
	return ok
}

func jumps(o op, v *value) bool {
	switch o {
	case opNullJump:
		return v.kind == null
	case opTrueJump:
		return v.kind == boolean && v.bits == 1
	}
	return v.kind == boolean && v.bits == 0
}

// one is the result of an instruction on one value; that of null is null.
func (e *Expression) one(in instruction, v *value) value {
	if v.kind == null {
		return value{}
	}
	switch in.op {
	case opCast:
		return truth(false) // a property is text, which is not true
	case opNot:
		return truth(v.bits == 0)
	case opNegate:
		return v.negated()
	}
	_, found := e.sets[in.arg][string(v.text)]
	return truth(found == (in.op == opIn))
}

// two is the result of an instruction on two values; ok is false for an error. The left of an
// order is not null.
func two(o op, l, r *value) (v value, ok bool) {
	switch o {
	case opEqual:
		return equal(l, r)
	case opAnd, opOr:
		return join(l, r, o == opOr), true
	}
	if r.kind == null {
		return value{}, true
	}
	c, ok := ordered(l, r)
	switch o {
	case opLess:
		return truth(c < 0), ok
	case opLessEqual:
		return truth(c <= 0), ok
	case opGreater:
		return truth(c > 0), ok
	}
	return truth(c >= 0), ok
}

// join is AND and OR of truth values and nulls: what decides wins, then null.
func join(l, r *value, decides bool) value {
	want := truth(decides).bits
	for _, v := range [...]*value{l, r} {
		if v.kind == boolean && v.bits == want {
			return truth(decides)
		}
	}
	if l.kind == null || r.kind == null {
		return value{}
	}
	return truth(!decides)
}
