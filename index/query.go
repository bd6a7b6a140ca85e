package index

// Query finds the records of a topic that have the key, or one with the same hash, and were
// stored between begin and end (ms, both included; times are kept in whole seconds since a
// file's first record). It returns the newest first, at most limit, and goes from the newest
// file to the first that begins before begin, as IndexService.queryOffset does.
//
// It may run beside the writer, on a goroutine that may wait for the disk.
func (x *Index) Query(topic, key []byte, limit int, begin, end int64) Result {
	files := x.snapshot()
	defer release(files)
	hash := Hash(topic, key)
	var r Result
	if n := len(files); n > 0 {
		r.LastTimestamp = files[n-1].endTimestamp.Load()
		r.LastOffset = files[n-1].endOffset()
	}
	for i := len(files) - 1; i >= 0 && len(r.Offsets) < limit; i-- {
		if files[i].overlaps(begin, end) {
			r.Offsets = files[i].search(r.Offsets, hash, limit, begin, end)
		}
		if files[i].beginTimestamp.Load() < begin {
			break
		}
	}
	return r
}
