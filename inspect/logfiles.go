package inspect

import (
	"fmt"
	"log/slog"
	"path"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// logFiles is the commit log as its directory lists it.
type logFiles struct {
	fs    mapfile.FS
	dir   string // within fs
	shown string // dir, for people
	// fileSize is what the lengths and the names of the files agree on.
	fileSize int64
	files    []logFile // by base
	foreign  []mapfile.Entry
}

// logFile is one file of the commit log.
type logFile struct {
	base message.LogOffset
	size int64 // its own length
}

func (f logFile) end() message.LogOffset { return f.base + message.LogOffset(f.size) }

// list reads the directory.
func (l *logFiles) list() error {
	entries, err := l.fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var sizes []int64
	for _, e := range entries {
		base, ok := commitlog.ParseFileName(e.Name)
		if e.Dir || !ok {
			l.foreign = append(l.foreign, e)
			continue
		}
		if n := len(l.files); n > 0 {
			sizes = append(sizes, int64(base-l.files[n-1].base))
		}
		if e.Size > 0 {
			sizes = append(sizes, e.Size)
		}
		l.files = append(l.files, logFile{base, e.Size})
	}
	l.fileSize = mostCommon(sizes)
	return nil
}

// name is a file's within fs, path the same for people.
func (l *logFiles) name(base message.LogOffset) string {
	return path.Join(l.dir, commitlog.FileName(base))
}

func (l *logFiles) path(base message.LogOffset) string {
	return path.Join(l.shown, commitlog.FileName(base))
}

// min is the first log offset there is.
func (l *logFiles) min() message.LogOffset {
	if len(l.files) == 0 {
		return 0
	}
	return l.files[0].base
}

// at is the place of off in l.files, -1 when no file holds it.
func (l *logFiles) at(off message.LogOffset) int {
	for i := len(l.files) - 1; i >= 0; i-- {
		if f := l.files[i]; off >= f.base {
			if off < f.end() {
				return i
			}
			return -1
		}
	}
	return -1
}

// place is the file and the byte in it where off lies, for people.
func (l *logFiles) place(off message.LogOffset) (string, int64) {
	if i := l.at(off); i >= 0 {
		return l.path(l.files[i].base), int64(off - l.files[i].base)
	}
	return l.shown, wholeFile
}

// options are what commitlog needs to scan one of the files.
func (l *logFiles) options() commitlog.Options {
	return commitlog.Options{FS: l.fs, Dir: l.dir, FileSize: l.fileSize, Log: slog.New(slog.DiscardHandler)}
}

// check tells what is wrong with names and lengths. crashed: a file may just have been begun.
func (l *logFiles) check(crashed bool) (found []Problem) {
	for _, e := range l.foreign {
		what := "not a commit log file; a Java broker does not start with it in this folder"
		if e.Dir {
			what = "a folder in the commit log; a Java broker does not start with it"
		}
		found = append(found, Problem{Path: path.Join(l.shown, e.Name), Offset: wholeFile, What: what})
	}
	for i, f := range l.files {
		p := Problem{Path: l.path(f.base), Offset: wholeFile}
		switch last := i == len(l.files)-1; {
		case f.size == 0 && last:
			p.What, p.Note = "a file that was never begun", crashed
			found = append(found, p)
		case f.size != l.fileSize:
			p.What, p.Want, p.Got = "length of the file", fmt.Sprint(l.fileSize), fmt.Sprint(f.size)
			found = append(found, p)
		}
		if int64(f.base)%l.fileSize != 0 {
			p.What, p.Want, p.Got = "name of the file", fmt.Sprintf("a multiple of %d", l.fileSize), fmt.Sprint(int64(f.base))
			found = append(found, p)
			continue
		}
		if i == 0 {
			continue
		}
		if want := l.files[i-1].base + message.LogOffset(l.fileSize); want < f.base {
			found = append(found, Problem{Path: l.path(want), Offset: wholeFile, What: "a file is missing", Want: "the files from here up to " + l.path(f.base)})
		}
	}
	return found
}
