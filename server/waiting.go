package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
	"ringmq/internal/statefile"
	"ringmq/internal/wire"
	"ringmq/server/delay"
	"ringmq/server/timer"
)

// scheduleGroup is the consumer that deliveries of delayed messages are counted for (MixAll).
const scheduleGroup = "SCHEDULE_CONSUMER"

// openWaiting loads what is known of messages that wait: for their delay level's time, or for a moment of their own.
func (b *Broker) openWaiting() error {
	s := &b.cfg.Store
	levels, err := delay.ParseLevels(s.MessageDelayLevel)
	if err != nil {
		return err
	}
	offsets := filepath.Join(s.StorePathRootDir, "config", "delayOffset.json")
	b.delays, err = delay.Open(delay.Options{
		Store: b.store, Levels: levels,
		Read:  func(parse func(data []byte) error) error { return statefile.Load(offsets, b.log, parse) },
		Write: func(data []byte) error { return statefile.Write(offsets, data) },
		Flush: b.store.Flush, Commit: b.commitAndWait, Delivered: b.countDelayed, Clock: b.clock, Log: b.log,
	})
	if err != nil {
		return err
	}
	root, err := mapfile.OpenDir(s.StorePathRootDir)
	if err != nil {
		return err
	}
	b.timers, err = timer.Open(timer.Options{
		Store: b.store, FS: root, Reserved: time.Duration(s.FileReservedTime) * time.Hour,
		Commit: b.commitAndWait, Delivered: b.countPut, Clock: b.clock, Log: b.log,
	})
	if err != nil {
		return errors.Join(err, root.Close())
	}
	return nil
}

// onArrival is called for each message that has become visible.
func (b *Broker) onArrival(q *consumequeue.Queue, end message.QueueOffset, tagsCode int64) {
	if q == b.timers.Queue() {
		b.timers.Arrived()
	}
	b.hold.Arrive(q, end, tagsCode)
}

// startWaiting delivers until ctx ends.
func (b *Broker) startWaiting(ctx context.Context) {
	b.tasks.Go(func() { b.delays.Run(ctx) })
	save := time.Duration(b.cfg.Store.FlushDelayOffsetInterval) * time.Millisecond
	b.every(ctx, save, save, func(time.Time) { b.saved(b.delays.Save()) })
	b.tasks.Go(func() { b.timers.Run(ctx) })
	b.every(ctx, timer.SavePeriod, timer.SavePeriod, func(time.Time) { b.saved(b.timers.Save()) })
}

// closeWaiting writes how far the deliveries have come; they have ended.
func (b *Broker) closeWaiting() error { return errors.Join(b.delays.Save(), b.timers.Close()) }

// countDelayed counts a delivery of a delay level (ScheduleMessageService.PutResultProcess).
func (b *Broker) countDelayed(topic []byte, bytes int32) {
	if !b.conf().Store.EnableScheduleMessageStats {
		return
	}
	b.stats.GroupDelayed(scheduleGroup, delay.Topic, int64(bytes))
	b.countPut(topic, bytes)
}

// countPut counts a message that the broker has stored for its topic.
func (b *Broker) countPut(topic []byte, bytes int32) {
	if t := b.topics.Lookup(topic); t != nil {
		t.Put(1, 1, int64(bytes))
	}
	b.stats.BrokerPut(1, 1)
}

// timed looks at the TIMER_ properties of the message at hand, which has no delay level, and makes it wait if they say
// so. It has answered when it returns false. Java 4.9 knows none of them; the answers are those of 5.
func (b *Broker) timed(x *exchange) bool {
	s, c := &x.state.send, &b.conf().Store
	longest := time.Duration(c.TimerMaxDelaySec) * time.Second
	due, err := timer.Due(s.record.Properties, x.nowMillis, longest)
	switch {
	case err != nil:
		b.refuseSend(x, wire.StatusMessageIllegal, fmt.Sprintf("timer message illegal, the delay time should not be bigger than the max delay %dms; "+
			"or if set del msg, the delay time should be bigger than the current time", longest.Milliseconds()))
		return false
	case due == 0:
	case !c.TimerWheelEnable:
		b.refuseSend(x, wire.StatusSystemError, "accurate timer message is not enabled, timerWheelEnable is false")
		return false
	default:
		s.props = timer.Schedule(&s.record, s.props, due)
	}
	return true
}
