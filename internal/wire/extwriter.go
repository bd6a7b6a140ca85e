package wire

import (
	"encoding/binary"
	"strconv"

	"ringmq/internal/fastjson"
)

// ExtWriter appends extension fields to a frame in its serialization. Only a [Header] gets one.
// Keys are plain ASCII without anything JSON would escape; values are any text.
type ExtWriter struct {
	dst    []byte
	binary bool // the ROCKETMQ serialization
	some   bool // a JSON field has been written, the next one needs a comma
}

// key opens a field. In the binary form the value's length follows.
func (w *ExtWriter) key(key string) {
	if w.binary {
		w.dst = binary.BigEndian.AppendUint16(w.dst, uint16(len(key)))
		w.dst = append(w.dst, key...)
		return
	}
	if w.some {
		w.dst = append(w.dst, ',')
	}
	w.some = true
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, key...)
	w.dst = append(w.dst, '"', ':', '"')
}

// Bytes writes a field of UTF-8 text.
func (w *ExtWriter) Bytes(key string, value []byte) { writeText(w, key, value) }

// String writes a field of UTF-8 text.
func (w *ExtWriter) String(key, value string) { writeText(w, key, value) }

func writeText[T string | []byte](w *ExtWriter, key string, value T) {
	w.key(key)
	if w.binary {
		w.dst = binary.BigEndian.AppendUint32(w.dst, uint32(len(value)))
		w.dst = append(w.dst, value...)
		return
	}
	w.dst = fastjson.AppendEscaped(w.dst, value)
	w.dst = append(w.dst, '"')
}

// Int32 writes a field of type int.
func (w *ExtWriter) Int32(key string, value int32) { w.Int64(key, int64(value)) }

// Int64 writes a field of type long.
func (w *ExtWriter) Int64(key string, value int64) {
	w.key(key)
	if !w.binary {
		w.dst = strconv.AppendInt(w.dst, value, 10)
		w.dst = append(w.dst, '"')
		return
	}
	at := len(w.dst)
	w.dst = append(w.dst, 0, 0, 0, 0)
	w.dst = strconv.AppendInt(w.dst, value, 10)
	binary.BigEndian.PutUint32(w.dst[at:], uint32(len(w.dst)-at-4))
}

// Bool writes a field of type boolean.
func (w *ExtWriter) Bool(key string, value bool) {
	if value {
		w.String(key, "true")
	} else {
		w.String(key, "false")
	}
}
