package load

// Out is what a flow wants to send. It belongs to the worker and is valid during Pump.
type Out struct {
	pieces [][]byte
	bytes  int
}

// Add sends b behind what was added before. b must stay as it is until an answer shows that the server has
// it all. What lies right behind the piece added last, in the same memory, becomes part of it.
func (o *Out) Add(b []byte) {
	if len(b) == 0 {
		return
	}
	o.bytes += len(b)
	if n := len(o.pieces); n > 0 {
		last := o.pieces[n-1]
		if end := len(last); cap(last) > end && &last[:end+1][end] == &b[0] && cap(last)-end >= len(b) {
			o.pieces[n-1] = last[:end+len(b)]
			return
		}
	}
	o.pieces = append(o.pieces, b)
}

// reset empties the list.
func (o *Out) reset() {
	clear(o.pieces)
	o.pieces, o.bytes = o.pieces[:0], 0
}
