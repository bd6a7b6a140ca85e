package config

import (
	"fmt"
	"strings"
)

// Markdown renders docs/config.md from the table.
func Markdown() string {
	var b strings.Builder
	b.WriteString(docsIntro)
	for _, s := range []struct {
		title string
		obj   any
	}{
		{"Broker (BrokerConfig)", Broker{}},
		{"Store (MessageStoreConfig)", Store{}},
		{"Listening (NettyServerConfig; broker and name server)", NettyServer{}},
		{"Outgoing connections (NettyClientConfig)", NettyClient{}},
		{"Name server (NamesrvConfig)", Namesrv{}},
		{"ringmq's own (broker and name server)", Ring{}},
		{"System properties (`-D key=value`)", System{}},
	} {
		rows := Options(s.obj)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", s.title, summary(rows))
		b.WriteString("| key | type | default | range | meaning | in ringmq |\n|---|---|---|---|---|---|\n")
		for _, o := range rows {
			b.WriteString(o.markdownRow())
		}
	}
	return b.String()
}

const docsIntro = `<!-- Generated from the tags in internal/config by: go test ./internal/config -run Docs -update. Do not edit. -->

# Options

RocketMQ 4.9's keys with RocketMQ's names, types and defaults, then ringmq's own. They are
read from a Java property file (` + "`-c FILE`" + `) or given as flags (` + "`-o key=value`" + `); later ones
win: defaults, ` + "`-D`" + ` properties, file, flags. An unknown key gives a warning that names the
nearest known one; a value of the wrong type stops the start.

` + "`*`" + ` after a key: printed by ` + "`-m`" + `. *works*: ringmq does what RocketMQ does. *accepted*: read,
shown and kept without effect, for the reason given. *not yet*: without effect so far; setting
it to something else than its default gives a warning, and a start that would only seem
protected or replicated (` + "`aclEnable`, `brokerRole=SLAVE`, …" + `) is refused.
`

// summary counts the rows by status.
func summary(rows []Option) string {
	var n [3]int
	for _, o := range rows {
		n[o.Status.Kind]++
	}
	return fmt.Sprintf("%d keys: %d work, %d accepted, %d not yet.", len(rows), n[Works], n[Accepted], n[NotYet])
}

func (o *Option) markdownRow() string {
	key := "`" + o.Key + "`"
	if o.Important {
		key += "*"
	}
	def := o.Default
	switch {
	case def == "null":
		def = ""
	case def != "":
		def = "`" + def + "`"
	}
	bounds := strings.ReplaceAll(o.Range, "|", ", ")
	if o.Unit != "" {
		bounds = strings.TrimSpace(bounds + " " + o.Unit)
	}
	status := o.Status.Kind.String()
	if o.Status.Why != "" {
		status += ": " + o.Status.Why
	}
	cells := []string{key, o.TypeName(), def, bounds, o.Doc, status}
	return "| " + strings.Join(cells, " | ") + " |\n"
}
