package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ringmq/compat/raw"
	"ringmq/compat/target"
)

// RunPending hands over a store in which messages wait: delayed ones, and transactions that nobody has ended. Each
// program stops before they are due; the next one has to deliver them at their time, to ask for the
// transactions, and to do nothing a second time that was done.
//
//	phase n    opens ─► what phase n-1 left waiting comes, once ─► leaves more ─► SIGTERM or kill -9
//
// After a kill -9 what was delivered in the last seconds may come again; nothing may be missing or early.
//
// The target also leaves messages with a moment of their own (TIMER_DELAY_SEC); Java 4.9 must let them lie until the
// target has the store again.
func RunPending(ctx context.Context, o Options) {
	p := &pending{exchange: &exchange{Options: o}, want: map[string]bool{}, timers: map[int][]string{}}
	p.play(func(by *target.Target, last target.Kind) string {
		if last == "" {
			return fmt.Sprintf("%s leaves messages waiting", by.Kind)
		}
		return fmt.Sprintf("%s delivers what %s left waiting, leaves more", by.Kind, last)
	}, func(by *target.Target, phase int) error { return p.phase(ctx, by, phase) })
}

// waitTopic gets everything, in its one queue.
const (
	waitTopic = "ex_wait"
	waitGroup = "PG_ex_wait"
	// delayLevel is one of 10 s: longer than a broker takes to stop.
	delayLevel, delayTime = "3", 10 * time.Second
	// timerSeconds is longer than a phase of the other program takes.
	timerSeconds = "45"
)

// pending is one run; it belongs to the goroutine of RunPending but for what mu guards.
type pending struct {
	*exchange
	want   map[string]bool  // bodies that must have come by the end of the phase
	timers map[int][]string // those that wait for the target, by the phase that it left them in
	late   []string         // that must come in the next phase
	ended  map[string]half  // committed in the phase before

	mu    sync.Mutex
	asked map[string]int // questions by body; under mu
}

// half is what the answer to a prepare says.
type half struct{ queueOffset, logOffset string }

func (p *pending) phase(ctx context.Context, by *target.Target, phase int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	options := p.storeOptions().With(target.Options{"transactionCheckInterval": "1000", "transactionTimeOut": "3000"})
	broker, err := by.Broker(ctx, p.Store, "", p.port, options)
	if err != nil {
		return err
	}
	defer broker.Kill()
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.CreateTopic(ctx, waitTopic, 1); err != nil {
		return withOutput(err, broker)
	}
	if err := p.arrives(ctx, c, by.Kind, phase); err != nil {
		return withOutput(err, broker)
	}
	if err := p.leave(ctx, c, by.Kind, phase); err != nil {
		return withOutput(fmt.Errorf("leave messages waiting: %w", err), broker)
	}
	if p.Kill {
		broker.Kill()
		return nil
	}
	return broker.Stop()
}

// arrives waits for what the phase before has left, and sees that each message came once.
func (p *pending) arrives(ctx context.Context, c *raw.Conn, by target.Kind, phase int) error {
	for _, body := range p.late {
		p.want[body] = true
	}
	if by != target.Java {
		for _, body := range slices.Concat(slices.Collect(maps.Values(p.timers))...) {
			p.want[body] = true
		}
		clear(p.timers)
		for _, h := range p.ended { // Java stores the message again
			if err := p.end(ctx, c, h, true); err != nil {
				return fmt.Errorf("a second commit: %w", err)
			}
		}
	}
	if phase == 0 {
		return nil
	}
	p.mu.Lock()
	p.asked = map[string]int{}
	p.mu.Unlock()
	c.OnRequest(func(r raw.Reply) { p.answer(c, r) })
	if err := p.beProducer(ctx, c); err != nil {
		return err
	}
	if err := c.AwaitMaxOffset(ctx, waitTopic, 0, int64(len(p.want))); err != nil {
		return fmt.Errorf("%w; missing: %v", err, p.missing(ctx, c))
	}
	for p.Kill && len(p.missing(ctx, c)) > 0 { // among the first so many are some that come again
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w; missing: %v", ctx.Err(), p.missing(ctx, c))
		}
	}
	select { // what would come twice has time to
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
	}
	if err := p.exactly(ctx, c); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for body := range p.asked {
		// After a kill, the copies that Java has asked for are all that says so: it asks for the first one again.
		if !p.Kill && !strings.HasPrefix(body, fmt.Sprintf("h%d-", phase-1)) {
			return fmt.Errorf("the producer is asked for %s, which is decided", body)
		}
	}
	return nil
}

func (p *pending) missing(ctx context.Context, c *raw.Conn) []string {
	missing := maps.Clone(p.want)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _, err := c.ReadQueue(ctx, waitGroup, waitTopic, 0, func(r raw.Record) error {
		delete(missing, string(r.Body))
		return nil
	})
	if err != nil {
		return []string{err.Error()}
	}
	return slices.Sorted(maps.Keys(missing))
}

// exactly checks that all that has to have come did, and nothing else.
func (p *pending) exactly(ctx context.Context, c *raw.Conn) error {
	seen := map[string]bool{}
	_, _, err := c.ReadQueue(ctx, waitGroup, waitTopic, 0, func(r raw.Record) error {
		body := string(r.Body)
		switch waited := time.Duration(r.Stored-r.Born) * time.Millisecond; {
		case seen[body] && !p.Kill:
			return fmt.Errorf("%s came twice", body)
		case !p.want[body]:
			return fmt.Errorf("%s came, which it must not", body)
		case body[0] == 'd' && waited < delayTime && !(p.Kill && fromTarget(body)):
			return fmt.Errorf("%s came after %v", body, waited)
		}
		seen[body] = true
		return nil
	})
	if err == nil && len(seen) != len(p.want) {
		err = fmt.Errorf("%d messages came, want %d", len(seen), len(p.want))
	}
	return err
}

// fromTarget tells whether a delayed message was left to Java: after a kill it makes queue entries again before it has read
// the delay levels, and delivers such messages after one second.
func fromTarget(body string) bool {
	phase, _, _ := strings.Cut(body[1:], "-")
	return phase == "1" || phase == "3"
}

// leave sends what the next phase has to deliver.
func (p *pending) leave(ctx context.Context, c *raw.Conn, by target.Kind, phase int) error {
	p.late, p.ended = nil, map[string]half{}
	send := func(body string, pairs ...string) (half, error) {
		pairs = append(pairs, "UNIQ_KEY", fmt.Sprintf("U%s", body), "PGROUP", waitGroup)
		r, err := c.Send(ctx, waitTopic, 0, raw.Properties(pairs...), []byte(body))
		if err != nil {
			return half{}, err
		}
		at, err := strconv.ParseInt(r.IDs[0][16:], 16, 64)
		return half{strconv.FormatInt(r.QueueOffset, 10), strconv.FormatInt(at, 10)}, err
	}
	for i := range 5 {
		names := map[string]string{}
		for _, kind := range []string{"c", "r", "h"} { // committed, rolled back, undecided
			names[kind] = fmt.Sprintf("%s%d-%d", kind, phase, i)
			h, err := send(names[kind], "TRAN_MSG", "true")
			if err == nil && kind != "h" {
				err = p.end(ctx, c, h, kind == "c")
			}
			if err != nil {
				return err
			}
			if kind == "c" {
				p.ended[names[kind]] = h
			}
		}
		p.want[names["c"]] = true
		p.late = append(p.late, names["h"])
		if by != target.Java && phase < phases-1 {
			name := fmt.Sprintf("t%d-%d", phase, i)
			if _, err := send(name, "TIMER_DELAY_SEC", timerSeconds); err != nil {
				return err
			}
			p.timers[phase] = append(p.timers[phase], name)
		}
	}
	for i := range 40 {
		name := fmt.Sprintf("d%d-%d", phase, i)
		if _, err := send(name, "DELAY", delayLevel); err != nil {
			return err
		}
		p.late = append(p.late, name)
	}
	return c.AwaitMaxOffset(ctx, waitTopic, 0, int64(len(p.want)))
}

// end ends a transaction and waits for the answer.
func (p *pending) end(ctx context.Context, c *raw.Conn, h half, commit bool) error {
	_, err := c.Want(ctx, raw.CodeEndTransaction, endOf(h, commit, false), nil)
	return err
}

func endOf(h half, commit, asked bool) map[string]string {
	decision := "12" // MessageSysFlag.TRANSACTION_ROLLBACK_TYPE
	if commit {
		decision = "8"
	}
	return map[string]string{
		"producerGroup": waitGroup, "tranStateTableOffset": h.queueOffset, "commitLogOffset": h.logOffset,
		"commitOrRollback": decision, "fromTransactionCheck": strconv.FormatBool(asked), "msgId": "", "transactionId": "",
	}
}

// answer commits the transaction that a broker asks for.
func (p *pending) answer(c *raw.Conn, r raw.Reply) {
	if r.Code != raw.CodeCheckTransaction {
		return
	}
	records, err := raw.Records(r.Body)
	if err != nil || len(records) != 1 {
		return // it is missed at the end
	}
	body := string(records[0].Body)
	p.mu.Lock()
	p.asked[body]++
	first := p.asked[body] == 1
	p.mu.Unlock()
	if first {
		h := half{r.Ext["tranStateTableOffset"], r.Ext["commitLogOffset"]}
		if err := c.Oneway(raw.CodeEndTransaction, endOf(h, true, true), nil); err != nil {
			return // it is missed, too
		}
	}
}

// beProducer lets the broker know that there is somebody to ask.
func (p *pending) beProducer(ctx context.Context, c *raw.Conn) error {
	body, err := json.Marshal(map[string]any{
		"clientID": "exchange-pending", "producerDataSet": []any{map[string]string{"groupName": waitGroup}}, "consumerDataSet": []any{},
	})
	_, errSend := c.Want(ctx, raw.CodeHeartbeat, nil, body)
	return errors.Join(err, errSend)
}
