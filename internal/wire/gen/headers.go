package main

import (
	"bytes"
	"fmt"
	"strings"
)

// goType is a field's type in a header struct.
func (h *header) goType(f field) string {
	switch f.kind {
	case "int":
		return "int32"
	case "long":
		return "int64"
	case "bool":
		return "bool"
	}
	if h.hot {
		return "[]byte"
	}
	return "string"
}

// has tells whether a field needs a HasX companion: text says by itself whether it is there.
func (f field) has() bool { return !f.required && !f.lenient && f.kind != "str" }

func (h *header) hasShort() bool {
	for _, f := range h.fields {
		if f.short != "" {
			return true
		}
	}
	return false
}

func printHeaders(b *bytes.Buffer, t *table) {
	b.WriteString("import \"math/bits\"\n")
	users := usersOf(t)
	for _, h := range t.headers {
		printStruct(b, h, users[h])
		long := func(f field) string { return f.wire }
		short := func(f field) string { return f.short }
		printCodec(b, h, "", long)
		if h.hasShort() {
			printCodec(b, h, "V2", short)
		}
	}
}

// usersOf lists for each header the codes that carry it.
func usersOf(t *table) map[*header]string {
	users := map[*header]string{}
	for _, c := range t.codes {
		for _, h := range []*header{c.request, c.response} {
			if h != nil {
				if users[h] != "" {
					users[h] += ", "
				}
				users[h] += fmt.Sprintf("%d %s", c.number, c.name)
			}
		}
	}
	return users
}

func printStruct(b *bytes.Buffer, h *header, users string) {
	doc := h.doc
	if doc == "" {
		side := "asks"
		if strings.HasSuffix(h.name, "Response") {
			side = "answers"
		}
		doc = side + " " + users + "."
	}
	fmt.Fprintf(b, "\n// %s %s\n", h.name, doc)
	if h.hot {
		b.WriteString("// Its text aliases the frame.\n")
	}
	fmt.Fprintf(b, "type %s struct {\n", h.name)
	for _, f := range h.fields {
		note := "required"
		if f.lenient {
			note = "zero if absent"
		} else if !f.required {
			note = "optional"
		}
		fmt.Fprintf(b, "%s %s // %s, %s\n", f.name, h.goType(f), strings.Trim(f.wire+"/"+f.short, "/"), note)
		if f.has() {
			fmt.Fprintf(b, "Has%s bool\n", f.name)
		}
	}
	b.WriteString("}\n")
}

func printCodec(b *bytes.Buffer, h *header, suffix string, key func(field) string) {
	what := "the header" + namesOf(suffix)
	switch {
	case len(h.fields) == 0:
		fmt.Fprintf(b, "\n// Decode%s reads %s; the error is a [*FieldError].\n", suffix, what)
		fmt.Fprintf(b, "func (h *%s) Decode%s(Ext) error { return nil }\n", h.name, suffix)
	case h.hot:
		printHotDecode(b, h, suffix, key)
	default:
		fmt.Fprintf(b, "\n// Decode%s reads %s; the error is a [*FieldError].\n", suffix, what)
		printDecode(b, h, key)
	}
	fmt.Fprintf(b, "\n// AppendExt%s writes %s.\n", suffix, what)
	if len(h.fields) == 0 {
		fmt.Fprintf(b, "func (h *%s) AppendExt(w ExtWriter) ExtWriter { return w }\n", h.name)
		return
	}
	fmt.Fprintf(b, "func (h *%s) AppendExt%s(w ExtWriter) ExtWriter {\n", h.name, suffix)
	for _, f := range hashOrder(h.fields, key) {
		printAppend(b, h, f, key(f))
	}
	b.WriteString("return w\n}\n")
	if suffix != "" {
		fmt.Fprintf(b, "\n// V2 is the header as %s.AppendExtV2 writes it.\nfunc (h *%s) V2() Header { return (*%sV2)(h) }\n\n", h.name, h.name, lower(h.name))
		fmt.Fprintf(b, "// %sV2 is %s under its one-letter names.\ntype %sV2 %s\n\n", lower(h.name), h.name, lower(h.name), h.name)
		fmt.Fprintf(b, "func (h *%sV2) AppendExt(w ExtWriter) ExtWriter { return (*%s)(h).AppendExtV2(w) }\n", lower(h.name), h.name)
	}
}

func lower(s string) string { return string(s[0]|0x20) + s[1:] }

var methods = map[string]string{"int": "Int32", "long": "Int64", "bool": "Bool"}

func printAppend(b *bytes.Buffer, h *header, f field, key string) {
	method := methods[f.kind]
	if method == "" {
		method = "String"
		if h.hot {
			method = "Bytes"
		}
	}
	call := fmt.Sprintf("w.%s(%q, h.%s)\n", method, key, f.name)
	switch {
	case f.required || f.lenient:
		b.WriteString(call)
	case f.has():
		fmt.Fprintf(b, "if h.Has%s {\n%s}\n", f.name, call)
	case h.hot:
		fmt.Fprintf(b, "if h.%s != nil {\n%s}\n", f.name, call)
	default:
		fmt.Fprintf(b, "if h.%s != \"\" {\n%s}\n", f.name, call)
	}
}

// printDecode prints the reader of a cold header: one look-up per field.
func printDecode(b *bytes.Buffer, h *header, key func(field) string) {
	fmt.Fprintf(b, "func (h *%s) Decode(ext Ext) error {\nr := extReader{header: %q, ext: ext}\n", h.name, h.name)
	for _, f := range h.fields {
		read := map[string]string{"str": "text", "int": "int32", "long": "int64", "bool": "bool"}[f.kind]
		left := "h." + f.name
		if f.has() {
			left += ", h.Has" + f.name
			read += "Opt"
		} else if f.lenient {
			left += ", _"
			read += "Opt"
		} else if f.kind == "str" && !f.required {
			read += "Opt"
		}
		fmt.Fprintf(b, "%s = r.%s(%q)\n", left, read, key(f))
	}
	b.WriteString("return r.err\n}\n")
}

// printHotDecode prints the reader of a hot header: one pass over the fields of the frame. Requests can also be read
// again in part.
func printHotDecode(b *bytes.Buffer, h *header, suffix string, key func(field) string) {
	required := printSet(b, h, suffix, key)
	fmt.Fprintf(b, "\n// Decode%s reads the header%s; the error is a [*FieldError].\n", suffix, namesOf(suffix))
	fmt.Fprintf(b, "func (h *%s) Decode%s(ext Ext) error {\n*h = %s{}\nseen := uint32(0)\n", h.name, suffix, h.name)
	fmt.Fprintf(b, "for i := range ext {\nbit, ok := h.set%s(&ext[i])\nif !ok {\nreturn badNumber(%q, &ext[i])\n}\nseen |= bit\n}\n", suffix, h.name)
	if required == 0 {
		b.WriteString("_ = seen\nreturn nil\n}\n")
	} else {
		names := "[...]string{"
		for _, f := range h.fields {
			names += fmt.Sprintf("%q, ", key(f))
		}
		fmt.Fprintf(b, "if lack := %#x &^ seen; lack != 0 {\nnames := %s}\nreturn missing(%q, names[bits.TrailingZeros32(lack)])\n}\nreturn nil\n}\n", required, names, h.name)
	}
	if !strings.HasSuffix(h.name, "Request") {
		return
	}
	fmt.Fprintf(b, "\n// Update%s reads the fields of ext whose bits are set; the others stay. See [Command.Shape].\n", suffix)
	fmt.Fprintf(b, "func (h *%s) Update%s(ext Ext, fields uint32) error {\n", h.name, suffix)
	fmt.Fprintf(b, "for ; fields != 0; fields &= fields - 1 {\nf := &ext[bits.TrailingZeros32(fields)]\nif _, ok := h.set%s(f); !ok {\nreturn badNumber(%q, f)\n}\n}\nreturn nil\n}\n", suffix, h.name)
}

// printSet prints the method that stores one field and returns its bit among the required ones, and returns these.
func printSet(b *bytes.Buffer, h *header, suffix string, key func(field) string) (required uint32) {
	fmt.Fprintf(b, "\n// set%s stores a field; bit is its own if it is required.\n", suffix)
	fmt.Fprintf(b, "func (h *%s) set%s(f *Field) (bit uint32, ok bool) {\nok = true\nswitch string(f.Key) {\n", h.name, suffix)
	for i, f := range h.fields {
		if key(f) == "" {
			continue
		}
		fmt.Fprintf(b, "case %q:\n", key(f))
		switch f.kind {
		case "str":
			fmt.Fprintf(b, "h.%s = f.Value\n", f.name)
		case "bool":
			fmt.Fprintf(b, "h.%s = parseBool(f.Value)\n", f.name)
		case "int":
			fmt.Fprintf(b, "h.%s, ok = parseInt32(f.Value)\n", f.name)
		case "long":
			fmt.Fprintf(b, "h.%s, ok = parseInt64(f.Value)\n", f.name)
		}
		if f.has() {
			fmt.Fprintf(b, "h.Has%s = true\n", f.name)
		}
		if f.required {
			required |= 1 << i
			fmt.Fprintf(b, "bit = 1 << %d\n", i)
		}
	}
	b.WriteString("}\nreturn bit, ok\n}\n")
	return required
}

func namesOf(suffix string) string {
	if suffix == "" {
		return ""
	}
	return " with its one-letter names"
}
