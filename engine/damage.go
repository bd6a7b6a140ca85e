package engine

import (
	"errors"
	"fmt"
	"path"
	"time"

	"ringmq/commitlog"
)

// damageFile lists the damage that was found, a line each, newest last; it is never
// shortened.
const damageFile = "damage.log"

// reportDamage writes damage to the log and to ringmq/damage.log, so that it is not forgotten
// when the log of the day is.
func (s *Store) reportDamage(e *commitlog.CorruptError) {
	s.damage.Add(1)
	s.o.Log.Error("damage", "err", e)
	if err := s.appendDamage(e); err != nil {
		s.o.Log.Error("damage report cannot be written", "err", err)
	}
}

func (s *Store) appendDamage(e *commitlog.CorruptError) error {
	f, err := openOrCreate(s.root, path.Join(ringmqName, damageFile))
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%s %s\n", s.o.Clock.Now().UTC().Format(time.RFC3339), e)
	_, err = f.WriteAt([]byte(line), f.Size())
	return errors.Join(err, f.Close())
}
