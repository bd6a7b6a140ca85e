package commitlog

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestScanFileAsScan: file by file the same records, the same damage and the same end.
func TestScanFileAsScan(t *testing.T) {
	for name, spoil := range map[string]func(l *testLog){
		"whole":           func(*testLog) {},
		"body":            func(l *testLog) { l.spoil(1090, 0xFF) },
		"magic":           func(l *testLog) { l.spoil(1004, 0) },
		"second file":     func(l *testLog) { l.spoil(5100, 0xFF) },
		"behind the end":  func(l *testLog) { l.spoil(3*testFileSize-1, 1) },
		"last record":     func(l *testLog) { l.spoil(2*testFileSize+990, 1) },
		"everything else": func(l *testLog) { l.spoil(4, 1); l.spoil(2104, 1); l.spoil(4100, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newTest(t)
			for range 9 {
				l.add(1000)
			}
			l.write()
			spoil(l)
			want, whole := l.scan(0)
			v := &visitor{}
			end := message.LogOffset(-1)
			var torn *CorruptError
			o := Options{FS: l.mem, Dir: "commitlog", FileSize: testFileSize, Log: slog.New(slog.DiscardHandler)}
			for _, f := range *l.files.Load() {
				r, err := ScanFile(o, f.base, f.base, v)
				require.NoError(t, err)
				if torn = r.Torn; r.Records > 0 {
					end = r.End
				}
			}
			require.Equal(t, want, strings.Join(v.found, " "))
			require.Equal(t, whole.End, end)
			require.Equal(t, whole.Torn, torn)
		})
	}
}

func TestScanFileOfOtherLength(t *testing.T) {
	l := newTest(t)
	for range 3 {
		l.add(1000)
	}
	l.write()
	f, err := l.mem.Open("commitlog/" + FileName(0))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(2500))
	v := &visitor{}
	r, err := ScanFile(l.o, 0, 0, v)
	require.NoError(t, err)
	require.EqualValues(t, 2000, r.End)
	require.Equal(t, "1 2", strings.Join(v.found, " "))
	require.NotNil(t, r.Torn)
	_, err = ScanFile(l.o, testFileSize*9, testFileSize*9, v)
	require.Error(t, err)
}

// TestCheckRecordAsScan: what a scan calls a record is one, and no changed byte that it would notice.
func TestCheckRecordAsScan(t *testing.T) {
	l := newTest(t)
	l.add(200)
	l.write()
	raw := l.file(0)
	var r message.Record
	size, err := CheckRecord(raw, 0, &r)
	require.NoError(t, err)
	require.Equal(t, 200, size)
	require.EqualValues(t, 1, r.QueueOffset)
	_, err = CheckRecord(raw, 4096, &r)
	require.Error(t, err, "of another place")
	_, err = CheckRecord(raw[:199], 0, &r)
	require.Error(t, err)
	for i := range 200 {
		raw[i] ^= 1
		l.spoil(message.LogOffset(i), raw[i])
		found, _ := l.scan(0)
		if _, err := CheckRecord(raw, 0, &r); err == nil {
			require.NotEmpty(t, found)
		} else {
			require.Empty(t, found)
		}
		raw[i] ^= 1
		l.spoil(message.LogOffset(i), raw[i])
	}
}
