package server

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/stats"
	"ringmq/server/topic"
)

// versionDesc is the MQVersion that the broker claims to be.
const versionDesc = "V4_9_8"

// runtimeInfo serves 28 (GET_BROKER_RUNTIME_INFO): figures under the names of Java's
// DefaultMessageStore and AdminBrokerProcessor. The thread pools of Java, whose queues some of
// them describe, have no counterpart here: those queues are always empty.
func (b *Broker) runtimeInfo(x *exchange) {
	info := b.storeInfo()
	maps.Copy(info, b.delayInfo())
	maps.Copy(info, b.trafficInfo())
	maps.Copy(info, b.poolInfo())
	x.json(&wire.KVTable{Table: info})
}

// storeInfo is the state of the message store.
func (b *Broker) storeInfo() map[string]string {
	st := b.store.Stats()
	used := diskRatio(st.Disk)
	info := map[string]string{
		"commitLogMinOffset":       strconv.FormatInt(int64(st.Min), 10),
		"commitLogMaxOffset":       strconv.FormatInt(int64(st.Visible), 10),
		"commitLogDiskRatio":       used,
		"consumeQueueDiskRatio":    diskRatio(st.RootDisk),
		"dispatchBehindBytes":      strconv.FormatInt(st.DispatchBehindBytes(), 10),
		"dispatchMaxBuffer":        "0",
		"pageCacheLockTimeMills":   strconv.FormatInt(b.store.Writing(b.clock.Now().UnixMilli()), 10),
		"remainHowManyDataToFlush": humanBytes(int64(st.Visible - st.Durable)),
		"commitLogDirCapacity":     fmt.Sprintf("Total : %s, Free : %s.", humanBytes(st.RootDisk.Total), humanBytes(st.RootDisk.Free)),
		"earliestMessageTimeStamp": strconv.FormatInt(b.earliestMessage(st.Min, st.Visible), 10),
		// No pool of off-heap buffers stands in front of the files: none is ever used up.
		"remainTransientStoreBufferNumbs": "2147483647",
	}
	dir := b.cfg.Store.StorePathCommitLog
	if dir == "" {
		dir = b.cfg.Store.StorePathRootDir + "/commitlog"
	}
	info["commitLogDiskRatio_"+dir] = used
	return info
}

// delayInfo is how far each delay level that is in use has been delivered, and its end.
func (b *Broker) delayInfo() map[string]string {
	info := make(map[string]string)
	for level, offset := range b.delays.Table().OffsetTable {
		end := b.store.MaxOffset([]byte(topic.Schedule), level-1)
		info[fmt.Sprintf("scheduleMessageOffset_%d", level)] = fmt.Sprintf("%d,%d", offset, end)
	}
	return info
}

// earliestMessage is when the first message of the log was stored, in ms; −1 when there is none.
func (b *Broker) earliestMessage(begin, end message.LogOffset) int64 {
	if begin >= end {
		return -1
	}
	raw, err := b.store.ReadRecord(begin)
	if err != nil {
		return -1
	}
	var r message.Record
	if err := message.Decode(raw, &r); err != nil {
		return -1
	}
	return r.StoreTimestamp
}

// trafficInfo is what has come and gone.
func (b *Broker) trafficInfo() map[string]string {
	s := &b.stats.Broker
	messages, bytes := b.stats.Stored()
	today, yesterday := s.Mornings()
	rates := s.Rates()
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	return map[string]string{
		"bootTimestamp":               count(s.Boot()),
		"runtime":                     uptime(time.Duration(b.clock.Now().UnixMilli()-s.Boot()) * time.Millisecond),
		"putMessageTimesTotal":        count(max(messages, 1)), // as StoreStatsService does
		"putMessageSizeTotal":         count(bytes),
		"putMessageAverageSize":       javaDouble(float64(bytes) / float64(max(messages, 1))),
		"putMessageFailedTimes":       count(s.PutFailed.Load()),
		"putMessageEntireTimeMax":     count(s.PutTimes.Longest()),
		"putMessageDistributeTime":    s.PutTimes.Distribution(),
		"putLatency99":                fmt.Sprintf("%.2f", s.PutTimes.Quantile(0.99)),
		"putLatency999":               fmt.Sprintf("%.2f", s.PutTimes.Quantile(0.999)),
		"getMessageEntireTimeMax":     count(s.LongestGet()),
		"putTps":                      threeRates(rates.Put),
		"getFoundTps":                 threeRates(rates.Found),
		"getMissTps":                  threeRates(rates.Missed),
		"getTotalTps":                 threeRates(sum(rates.Found, rates.Missed)),
		"getTransferedTps":            threeRates(rates.Transferred),
		"msgPutTotalYesterdayMorning": count(yesterday.Puts),
		"msgPutTotalTodayMorning":     count(today.Puts),
		"msgPutTotalTodayNow":         count(messages),
		"msgGetTotalYesterdayMorning": count(yesterday.Gets),
		"msgGetTotalTodayMorning":     count(today.Gets),
		"msgGetTotalTodayNow":         count(s.Gets.Messages()),
	}
}

// poolInfo is what tools expect to hear of Java's thread pools, and who the broker says it is.
func (b *Broker) poolInfo() map[string]string {
	o := &b.conf().Broker
	return map[string]string{
		"brokerVersionDesc":                     versionDesc,
		"brokerVersion":                         strconv.Itoa(int(wire.Version)),
		"startAcceptSendRequestTimeStamp":       strconv.FormatInt(o.StartAcceptSendRequestTimeStamp, 10),
		"sendThreadPoolQueueSize":               "0",
		"sendThreadPoolQueueCapacity":           strconv.Itoa(o.SendThreadPoolQueueCapacity),
		"sendThreadPoolQueueHeadWaitTimeMills":  "0",
		"pullThreadPoolQueueSize":               "0",
		"pullThreadPoolQueueCapacity":           strconv.Itoa(o.PullThreadPoolQueueCapacity),
		"pullThreadPoolQueueHeadWaitTimeMills":  "0",
		"queryThreadPoolQueueSize":              "0",
		"queryThreadPoolQueueCapacity":          strconv.Itoa(o.QueryThreadPoolQueueCapacity),
		"queryThreadPoolQueueHeadWaitTimeMills": "0",
		"EndTransactionQueueSize":               "0",
		"EndTransactionThreadPoolQueueCapacity": strconv.Itoa(o.EndTransactionPoolQueueCapacity),
	}
}

// brokerStats serves 315 (VIEW_BROKER_STATS_DATA).
func (b *Broker) brokerStats(x *exchange) {
	var h wire.ViewBrokerStatsDataRequest
	if !x.decode(&h) {
		return
	}
	v, ok := b.stats.View(h.StatsName, h.StatsKey)
	if !ok {
		x.fail(wire.StatusSystemError, "The stats <%s> <%s> not exist", h.StatsName, h.StatsKey)
		return
	}
	item := func(f stats.Figure) wire.BrokerStatsItem {
		return wire.BrokerStatsItem{Sum: f.Sum, Tps: f.Rate, Avgpt: f.Average}
	}
	x.json(&wire.BrokerStatsData{StatsMinute: item(v.Minute), StatsHour: item(v.Hour), StatsDay: item(v.Day)})
}

// diskRatio is the used part of a disk, from 0 to 1.
func diskRatio(s mapfile.Space) string { return javaDouble(float64(s.UsedPercent()) / 100) }

func threeRates(r [3]float64) string {
	return javaDouble(r[0]) + " " + javaDouble(r[1]) + " " + javaDouble(r[2])
}

func sum(a, b [3]float64) [3]float64 { return [3]float64{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }

// javaDouble writes a number so that it is read as a floating point one.
func javaDouble(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// humanBytes is Java's MixAll.humanReadableByteCount with units of 1024.
func humanBytes(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), -1
	for f >= 1024 && unit < 5 {
		f /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTPE"[unit])
}

// uptime is StoreStatsService.getFormatRuntime.
func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	return fmt.Sprintf("[ %d days, %d hours, %d minutes, %d seconds ]", s/86400, s/3600%24, s/60%60, s%60)
}
