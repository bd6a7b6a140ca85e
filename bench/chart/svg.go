package chart

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Point is one measurement.
type Point struct{ X, Y float64 }

// Series is one line, or one colour of bars.
type Series struct {
	Name   string
	Points []Point
}

// Lines shows how figures grow.
type Lines struct {
	Title, X, Y string // Y is the unit
	LogX, LogY  bool
	Series      []Series
}

// Bars compares figures: a group of bars per label, in each one per name.
type Bars struct {
	Title, Unit string
	Names       []string
	Groups      []Group
	Log         bool
}

// Group is the bars of one label; a value of 0 is none.
type Group struct {
	Label  string
	Values []float64 // one per name
}

// Sizes in pixels.
const (
	width, height = 760, 360
	left, right   = 80, 150
	top, bottom   = 40, 50
	rowHeight     = 16
)

// colours are readable on white and on black, and by the colour-blind.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"}

func colour(i int) string { return colours[i%len(colours)] }

// picture collects the elements of an SVG.
type picture struct{ strings.Builder }

func (p *picture) text(x, y float64, anchor, text string) {
	fmt.Fprintf(p, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}

func (p *picture) writeTo(w io.Writer, width, height int, title string) error {
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" fill="#777777">
<title>%s</title>
%s</svg>
`, width, height, html.EscapeString(title), p.String())
	return err
}

// SVG writes the picture.
func (l Lines) SVG(w io.Writer) error {
	var p picture
	x, y := scaleOf(l.LogX), scaleOf(l.LogY)
	for _, s := range l.Series {
		for _, q := range s.Points {
			x.add(q.X)
			y.add(q.Y)
		}
	}
	px := func(v float64) float64 { return left + x.share(v)*(width-left-right) }
	py := func(v float64) float64 { return height - bottom - y.share(v)*(height-top-bottom) }
	p.text(width/2, 18, "middle", l.Title)
	p.text((left+width-right)/2, height-12, "middle", l.X)
	p.text(8, top-12, "start", l.Y)
	for _, v := range x.ticks() {
		p.text(px(v), height-bottom+16, "middle", Short(v))
	}
	for _, v := range y.ticks() {
		fmt.Fprintf(&p, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#bbbbbb" stroke-width="0.5"/>`+"\n", left, width-right, py(v), py(v))
		p.text(left-6, py(v)+4, "end", Short(v))
	}
	for i, s := range l.Series {
		var at []string
		for _, q := range s.Points {
			at = append(at, fmt.Sprintf("%.1f,%.1f", px(q.X), py(q.Y)))
			fmt.Fprintf(&p, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px(q.X), py(q.Y), colour(i))
		}
		fmt.Fprintf(&p, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(at, " "), colour(i))
		p.legend(width-right+12, top+float64(i)*rowHeight, i, s.Name)
	}
	return p.writeTo(w, width, height, l.Title)
}

func (p *picture) legend(x, y float64, i int, name string) {
	fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="10" height="10" fill="%s"/>`+"\n", x, y, colour(i))
	p.text(x+16, y+9, "start", name)
}

// SVG writes the picture: bars lie, so that labels can be long.
func (b Bars) SVG(w io.Writer) error {
	const labels = 250
	var p picture
	s := scaleOf(b.Log)
	s.add(0)
	for _, g := range b.Groups {
		for _, v := range g.Values {
			s.add(v)
		}
	}
	p.text(width/2, 18, "middle", b.Title+" ("+b.Unit+")")
	y := float64(top)
	for i, name := range b.Names {
		p.legend(labels+float64(i)*140, y-12, i, name)
	}
	y += 10
	for _, g := range b.Groups {
		p.text(labels-8, y+float64(len(g.Values))*rowHeight/2+4, "end", g.Label)
		for i, v := range g.Values {
			length := s.share(v) * (width - labels - 80)
			fmt.Fprintf(&p, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>`+"\n", labels, y+1, length, rowHeight-3, colour(i))
			if v != 0 {
				p.text(labels+length+4, y+11, "start", Short(v))
			}
			y += rowHeight
		}
		y += 8
	}
	return p.writeTo(w, width, int(y)+10, b.Title)
}

// Text draws the bars on a terminal of so many columns.
func (b Bars) Text(w io.Writer, columns int) error {
	s := scaleOf(b.Log)
	s.add(0)
	label := 0
	for _, g := range b.Groups {
		label = max(label, len([]rune(g.Label)))
		for _, v := range g.Values {
			s.add(v)
		}
	}
	name := 0
	for _, n := range b.Names {
		name = max(name, len([]rune(n)))
	}
	room := max(columns-label-name-14, 10)
	if _, err := fmt.Fprintf(w, "%s (%s)\n", b.Title, b.Unit); err != nil {
		return err
	}
	for _, g := range b.Groups {
		for i, v := range g.Values {
			head := g.Label
			if i > 0 {
				head = ""
			}
			_, err := fmt.Fprintf(w, "%-*s  %-*s %s %s\n", label, head, name, b.Names[i], strings.Repeat("█", int(math.Round(s.share(v)*float64(room)))), Short(v))
			if err != nil {
				return err
			}
		}
	}
	return nil
}
