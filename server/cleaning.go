package server

// cleanStaleQueues serves 306 (CLEAN_EXPIRED_CONSUMEQUEUE).
func (b *Broker) cleanStaleQueues(x *exchange) {
	if err := b.store.DeleteStaleQueues(); err != nil {
		x.refuse(err)
		return
	}
	x.ok(nil)
}

// deleteExpired serves 329 (DELETE_EXPIRED_COMMITLOG): what has expired goes now, whatever the hour.
func (b *Broker) deleteExpired(x *exchange) {
	if err := b.store.DeleteExpired(b.clock.Now(), true); err != nil {
		x.refuse(err)
		return
	}
	x.ok(nil)
}
