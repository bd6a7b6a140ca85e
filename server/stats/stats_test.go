package stats

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
)

// in runs fn in a bubble of virtual time with a sampled table.
func in(t *testing.T, detail bool, fn func(t *testing.T, s *Table, sleep func(time.Duration))) {
	synctest.Test(t, func(t *testing.T) {
		s := New("c1", detail, time.Now())
		go s.Run(t.Context(), clock.Real{})
		fn(t, s, func(d time.Duration) {
			time.Sleep(d) // virtual: the bubble's clock jumps
			synctest.Wait()
		})
	})
}

func TestTopicWindows(t *testing.T) {
	in(t, true, func(t *testing.T, s *Table, sleep func(time.Duration)) {
		_, ok := s.View("TOPIC_PUT_NUMS", "T")
		require.False(t, ok, "never fed")
		c := s.Topic("T")
		_, ok = s.View("TOPIC_PUT_NUMS", "T")
		require.False(t, ok, "known, but never fed")

		sleep(5 * time.Second)
		for range 10 {
			c.Add(2, 100)
		}
		v, ok := s.View("TOPIC_PUT_NUMS", "T")
		require.True(t, ok)
		require.Equal(t, View{}, v, "not sampled yet")

		sleep(5 * time.Second)
		v, _ = s.View("TOPIC_PUT_NUMS", "T")
		require.Equal(t, View{Minute: Figure{20, 2, 2}}, v)
		v, _ = s.View("TOPIC_PUT_SIZE", "T")
		require.Equal(t, View{Minute: Figure{1000, 100, 100}}, v)

		sleep(40 * time.Second) // 5 ticks after creation
		v, _ = s.View("TOPIC_PUT_NUMS", "T")
		require.Equal(t, Figure{20, 0.4, 2}, v.Minute)
		sleep(20 * time.Second) // the tick before the traffic has left the window
		v, _ = s.View("TOPIC_PUT_NUMS", "T")
		require.Equal(t, Figure{}, v.Minute)

		sleep(10 * time.Minute)
		v, _ = s.View("TOPIC_PUT_NUMS", "T")
		require.EqualValues(t, 20, v.Hour.Sum)
	})
}

func TestDayWindow(t *testing.T) {
	start := time.Unix(0, 0)
	s := New("c1", true, start)
	s.Topic("T").Add(20, 1)
	at := func(hour int64) View {
		s.sample(day, hour*3600_000)
		v, ok := s.View("TOPIC_PUT_NUMS", "T")
		require.True(t, ok)
		return v
	}
	require.Equal(t, Figure{20, 20.0 / 3600, 20}, at(1).Day)
	for hour := int64(2); hour < 24; hour++ {
		at(hour)
	}
	require.Equal(t, Figure{20, 20.0 / (24 * 3600), 20}, at(24).Day)
	require.Equal(t, Figure{}, at(25).Day)
	require.Len(t, s.ticks[day], 25)
}

func TestGroupsAndBroker(t *testing.T) {
	in(t, true, func(t *testing.T, s *Table, sleep func(time.Duration)) {
		g, topic := "g", "T"
		s.GroupGet(g, topic, 30, 3000)
		s.SentBack(g, topic, 7)
		s.GroupLatency(g, topic, 3, 40)
		s.GroupLatency(g, topic, 3, 20)
		s.BrokerPut(1, 5)
		sleep(10 * time.Second)
		f := func(name, key string, want Figure) {
			t.Helper()
			v, ok := s.View(name, key)
			require.True(t, ok)
			require.Equal(t, want, v.Minute)
		}
		f("GROUP_GET_NUMS", "T@g", Figure{30, 3, 30})
		f("GROUP_GET_SIZE", "T@g", Figure{3000, 300, 3000})
		f("SNDBCK_PUT_NUMS", "T@g", Figure{1, 0.1, 1})
		f("GROUP_GET_LATENCY", "3@T@g", Figure{60, 6, 30})
		f("BROKER_PUT_NUMS", "c1", Figure{5, 0.5, 5})
		f("BROKER_GET_NUMS", "c1", Figure{30, 3, 30})
		require.Equal(t, 3.0, s.GroupRate("g", "T"))
		require.Zero(t, s.GroupRate("g", "U"))
		for _, miss := range [][2]string{{"BROKER_PUT_NUMS", "c2"}, {"NO_SUCH", "T"}, {"GROUP_GET_NUMS", "T@h"}, {"QUEUE_PUT_NUMS", "T@0"}} {
			_, ok := s.View(miss[0], miss[1])
			require.False(t, ok, miss)
		}
	})
}

func TestLatencyWithoutDetail(t *testing.T) {
	in(t, false, func(t *testing.T, s *Table, _ func(time.Duration)) {
		s.GroupLatency("g", "T", 3, 40)
		_, ok := s.View("GROUP_GET_LATENCY", "T@g")
		require.True(t, ok)
	})
}

func TestForget(t *testing.T) {
	fill := func() *Table {
		s := New("c1", true, time.Now())
		for _, topic := range []string{"T", "TT"} {
			s.Topic(topic).Add(1, 1)
			for _, g := range []string{"g", "gg"} {
				s.GroupGet(g, topic, 1, 1)
				s.SentBack(g, topic, 1)
				s.GroupLatency(g, topic, 0, 1)
			}
		}
		return s
	}
	there := func(s *Table, name, key string) bool {
		_, ok := s.View(name, key)
		return ok
	}
	s := fill()
	s.ForgetTopic("T")
	require.False(t, there(s, "TOPIC_PUT_NUMS", "T"))
	require.False(t, there(s, "GROUP_GET_NUMS", "T@g"))
	require.False(t, there(s, "SNDBCK_PUT_NUMS", "T@gg"))
	require.False(t, there(s, "GROUP_GET_LATENCY", "0@T@g"))
	require.True(t, there(s, "TOPIC_PUT_NUMS", "TT"))
	require.True(t, there(s, "GROUP_GET_LATENCY", "0@TT@g"))

	s = fill()
	s.ForgetGroup("g")
	require.True(t, there(s, "TOPIC_PUT_NUMS", "T"))
	require.False(t, there(s, "GROUP_GET_NUMS", "T@g"))
	require.True(t, there(s, "GROUP_GET_NUMS", "T@gg"))
	require.False(t, there(s, "GROUP_GET_LATENCY", "0@TT@g"))
}

func TestRates(t *testing.T) {
	in(t, true, func(t *testing.T, s *Table, sleep func(time.Duration)) {
		require.Equal(t, Rates{}, s.Broker.Rates())
		for range 20 {
			s.Broker.Puts.Add(100, 1)
			s.Broker.Gets.Add(50, 1)
			s.Broker.Found.Add(4)
			s.Broker.Missed.Add(2)
			sleep(time.Second)
		}
		r := s.Broker.Rates()
		require.Equal(t, Rates{
			Put: [3]float64{100, 100, 100}, Transferred: [3]float64{50, 50, 50},
			Found: [3]float64{4, 4, 4}, Missed: [3]float64{2, 2, 2},
		}, r)
		sleep(10 * time.Second)
		require.Equal(t, [3]float64{0, 2000.0 / 30, 2000.0 / 30}, s.Broker.Rates().Put)
		sleep(20 * time.Minute)
		require.Equal(t, [3]float64{}, s.Broker.Rates().Put)
		require.Len(t, s.Broker.rates, 601)
	})
}

func TestMornings(t *testing.T) {
	noon := time.Date(2024, 2, 28, 12, 0, 0, 0, time.UTC)
	s := New("c1", true, noon)
	s.Broker.Puts.Add(10, 0)
	check := func(now time.Time, today, yesterday Morning) {
		t.Helper()
		s.Broker.tick(now)
		a, b := s.Broker.Mornings()
		require.Equal(t, today, a)
		require.Equal(t, yesterday, b)
	}
	check(noon, Morning{}, Morning{})
	check(noon.Add(12*time.Hour-1), Morning{}, Morning{})
	check(noon.Add(12*time.Hour), Morning{10, 0}, Morning{})
	s.Broker.Gets.Add(3, 0)
	check(noon.Add(35*time.Hour), Morning{10, 0}, Morning{})
	check(noon.Add(36*time.Hour), Morning{10, 3}, Morning{10, 0})
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	s := New("c1", true, time.Now())
	g, topic := "group", "topic"
	add := func() {
		s.GroupGet(g, topic, 1, 1)
		s.GroupLatency(g, topic, 12, 1)
		s.BrokerPut(1, 1)
	}
	add()
	require.Zero(t, testing.AllocsPerRun(100, add))
}
