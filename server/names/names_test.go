package names

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckTopic(t *testing.T) {
	f := func(name string, want error) {
		t.Helper()
		require.ErrorIs(t, CheckTopic(name), want, "%q", name)
		require.ErrorIs(t, CheckTopic([]byte(name)), want, "%q", name)
	}
	f("T", nil)
	f("%RETRY%ns%group-a_b|c", nil)
	f(strings.Repeat("x", 127), nil)
	f("", ErrTopicBlank)
	f(" \t", ErrTopicBlank)
	f(strings.Repeat("x", 128), ErrTopicLong)
	f(strings.Repeat("/", 128), ErrTopicIllegal)
	f("a/../x", ErrTopicIllegal)
	f("a.b", ErrTopicIllegal)
	f("a\x00b", ErrTopicIllegal)
	f("a@b", ErrTopicIllegal)
	f("thème", ErrTopicIllegal)
	f("a b", ErrTopicIllegal)
}

func TestCheckGroup(t *testing.T) {
	f := func(name string, want error) {
		t.Helper()
		require.ErrorIs(t, CheckGroup(name), want, "%q", name)
	}
	f("CID_ONS-HTTP-PROXY", nil)
	f("MQ_INST_1%GID", nil)
	f("%RETRY%g", nil)
	f(strings.Repeat("x", 255), nil)
	f("", ErrGroupBlank)
	f(strings.Repeat("x", 300), ErrGroupLong)
	f("a/../x", ErrGroupIllegal)
	f("topic@group", ErrGroupIllegal)
	f("g\x00", ErrGroupIllegal)
}

func TestCheckStored(t *testing.T) {
	for _, ok := range []string{"broker.example.com", "DefaultCluster", "T", "thème", "a b", "..."} {
		require.NoError(t, CheckStored(ok), ok)
	}
	for _, bad := range []string{"", ".", "..", "a/../x", "/", "a\x00b", strings.Repeat("x", 256)} {
		require.Error(t, CheckStored(bad), bad)
	}
}

// FuzzCheck compares the table with the expression that Java's texts promise.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", " ", "T", "a/../x", "%RETRY%g", "a\x00", "é"} {
		f.Add(s)
	}
	re := regexp.MustCompile(`^[%|a-zA-Z0-9_-]+$`)
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, re.MatchString(s) && len(s) <= MaxTopic && !strings.HasSuffix(s, "\n"), CheckTopic(s) == nil, "%q", s)
		require.Equal(t, re.MatchString(s) && len(s) <= MaxGroup && !strings.HasSuffix(s, "\n"), CheckGroup(s) == nil, "%q", s)
	})
}

func TestMap(t *testing.T) {
	m := NewMap[int]()
	_, ok := m.Get([]byte("a"))
	require.False(t, ok)
	require.False(t, m.Delete("a"))
	for i := range 1000 {
		m.Put(fmt.Sprint("n", i), i)
	}
	m.Put("n7", 70)
	require.Equal(t, 1000, m.Len())
	v, ok := m.Get([]byte("n7"))
	require.True(t, ok)
	require.Equal(t, 70, v)

	sum := 0
	for name, v := range m.All() {
		sum += v
		if v%2 == 0 {
			require.True(t, m.Delete(name))
		}
	}
	require.Equal(t, 1000*999/2-7+70, sum)
	require.Equal(t, 499, m.Len()) // n7 became even
	_, ok = m.Find("n2")
	require.False(t, ok)

	_, ok = m.FindOrPut("more", 499, func() int { panic("full") })
	require.False(t, ok)
	v, ok = m.FindOrPut("more", 500, func() int { return 5 })
	require.True(t, ok)
	require.Equal(t, 5, v)
	v, ok = m.FindOrPut("more", 0, func() int { panic("there") })
	require.True(t, ok)
	require.Equal(t, 5, v)
}

func TestLightMap(t *testing.T) {
	made := 0
	m := NewLightMap(true, 2, func(name string) (int, bool) {
		made++
		return made, name != "%LMQ%bad"
	})
	m.Put("T", 7)
	for range 2 { // made once, whichever way it is asked for
		v, ok := m.Get([]byte("%LMQ%a"))
		require.True(t, ok)
		require.Equal(t, 1, v)
		v, ok = m.Find("%LMQ%a")
		require.True(t, ok)
		require.Equal(t, 1, v)
	}
	_, ok := m.Find("%LMQ%bad")
	require.False(t, ok)
	_, ok = m.Find("other")
	require.False(t, ok)
	_, ok = m.Find("%LMQ%b")
	require.True(t, ok)
	for want := 4; want < 6; want++ { // beyond most: each time
		v, ok := m.Get([]byte("%LMQ%c"))
		require.True(t, ok)
		require.Equal(t, want, v)
	}
	require.Equal(t, 1, m.Len())
	for name := range m.All() {
		require.Equal(t, "T", name)
	}

	off := NewLightMap(false, 2, func(string) (int, bool) { panic("light names are off") })
	_, ok = off.Get([]byte("%LMQ%a"))
	require.False(t, ok)
	_, ok = off.Find("%LMQ%a")
	require.False(t, ok)
}

func TestMapConcurrent(t *testing.T) {
	m := NewMap[int]()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 500 {
				name := fmt.Sprint(i)
				v, ok := m.FindOrPut(name, 1000, func() int { return w })
				require.True(t, ok)
				again, ok := m.Get([]byte(name))
				require.True(t, ok)
				require.Equal(t, v, again)
			}
		})
	}
	wg.Wait()
	require.Equal(t, 500, m.Len())
}

func TestGetDoesNotAllocate(t *testing.T) {
	m := NewMap[*int]()
	m.Put("topic", new(int))
	name := []byte("topic")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if v, ok := m.Get(name); !ok || v == nil {
			t.Fatal("lost")
		}
	}))
}

func BenchmarkGet(b *testing.B) {
	m := NewMap[int]()
	for i := range 1000 {
		m.Put(fmt.Sprint("topic-", i), i)
	}
	name := []byte("topic-500")
	b.ReportAllocs()
	for b.Loop() {
		m.Get(name)
	}
}

func BenchmarkPut60000(b *testing.B) {
	for b.Loop() {
		m := NewMap[int]()
		for i := range 60000 {
			m.Put(fmt.Sprint("topic-", i), i)
		}
	}
}
