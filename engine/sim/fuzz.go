package sim

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// FuzzOptions say what [Fuzz] runs.
type FuzzOptions struct {
	// First and Seeds are the first seed and how many; 0 seeds: no end, but with NoSeeds none.
	First, Seeds uint64
	NoSeeds      bool
	// Walks, by name, are run before the seeds.
	Walks []string
	// Of the walks only the runs Part, Part+Parts, Part+2·Parts … ; with 0 Parts all of them. So a long walk can
	// be done a part at a time, and each part looks everywhere.
	Part, Parts uint64
	// Workers is how many runs go on at once.
	Workers int
	// Done is called after each run, one at a time.
	Done func(Progress)
}

// Progress is how far a Fuzz has come.
type Progress struct {
	Name     string // of the run that ended last
	Runs     int64
	Images   int64
	Coverage Coverage // must not be kept
}

// FuzzFailure is a run that failed.
type FuzzFailure struct {
	Name  string // for [Find]
	Err   error
	Trace []string
}

func (f *FuzzFailure) Error() string { return fmt.Sprintf("%s: %v", f.Name, f.Err) }

// Unwrap returns the broken promise.
func (f *FuzzFailure) Unwrap() error { return f.Err }

// Fuzz runs until everything asked for is done, a run fails, or ctx ends. A failure is a [*FuzzFailure].
func Fuzz(ctx context.Context, o FuzzOptions) (Progress, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := fuzz{o: o, stop: stop, total: Progress{Coverage: Coverage{}}}
	for _, name := range o.Walks {
		w, _, err := Find(name + "/0")
		if err != nil {
			return f.total, err
		}
		f.walks = append(f.walks, w)
	}
	var workers sync.WaitGroup
	for range max(o.Workers, 1) {
		workers.Go(func() {
			for ctx.Err() == nil {
				w, n, ok := f.take()
				if !ok {
					return
				}
				f.done(fmt.Sprint(w.Name, "/", n), w, n, w.Run(n, false))
			}
		})
	}
	workers.Wait()
	return f.total, f.failure
}

// fuzz is a Fuzz under way.
type fuzz struct {
	o     FuzzOptions
	walks []Walk
	stop  func()
	next  atomic.Uint64 // the runs are numbered through: those of the walks, then the seeds

	mu      sync.Mutex
	total   Progress // under mu
	failure error    // under mu
}

// take chooses the next run.
func (f *fuzz) take() (w Walk, n uint64, ok bool) {
	n = f.next.Add(1) - 1
	parts := max(f.o.Parts, 1)
	for _, w := range f.walks {
		runs := (w.Len() + parts - 1 - f.o.Part) / parts
		if n < runs {
			return w, f.o.Part + n*parts, true
		}
		n -= runs
	}
	return Walks[0], f.o.First + n, !f.o.NoSeeds && (f.o.Seeds == 0 || n < f.o.Seeds)
}

// done books a run; a failed one is repeated to see what it does.
func (f *fuzz) done(name string, w Walk, n uint64, res Result) {
	if res.Failure != nil {
		again := w.Run(n, true)
		f.mu.Lock()
		if f.failure == nil {
			f.failure = &FuzzFailure{name, res.Failure, again.Trace}
		}
		f.mu.Unlock()
		f.stop()
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.total.Name = name
	f.total.Runs++
	f.total.Images += res.Images
	f.total.Coverage.Add(res.Coverage)
	if f.o.Done != nil {
		f.o.Done(f.total)
	}
}
