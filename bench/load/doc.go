// Package load keeps many connections to a server busy at the least cost: it is the bottom of every
// measurement, so what it costs is taken from what is measured.
//
// What is sent and what answers mean is a [Flow]'s business, one per connection. The package moves the bytes:
//
//	        ┌────────────── worker ───────────────┐
//	socket ─► receive buffers ─ frames ─► Frame   │  one burst: every frame that has come,
//	        │                              │      │  then Pump once, then one send
//	socket ◄─ gather list ◄─ pieces ◄── Pump      │
//	        └─────────────────────────────────────┘
//
// Frames are not copied on their way out: Pump names pieces of memory that lie ready, neighbours
// become one piece, and the kernel gathers them. On their way in only frames in several receives are.
//
// # Two paths
//
// On the ring path a worker is one locked OS thread with an io_uring of its own and all its connections
// ([ringWorker]). On the net path it is a goroutine per connection and one that waits for the time of
// open loops ([netWorker]). A worker's flows are never called by two goroutines at once on either
// path, so they may share what they count.
//
// # Time
//
// Now is the time since [Open], monotonic; it is read once per burst. A Flow whose work is due at a time says
// so from Pump and is called then, or as soon after as the machine allows. It measures from when the work was due, so
// that a stall of the server, or of this tool, is not left out of the latencies. With [Options.Tick] what is due
// within a tick leaves at its end. With [Options.Stamped] frames came when the
// kernel got them, and a worker of flows that are due at times does not wake for them.
package load
