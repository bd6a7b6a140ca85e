package wire

import "strconv"

//go:generate go run ./gen

// Code is a request code; the constants are RocketMQ's RequestCode.
type Code int16

// Status is a response code; the constants are RocketMQ's ResponseCode and RemotingSysResponseCode.
type Status int16

// Server is a set of parties that answer a request code.
type Server uint8

// The parties of the protocol.
const (
	Broker Server = 1 << iota
	Namesrv
	Client
)

// RightKind is what a client needs to use a request code when access control is on.
type RightKind uint8

// The kinds of rights.
const (
	RightNone     RightKind = iota // a valid signature is enough
	RightPubTopic                  // publish to the topic in Field
	RightSubTopic                  // subscribe to the topic in Field
	RightSubGroup                  // consume as the group in Field
	RightAdmin                     // be an administrator
	RightContent                   // names stand in the body or in the record found; the handler checks them
)

// Right is one right a request code needs. Field is the wire name of the request field that names
// the topic or group, empty for the kinds that have none.
type Right struct {
	Kind  RightKind
	Field string
}

// Row is what the protocol table says of one request code.
type Row struct {
	Code   Code
	Name   string // RocketMQ's constant
	Server Server // 0 if nobody answers the code, Reason says why
	Rights []Right
	Hot    bool   // answered on a network loop without allocating
	Since  string // the oldest Apache release that defines it
	Reason string // why nobody answers it; empty if somebody does
}

// Rows returns the whole table, ascending by code. The caller must not change it.
func Rows() []Row { return rows[:] }

// rowByCode finds a row by its code; codes are below 330 and dense enough for an array.
var rowByCode = func() (t [CodeDeleteExpiredCommitlog + 1]*Row) {
	for i := range rows {
		t[rows[i].Code] = &rows[i]
	}
	return t
}()

// Lookup returns the row of a request code, nil if RocketMQ 4.9 defines no such code.
func Lookup(code Code) *Row {
	if code < 0 || int(code) >= len(rowByCode) {
		return nil
	}
	return rowByCode[code]
}

// String is RocketMQ's constant, or the number of an unknown code.
func (c Code) String() string {
	if r := Lookup(c); r != nil {
		return r.Name
	}
	return strconv.Itoa(int(c))
}

// String is RocketMQ's constant, or the number of an unknown status.
func (s Status) String() string {
	if n := statusNames[s]; n != "" {
		return n
	}
	return strconv.Itoa(int(s))
}

// Language is the language of a client's implementation, as RocketMQ numbers them.
type Language uint8

// LanguageUnknown stands for a language that RocketMQ 4.9 does not know; Java decodes it to null.
const LanguageUnknown Language = 255

// String is the name that stands in JSON headers; empty for [LanguageUnknown].
func (l Language) String() string {
	if int(l) < len(languageNames) {
		return languageNames[l]
	}
	return ""
}

// Row returns the table's row of a request, nil for a code RocketMQ 4.9 does not define. A JSON header can
// hold a larger number than any Code.
func (c *Command) Row() *Row {
	if c.Code != int32(Code(c.Code)) {
		return nil
	}
	return Lookup(Code(c.Code))
}
