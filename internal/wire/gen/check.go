package main

import (
	"fmt"
	"slices"
	"strings"
)

// check finds what the grammar lets through: doubled numbers and names, a code with neither a server
// nor a reason, a right on a field the request does not have.
func check(t *table) error {
	numbers, names := map[int]string{}, map[string]bool{}
	for _, c := range t.codes {
		if other := numbers[c.number]; other != "" {
			return fmt.Errorf("code %d is both %s and %s", c.number, other, c.name)
		}
		if names[c.name] {
			return fmt.Errorf("code %s stands twice", c.name)
		}
		numbers[c.number], names[c.name] = c.name, true
		if err := checkCode(c); err != nil {
			return fmt.Errorf("code %d %s: %w", c.number, c.name, err)
		}
	}
	for _, h := range t.headers {
		if len(h.fields) > 24 {
			return fmt.Errorf("header %s: more than 24 fields, which hashOrder does not foresee", h.name)
		}
		for i, f := range h.fields {
			if slices.ContainsFunc(h.fields[:i], func(o field) bool { return o.wire == f.wire || o.name == f.name }) {
				return fmt.Errorf("header %s: field %s stands twice", h.name, f.wire)
			}
		}
	}
	return nil
}

func checkCode(c *code) error {
	if (c.doc == "") == (c.unserved == "") {
		return fmt.Errorf("wants doc and serve, or the reason why it is unserved")
	}
	if (len(c.serve) == 0) != (c.doc == "") || len(c.serve) > 0 && len(c.rights) == 0 {
		return fmt.Errorf("a served code has doc, serve and right")
	}
	if c.since == "" {
		return fmt.Errorf("since is missing")
	}
	for _, s := range c.serve {
		if !slices.Contains([]string{"broker", "namesrv", "client"}, s) {
			return fmt.Errorf("nobody called %q serves", s)
		}
	}
	for _, r := range c.rights {
		if _, _, wire := splitRight(r); wire != "" {
			ok := c.request != nil && slices.ContainsFunc(c.request.fields, func(f field) bool {
				return wire == f.wire && !c.short || wire == f.short && c.short
			})
			if !ok {
				return fmt.Errorf("right %q names no field of the request", r)
			}
		} else if !slices.Contains([]string{"admin", "content", "none"}, r) {
			return fmt.Errorf("unknown right %q", r)
		}
	}
	return nil
}

// splitRight reads "PUB topic:b"; the words admin, content and none come back as action.
func splitRight(r string) (action, resource, wire string) {
	action, rest, found := strings.Cut(r, " ")
	if found {
		resource, wire, _ = strings.Cut(rest, ":")
	}
	return action, resource, wire
}
