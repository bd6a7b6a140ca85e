package sql92

// op is what one instruction does; "top" is the top of the stack.
type op uint8

const (
	opConstant op = iota // push constants[arg]
	opProperty           // push the property names[arg]
	opCast               // top, a property, where a truth value is wanted: false, or null
	opNot                // not top
	opNegate             // -top
	opIn                 // is top in sets[arg]
	opNotIn              // is it not
	opEqual              // these take two values
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opAnd
	opOr
	opFalseJump // if top is false, go on at arg
	opTrueJump  // if top is true
	opNullJump  // if top is null
	opCopy      // push top again
	opOver      // push the value below top again
	opNip       // take out the value below top
	opTest      // push what tests[arg] says of a property
)

// growth is by how many values an instruction makes the stack grow.
var growth = [...]int{
	opConstant: 1, opProperty: 1, opCast: 0, opNot: 0, opNegate: 0, opIn: 0, opNotIn: 0,
	opEqual: -1, opLess: -1, opLessEqual: -1, opGreater: -1, opGreaterEqual: -1, opAnd: -1, opOr: -1,
	opFalseJump: 0, opTrueJump: 0, opNullJump: 0, opCopy: 1, opOver: 1, opNip: -1, opTest: 1,
}

type instruction struct {
	op  op
	arg int32
}

// Expression is a compiled expression. It does not change; any number of goroutines may
// evaluate it at once.
type Expression struct {
	text      string
	code      []instruction
	constants []value
	names     []string         // of the properties, by number
	numbers   map[string]int32 // … the other way round
	lengths   uint64           // a bit for each length of a name, modulo 64: most properties are none of names
	sets      []map[string]struct{}
	tests     []test
}

// test is a comparison of a property with a constant, which most expressions consist of, as one instruction.
type test struct {
	op       op
	property int32
	constant value
}

// fuse makes a test of the last instructions, if they are one: a property from the instruction at from on, and a
// constant, compared.
func (p *parser) fuse(from int) {
	code := p.e.code[from:]
	last := len(code) - 1
	whole := last == 2 || last == 3 && code[1].op == opNullJump
	if p.err != nil || !whole || code[0].op != opProperty || code[last-1].op != opConstant {
		return
	}
	p.e.tests = append(p.e.tests, test{code[last].op, code[0].arg, p.e.constants[code[last-1].arg]})
	p.e.code = append(p.e.code[:from], instruction{opTest, int32(len(p.e.tests) - 1)})
}

// String is the text that was compiled.
func (e *Expression) String() string { return e.text }

// emit appends an instruction and returns its place.
func (p *parser) emit(o op, arg int) int {
	p.e.code = append(p.e.code, instruction{o, int32(arg)})
	p.stack += growth[o]
	if p.stack > maxStack {
		p.failf("nested too deeply: it takes more than %d values at once", maxStack)
	}
	return len(p.e.code) - 1
}

// land makes the jump at a place go to what is emitted next.
func (p *parser) land(jump int) { p.e.code[jump].arg = int32(len(p.e.code)) }

func (p *parser) constant(v value) operand {
	p.e.constants = append(p.e.constants, v)
	p.emit(opConstant, len(p.e.constants)-1)
	return operand{kind: constant, value: v}
}

func (p *parser) property(name string) operand {
	n, known := p.e.numbers[name]
	if !known {
		n = int32(len(p.e.names))
		p.e.names = append(p.e.names, name)
		p.e.numbers[name] = n
		p.e.lengths |= 1 << (len(name) & 63)
	}
	p.emit(opProperty, int(n))
	return operand{kind: property}
}
