package ring

// Operation is something a [Submitter] carries out for others.
type Operation interface {
	// Prepare fills in the SQE, but for its UserData, which is the submitter's.
	Prepare(s *SQE)
	// Completed gets what the system call would return, or a negative errno. It runs on the
	// ring's thread, must not block, and may submit again.
	Completed(res int32)
}

// Submitter is a loop with a ring that carries out operations for others. An Operation is kept
// reachable, with the memory it names, until it is completed.
type Submitter interface{ Submit(op Operation) }
