package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress is a line at the bottom of a terminal that tells how far long work has come. Where
// standard error is no terminal it prints nothing.
type progress struct {
	w     io.Writer // nil: no terminal
	began time.Time
	next  time.Time // when the line is drawn anew
	shown bool
}

const redrawEvery = 100 * time.Millisecond

func newProgress(w io.Writer) *progress {
	p := &progress{began: time.Now()}
	p.next = p.began.Add(redrawEvery)
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.w = w
		}
	}
	return p
}

// set draws the line, but not too often.
func (p *progress) set(done, total int64) {
	if p.w == nil || total <= 0 {
		return
	}
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next, p.shown = now.Add(redrawEvery), true
	elapsed := now.Sub(p.began)
	rate := int64(float64(done) / elapsed.Seconds())
	left := ""
	if rate > 0 && done < total {
		left = fmt.Sprintf("  %s left", (time.Duration((total-done)/rate) * time.Second).Round(time.Second))
	}
	fmt.Fprintf(p.w, "\r\x1b[K%3d %%  %s of %s  %s/s%s", done*100/total, size(done), size(total), size(rate), left)
}

// clear takes the line away, so that something else can be printed.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// elapsed is how long the work has taken.
func (p *progress) elapsed() time.Duration { return time.Since(p.began) }
