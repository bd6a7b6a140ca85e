package index

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// The stores under testdata were written by a Java broker 4.9.7 with maxHashSlotNum=100 and
// maxIndexNum=400; records.tsv lists what is in its commit log.
const (
	goldenSlots   = 100
	goldenEntries = 400
)

var goldenStores = []string{"plain", "expired"}

type goldenRecord struct {
	topic, uniq, keys string
	off               message.LogOffset
	stored            int64
}

func (r goldenRecord) hashes() []int32 {
	return AppendHashes(nil, []byte(r.topic), []byte(r.uniq), []byte(r.keys))
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
		_, err := fmt.Sscan(cols[3]+" "+cols[5], &r.off, &r.stored)
		require.NoError(t, err)
		for i, text := range map[int]*string{0: &r.topic, 6: &r.uniq, 7: &r.keys} {
			require.NoError(t, json.Unmarshal([]byte(cols[i]), text))
		}
		records = append(records, r)
	}
	return records
}

func goldenFiles(t testing.TB, store string) map[string][]byte {
	files := map[string][]byte{}
	dir := filepath.Join("testdata", "java-4.9.7", store, "index")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
	}
	return files
}

// naming is a clock that lets files be called as Java's are.
type naming struct {
	clock.Clock
	names []string
}

func (c *naming) Now() time.Time {
	name := c.names[0]
	c.names = c.names[1:]
	at, err := time.ParseInLocation("20060102150405.000", name[:14]+"."+name[14:], time.Local)
	if err != nil {
		panic(err)
	}
	return at
}

func TestWriteAsJava(t *testing.T) {
	for _, store := range goldenStores {
		t.Run(store, func(t *testing.T) {
			fs, err := mapfile.OpenDir(t.TempDir())
			require.NoError(t, err)
			want := goldenFiles(t, store)
			x, err := Open(Options{
				FS: fs, Slots: goldenSlots, Entries: goldenEntries,
				Clock: &naming{names: slices.Sorted(maps.Keys(want))},
			})
			require.NoError(t, err)
			for _, r := range goldenRecords(t, store) {
				require.NoError(t, x.Put(r.off, r.stored, r.hashes()))
			}
			require.NoError(t, x.Close())
			for name, bytes := range want {
				got, err := os.ReadFile(filepath.Join(fs.Path(), DefaultDir, name))
				require.NoError(t, err)
				require.Equal(t, bytes, got)
			}
			require.NoError(t, fs.Close())
		})
	}
}

func TestReadJava(t *testing.T) {
	for _, store := range goldenStores {
		t.Run(store, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "java-4.9.7", store))))
			fs, err := mapfile.OpenDir(dir)
			require.NoError(t, err)
			x, err := Open(Options{FS: fs, Slots: goldenSlots, Entries: goldenEntries})
			require.NoError(t, err)
			records := goldenRecords(t, store)
			check := func() {
				for _, r := range records {
					for _, key := range append(strings.Fields(r.keys), r.uniq) {
						if key != "" {
							got := x.Query([]byte(r.topic), []byte(key), 1000, 0, r.stored+1000)
							require.Contains(t, got.Offsets, r.off, "%s#%s", r.topic, key)
							require.True(t, slices.IsSortedFunc(got.Offsets, func(a, b message.LogOffset) int { return int(b - a) }))
						}
					}
				}
			}
			check()
			end := x.EndOffset()
			require.NoError(t, x.TruncateTo(end+1))
			require.Equal(t, end, x.EndOffset())
			check()
			for _, r := range records {
				require.NoError(t, x.Put(r.off, r.stored, r.hashes()), "dispatched again")
			}
			// A record of two keys leads here twice and no more.
			require.Equal(t, goldenHits(records), hits(x, records))
			require.NoError(t, x.Close())
			require.NoError(t, fs.Close())
		})
	}
}

// goldenHits counts, for each key, the records that have its hash, each once for each key.
func goldenHits(records []goldenRecord) map[int32]int {
	count := map[int32]int{}
	for _, r := range records {
		for _, h := range r.hashes() {
			count[h]++
		}
	}
	return count
}

func hits(x *Index, records []goldenRecord) map[int32]int {
	count := map[int32]int{}
	for h := range goldenHits(records) {
		for _, f := range x.files {
			count[h] += len(f.search(nil, h, 1<<20, 0, 1<<60))
		}
	}
	return count
}
