package sql92

import (
	"bufio"
	"compress/gzip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// properties is a message's, written "a=5 b=x".
func properties(text string) (p message.Properties) {
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		p = p.Append(name, value)
	}
	return p
}

func TestEvaluate(t *testing.T) {
	f := func(expression, message string, want Result) {
		t.Helper()
		e, err := Compile(expression)
		require.NoError(t, err, expression)
		require.Equal(t, want, e.Evaluate(properties(message)), "%s of %q", expression, message)
		require.Equal(t, want == True, e.Match(properties(message)))
	}
	// A property is a number of the literal's type, or an error.
	f("a > 5", "a=6", True)
	f("a > 5", "a=6.5", Error)
	f("a > 5.5", "a=6", True)
	f("a > 5", "a=3000000000", Error)
	f("a > 2147483648", "a=3000000000", True)
	f("5 < a", "a=+6", True)
	f("a > b", "a=10 b=9.5", True)
	f("a > b", "a=10 b=x", Error)
	f("a = 'x'", "a=x", True)
	f("a = 'it''s'", "a=it's", True)
	f("a = 1.0", "a=1d", True)
	f("a = -5", "a=-5", True)
	// Null.
	f("a > 5", "", Null)
	f("a = b", "", True)
	f("a <> 'x'", "", Null)
	f("'x' <> a", "", True)
	f("a IS NULL", "", True)
	f("a IS NOT NULL", "a=x", True)
	f("NULL", "a=x", Null)
}

func TestJoins(t *testing.T) {
	values := map[string]Result{"t = 't'": True, "t = 'u'": False, "n = 't'": Null, "t = 5": Error}
	for l, left := range values {
		for r, right := range values {
			and, or := Null, Null
			switch {
			case left == Error:
				and, or = Error, Error
			case left == False:
				and, or = False, right
			case left == True:
				and, or = right, True
			case right == False:
				and = False
			case right == True:
				or = True
			case right == Error:
				and, or = Error, Error
			}
			for word, want := range map[string]Result{" AND ": and, " OR ": or} {
				e, err := Compile(l + word + r)
				require.NoError(t, err)
				require.Equal(t, want, e.Evaluate(properties("t=t")), e)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	f := func(expression, want string) {
		t.Helper()
		_, err := Compile(expression)
		require.ErrorContains(t, err, want)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.LessOrEqual(t, syntax.At, len(expression))
	}
	f("", "the end stands where a property")
	f("a >", "the end stands where")
	f("a > 'x'", "compare numbers and properties")
	f("a > (b = c)", "compare numbers and properties")
	f("NOT a > 5", "compare numbers and properties") // it is (NOT a) > 5
	f("a > TRUE", "compare numbers and properties")
	f("a BETWEEN 5 AND 4", "first number is greater")
	f("a BETWEEN 5 OR 4", `"OR" stands where AND is expected`)
	f("a = NULL", "write IS NULL")
	f("TRUE = 5", "cannot be compared with other constants")
	f("a IN (5)", "a text in quotes is expected")
	f("5 IN ('x')", "what stands before IN is no property")
	f("a NOT 5", "BETWEEN or IN is expected")
	f("a IS 5", "NULL is expected")
	f("(a", ") is expected")
	f("a AND 5", "neither true nor false")
	f("5", "neither true nor false")
	f("a = 0.0", "the least a number")
	f("a = 1e400", "no number of 64 bits")
	f("a = 9223372036854775808", "does not fit 64 bits")
	f("a # b", `"#" is no word`)
	f("a = 'x", "is no word")
	f("a /* b", "is no word")
}

func TestWhatFollowsIsIgnored(t *testing.T) {
	for _, text := range []string{"a = 'x' 'y'", "a = 'x' b # 'open", "a = 'x' ) (", "a = 'x' 5"} {
		e, err := Compile(text)
		require.NoError(t, err, text)
		require.True(t, e.Match(properties("a=x")), text)
	}
}

func TestBounds(t *testing.T) {
	ok := func(expression string) {
		t.Helper()
		_, err := Compile(expression)
		require.NoError(t, err)
	}
	tooMuch := func(expression, want string) {
		t.Helper()
		_, err := Compile(expression)
		require.ErrorContains(t, err, want)
	}
	terms := func(n int) string { return strings.Repeat("a AND ", n-1) + "a" }
	ok(terms(MaxTerms))
	tooMuch(terms(MaxTerms+1), "more than 1024 terms")
	nested := func(n int) string { return strings.Repeat("(", n-1) + "a" + strings.Repeat(")", n-1) }
	ok(nested(MaxDepth))
	tooMuch(nested(MaxDepth+1), "nested more than 256 deep")
	right := func(n int) string { return strings.Repeat("a AND (", n-1) + "a" + strings.Repeat(")", n-1) }
	ok(right(maxStack))
	tooMuch(right(maxStack+1), "nested too deeply")
	list := "a IN (" + strings.Repeat("'x',", 10_000) + "'y')"
	ok(list)
	ok(terms(2) + strings.Repeat(" ", MaxLength-len(terms(2))))
	tooMuch(terms(2)+strings.Repeat(" ", MaxLength), "more than 65536")
}

// TestTime: no text within the bounds takes long, as one that is read again and again would.
func TestTime(t *testing.T) {
	for _, unit := range []string{"-", "+", "--", "/*", "'", "''", "(", "NOT ", "a BETWEEN -(", "1", ".", "1e", "a IN ('", "-\t-"} {
		text := strings.Repeat(unit, MaxLength/len(unit))
		begin := time.Now()
		_, err := Compile(text)
		require.Error(t, err)
		require.Less(t, time.Since(begin), time.Second, unit)
	}
}

func TestNumbersAreShort(t *testing.T) {
	e, err := Compile("a = 5 OR a = 5.0")
	require.NoError(t, err)
	zeros := func(n int) message.Properties { return properties("a=" + strings.Repeat("0", n-1) + "5") }
	require.Equal(t, True, e.Evaluate(zeros(maxNumber)))
	require.Equal(t, Error, e.Evaluate(zeros(maxNumber+1)))
}

func TestLastOfANameCounts(t *testing.T) {
	e, err := Compile("a = 'y'")
	require.NoError(t, err)
	require.True(t, e.Match(properties("a=x b=z a=y")))
	require.False(t, e.Match(properties("a=y b=z a=x")))
	require.Equal(t, Null, e.Evaluate(nil), "the machine forgets")
}

// TestJava replays what RocketMQ 4.9.7 said (compat/filter): testdata holds messages and expressions, and
// a letter for each of an expression's results.
func TestJava(t *testing.T) {
	file, err := os.Open("testdata/java-4.9.7.txt.gz")
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	var messages []message.Properties
	var text string
	pairs, refused := 0, 0
	for lines.Scan() {
		kind, rest := lines.Text()[0], lines.Text()[2:]
		switch kind {
		case 'P':
			messages = append(messages, recorded(t, rest))
		case 'E':
			text = plain(t, rest)
		case '=':
			e, err := Compile(text)
			if rest == "x" {
				require.Error(t, err, "%q", text)
				refused++
				continue
			}
			require.NoError(t, err, "%q", text)
			for i, p := range messages {
				require.Equal(t, rest[i:i+1], e.Evaluate(p).String()[:1], "%q of %q", text, p)
				pairs++
			}
		}
	}
	require.NoError(t, lines.Err())
	require.Greater(t, pairs, 90_000)
	require.Greater(t, refused, 1000)
}

// recorded is a message of the recording.
func recorded(t *testing.T, text string) (p message.Properties) {
	words := strings.Split(text, "\t")
	for i := 0; i+1 < len(words); i += 2 {
		p = p.Append(plain(t, words[i]), plain(t, words[i+1]))
	}
	return p
}

// plain undoes the recording's %XX.
func plain(t *testing.T, s string) string {
	first, rest, escaped := strings.Cut(s, "%")
	if !escaped {
		return s
	}
	c, err := strconv.ParseUint(rest[:2], 16, 8)
	require.NoError(t, err)
	return first + string(byte(c)) + plain(t, rest[2:])
}

func TestEvaluatingAllocatesNothing(t *testing.T) {
	e, err := Compile("a BETWEEN 1 AND 10 AND (b IN ('x', 'y') OR c > 2.5) AND NOT (missing = 'x') IS NOT NULL OR d = 'd'")
	require.NoError(t, err)
	p := properties("KEYS=k a=5 b=z c=3.25 d=d WAIT=true")
	require.True(t, e.Match(p))
	if testing.AllocsPerRun(1000, func() { e.Match(p) }) >= 1 {
		t.Error("evaluating an expression allocates")
	}
}

func BenchmarkMatch(b *testing.B) {
	p := properties("UNIQ_KEY=7F0000010A1B2C3D4E5F6071829304A5 CLUSTER=DefaultCluster a=6 b=x WAIT=true TAGS=TagA")
	for _, text := range []string{"TRUE", "a > 5", "a > 5 AND b = 'x'", "a BETWEEN 1 AND 10 AND b IN ('x', 'y') OR TAGS = 'TagB'"} {
		e, err := Compile(text)
		require.NoError(b, err)
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Match(p)
			}
		})
	}
}

func FuzzCompile(f *testing.F) {
	for _, text := range []string{"a > 5 AND b IN ('x', 'it''s')", "NOT a NOT BETWEEN -1 AND +2.5e3L", "a IS NOT NULL -- c\n/* d */ OR TRUE = b", "((a) = - -5L", "'"} {
		f.Add(text, "a\x015\x02b\x01x")
	}
	f.Fuzz(func(t *testing.T, text, p string) {
		e, err := Compile(text)
		if err != nil {
			return
		}
		require.Equal(t, e.Evaluate(message.Properties(p)), e.Evaluate(message.Properties(p)))
		again, err := Compile("(" + text + "\n)")
		if err != nil {
			return // it ended early, or stands at a bound
		}
		require.Equal(t, e.Evaluate(message.Properties(p)), again.Evaluate(message.Properties(p)))
	})
}
