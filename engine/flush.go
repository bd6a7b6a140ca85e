package engine

// Flush makes everything appended before the call safe: it returns when the device has it.
// It may wait as long as the device takes.
func (s *Store) Flush() error {
	s.stage.Lock()
	tail := s.stage.stager.Tail()
	s.stage.Unlock()
	err := s.commitTo(tail)
	if s.Deferred() {
		s.wakeCommitter() // Commits that waited for these messages are answered by it
	}
	if err != nil || s.o.Flush == SyncFlush {
		return err
	}
	return s.log.Sync()
}
