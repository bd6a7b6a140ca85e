package config

import (
	"os"
	"os/user"
	"runtime"
	"strconv"
)

// Host is what defaults depend on: the machine and the process's surroundings.
type Host struct {
	Home    string              // home directory of the user
	Name    string              // host name
	Address string              // the address to register, see LocalAddress
	CPUs    int                 // processors this process may use
	Env     func(string) string // environment; nil = empty
}

// ThisHost asks the operating system.
func ThisHost() Host {
	h := Host{CPUs: runtime.GOMAXPROCS(0), Address: LocalAddress(), Env: os.Getenv}
	h.Name, _ = os.Hostname() // empty on failure: brokerName has a default for that
	if home, err := os.UserHomeDir(); err == nil {
		h.Home = home
	} else if u, err := user.Current(); err == nil {
		h.Home = u.HomeDir // no HOME, as under systemd: what Java's user.home says
	}
	return h
}

func (h *Host) env(name string) string {
	if h.Env == nil {
		return ""
	}
	return h.Env(name)
}

// computed are the defaults that are not literals, by the text that stands in the tag.
var computed = map[string]func(*Host) string{
	"null":                                func(*Host) string { return "" },
	"$ROCKETMQ_HOME":                      func(h *Host) string { return h.env("ROCKETMQ_HOME") },
	"$NAMESRV_ADDR":                       func(h *Host) string { return h.env("NAMESRV_ADDR") },
	"$HOME/store":                         func(h *Host) string { return h.Home + "/store" },
	"$HOME/namesrv/kvConfig.json":         func(h *Host) string { return h.Home + "/namesrv/kvConfig.json" },
	"$HOME/namesrv/namesrv.properties":    func(h *Host) string { return h.Home + "/namesrv/namesrv.properties" },
	"local address":                       func(h *Host) string { return h.Address },
	"host name, else DEFAULT_BROKER":      func(h *Host) string { return orElse(h.Name, "DEFAULT_BROKER") },
	"$ROCKETMQ_SERIALIZE_TYPE, else JSON": func(h *Host) string { return orElse(h.env("ROCKETMQ_SERIALIZE_TYPE"), "JSON") },
	"cpu":                                 func(h *Host) string { return strconv.Itoa(h.CPUs) },
	"min(cpu,4)":                          func(h *Host) string { return strconv.Itoa(min(h.CPUs, 4)) },
	"min(32,cpu)":                         func(h *Host) string { return strconv.Itoa(min(32, h.CPUs)) },
	"8+cpu":                               func(h *Host) string { return strconv.Itoa(8 + h.CPUs) },
	"16+2*cpu":                            func(h *Host) string { return strconv.Itoa(16 + 2*h.CPUs) },
	"max(8+2*cpu, 4*min(cpu,4))":          func(h *Host) string { return strconv.Itoa(max(8+2*h.CPUs, 4*min(h.CPUs, 4))) },
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
