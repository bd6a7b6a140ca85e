package sql92

import "fmt"

// Bounds of an expression. Java has none but its stack.
const (
	// MaxLength is the longest expression, in bytes.
	MaxLength = 64 << 10
	// MaxTerms is the most properties and literals, the lists of IN not counted.
	MaxTerms = 1024
	// MaxDepth is how deep parentheses, NOT and signs may be nested.
	MaxDepth = 256
	// maxStack is the most values that evaluating may have to remember at once: a level of
	// parentheses on the right of something costs one to three.
	maxStack = 64
)

// SyntaxError tells why an expression does not compile.
type SyntaxError struct {
	At     int // byte of the expression
	Reason string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("SQL92 expression, at byte %d: %s", e.At, e.Reason)
}

// Compile makes an expression ready to be evaluated. The error is a [*SyntaxError].
func Compile(expression string) (*Expression, error) {
	p := parser{
		lexer: lexer{text: expression},
		e:     &Expression{text: expression, numbers: make(map[string]int32)},
	}
	if len(expression) > MaxLength {
		p.failf("it has %d bytes, more than %d", len(expression), MaxLength)
		return nil, p.err
	}
	p.advance()
	whole := p.or()
	p.asBoolean(whole)
	if p.err != nil {
		return nil, p.err
	}
	return p.e, nil
}

// operand is what the parser knows of a part of the expression, the code of which it has emitted.
type operand struct {
	kind  operandKind
	value value // of a constant
}

type operandKind uint8

const (
	constant operandKind = iota
	property
	condition // comes out as true, false or null
	negation  // -x: a number or null
)

func (o *operand) isBoolean() bool {
	return o.kind == condition || o.kind == constant && (o.value.kind == boolean || o.value.kind == null)
}

// parser is recursive descent over
//
//	or         = and { OR and }
//	and        = equality { AND equality }
//	equality   = comparison { ( = | <> ) comparison | IS [NOT] NULL }
//	comparison = unary { ( > | >= | < | <= ) unary | [NOT] BETWEEN unary AND unary | [NOT] IN ( text { , text } ) }
//	unary      = { + | - | NOT } ( literal | name | ( or ) )
//
// and emits as it goes. What a part may be combined with is checked where Java's expressions
// are created, so the same texts are refused.
type parser struct {
	lexer
	tok   token // the word looked at
	e     *Expression
	terms int
	depth int // of nesting
	stack int // values on the machine's stack at this point of the code
	err   *SyntaxError
}

// failf notes the first error. The text ends here then, so that all rules return.
func (p *parser) failf(format string, args ...any) {
	if p.err == nil {
		p.err = &SyntaxError{p.tok.at, fmt.Sprintf(format, args...)}
	}
	p.pos = len(p.text)
	p.tok.kind = tokEnd
}

func (p *parser) advance() {
	if p.err != nil {
		return
	}
	p.tok = p.next()
	if p.tok.kind == tokBad {
		p.failf("%v is no word of an expression", p.tok)
	}
}

func (p *parser) expect(k tokenKind, what string) string {
	if p.tok.kind != k {
		p.failf("%v stands where %s is expected", p.tok, what)
		return ""
	}
	text := p.tok.text
	p.advance()
	return text
}

// asBoolean makes an operand a truth value.
func (p *parser) asBoolean(o operand) {
	switch {
	case o.isBoolean():
	case o.kind == property:
		p.emit(opCast, 0)
	default:
		p.failf("what stands before %v is neither true nor false", p.tok)
	}
}

func (p *parser) or() operand { return p.chain(tokOr, opTrueJump, opOr, (*parser).and) }

func (p *parser) and() operand { return p.chain(tokAnd, opFalseJump, opAnd, (*parser).equality) }

// chain parses operands joined by one word. The jump passes over the rest once the chain is decided.
func (p *parser) chain(word tokenKind, jump, join op, operands func(*parser) operand) operand {
	left := operands(p)
	for p.tok.kind == word {
		p.asBoolean(left)
		p.advance()
		decided := p.emit(jump, 0)
		p.asBoolean(operands(p))
		p.emit(join, 0)
		p.land(decided)
		left = operand{kind: condition}
	}
	return left
}

func (p *parser) equality() operand {
	from := len(p.e.code)
	left := p.comparison()
	for {
		switch p.tok.kind {
		case tokEqual, tokUnequal:
			unequal := p.tok.kind == tokUnequal
			p.advance()
			right := p.comparison()
			p.checkEqual(left, right)
			p.emit(opEqual, 0)
			p.fuse(from)
			if unequal {
				p.emit(opNot, 0)
			}
		case tokIs:
			p.advance()
			not := p.tok.kind == tokNot
			if not {
				p.advance()
			}
			p.expect(tokNull, "NULL")
			p.constant(value{})
			p.emit(opEqual, 0)
			p.fuse(from)
			if not {
				p.emit(opNot, 0)
			}
		default:
			return left
		}
		left = operand{kind: condition}
	}
}

// checkEqual refuses NULL beside = and <>, and TRUE or FALSE before another constant.
func (p *parser) checkEqual(l, r operand) {
	switch {
	case l.kind == constant && l.value.kind == null, r.kind == constant && r.value.kind == null:
		p.failf("NULL cannot be compared; write IS NULL")
	case l.kind == constant && r.kind == constant && l.value.kind == boolean && r.value.kind != boolean:
		p.failf("TRUE and FALSE cannot be compared with other constants")
	}
}

var orders = map[tokenKind]op{
	tokGreater: opGreater, tokGreaterEqual: opGreaterEqual, tokLess: opLess, tokLessEqual: opLessEqual,
}

func (p *parser) comparison() operand {
	from := len(p.e.code)
	left := p.unary()
	for {
		switch p.tok.kind {
		case tokGreater, tokGreaterEqual, tokLess, tokLessEqual:
			order := orders[p.tok.kind]
			p.advance()
			p.checkOrder(left)
			p.checkOrder(p.compareWith(order))
			p.fuse(from)
		case tokBetween:
			p.between(left, false)
		case tokIn:
			p.in(left, opIn)
		case tokNot:
			p.advance()
			switch p.tok.kind {
			case tokBetween:
				p.between(left, true)
			case tokIn:
				p.in(left, opNotIn)
			default:
				p.failf("%v stands where BETWEEN or IN is expected", p.tok)
			}
		default:
			return left
		}
		left = operand{kind: condition}
	}
}

// compareWith parses the right of a comparison, which is not looked at when the left is null.
func (p *parser) compareWith(order op) operand {
	isNull := p.emit(opNullJump, 0)
	right := p.unary()
	p.emit(order, 0)
	p.land(isNull)
	return right
}

// checkOrder refuses what < and > do not compare.
func (p *parser) checkOrder(o operand) {
	if o.isBoolean() || o.kind == constant && !o.value.isNumber() {
		p.failf("<, <=, >, >= and BETWEEN compare numbers and properties, not texts or conditions")
	}
}

// between parses low AND high. The value stays below until both comparisons are made:
//
//	value, copy, low ≤, jump if decided, over, ≤ high, and, nip
func (p *parser) between(left operand, not bool) {
	least, most, jump, join := opGreaterEqual, opLessEqual, opFalseJump, opAnd
	if not {
		least, most, jump, join = opLess, opGreater, opTrueJump, opOr
	}
	p.advance()
	p.checkOrder(left)
	p.emit(opCopy, 0)
	low := p.compareWith(least)
	p.checkOrder(low)
	p.expect(tokAnd, "AND")
	decided := p.emit(jump, 0)
	p.emit(opOver, 0)
	high := p.compareWith(most)
	p.checkOrder(high)
	p.emit(join, 0)
	p.land(decided)
	p.emit(opNip, 0)
	if p.err != nil || not || low.kind != constant || high.kind != constant {
		return
	}
	if c, _ := compare(&high.value, &low.value); c < 0 {
		p.failf("BETWEEN's first number is greater than its second")
	}
}

// in parses ('a', 'b').
func (p *parser) in(left operand, o op) {
	if left.kind != property {
		p.failf("what stands before IN is no property")
	}
	p.advance()
	p.expect(tokOpen, "(")
	set := map[string]struct{}{unquote(p.expect(tokText, "a text in quotes")): {}}
	for p.tok.kind == tokComma {
		p.advance()
		set[unquote(p.expect(tokText, "a text in quotes"))] = struct{}{}
	}
	p.expect(tokClose, ")")
	p.e.sets = append(p.e.sets, set)
	p.emit(o, len(p.e.sets)-1)
}

func (p *parser) unary() operand {
	if p.depth++; p.depth > MaxDepth {
		p.failf("nested more than %d deep", MaxDepth)
	}
	defer func() { p.depth-- }()
	switch p.tok.kind {
	case tokPlus:
		p.advance()
		return p.unary()
	case tokMinus:
		p.advance()
		p.unary()
		p.emit(opNegate, 0)
		return operand{kind: negation}
	case tokNot:
		p.advance()
		p.asBoolean(p.unary())
		p.emit(opNot, 0)
		return operand{kind: condition}
	case tokOpen:
		p.advance()
		inner := p.or()
		p.expect(tokClose, ")")
		return inner
	}
	return p.term()
}
