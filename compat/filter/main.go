// Command filter holds ringmq's SQL92 filters against RocketMQ's own.
//
// It makes up expressions and messages, asks the Java filter (Oracle.java) and server/filter/sql92
// what each expression says of each message, and prints every pair on which they differ. With
// -record it also writes what Java said, for the tests of server/filter/sql92 to replay.
//
//	go run ./compat/filter [-pairs 1000000] [-seed N] [-record FILE.gz]
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ringmq/internal/message"
	"ringmq/server/filter/sql92"
)

// round is how many expressions and messages are asked of one Java process, each with each.
const (
	roundExpressions = 4000
	roundMessages    = 64
)

type options struct {
	pairs  int
	seed   uint64
	record string
	root   string
}

func main() {
	var o options
	flag.IntVar(&o.pairs, "pairs", 1_000_000, "how many pairs of expression and message to compare, at least")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of what is made up")
	flag.StringVar(&o.record, "record", "", "write what Java said of the first expressions to this file")
	flag.StringVar(&o.root, "root", "compat", "the folder compat of the project")
	flag.Parse()
	differences, err := o.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "filter:", err)
		os.Exit(2)
	}
	if differences > 0 {
		os.Exit(1)
	}
}

// tally counts the results of pairs by their letter, and refused expressions as x.
type tally [256]int

// pairs is how many results are of expressions that compile.
func (t *tally) pairs() int { return t['t'] + t['f'] + t['n'] + t['e'] }

func (o *options) run() (differences int, err error) {
	fmt.Println("seed", o.seed)
	classes, err := exec.Command(filepath.Join(o.root, "peer", "peer"), "classpath").Output()
	if err != nil {
		return 0, fmt.Errorf("the Java peer's class path: %w", err)
	}
	g := generator{rand.New(rand.NewPCG(o.seed, 0))}
	var counts tally
	for rounds := 0; counts.pairs() < o.pairs; rounds++ {
		r := newRound(&g)
		if err := r.ask(o.root, strings.TrimSpace(string(classes))); err != nil {
			return differences, err
		}
		if o.record != "" && rounds == 0 {
			if err := r.write(o.record); err != nil {
				return differences, err
			}
		}
		differences += r.compare(&counts)
	}
	fmt.Printf("%d pairs evaluated by Java: true %d, false %d, null %d, error %d; expressions refused %d; differences %d\n",
		counts.pairs(), counts['t'], counts['f'], counts['n'], counts['e'], counts['x'], differences)
	return differences, nil
}

// round is a number of messages and expressions, and Java's results: a line per expression.
type round struct {
	messages    [][]string // name, value, name, value
	expressions []string
	results     []string
}

func newRound(g *generator) *round {
	r := new(round)
	for range roundMessages {
		r.messages = append(r.messages, g.message())
	}
	for range roundExpressions {
		r.expressions = append(r.expressions, g.expression())
	}
	return r
}

// questions are the lines that Oracle.java reads, with an answer behind each expression if there is one.
func (r *round) questions() []byte {
	var b bytes.Buffer
	for _, m := range r.messages {
		words := make([]string, len(m))
		for i := range m {
			words[i] = escape(m[i])
		}
		fmt.Fprintf(&b, "P %s\n", strings.Join(words, "\t"))
	}
	for i, e := range r.expressions {
		fmt.Fprintf(&b, "E %s\n", escape(e))
		if i < len(r.results) {
			fmt.Fprintf(&b, "= %s\n", r.results[i])
		}
	}
	return b.Bytes()
}

func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == '%' {
			fmt.Fprintf(&b, "%%%02X", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// ask has Java answer.
func (r *round) ask(root, classes string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	java := exec.CommandContext(ctx, "java", "-Xmx512m", "-cp", classes, filepath.Join(root, "filter", "Oracle.java"))
	java.Stdin = bytes.NewReader(r.questions())
	java.Stderr = os.Stderr
	out, err := java.Output()
	if err != nil {
		return fmt.Errorf("java: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		r.results = append(r.results, lines.Text())
	}
	if len(r.results) != len(r.expressions) {
		return fmt.Errorf("java answered %d of %d expressions", len(r.results), len(r.expressions))
	}
	return nil
}

// compare prints the differences.
func (r *round) compare(counts *tally) (differences int) {
	texts := make([]message.Properties, len(r.messages))
	for i, m := range r.messages {
		for j := 0; j < len(m); j += 2 {
			texts[i] = texts[i].Append(m[j], m[j+1])
		}
	}
	for i, text := range r.expressions {
		want := r.results[i]
		for j := range want {
			counts[want[j]]++
		}
		got := "x"
		e, err := sql92.Compile(text)
		if err == nil {
			letters := make([]byte, len(texts))
			for j, p := range texts {
				letters[j] = e.Evaluate(p).String()[0]
			}
			got = string(letters)
		}
		if len(got) != len(want) {
			fmt.Printf("%q: Java %.1s, ringmq %.1s (%v)\n", text, want, got, err)
			differences++
			continue
		}
		for j := range want {
			if got[j] != want[j] {
				fmt.Printf("%q of %q: Java %c, ringmq %c\n", text, r.messages[j], want[j], got[j])
				differences++
			}
		}
	}
	return differences
}

func (r *round) write(file string) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(r.questions()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
