package load

import "time"

// due is a heap of the connections that wait for a time, the earliest first. A connection stands in it at most once.
type due struct {
	at   []time.Duration
	conn []uint32
	pos  []int32 // by connection: index in the heap, -1 if it is not there
}

// grow makes room for connection i.
func (d *due) grow(i uint32) {
	for uint32(len(d.pos)) <= i {
		d.pos = append(d.pos, -1)
	}
}

// next is the earliest time; Never if nothing waits.
func (d *due) next() time.Duration {
	if len(d.at) == 0 {
		return Never
	}
	return d.at[0]
}

// set makes connection i wait for a time; Never takes it out.
func (d *due) set(i uint32, at time.Duration) {
	p := int(d.pos[i])
	switch {
	case p < 0 && at == Never:
	case p < 0:
		d.at, d.conn = append(d.at, at), append(d.conn, i)
		d.pos[i] = int32(len(d.at) - 1)
		d.up(len(d.at) - 1)
	case at == Never:
		last := len(d.at) - 1
		d.swap(p, last)
		d.at, d.conn = d.at[:last], d.conn[:last]
		d.pos[i] = -1
		if p < last {
			d.up(d.down(p))
		}
	default:
		d.at[p] = at
		d.up(d.down(p))
	}
}

// pop takes out the connection whose time is the earliest.
func (d *due) pop() uint32 {
	i := d.conn[0]
	d.set(i, Never)
	return i
}

func (d *due) swap(a, b int) {
	d.at[a], d.at[b] = d.at[b], d.at[a]
	d.conn[a], d.conn[b] = d.conn[b], d.conn[a]
	d.pos[d.conn[a]], d.pos[d.conn[b]] = int32(a), int32(b)
}

func (d *due) up(p int) {
	for p > 0 && d.at[p] < d.at[(p-1)/2] {
		d.swap(p, (p-1)/2)
		p = (p - 1) / 2
	}
}

// down returns where p ends up.
func (d *due) down(p int) int {
	for {
		c := 2*p + 1
		if c >= len(d.at) {
			return p
		}
		if c+1 < len(d.at) && d.at[c+1] < d.at[c] {
			c++
		}
		if d.at[p] <= d.at[c] {
			return p
		}
		d.swap(p, c)
		p = c
	}
}
