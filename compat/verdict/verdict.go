// Package verdict prints what each behaviour came to and counts it.
//
// Core idea: every suite, whatever language it is written in, says the same three lines, so that one
// reader and one counter serve all of them:
//
//	PASS java: send, sync
//	FAIL java: send, batch: queue offset 7, want 4
//	SKIP java: consumer retry: the broker answers request code 36 with code 3
//
// A suite in another process prints these lines and Relay takes them over.
package verdict

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Board prints and counts verdicts. It is safe for use by several goroutines.
type Board struct {
	mu                      sync.Mutex
	out                     io.Writer
	passed, failed, skipped int // under mu
}

// NewBoard returns a board that prints to out.
func NewBoard(out io.Writer) *Board { return &Board{out: out} }

// Check runs one behaviour and prints what it came to.
func (b *Board) Check(name string, run func() error) bool {
	err := run()
	b.Result(name, err)
	return err == nil
}

// Result prints PASS for a nil error and FAIL, with the error on one line, for any other.
func (b *Board) Result(name string, err error) {
	if err == nil {
		b.line("PASS", name, "")
		return
	}
	b.line("FAIL", name, strings.Join(strings.Fields(err.Error()), " "))
}

// Skip prints that a behaviour was not looked at, and why.
func (b *Board) Skip(name, why string) { b.line("SKIP", name, why) }

func (b *Board) line(word, name, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch word {
	case "PASS":
		b.passed++
	case "FAIL":
		b.failed++
	case "SKIP":
		b.skipped++
	}
	if why != "" {
		name += ": " + why
	}
	fmt.Fprintln(b.out, word, name)
}

// Relay copies verdict lines of another process, each name with a prefix, and gives every other line
// to rest. It returns how many verdicts it saw: a suite that says nothing has failed.
func (b *Board) Relay(from io.Reader, prefix string, rest io.Writer) (int, error) {
	seen := 0
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		word, name, found := strings.Cut(lines.Text(), " ")
		if found && (word == "PASS" || word == "FAIL" || word == "SKIP") {
			b.line(word, prefix+name, "")
			seen++
			continue
		}
		fmt.Fprintln(rest, lines.Text())
	}
	return seen, lines.Err()
}

// Summary returns the closing line.
func (b *Board) Summary() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := fmt.Sprintf("%d passed, %d failed", b.passed, b.failed)
	if b.skipped > 0 {
		s += fmt.Sprintf(", %d skipped", b.skipped)
	}
	return s
}

// OK tells whether something was looked at and nothing failed.
func (b *Board) OK() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed == 0 && b.passed > 0
}
