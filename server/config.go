package server

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/fastjson"
	"ringmq/internal/statefile"
	"ringmq/internal/wire"
	"ringmq/server/delay"
)

// configuration is the broker's options while it runs: a whole that request 25 replaces.
type configuration struct {
	now     atomic.Pointer[config.BrokerFile]
	mu      sync.Mutex       // held while the options are replaced and written
	version wire.DataVersion // under mu
}

// start publishes what the broker was started with.
func (c *configuration) start(f *config.BrokerFile, now time.Time) {
	c.now.Store(f)
	c.version.Timestamp = clock.Millis(now)
}

// brokerConfig serves 26 (GET_BROKER_CONFIG).
func (b *Broker) brokerConfig(x *exchange) {
	b.config.mu.Lock()
	version, err := fastjson.Marshal(b.config.version)
	b.config.mu.Unlock()
	if err != nil {
		x.fail(wire.StatusSystemError, "%v", err)
		return
	}
	x.reply(wire.StatusSuccess, "", &wire.GetBrokerConfigResponse{Version: string(version)}, []byte(b.conf().Text()))
}

// updateBrokerConfig serves 25 (UPDATE_BROKER_CONFIG): all changes of the body or none. Options
// that are read at start only take effect at the next one, as in Java.
func (b *Broker) updateBrokerConfig(x *exchange) {
	if len(x.cmd.Body) == 0 {
		x.ok(nil)
		return
	}
	changes, err := config.ParseProperties(x.cmd.Body)
	if err != nil {
		x.fail(wire.StatusSystemError, "string2Properties error: %v", err)
		return
	}
	var forbidden *config.ForbiddenError
	switch err := b.replaceConfig(changes); {
	case errors.As(err, &forbidden):
		x.fail(wire.StatusNoPermission, "Can not update config in black list.")
		return
	case err != nil:
		x.fail(wire.StatusSystemError, "%v", err)
		return
	}
	b.log.Info("broker configuration updated", "client", x.conn.Remote(), "changes", changes)
	if _, ok := changes["brokerPermission"]; ok {
		b.topics.Touch()
		if r := b.registrar.Load(); r != nil {
			r.Refresh()
		}
	}
	x.ok(nil)
}

// replaceConfig publishes the options with changes and writes them to the broker's property file.
func (b *Broker) replaceConfig(changes map[string]string) error {
	b.config.mu.Lock()
	defer b.config.mu.Unlock()
	next, _, err := b.conf().With(changes)
	if err != nil {
		return err
	}
	retention, err := retentionOf(next)
	if err != nil {
		return err
	}
	levels, err := delay.ParseLevels(next.Store.MessageDelayLevel)
	if err != nil {
		return err
	}
	b.store.SetDelayLevels(levels)
	b.delays.SetLevels(levels)
	b.store.SetRetention(retention)
	b.store.SetLimits(limitsOf(next))
	b.store.SetPace(paceOf(next))
	b.config.now.Store(next)
	b.markSends(next)
	b.config.version.Next(clock.Millis(b.clock.Now()))
	return statefile.Write(next.Path, []byte(next.Persisted()))
}
