package wire

import (
	"encoding/binary"
	"strconv"

	"ringmq/internal/fastjson"
)

// MaxFrame is the largest frame either side accepts, without its length prefix: RocketMQ's frameMaxLength.
const MaxFrame = 16 << 20

// Header is the typed header of a request or response: it writes its fields as extension fields.
// A nil Header has none; one without set fields still makes JSON carry "extFields":{}, as in Java.
//
// The writer goes in and comes back by value, so that it stays off the heap. What a Header points to does not:
// a caller that counts allocations keeps its headers in memory it has anyway.
type Header interface{ AppendExt(w ExtWriter) ExtWriter }

// AppendRequest appends one whole request frame, with its length prefix.
// It does not allocate if dst has room.
func AppendRequest(dst []byte, s Serialize, code Code, opaque, flag int32, h Header, body []byte) []byte {
	start := len(dst)
	dst = appendHead(dst, s, int32(code), opaque, flag, "", h)
	dst = append(dst, body...)
	return finish(dst, start, s, len(body), 0)
}

// AppendResponse appends one whole response frame to a request, in the request's serialization.
// An empty remark is none.
func AppendResponse(dst []byte, req *Command, status Status, remark string, h Header, body []byte) []byte {
	return AppendResponseTo(dst, req.Serialize, req.Opaque, status, remark, h, body)
}

// AppendResponseTo is [AppendResponse] for answers given later, when the request is gone:
// the caller kept its opaque and serialization.
func AppendResponseTo(dst []byte, s Serialize, opaque int32, status Status, remark string, h Header, body []byte) []byte {
	start := len(dst)
	dst = appendHead(dst, s, int32(status), opaque, FlagResponse, remark, h)
	dst = append(dst, body...)
	return finish(dst, start, s, len(body), 0)
}

// AppendResponseHead appends a response frame without its body of bodyLen bytes, which the transport
// sends right after it.
func AppendResponseHead(dst []byte, s Serialize, opaque int32, status Status, remark string, h Header, bodyLen int) []byte {
	start := len(dst)
	dst = appendHead(dst, s, int32(status), opaque, FlagResponse, remark, h)
	return finish(dst, start, s, 0, bodyLen)
}

// maxHeader is what the header length's three bytes can say.
const maxHeader = 1<<24 - 1

// appendHead appends eight bytes that finish fills in, and the header. A header that would be too long, because
// a stranger's text is echoed in it, is replaced by one that says so.
func appendHead(dst []byte, s Serialize, code, opaque, flag int32, remark string, h Header) []byte {
	start := len(dst)
	dst = appendHeader(append(dst, 0, 0, 0, 0, 0, 0, 0, 0), s, code, opaque, flag, remark, h)
	if len(dst)-start-8 <= maxHeader {
		return dst
	}
	if flag&FlagResponse != 0 {
		code = int32(StatusSystemError)
	}
	return appendHeader(dst[:start+8], s, code, opaque, flag, "the header of this frame would be longer than 16 MiB", nil)
}

func appendHeader(dst []byte, s Serialize, code, opaque, flag int32, remark string, h Header) []byte {
	if s == RocketMQ {
		return appendBinaryHeader(dst, code, opaque, flag, remark, h)
	}
	return appendJSONHeader(dst, code, opaque, flag, remark, h)
}

// finish fills in the length prefix of the frame at start and its header length. body is the number of
// body bytes in dst, later the number that follow outside it.
func finish(dst []byte, start int, s Serialize, body, later int) []byte {
	total := len(dst) - start - 4
	head := total - 4 - body
	binary.BigEndian.PutUint32(dst[start:], uint32(total+later))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(head)|uint32(s)<<24)
	return dst
}

// appendJSONHeader writes the keys in fastjson's order, the alphabetical one.
func appendJSONHeader(dst []byte, code, opaque, flag int32, remark string, h Header) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	if h != nil {
		dst = append(dst, `,"extFields":{`...)
		dst = append(h.AppendExt(ExtWriter{dst: dst}).dst, '}')
	}
	dst = append(dst, `,"flag":`...)
	dst = strconv.AppendInt(dst, int64(flag), 10)
	dst = append(dst, `,"language":"JAVA","opaque":`...)
	dst = strconv.AppendInt(dst, int64(opaque), 10)
	if remark != "" {
		dst = append(dst, `,"remark":"`...)
		dst = fastjson.AppendEscaped(dst, remark)
		dst = append(dst, '"')
	}
	return append(dst, jsonTail...)
}

var jsonTail = `,"serializeTypeCurrentRPC":"JSON","version":` + strconv.Itoa(int(Version)) + `}`

func appendBinaryHeader(dst []byte, code, opaque, flag int32, remark string, h Header) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	dst = append(dst, byte(LanguageJava))
	dst = binary.BigEndian.AppendUint16(dst, uint16(Version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(opaque))
	dst = binary.BigEndian.AppendUint32(dst, uint32(flag))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(remark)))
	dst = append(dst, remark...)
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if h != nil {
		dst = h.AppendExt(ExtWriter{dst: dst, binary: true}).dst
	}
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}
