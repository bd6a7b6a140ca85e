package inspect

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/compat/raw"
	"ringmq/engine"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

var recordJava = flag.Bool("record-java", false, "record testdata/java-4.9.7 anew from the Java broker that ../compat/peer/peer starts")

// javaStores are the stores of a Java broker 4.9.7 under testdata/java-4.9.7, packed, and what check has to say
// of them besides that nothing is wrong.
var javaStores = map[string][]string{
	"clean": {gone3},
	"killed": {
		"note: abort: the store was not closed (crash of a Java broker): the next start finishes what is missing",
		gone3,
	},
	// The log's first file and all queues were removed, and a broker ran on the rest.
	"expired": {"note: consumequeue/Deleted/0: 5 records in the log are from before the topic was deleted"},
	"levels": {
		gone3,
		"note: consumequeue/SCHEDULE_TOPIC_XXXX/1: messages wait 7 s here, and 5 s with RocketMQ's own levels (--delay-levels tells the broker's)",
	},
	"light": {gone3}, // light queues
	"ext":   {gone3}, // units beside the entries
}

const gone3 = "note: consumequeue/Deleted/0: 3 records in the log are from before the topic was deleted"

func TestJavaStores(t *testing.T) {
	for name, want := range javaStores {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, name)
			r, lines := check(t, dir, CheckOptions{})
			require.Equal(t, want, lines)
			require.Zero(t, r.Problems)
			require.EqualValues(t, 64<<10, r.Log.FileSize)
			require.EqualValues(t, 2000, r.Queues.FileSize)
			require.EqualValues(t, 100, r.Index.Slots)
			require.EqualValues(t, 400, r.Index.Room)
			require.Positive(t, r.Index.Entries)
			require.Positive(t, r.Queues.Entries)

			// Every queue's messages are found by its entries, by the index, and by reading the log.
			s, err := Open(Options{Dir: dir})
			require.NoError(t, err)
			o, err := s.Offsets("", "")
			require.NoError(t, err)
			require.Empty(t, o.Missing)
			for _, q := range o.Queues {
				if strings.HasPrefix(q.Topic, lightPrefix) {
					continue
				}
				sel := Selection{Topic: q.Topic, Queue: q.Queue, HasOffsets: true, Offsets: [2]message.QueueOffset{message.QueueOffset(q.Min), 1 << 40}}
				byQueue := selected(t, s, sel)
				require.Len(t, byQueue, int(q.Max-q.Min), "%v", q)
				sel.Scan = true
				if q.Topic != "Deleted" {
					require.Equal(t, byQueue, selected(t, s, sel))
				}
				for _, m := range byQueue {
					if m.Properties["UNIQ_KEY"] != "" {
						require.Contains(t, selected(t, s, Selection{Topic: q.Topic, Queue: -1, UniqueKey: m.Properties["UNIQ_KEY"]}), m)
					}
				}
			}
			require.NoError(t, s.Close())
		})
	}
}

// TestRebuildOfJavaStores: what is made again holds the same, and a broker believes it.
func TestRebuildOfJavaStores(t *testing.T) {
	for name := range javaStores {
		t.Run(name, func(t *testing.T) {
			dir := unpack(t, name)
			var levels []time.Duration
			if name == "levels" {
				_, err := Rebuild(context.Background(), Options{Dir: dir}, RebuildOptions{})
				require.ErrorContains(t, err, "messages of delay level 2 wait 7 s in this store")
				levels = []time.Duration{time.Second, 7 * time.Second}
			}
			before, _ := check(t, dir, CheckOptions{})
			_, err := Rebuild(context.Background(), Options{Dir: dir}, RebuildOptions{DelayLevels: levels})
			require.NoError(t, err)
			after, lines := check(t, dir, CheckOptions{DelayLevels: levels})
			require.Zero(t, after.Problems, lines)
			require.Equal(t, before.Queues, after.Queues)
			if name != "expired" { // where the index still had what has gone from the log
				require.Equal(t, before.Index.Entries, after.Index.Entries)
			}
			require.Zero(t, after.Index.Unindexed)
			s, err := engine.Open(engine.Options{Dir: dir, CommitLogFileSize: 64 << 10, ConsumeQueueFileSize: 2000, IndexSlots: 100, IndexEntries: 400})
			require.NoError(t, err)
			require.NoError(t, s.Close())
			again, lines := check(t, dir, CheckOptions{DelayLevels: levels})
			require.Zero(t, again.Problems, lines)
		})
	}
}

// selected are the messages of a selection.
func selected(t testing.TB, s *Store, sel Selection) (list []Message) {
	t.Helper()
	err := s.Select(context.Background(), sel, func(p Problem) { t.Error(p) }, func(raw []byte, r *message.Record) error {
		list = append(list, Describe(raw, r))
		return nil
	})
	require.NoError(t, err)
	return list
}

func golden(name string) string {
	return filepath.Join("testdata", "java-4.9.7", name+".tar.gz")
}

// unpack makes a directory of a packed store.
func unpack(t testing.TB, name string) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(golden(name))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return dir
		}
		require.NoError(t, err)
		path := filepath.Join(dir, h.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, b, 0o600))
	}
}

// pack writes a store's files, without what differs for no reason.
func pack(t *testing.T, dir, name string) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	require.NoError(t, err)
	w := tar.NewWriter(z)
	fs, err := mapfile.OpenReadOnly(dir)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		b, err := readWhole(fs, rel)
		require.NoError(t, err)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: rel, Size: int64(len(b)), Mode: 0o644}))
		_, err = w.Write(b)
		return err
	}))
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	require.NoError(t, fs.Close())
	require.NoError(t, os.MkdirAll(filepath.Dir(golden(name)), 0o755))
	require.NoError(t, os.WriteFile(golden(name), out.Bytes(), 0o644))
}

const javaPort = 22350

// TestRecordJavaStores writes the packed stores.
func TestRecordJavaStores(t *testing.T) {
	if !*recordJava {
		t.Skip("only with -record-java")
	}
	for name, options := range map[string][]string{
		"clean": nil, "killed": nil, "expired": nil,
		"levels": {"messageDelayLevel=1s 7s 1m"},
		"light":  {"enableLmq=true", "enableMultiDispatch=true"},
		"ext":    {"enableConsumeQueueExt=true", "mappedFileSizeConsumeQueueExt=1024"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stop := startJava(t, dir, options...)
			fillJava(t, name)
			switch name {
			case "killed":
				stop(syscall.SIGKILL)
			case "expired":
				stop(syscall.SIGTERM)
				require.NoError(t, os.Remove(filepath.Join(dir, engine.CommitLogName, strings.Repeat("0", 20))))
				require.NoError(t, os.RemoveAll(filepath.Join(dir, engine.ConsumeQueueName)))
				stop = startJava(t, dir, options...)
				fillJava(t, name)
				stop(syscall.SIGTERM)
			default:
				stop(syscall.SIGTERM)
			}
			pack(t, dir, name)
		})
	}
}

// startJava starts a broker and waits until it answers.
func startJava(t *testing.T, dir string, options ...string) (stop func(syscall.Signal)) {
	args := append([]string{"broker", "-p", fmt.Sprint(javaPort), "-s", dir,
		"mappedFileSizeCommitLog=65536", "mappedFileSizeConsumeQueue=2000", "maxHashSlotNum=100", "maxIndexNum=400",
		"autoCreateTopicEnable=true", "transactionTimeOut=600000"}, options...)
	cmd := exec.Command("../compat/peer/peer", args...)
	cmd.Env = append(os.Environ(), "HEAP=512m")
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool {
		c, err := raw.Dial(context.Background(), fmt.Sprintf("127.0.0.1:%d", javaPort))
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = c.Topics(context.Background())
		return err == nil
	}, 2*time.Minute, 200*time.Millisecond)
	return func(sig syscall.Signal) {
		require.NoError(t, cmd.Process.Signal(sig))
		_ = cmd.Wait() // how it ends was asked for
	}
}

// fillJava sends messages of every kind, of about three files of the log.
func fillJava(t *testing.T, name string) {
	ctx := context.Background()
	c, err := raw.Dial(ctx, fmt.Sprintf("127.0.0.1:%d", javaPort))
	require.NoError(t, err)
	defer c.Close()
	n := 0
	unique := func() string { n++; return fmt.Sprintf("UNIQ_KEY\x01%s%028X\x02", "7F00", n) }
	send := func(topic string, queue int32, properties string) {
		_, err := c.Send(ctx, topic, queue, unique()+properties, []byte(fmt.Sprintf("body %d %s", n, strings.Repeat("x", n%300))))
		require.NoError(t, err)
	}
	for range 3 {
		send("Deleted", 0, "TAGS\x01gone")
	}
	_, err = c.Want(ctx, raw.CodeDeleteTopicBroker, map[string]string{"topic": "Deleted"}, nil)
	require.NoError(t, err)
	for i := range 300 {
		topic := fmt.Sprint("Topic", i%3)
		switch {
		case i%10 == 0:
			send(topic, int32(i%4), fmt.Sprintf("TAGS\x01tag%d\x02KEYS\x01order%d customer%d\x02", i%5, i, i%7))
		case i%25 == 3:
			send(topic, int32(i%4), "TAGS\x01later\x02DELAY\x012\x02")
		case i%30 == 4:
			var batch []raw.BatchMessage
			for range 5 {
				batch = append(batch, raw.BatchMessage{Properties: unique() + "TAGS\x01batch", Body: []byte("one of five")})
			}
			_, err := c.SendBatch(ctx, topic, int32(i%4), batch)
			require.NoError(t, err)
		case i%40 == 6:
			transaction(t, c, topic, unique(), i%80 == 6)
		default:
			send(topic, int32(i%4), "TAGS\x01plain")
		}
	}
	if name == "light" {
		for i := range 20 {
			send("Topic1", 1, fmt.Sprintf("TAGS\x01light\x02INNER_MULTI_DISPATCH\x01%%LMQ%%a,%%LMQ%%b%d\x02", i%3))
		}
	}
	for i := range 2 {
		send("Deleted", 0, fmt.Sprintf("TAGS\x01again%d", i))
	}
	require.NoError(t, c.Heartbeat(ctx, "client", "CG", "Topic0", "Topic1"))
	require.NoError(t, c.CommitOffset(ctx, "CG", "Topic0", 1, 7))
	require.NoError(t, c.AwaitMaxOffset(ctx, "Deleted", 0, 2))
	// Delayed messages come; offsets and checkpoints are written every few seconds.
	var seen []int64
	require.Eventually(t, func() bool {
		last, err := c.Offset(ctx, raw.CodeMaxOffset, "Topic0", 3)
		require.NoError(t, err)
		seen = append(seen, last)
		return len(seen) > 25 && slices.Max(seen[len(seen)-10:]) == seen[len(seen)-10]
	}, 2*time.Minute, 500*time.Millisecond)
}

// transaction sends a half message and ends it.
func transaction(t *testing.T, c *raw.Conn, topic, unique string, commit bool) {
	ctx := context.Background()
	ext := raw.SendExt(topic, 1, unique+"TRAN_MSG\x01true\x02PGROUP\x01PG\x02TAGS\x01half")
	ext["sysFlag"] = "4"
	r, err := c.Want(ctx, raw.CodeSend, ext, []byte("half"))
	require.NoError(t, err)
	ids := strings.Split(r.Ext["msgId"], ",")
	_, off, err := message.ParseID(ids[0])
	require.NoError(t, err)
	how := "12"
	if commit {
		how = "8"
	}
	_ = c.Oneway(37, map[string]string{
		"producerGroup": "PG", "tranStateTableOffset": r.Ext["queueOffset"], "commitLogOffset": fmt.Sprint(int64(off)),
		"commitOrRollback": how, "fromTransactionCheck": "false", "msgId": ids[0], "transactionId": ids[0],
	}, nil)
}
