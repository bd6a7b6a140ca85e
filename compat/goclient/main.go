// Command goclient checks what a broker and its name server do for the stock Go client, v2.1.2, one
// behaviour at a time.
//
// The servers are given; this program starts none. It prints one line per behaviour (PASS or FAIL, the
// name, the reason) and ends with status 1 if one failed. The behaviours run side by side, for most of
// their time is spent waiting; each has topics and groups of its own.
//
//	goclient NAMESRV BROKER RUN PARALLEL [NAME-PART]
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

// behaviour is one line of the report.
type behaviour struct {
	name string
	run  func(*stage)
}

// limit is longer than any wait inside a behaviour: only a hang in the client gets there.
const limit = 240 * time.Second

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: goclient NAMESRV BROKER RUN PARALLEL [NAME-PART]")
		os.Exit(2)
	}
	parallel, err := strconv.Atoi(os.Args[4])
	if err != nil || parallel < 1 {
		fmt.Fprintf(os.Stderr, "goclient: PARALLEL is %q, want a number from 1\n", os.Args[4])
		os.Exit(2)
	}
	rlog.SetLogLevel("fatal")
	at := cluster{namesrv: os.Args[1], broker: os.Args[2], run: os.Args[3]}
	part := strings.Join(os.Args[5:], " ")

	var wg sync.WaitGroup
	var failed sync.Once
	status := 0
	slots := make(chan struct{}, parallel)
	for number, b := range behaviours() {
		if !strings.Contains(b.name, part) || apart(b.name) != apart(part) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if !check(at, number, b) {
				failed.Do(func() { status = 1 })
			}
		})
	}
	wg.Wait()
	os.Exit(status)
}

// apart tells whether behaviours of a name change or need settings of the broker that others could not live with: they are asked
// for by the beginning of their names, "broker: " or "slow: ".
func apart(name string) bool {
	return strings.HasPrefix(name, "broker:") || strings.HasPrefix(name, "slow:")
}

func behaviours() []behaviour {
	var all []behaviour
	all = append(all, sharingBehaviours...) // the longest first
	all = append(all, switchedBehaviours...)
	all = append(all, againBehaviours...)
	all = append(all, transactionBehaviours...)
	all = append(all, waitingBehaviours...)
	all = append(all, groupBehaviours...)
	all = append(all, queryBehaviours...)
	all = append(all, requestBehaviours...)
	all = append(all, pushBehaviours...)
	all = append(all, offsetBehaviours...)
	all = append(all, pullBehaviours...)
	all = append(all, sendBehaviours...)
	all = append(all, brokerBehaviours...)
	return all
}

// said keeps report lines whole.
var said sync.Mutex

func check(at cluster, number int, b behaviour) bool {
	ended := make(chan outcome, 1)
	go func() { ended <- play(at, number, b) }()
	var o outcome
	select {
	case o = <-ended:
	case <-time.After(limit):
		o.why = fmt.Sprintf("no end after %v", limit)
	}
	said.Lock()
	defer said.Unlock()
	switch {
	case o.skipped:
		fmt.Printf("SKIP %s: %s\n", b.name, o.why)
		return true
	case o.why != "":
		fmt.Printf("FAIL %s: %s\n", b.name, strings.Join(strings.Fields(o.why), " "))
		return false
	}
	fmt.Printf("PASS %s\n", b.name)
	return true
}

// outcome is what a behaviour came to: passed without a reason, else failed or skipped.
type outcome struct {
	why     string
	skipped bool
}

func play(at cluster, number int, b behaviour) (o outcome) {
	s := &stage{cluster: at, number: number}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			o.why = string(r)
		case skipped:
			o = outcome{string(r), true}
		default:
			panic(r)
		}
	}()
	defer s.close()
	b.run(s)
	return outcome{}
}
