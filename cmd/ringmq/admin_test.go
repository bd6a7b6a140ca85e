package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the actual results into testdata/admin.txt")

// TestAdmin runs the commands of testdata/admin.txt and compares what they print.
func TestAdmin(t *testing.T) {
	namesrv, broker := freePorts(t)
	start(t, "Ctrl-C stops", "standalone", "--data", t.TempDir(), "--namesrv-port", fmt.Sprint(namesrv), "--broker-port", fmt.Sprint(broker),
		"-o", "brokerName=broker-a", "-o", "brokerIP1=127.0.0.1", "-o", "bindAddress=127.0.0.1")
	t.Setenv("NAMESRV_ADDR", fmt.Sprintf("127.0.0.1:%d", namesrv))
	ports := strings.NewReplacer("NAMES", fmt.Sprint(namesrv), "BROKR", fmt.Sprint(broker))
	names := strings.NewReplacer(fmt.Sprint(namesrv), "NAMES", fmt.Sprint(broker), "BROKR")

	const path = "testdata/admin.txt"
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	var got strings.Builder
	skipping := false
	for line := range strings.Lines(string(want)) {
		line = strings.TrimSuffix(line, "\n")
		prompt, command, _ := strings.Cut(line, " ")
		if asked := prompt == "$" || prompt == "$?" || prompt == "$!"; !asked && skipping && line != "" {
			continue // a former result
		} else {
			skipping = asked
		}
		fmt.Fprintln(&got, line)
		if !skipping {
			continue
		}
		args := append([]string{"admin"}, splitWords(ports.Replace(command))...)
		status, out := runAdmin(args)
		retry := func() bool { return prompt == "$?" && status != 0 || prompt == "$!" && status == 0 }
		for deadline := time.Now().Add(10 * time.Second); retry(); status, out = runAdmin(args) {
			require.True(t, time.Now().Before(deadline), "%s: %s", line, out)
		}
		got.WriteString(equalised(names.Replace(out)))
		if status != 0 {
			fmt.Fprintf(&got, "[%d]\n", status)
		}
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o644))
		return
	}
	require.Equal(t, string(want), got.String(), "if this is right: go test -rewrite")
}

// runAdmin returns the exit status and what is printed, errors last.
func runAdmin(args []string) (int, string) {
	var out, err bytes.Buffer
	status := run(args, &out, &err)
	return status, out.String() + err.String()
}

// splitWords splits at blanks, but not within "quotes".
func splitWords(line string) (words []string) {
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}

// equalised replaces what differs from run to run.
func equalised(s string) string {
	for _, r := range []struct{ what, by string }{
		{`\b[0-9A-F]{32}\b`, strings.Repeat("F", 32)},
		{`\b1[0-9]{12}\b`, "1234567890123"},
		{`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}`, "2006-01-02 15:04:05,000"},
		{`(127\.0\.0\.1):[0-9]{5}\b`, "$1:EPHEM"},
		{`(0\.00) 0\.[0-9]{4}\n`, "$1 0.5000\n"},
	} {
		s = regexp.MustCompile(r.what).ReplaceAllString(s, r.by)
	}
	return s
}
