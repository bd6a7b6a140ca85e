package consumequeue

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/javahash"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// The stores under testdata were written by a Java broker 4.9.7 with
// mappedFileSizeConsumeQueue=2000; records.tsv lists what is in its commit log. In "expired" the
// log's first file was removed with all consume queues, and the broker made them again.
const goldenFileSize = 2000

var goldenStores = []string{"plain", "expired"}

type goldenRecord struct {
	topic string
	queue int32
	off   message.QueueOffset
	entry Entry
}

func goldenRecords(t testing.TB, store string) []goldenRecord {
	f, err := os.Open(filepath.Join("testdata", "java-4.9.7", store, "records.tsv"))
	require.NoError(t, err)
	defer f.Close()
	var records []goldenRecord
	for lines := bufio.NewScanner(f); lines.Scan(); {
		cols := strings.Split(lines.Text(), "\t")
		if strings.HasPrefix(cols[0], "#") {
			continue
		}
		var r goldenRecord
		var stored int64
		var tags, delay string
		_, err := fmt.Sscan(strings.Join(cols[1:6], " "), &r.queue, &r.off, &r.entry.LogOffset, &r.entry.Size, &stored)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal([]byte(cols[0]), &r.topic))
		require.NoError(t, json.Unmarshal([]byte(cols[8]), &tags))
		require.NoError(t, json.Unmarshal([]byte(cols[9]), &delay))
		r.entry.TagsCode = javahash.TagsCode([]byte(tags))
		if delay != "" {
			require.Equal(t, "3", delay)
			r.entry.TagsCode = stored + 10_000
		}
		records = append(records, r)
	}
	return records
}

// tree reads every file below dir.
func tree(t testing.TB, dir string) map[string][]byte {
	files := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = b
		return err
	}))
	return files
}

func openDir(t testing.TB, dir string) *mapfile.Dir {
	fs, err := mapfile.OpenDir(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, fs.Close()) })
	return fs
}

func TestWriteAsJava(t *testing.T) {
	for _, store := range goldenStores {
		t.Run(store, func(t *testing.T) {
			fs := openDir(t, t.TempDir())
			table, err := Open(Options{FS: fs, FileSize: goldenFileSize})
			require.NoError(t, err)
			for i, r := range goldenRecords(t, store) {
				require.NoError(t, table.Queue([]byte(r.topic), r.queue).Put(r.off, r.entry))
				if i%17 == 0 {
					require.NoError(t, table.Flush())
				}
			}
			require.NoError(t, table.Close())
			want := tree(t, filepath.Join("testdata", "java-4.9.7", store, "consumequeue"))
			require.Equal(t, want, tree(t, filepath.Join(fs.Path(), "consumequeue")))
		})
	}
}

func TestReadJava(t *testing.T) {
	for _, store := range goldenStores {
		for _, crashed := range []bool{false, true} {
			t.Run(fmt.Sprint(store, crashed), func(t *testing.T) {
				dir := t.TempDir()
				require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "java-4.9.7", store))))
				table, err := Open(Options{FS: openDir(t, dir), FileSize: goldenFileSize, Crashed: crashed})
				require.NoError(t, err)
				records := goldenRecords(t, store)
				next := map[*Queue]message.QueueOffset{}
				for _, r := range records {
					q := table.Lookup([]byte(r.topic), r.queue)
					require.NotNil(t, q, r.topic)
					var got [1]Entry
					n, err := q.Read(r.off, got[:])
					require.NoError(t, err)
					require.Equal(t, 1, n)
					require.Equal(t, r.entry, got[0])
					if _, seen := next[q]; !seen {
						require.Equal(t, r.off, q.Min(), "%s", r.topic)
					}
					next[q] = r.off + 1
				}
				require.Len(t, table.All(), len(next))
				for q, end := range next {
					require.Equal(t, end, q.Max(), q.Topic())
					require.Equal(t, end, q.Next, q.Topic())
				}
				last := records[len(records)-1].entry
				require.Equal(t, last.end(), table.MaxLogOffset())
				require.Equal(t, message.LogOffset(1<<40), table.Redo(1<<40), "nothing is damaged")
				require.NoError(t, table.Close())
			})
		}
	}
}
