// Package sim tries to break what package engine promises: it drives stores over the memory twin of the
// disk, ends them at every moment in every way, and compares what the next start finds with a model.
//
//	seed ─► life ─► life ─► … ─► last audit      a life: open, audit, random work, an end:
//	         │                                   closed, killed, or a power cut
//	         │ before operations of the disk
//	         ├─► image: a power cut now ─► open, audit (─► work, end, open, audit)
//	         └─► image: kill -9 now     ─► open, audit …
//
// A store has no goroutines here ([engine.Steps]), its clock moves when the work says so, and everything
// else comes from the seed: the same seed does the same again, operation by operation.
//
// What must be true after each start:
//
//	lost       nothing that the store said was safe from the way it ended
//	served     each message whole, at its offset, and nothing else
//	queues     agree with the log entry by entry; a hole only where a power cut took a message
//	index      finds each message in the log by each of its keys, newest first, and nothing else
//	works      what is appended then gets the next offset, and stays
//
// Beside the random lives of [Run] there are three walks that leave nothing to chance: all short sequences of
// operations with all crash points ([Sequences]), a fault at every operation ([Faults]), and every bit of a small
// store flipped ([Bits]). [Fuzz] runs all of them on all cores for as long as it may.
//
// The package owns no state; a run belongs to the goroutine that calls it.
package sim
