// Package message is the record: one message as the commit log, the replication stream and
// the answer to a pull all carry it, byte for byte. It also holds what is spelled inside a
// record: properties and the offset message id.
//
// The package owns no state. Everything is big-endian. The layout below is RocketMQ
// 4.9.8's only version (CommitLog, MessageDecoder); widths in bytes, v the width of an IP
// address (4 or 16, by the two host bits of SYSFLAG), offsets for two IPv4 hosts:
//
//	offset  width  field
//	     0      4  TOTALSIZE                    whole record
//	     4      4  MAGIC                        0xDAA320A7
//	     8      4  BODYCRC                      CRC-32 (IEEE) of the body as stored, sign bit cleared
//	    12      4  QUEUEID
//	    16      4  FLAG                         the application's own
//	    20      8  QUEUEOFFSET                  0 for prepared and rollback records
//	    28      8  PHYSICALOFFSET               the record's own LogOffset
//	    36      4  SYSFLAG
//	    40      8  BORNTIMESTAMP                ms, set by the client
//	    48    v+4  BORNHOST                     address, port
//	    56      8  STORETIMESTAMP               ms, set under the append lock
//	    64    v+4  STOREHOST                    address, port
//	    72      4  RECONSUMETIMES
//	    76      8  PREPARED_TRANSACTION_OFFSET  LogOffset of the half message, on commit records
//	    84      4  BODYLENGTH
//	    88      n  BODY
//	  88+n      1  TOPICLENGTH                  1..127
//	  89+n      t  TOPIC                        UTF-8
//	89+n+t      2  PROPERTIESLENGTH             0..32767
//	91+n+t      p  PROPERTIES                   name 0x01 value 0x02 name 0x01 value
//
// A record never crosses the end of a commit log file. Where the next one does not fit, the
// file ends with 8 bytes {free bytes, 0xCBD43194} and whatever lay behind them.
//
// The layout has no checksum over the header, so what a reader may believe of a record
// found on a disk is: MAGIC, TOTALSIZE equal to the sum of the parts, PHYSICALOFFSET equal
// to where it was found, and BODYCRC. [Decode] checks the first two, [Record.At] the third
// and [CheckBody] the last. A record may carry a checksum over all of it as its last property,
// which [CheckSeal] compares.
package message
