// Package wire is RocketMQ's remoting protocol as bytes: frames, their headers in both serializations, the typed
// header of every request and response, and the JSON bodies. It knows no connections and no state but a
// [Decoder]'s; what the requests mean stands in the packages that answer them.
//
// A frame, all integers big-endian:
//
//	┌──────────────┬───────────────┬──────────────────┬───────────┬─────────────┐
//	│ 4            │ 1             │ 3                │ H         │ L − 4 − H   │
//	│ length L     │ serialization │ header length H  │ header    │ body        │
//	│ = 4 + H + …  │ 0 JSON, 1 RMQ │                  │           │ raw         │
//	└──────────────┴───────────────┴──────────────────┴───────────┴─────────────┘
//
// A JSON header, as fastjson writes it, keys in alphabetical order, absent ones left out:
//
//	{"code":310,"extFields":{"a":"group","b":"topic"},"flag":0,"language":"JAVA","opaque":7,
//	 "remark":"…","serializeTypeCurrentRPC":"JSON","version":409}
//
// A ROCKETMQ header:
//
//	┌──────┬──────────┬─────────┬────────┬──────┬─────────┬────────┬─────────┬──────────────────────────────┐
//	│ 2    │ 1        │ 2       │ 4      │ 4    │ 4       │ n      │ 4       │ m                            │
//	│ code │ language │ version │ opaque │ flag │ n       │ remark │ m       │ (u16 key, u32 value)…        │
//	└──────┴──────────┴─────────┴────────┴──────┴─────────┴────────┴─────────┴──────────────────────────────┘
//
// where a text of length 0 is null. A header's typed part travels as text in the extension fields in both.
//
// Every fact about request codes stands once, in protocol.tbl. `go generate` makes of it the constants
// (codes_gen.go), one struct per header with its codecs (headers_gen.go), the [Row] of each code (rows_gen.go),
// docs/protocol.md and the seeds of the fuzzers.
//
// Reading trusts nothing: lengths are checked before they are used, and what a frame makes us keep is bounded by
// its size. The path of a message, from [Decoder.Decode] through the typed header to [AppendResponse], allocates
// nothing. testdata/java-4.9.7 holds what Java's servers and clients said to each other, for each code; the tests
// read it and write it anew, byte by byte.
package wire
