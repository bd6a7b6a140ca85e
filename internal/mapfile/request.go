package mapfile

// How is a set of ways in which bytes are moved.
type How uint8

const (
	// Dsync lets a write return when the device has its bytes (RWF_DSYNC), and no others.
	Dsync How = 1 << iota
	// Direct goes past the page cache (O_DIRECT): offset, length and memory are multiples of
	// [DirectAlign]. What the page cache has of the range is dropped. The device may keep a
	// direct write in a cache of its own that a power cut empties, unless Dsync is set.
	Direct
)

// DirectAlign is what offset, length and address of direct reads and writes are multiples of.
const DirectAlign = 4096

// RequestKind is what a [Request] does.
type RequestKind uint8

// The kinds of requests.
const (
	// ReadRequest is File.ReadAt: fewer bytes than asked for come with io.EOF.
	ReadRequest RequestKind = iota
	// WriteRequest is File.WriteWith.
	WriteRequest
	// SyncRequest is File.Sync.
	SyncRequest
	// AllocateRequest is File.Allocate.
	AllocateRequest
)

// Request is one operation on a file that its caller does not wait for, see [File.Start]. Its
// user fills it in, and may use it again from Done on.
//
//	filled in ──Start──► in flight ──Done──► filled in …
type Request struct {
	Kind RequestKind
	P    []byte // of reads and writes; must not be touched while in flight
	Off  int64
	Len  int64 // of AllocateRequest
	How  How   // of reads (Direct only) and writes
	// Done is called exactly once, with what the method of the same name returns. It must not
	// block: it runs on a ring's thread, or, in a [Mem], before Start returns.
	Done func(n int, err error)

	inFlight
}

// Memory returns n bytes of zeros that direct reads and writes can use.
func Memory(n int) []byte {
	b := make([]byte, n+DirectAlign)
	skip := -int(addressOf(b)) & (DirectAlign - 1)
	return b[skip : skip+n : skip+n]
}
