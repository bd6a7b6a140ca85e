// Package txn holds messages back until their producer says what becomes of them: RocketMQ's transactions
// (TransactionalMessageServiceImpl).
//
// A message with property TRAN_MSG=true is not stored in its topic but as a half message in a topic that nobody
// consumes. Its producer then ends it. A commit stores the message where it belongs; commit and rollback
// both leave an op record, whose body is the queue offset of the half message that is done with. A producer
// that says nothing is asked, again and again, by a checker that walks the half topic behind its end:
//
//	            0   1   2   3   4   5   6      RMQ_SYS_TRANS_HALF_TOPIC/0
//	half        ■   ■   ■   □   ■   □   □      □ pending  ■ ended
//	                        ▲                  next: everything before is ended, or was copied to the end
//	op          0   2   1   4                  RMQ_SYS_TRANS_OP_HALF_TOPIC/0, in the order of the ends
//	                    ▲                      opNext: the half messages of all before lie before next
//
// A pending message that is old enough is appended anew with TRANSACTION_CHECK_TIMES one higher, and its producer
// is asked about the copy. So the checker never waits for one message, and what lies before next needs
// no memory. After transactionCheckMax questions the message goes to TRANS_CHECK_MAX_TIME_TOPIC.
//
// All of this is in the logs. Memory has one bit per half message from a little before next on, read back
// from the op records at the start; next and opNext are consumer offsets of CID_RMQ_SYS_TRANS, as in Java, so a
// store moves in both directions with transactions pending. They never run ahead of what is safe: the log
// is flushed before they are noted, so a power cut may repeat a question but skips none.
//
// A transaction is committed once, though it may have several copies and the answer to any of them may come late, twice
// or after a restart. Every copy says which half message was the first, and the bit of that one stands for all. Where
// memory does not reach, before the window or a restart, the key index is asked whether the message is in its
// topic: it has UNIQ_KEY, and PREPARED_TRANSACTION_OFFSET leads back to the half message.
package txn
