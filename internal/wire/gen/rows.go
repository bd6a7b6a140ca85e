package main

import (
	"bytes"
	"fmt"
	"strings"
)

func printCodes(b *bytes.Buffer, t *table) {
	b.WriteString("// The languages a client may name.\nconst (\n")
	for _, c := range t.languages {
		fmt.Fprintf(b, "Language%s Language = %d\n", goName(c.name), c.number)
	}
	b.WriteString(")\n\nvar languageNames = [...]string{")
	for _, c := range t.languages {
		fmt.Fprintf(b, "%q,", c.name)
	}
	b.WriteString("}\n\n// The response codes of RocketMQ.\nconst (\n")
	for _, c := range t.statuses {
		fmt.Fprintf(b, "Status%s Status = %d // %s\n", goName(c.name), c.number, c.doc)
	}
	b.WriteString(")\n\nvar statusNames = map[Status]string{\n")
	for _, c := range t.statuses {
		fmt.Fprintf(b, "Status%s: %q,\n", goName(c.name), c.name)
	}
	b.WriteString("}\n\n// The request codes of RocketMQ 4.9.\nconst (\n")
	for _, c := range t.codes {
		doc := c.doc
		if doc == "" {
			doc = "unserved: " + c.unserved
		}
		fmt.Fprintf(b, "Code%s Code = %d // %s\n", goName(c.name), c.number, doc)
	}
	b.WriteString(")\n")
}

func printRows(b *bytes.Buffer, t *table) {
	b.WriteString("var rows = [...]Row{\n")
	for _, c := range t.codes {
		fmt.Fprintf(b, "{Code: Code%s, Name: %q", goName(c.name), c.name)
		if len(c.serve) > 0 {
			var s []string
			for _, x := range c.serve {
				s = append(s, goName(x))
			}
			fmt.Fprintf(b, ", Server: %s", strings.Join(s, "|"))
		}
		if c.hot {
			b.WriteString(", Hot: true")
		}
		fmt.Fprintf(b, ", Since: %q", c.since)
		if c.unserved != "" {
			fmt.Fprintf(b, ", Reason: %q", c.unserved)
		}
		if len(c.rights) > 0 {
			b.WriteString(", Rights: []Right{")
			for _, r := range c.rights {
				printRight(b, r)
			}
			b.WriteString("}")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
}

func printRight(b *bytes.Buffer, r string) {
	action, resource, wire := splitRight(r)
	if wire == "" {
		fmt.Fprintf(b, "{Kind: Right%s},", goName(action))
		return
	}
	fmt.Fprintf(b, "{Kind: Right%s%s, Field: %q},", goName(action), goName(resource), wire)
}

// printSeeds prints every header filled with values of its types.
func printSeeds(b *bytes.Buffer, t *table) {
	b.WriteString("// headerSeed is a filled header of one code and an empty one to decode into.\n")
	b.WriteString("type headerSeed struct {\ncode Code\nresponse, short bool\nfull Header\nblank func() decodable\n}\n\n")
	b.WriteString("var headerSeeds = []headerSeed{\n")
	for _, c := range t.codes {
		for _, h := range []*header{c.request, c.response} {
			if h == nil {
				continue
			}
			full := "&" + h.name + "{" + seedFields(h) + "}"
			blank := fmt.Sprintf("func() decodable { return new(%s) }", h.name)
			short := c.short && h == c.request
			if short {
				full = "(" + full + ").V2()"
				blank = fmt.Sprintf("func() decodable { return shortNames{new(%s)} }", h.name)
			}
			fmt.Fprintf(b, "{Code%s, %v, %v, %s, %s},\n", goName(c.name), h == c.response, short, full, blank)
		}
	}
	b.WriteString("}\n")
}

func seedFields(h *header) string {
	var s strings.Builder
	for i, f := range h.fields {
		value := fmt.Sprint(i + 1)
		switch f.kind {
		case "bool":
			value = "true"
		case "long":
			value = fmt.Sprint(1700000000000 + i)
		case "str":
			value = fmt.Sprintf("%q", f.wire+" \"\u4e2d\U0001F600\x01\x02\\")
			if h.hot {
				value = "[]byte(" + value + ")"
			}
		}
		fmt.Fprintf(&s, "%s: %s,", f.name, value)
		if f.has() {
			fmt.Fprintf(&s, "Has%s: true,", f.name)
		}
	}
	return s.String()
}
