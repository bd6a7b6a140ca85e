package wire

// Serialize is the header serialization of a frame, its fifth byte.
type Serialize uint8

// The two header serializations of RocketMQ 4.9.
const (
	JSON     Serialize = 0
	RocketMQ Serialize = 1
)

// Flag bits of a command.
const (
	FlagResponse int32 = 1 << 0
	FlagOneway   int32 = 1 << 1
)

// Version is the MQVersion ordinal that frames of this program carry: V4_9_8.
const Version int32 = 409

// Command is one decoded remoting frame.
//
// Its byte slices alias the frame or the [Decoder]'s scratch memory: they are valid until
// the Decoder's next Decode and as long as the frame's memory is. [Command.Clone] makes a
// copy that lives on its own.
type Command struct {
	// Code is a request [Code], or a [Status] if the response flag is set.
	Code      int32
	Language  Language
	Version   int32
	Opaque    int32
	Flag      int32
	Serialize Serialize
	Remark    []byte
	Ext       Ext
	// Body is nil when the frame has none; RocketMQ makes no difference between none and empty.
	Body []byte

	// Shape names the earlier header of this Decoder that this one was compared with, 0 for none. Headers of one
	// Shape have the same fields in the same order, no name twice, and the values of those that are not in Changed
	// (a bit each) are the same texts. So who has decoded one of them reads the next one in part: those that
	// are in its Changed, or were in the one's before.
	Shape   uint32
	Changed uint32
}

// IsResponse tells whether the frame answers a request of ours.
func (c *Command) IsResponse() bool { return c.Flag&FlagResponse != 0 }

// IsOneway tells whether the sender wants no answer.
func (c *Command) IsOneway() bool { return c.Flag&FlagOneway != 0 }

// Clone copies everything that aliases the frame, for work that outlives it.
func (c *Command) Clone() *Command {
	d := *c
	d.Shape, d.Changed = 0, 0 // the next header is another Decoder's
	d.Remark = append([]byte(nil), c.Remark...)
	d.Body = append([]byte(nil), c.Body...)
	d.Ext = make(Ext, len(c.Ext))
	for i, f := range c.Ext {
		d.Ext[i] = Field{append([]byte(nil), f.Key...), append([]byte(nil), f.Value...)}
	}
	return &d
}

// Field is one extension field; on the wire every value is text.
type Field struct{ Key, Value []byte }

// Ext holds a command's extension fields in wire order.
type Ext []Field

// Get returns the value of a key; the last one wins where a key stands twice, as in a Java map.
func (e Ext) Get(key string) (value []byte, ok bool) {
	for i := len(e) - 1; i >= 0; i-- {
		if string(e[i].Key) == key {
			return e[i].Value, true
		}
	}
	return nil, false
}
