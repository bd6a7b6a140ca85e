package config

// Status says what ringmq does with an option.
type Status struct {
	// Kind is works, or accepted (read, shown, kept, without effect for good), or
	// not yet (without effect until the part of ringmq exists that it belongs to).
	Kind StatusKind
	// Why says it in a few words; empty where an option simply works.
	Why string
}

// StatusKind is how far an option is.
type StatusKind uint8

// The kinds of [Status].
const (
	Works StatusKind = iota
	Accepted
	NotYet
)

func (k StatusKind) String() string {
	return [...]string{"works", "accepted", "not yet"}[k]
}

// Statuses are the words of the status tag. The empty word is [Works].
var Statuses = map[string]Status{
	"": {},

	"batches":    {Accepted, "due messages are delivered in batches, and no level waits for another"},
	"checked":    {Accepted, "recovery always checks"},
	"commercial": {Accepted, "hook of a commercial edition"},
	"gather":     {Accepted, "pulled messages are always sent from the page cache"},
	"home":       {Accepted, "ringmq needs no installation"},
	"json":       {Accepted, "what ringmq sends by itself has JSON headers, which all understand"},
	"kernel":     {Accepted, "the kernel sizes buffers and backlog (net.core, net.ipv4.tcp_*mem)"},
	"lock":       {Accepted, "about Java's put lock; ringmq has none over I/O"},
	"loops":      {Accepted, "ringLoops says how many I/O loops there are"},
	"mmap":       {Accepted, "nothing is written while a file is warmed"},
	"netty":      {Accepted, "a knob of Netty"},
	"outgoing":   {Accepted, "the few outgoing connections stay open; a late answer is dropped"},
	"plugin":     {Accepted, "ringmq loads no Java classes"},
	"pool":       {Accepted, "a Java thread pool; ringmq serves requests on its I/O loops"},
	"queue":      {Accepted, "bounds a Java request queue; ringmq's requests wait in their sockets, which bound them"},
	"queueflush": {Accepted, "entries wait in memory; flushIntervalConsumeQueue and need decide"},
	"staging":    {Accepted, "what is staged is written at once"},
	"stderr":     {Accepted, "the log goes to standard error"},
	"unused":     {Accepted, "Java 4.9.8 does not read it either"},

	"acl":         {NotYet, "access control"},
	"address":     {NotYet, "address server"},
	"folders":     {NotYet, "several CommitLog folders"},
	"raft":        {NotYet, "Raft replication"},
	"replication": {NotYet, "master-slave replication"},
	"tls":         {NotYet, "TLS"},
}
