package stats

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTimes(t *testing.T) {
	var times Times
	require.Equal(t, "[<=0ms]:0 [0~10ms]:0 [10~50ms]:0 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 [500ms~1s]:0 "+
		"[1~2s]:0 [2~3s]:0 [3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:0 ", times.Distribution())
	require.Zero(t, times.Quantile(0.99))
	for millis, n := range map[int64]int64{0: 980, 7: 10, 49: 5, 150: 3, 999: 1, 1 << 40: 1} {
		times.Add(millis, n)
	}
	require.EqualValues(t, 1<<40, times.Longest())
	require.Zero(t, times.Quantile(0.99), "of the minute before")
	times.rotate()
	require.Equal(t, "[<=0ms]:980 [0~10ms]:10 [10~50ms]:5 [50~100ms]:0 [100~200ms]:3 [200~500ms]:0 [500ms~1s]:1 "+
		"[1~2s]:0 [2~3s]:0 [3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:1 ", times.Distribution())
	for share, want := range map[float64]float64{0.5: 500.0 / 980, 0.99: 7, 0.995: 50, 0.998: 150, 0.999: 1000} {
		require.InDelta(t, want, times.Quantile(share), 0.01, "%v", share)
	}
	times.Add(3, 1)
	times.rotate()
	require.Contains(t, times.Distribution(), "[<=0ms]:0 [0~10ms]:1 ")
	times.rotate()
	require.Contains(t, times.Distribution(), "[0~10ms]:0 ")
	require.Zero(t, times.Quantile(0.99))
	require.EqualValues(t, 1<<40, times.Longest())
	require.Zero(t, testing.AllocsPerRun(100, func() { times.Add(12, 3) }))
	require.EqualValues(t, []int64{1, 20, 22, 50, 55, 100, 110, 200, 250, 500, 600, 1000, 2000, 10000},
		[]int64{timeSteps[0], timeSteps[19], timeSteps[20], timeSteps[34], timeSteps[35], timeSteps[44], timeSteps[45], timeSteps[54],
			timeSteps[55], timeSteps[60], timeSteps[61], timeSteps[65], timeSteps[66], timeSteps[74]})
}
