package inspect

import (
	"cmp"
	"slices"

	"ringmq/internal/message"
)

// damageList is the parts of the log that are no records, in order.
type damageList struct{ parts []damagePart }

type damagePart struct{ from, to message.LogOffset }

func (d *damageList) add(from, to message.LogOffset) {
	d.parts = append(d.parts, damagePart{from, to})
}

// covers tells whether off lies in damage.
func (d *damageList) covers(off message.LogOffset) bool {
	i, ok := slices.BinarySearchFunc(d.parts, off, func(p damagePart, off message.LogOffset) int { return cmp.Compare(p.from, off) })
	return ok || i > 0 && off < d.parts[i-1].to
}
