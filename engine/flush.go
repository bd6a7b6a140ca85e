package engine

import "ringmq/internal/message"

// Flush makes everything appended before the call safe: it returns when the device has it.
// It may wait as long as the device takes.
func (s *Store) Flush() error {
	err := s.commitTo(s.tail())
	if s.Deferred() {
		s.wakeCommitter() // Commits that waited for these messages are answered by it
	}
	if err != nil || s.o.Flush == SyncFlush {
		return err
	}
	return s.log.Sync()
}

// tail is the log offset behind what was appended.
func (s *Store) tail() message.LogOffset {
	s.stage.Lock()
	defer s.stage.Unlock()
	return s.stage.stager.Tail()
}
