package config

// Ring holds the options that RocketMQ does not have.
type Ring struct {
	RingIO          string `key:"ringIO" default:"auto" range:"auto|on|off" important:"yes" doc:"io_uring if the kernel allows it, or only with it, or never (Go's net and pwrite instead)"`
	RingLoops       int    `key:"ringLoops" default:"0" range:"0..256" doc:"network loops; 0 = one per two processors"`
	MaxConnections  int    `key:"maxConnections" default:"1000000" range:"1.." doc:"accepted connections"`
	MaxPending      int    `key:"maxPendingBytes" default:"67108864" unit:"bytes" range:"65536.." doc:"answers waiting on one connection; above it the connection is not read any more"`
	MaxPendingTotal int    `key:"maxPendingTotalBytes" default:"33554432" unit:"bytes" range:"1048576.." doc:"memory of answers waiting on all connections; above it only connections with few of them are read"`
	DebugPort       int    `key:"debugPort" default:"0" range:"0..65535" remote:"no" doc:"profiles for go tool pprof at http://127.0.0.1:debugPort/debug/pprof/, from this machine only; 0 = off"`
}
