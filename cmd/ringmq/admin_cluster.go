package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ringmq/internal/wire"
)

// clusterRow is one broker of clusterList, with the figures of both its forms.
type clusterRow struct {
	Cluster string `json:"cluster"`
	Broker  string `json:"broker"`
	ID      int64  `json:"brokerId"`
	Addr    string `json:"addr"`
	// Figures are the broker's own words; missing ones are empty.
	Version          string  `json:"version"`
	InTPS            float64 `json:"inTps"`
	OutTPS           float64 `json:"outTps"`
	SendQueue        string  `json:"sendQueueSize"`
	SendQueueWaitMS  string  `json:"sendQueueHeadWaitMillis"`
	PullQueue        string  `json:"pullQueueSize"`
	PullQueueWaitMS  string  `json:"pullQueueHeadWaitMillis"`
	PageCacheWaitMS  string  `json:"pageCacheLockMillis"`
	HoursKept        float64 `json:"hoursKept"`
	DiskRatio        float64 `json:"diskRatio"`
	InYesterday      int64   `json:"inYesterday"`
	OutYesterday     int64   `json:"outYesterday"`
	InToday          int64   `json:"inToday"`
	OutToday         int64   `json:"outToday"`
	UnreachableCause string  `json:"error,omitempty"`
}

func clusterList() adminCommand {
	var more bool
	var interval int
	return adminCommand{
		name: "clusterList", short: "List all clusters, their brokers and what they do",
		flags: func(f *pflag.FlagSet) {
			f.BoolVarP(&more, "moreStats", "m", false, "print message totals instead")
			f.IntVarP(&interval, "interval", "i", 0, "print again every so many seconds")
		},
		run: func(r *adminRun) error {
			for {
				err := printClusters(r, more)
				if err != nil || interval <= 0 {
					return err
				}
				select {
				case <-r.ctx.Done():
					return nil
				case <-time.After(time.Duration(interval) * time.Second):
				}
			}
		},
	}
}

func printClusters(r *adminRun, more bool) error {
	info, err := r.cluster.Info(r.ctx)
	if err != nil {
		return err
	}
	rows := []clusterRow{}
	var errs []error
	for _, cluster := range slices.Sorted(maps.Keys(info.ClusterAddrTable)) {
		for _, name := range slices.Sorted(slices.Values(info.ClusterAddrTable[cluster])) {
			b := info.BrokerAddrTable[name]
			if b == nil {
				continue
			}
			for _, id := range slices.Sorted(maps.Keys(b.BrokerAddrs)) {
				row := clusterRow{Cluster: cluster, Broker: name, ID: id, Addr: b.BrokerAddrs[id]}
				figures, err := r.cluster.Runtime(r.ctx, row.Addr)
				if err != nil {
					row.UnreachableCause = err.Error()
					errs = append(errs, fmt.Errorf("broker %s: %w", name, err))
				} else {
					row.fill(figures, time.Now())
				}
				rows = append(rows, row)
			}
		}
	}
	err = r.print(rows, func(w io.Writer) {
		if more {
			writeTotals(w, rows)
		} else {
			writeClusters(w, rows)
		}
	})
	return errors.Join(append(errs, err)...)
}

// fill takes over what the broker tells. What it does not tell stays empty or 0, as mqadmin has it.
func (row *clusterRow) fill(figures map[string]string, now time.Time) {
	number := func(key string) int64 {
		n, _ := strconv.ParseInt(figures[key], 10, 64)
		return n
	}
	// first reads the first of several figures, that of the last ten seconds.
	first := func(key string) float64 {
		word, _, _ := strings.Cut(figures[key], " ")
		n, _ := strconv.ParseFloat(word, 64)
		return n
	}
	row.Version = figures["brokerVersionDesc"]
	row.InTPS, row.OutTPS = first("putTps"), first("getTransferedTps")
	row.SendQueue, row.SendQueueWaitMS = figures["sendThreadPoolQueueSize"], figures["sendThreadPoolQueueHeadWaitTimeMills"]
	row.PullQueue, row.PullQueueWaitMS = figures["pullThreadPoolQueueSize"], figures["pullThreadPoolQueueHeadWaitTimeMills"]
	row.PageCacheWaitMS = figures["pageCacheLockTimeMills"]
	if oldest := number("earliestMessageTimeStamp"); oldest > 0 {
		row.HoursKept = now.Sub(time.UnixMilli(oldest)).Hours()
	}
	row.DiskRatio = first("commitLogDiskRatio")
	row.InYesterday = number("msgPutTotalTodayMorning") - number("msgPutTotalYesterdayMorning")
	row.OutYesterday = number("msgGetTotalTodayMorning") - number("msgGetTotalYesterdayMorning")
	row.InToday = number("msgPutTotalTodayNow") - number("msgPutTotalTodayMorning")
	row.OutToday = number("msgGetTotalTodayNow") - number("msgGetTotalTodayMorning")
}

func writeClusters(w io.Writer, rows []clusterRow) {
	const format = "%-16s  %-22s  %-4v  %-22s %-16s %19s %19s %10s %5s %6s\n"
	fmt.Fprintf(w, format, "#Cluster Name", "#Broker Name", "#BID", "#Addr", "#Version",
		"#InTPS(LOAD)", "#OutTPS(LOAD)", "#PCWait(ms)", "#Hour", "#SPACE")
	for i := range rows {
		row := &rows[i]
		fmt.Fprintf(w, format, row.Cluster, row.Broker, row.ID, row.Addr, row.Version,
			fmt.Sprintf("%9.2f(%s,%sms)", row.InTPS, row.SendQueue, row.SendQueueWaitMS),
			fmt.Sprintf("%9.2f(%s,%sms)", row.OutTPS, row.PullQueue, row.PullQueueWaitMS),
			row.PageCacheWaitMS, fmt.Sprintf("%2.2f", row.HoursKept), fmt.Sprintf("%.4f", row.DiskRatio))
	}
}

func writeTotals(w io.Writer, rows []clusterRow) {
	const format = "%-16s  %-32s %14v %14v %14v %14v\n"
	fmt.Fprintf(w, format, "#Cluster Name", "#Broker Name", "#InTotalYest", "#OutTotalYest", "#InTotalToday", "#OutTotalToday")
	for i := range rows {
		row := &rows[i]
		fmt.Fprintf(w, format, row.Cluster, row.Broker, row.InYesterday, row.OutYesterday, row.InToday, row.OutToday)
	}
}

func brokerStatus() adminCommand {
	return adminCommand{
		name: "brokerStatus", short: "Print a broker's runtime figures",
		flags: func(f *pflag.FlagSet) {
			f.StringP("brokerAddr", "b", "", "address of one broker")
			f.StringP("clusterName", "c", "", "all brokers of a cluster")
		},
		either: []string{"brokerAddr", "clusterName"},
		run: func(r *adminRun) error {
			addrs := []string{r.text("brokerAddr")}
			if !r.flags.Changed("brokerAddr") {
				brokers, err := r.cluster.Brokers(r.ctx, r.text("clusterName"))
				if err != nil {
					return err
				}
				addrs = allAddrs(brokers)
			}
			figures := make(map[string]map[string]string, len(addrs))
			var errs []error
			for _, addr := range addrs {
				f, err := r.cluster.Runtime(r.ctx, addr)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				figures[addr] = f
			}
			err := r.print(figures, func(w io.Writer) { writeFigures(w, figures, r.flags.Changed("clusterName")) })
			return errors.Join(append(errs, err)...)
		},
	}
}

// allAddrs lists the addresses of masters and slaves.
func allAddrs(brokers []wire.BrokerData) (addrs []string) {
	for _, b := range brokers {
		addrs = append(addrs, slices.Sorted(maps.Values(b.BrokerAddrs))...)
	}
	return addrs
}

func writeFigures(w io.Writer, figures map[string]map[string]string, named bool) {
	for _, addr := range slices.Sorted(maps.Keys(figures)) {
		for _, key := range slices.Sorted(maps.Keys(figures[addr])) {
			if named {
				fmt.Fprintf(w, "%-24s ", addr)
			}
			fmt.Fprintf(w, "%-32s: %s\n", key, figures[addr][key])
		}
	}
}
