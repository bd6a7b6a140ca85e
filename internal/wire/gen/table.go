package main

import (
	"fmt"
	"strconv"
	"strings"
)

// table is protocol.tbl, parsed and checked.
type table struct {
	languages, statuses []constant
	headers             []*header
	codes               []*code
}

// constant is a language or a status.
type constant struct {
	number    int
	name, doc string
}

// field is one header field: its wire name, the short name of the V2 send codes if it has one,
// its Go name, and its type str, int, long or bool.
type field struct {
	wire, short, name, kind string
	required, lenient       bool
}

// header is one request or response header. A hot one keeps text as bytes of the frame.
type header struct {
	name, doc string
	hot       bool
	fields    []field
}

// code is one request code. Exactly one of doc and unserved is set.
type code struct {
	number              int
	name, doc, unserved string
	serve, rights       []string
	hot, short          bool
	since               string
	request, response   *header // nil: none
	body, reply         string
}

// parser reads the table line by line; head is the header or code that indented lines belong to.
type parser struct {
	t      table
	header *header
	code   *code
}

func parse(text string) (*table, error) {
	p := &parser{}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		read := p.block
		if line[0] == '\t' {
			read = p.line
		}
		if err := read(strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return &p.t, check(&p.t)
}

// block reads a line of the first column.
func (p *parser) block(w []string) error {
	p.header, p.code = nil, nil
	if w[0] == "header" && len(w) == 2 {
		p.header = &header{name: w[1]}
		p.t.headers = append(p.t.headers, p.header)
		return nil
	}
	if len(w) < 3 {
		return fmt.Errorf("%s wants a number and a name", w[0])
	}
	n, err := strconv.Atoi(w[1])
	if err != nil {
		return err
	}
	c := constant{n, w[2], strings.Join(w[3:], " ")}
	switch w[0] {
	case "language":
		p.t.languages = append(p.t.languages, c)
	case "status":
		p.t.statuses = append(p.t.statuses, c)
	case "code":
		p.code = &code{number: n, name: w[2]}
		p.t.codes = append(p.t.codes, p.code)
	default:
		return fmt.Errorf("unknown block %q", w[0])
	}
	return nil
}

// line reads an indented line.
func (p *parser) line(w []string) error {
	rest := strings.Join(w[1:], " ")
	if h := p.header; h != nil {
		switch w[0] {
		case "doc":
			h.doc = rest
		case "hot":
			h.hot = true
		case "field":
			return h.add(w[1:])
		default:
			return fmt.Errorf("a header has no %q", w[0])
		}
		return nil
	}
	if p.code == nil {
		return fmt.Errorf("%q belongs to no block", w[0])
	}
	return p.codeLine(w, rest)
}

func (p *parser) codeLine(w []string, rest string) error {
	c := p.code
	switch w[0] {
	case "doc":
		c.doc = rest
	case "unserved":
		c.unserved = rest
	case "serve":
		c.serve = w[1:]
	case "right":
		c.rights = append(c.rights, rest)
	case "hot":
		c.hot = true
	case "since":
		c.since = rest
	case "in":
		return p.inline(&c.request, "Request", w[1:])
	case "out":
		return p.inline(&c.response, "Response", w[1:])
	case "request":
		c.short = len(w) == 3 && w[2] == "short"
		return p.shared(&c.request, w[1])
	case "response":
		return p.shared(&c.response, w[1])
	case "body":
		c.body = rest
	case "reply":
		c.reply = rest
	default:
		return fmt.Errorf("a code has no %q", w[0])
	}
	return nil
}

// inline adds a field to the header that belongs to the current code alone.
func (p *parser) inline(h **header, suffix string, w []string) error {
	if *h == nil {
		*h = &header{name: goName(p.code.name) + suffix}
		// Headers of the per-message codes alias the frame; those of the others are copied.
		(*h).hot = p.code.hot && suffix == "Request"
		p.t.headers = append(p.t.headers, *h)
	}
	if len(w) == 1 && w[0] == "empty" {
		return nil
	}
	return (*h).add(w)
}

func (p *parser) shared(h **header, name string) error {
	for _, x := range p.t.headers {
		if x.name == name {
			*h = x
			return nil
		}
	}
	return fmt.Errorf("no header %q above", name)
}

// add reads NAME[/SHORT][=Go] TYPE[!].
func (h *header) add(w []string) error {
	if len(w) != 2 {
		return fmt.Errorf("a field is NAME TYPE, not %q", w)
	}
	var f field
	f.wire, f.name, _ = strings.Cut(w[0], "=")
	f.wire, f.short, _ = strings.Cut(f.wire, "/")
	if f.name == "" {
		f.name = goName(f.wire)
	}
	if f.wire == "-" { // has only a short name
		f.wire = ""
	}
	f.kind, f.required = strings.CutSuffix(w[1], "!")
	f.kind, f.lenient = strings.CutSuffix(f.kind, "~")
	switch f.kind {
	case "str", "int", "long", "bool":
	default:
		return fmt.Errorf("field %s: unknown type %q", f.wire, f.kind)
	}
	h.fields = append(h.fields, f)
	return nil
}
