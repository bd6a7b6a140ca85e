package mapfile

import "fmt"

func (f *memFile) Map(off, n int64, access Access) (*Mapping, error) {
	if err := f.m.faultRead(OpMap, f.name, off, n); err != nil {
		return nil, err
	}
	err := f.enter("mmap")
	defer f.m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if off < 0 || n <= 0 || off%block != 0 || off+n > int64(len(f.n.data)) {
		return nil, f.fail("mmap", fmt.Errorf("bytes %d to %d of %d", off, off+n, len(f.n.data)))
	}
	f.n.mapped = true
	if access != ReadOnly {
		f.n.change(off, n)
	}
	return &Mapping{Data: f.n.data[off : off+n : off+n], m: memMapping{f, off}}, nil
}

// memMapping is a mapping of a Mem's file: the live bytes themselves.
type memMapping struct {
	f   *memFile
	off int64 // of the mapping
}

func (mm memMapping) resident([]byte) (bool, error) { return !mm.f.m.Cold.Load(), nil }
func (mm memMapping) populate([]byte) error         { return nil }
func (mm memMapping) prefault([]byte) error         { return nil }
func (mm memMapping) forget([]byte) error           { return nil }
func (mm memMapping) unmap([]byte) error            { return nil }

func (mm memMapping) sync(data []byte, off int) error {
	return mm.f.syncRange(mm.off+int64(off), int64(len(data)))
}
