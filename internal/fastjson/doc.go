// Package fastjson reads and writes the JSON dialect of RocketMQ's bodies and configuration files, which is
// what Alibaba's fastjson 1.2.69 makes of Java beans. It is not quite JSON:
//
//	{"brokerAddrs":{0:"10.0.0.1:10911"}}                      integer keys are bare
//	{"offsetTable":{{"brokerName":"b","queueId":0}:5}}        a key may be an object
//	{"a":{"queueId":0},"b":{"$ref":"$.a"}}                    the second use of a Java object is a path (read only)
//	{'a':1,b:2,}                                              accepted, never written
//
// Object keys are written in alphabetical order and nulls are left out. [Marshal] writes the compact form of
// message bodies, [MarshalStandard] the stricter one newer clients ask for, [MarshalPretty] the form of the
// files under config/. [Unmarshal] reads them all.
//
// Types are Go structs with encoding/json's tags: `json:"name,omitempty"`. A nil pointer is null and left out;
// a nil slice or map is written as empty, because RocketMQ's classes start with empty collections, unless
// omitempty says that Java has null there. Only the kinds that RocketMQ's bodies need are supported: struct,
// map, slice, array, pointer, interface (writing only), string, bool, integers and floats.
//
// Input comes from strangers. Nesting is bounded by 64; memory by a constant plus a multiple of the input's
// size, also where references or empty elements ask for more; time spent on references likewise.
package fastjson
