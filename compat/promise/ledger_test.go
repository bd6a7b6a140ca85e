package promise

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSettle shows that the checker finds each kind of broken promise.
func TestSettle(t *testing.T) {
	q := Queue{"T", 1}
	promises := []Receipt{{q, 0, 100, 1}, {q, 1, 200, 2}, {q, 3, 400, 4}} // offset 2 was never acknowledged
	kept := []place{{1, 100}, {2, 200}, {3, 300}, {4, 400}}
	for _, tc := range []struct {
		name  string
		found []place
		want  string
	}{
		{"all kept", kept, ""},
		{"another message in a place without promise", []place{{1, 100}, {2, 200}, {9, 300}, {4, 400}}, ""},
		{"more than promised", append(kept[:4:4], place{5, 500}), ""},
		{"end lost", kept[:3], "1 messages of {T 1} are gone from offset 3 on, the first is message 4"},
		{"all lost", nil, "3 messages of {T 1} are gone from offset 0 on"},
		{"two exchanged", []place{{2, 200}, {1, 100}, {3, 300}, {4, 400}}, "{T 1}@0 holds message 2"},
		{"moved in the log", []place{{1, 100}, {2, 201}, {3, 300}, {4, 400}}, "from commit log offset 201"},
		{"one twice", append(kept[:4:4], place{2, 500}), "message 2 stands in {T 1} twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := NewLedger()
			for _, p := range promises {
				require.NoError(t, l.Promise(p))
			}
			err := l.settle(q, tc.found)
			if tc.want == "" {
				require.NoError(t, err)
				require.NoError(t, l.settle(q, tc.found))
			} else {
				require.ErrorContains(t, err, tc.want)
			}
		})
	}
}

// TestSettleLeft shows what a power cut may take, and what it may not.
func TestSettleLeft(t *testing.T) {
	q := Queue{"T", 1}
	promises := []Receipt{{q, 0, 100, 1}, {q, 1, 200, 2}, {q, 3, 400, 4}}
	for _, tc := range []struct {
		name  string
		found []place
		left  string
		want  string
	}{
		{"all kept", []place{{1, 100}, {2, 200}, {3, 300}, {4, 400}}, "3 found, 0 lost, nothing but the end of the log", ""},
		{"end lost", []place{{1, 100}, {2, 200}}, "2 found, 1 lost, nothing but the end of the log", ""},
		{"a hole", []place{{1, 100}, {}, {}, {4, 400}}, "2 found, 1 lost, messages between others", ""},
		{"what was safe", nil, "", "{T 1}@0, commit log offset 100, was on the device (150) and is gone"},
		{"another in its place", []place{{1, 100}, {9, 200}}, "", "{T 1}@1 holds message 9, but message 2 was acknowledged there"},
		{"one twice", []place{{1, 100}, {2, 200}, {1, 300}}, "", "message 1 stands in {T 1} twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := NewLedger()
			for _, p := range promises {
				require.NoError(t, l.Promise(p))
			}
			left, err := l.settleLeft(q, tc.found, 150)
			if tc.want != "" {
				require.ErrorContains(t, err, tc.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.left, left.String())
		})
	}
}

func TestSeenMessagesHaveToStay(t *testing.T) {
	l, q := NewLedger(), Queue{"T", 0}
	require.NoError(t, l.Promise(Receipt{q, 0, 100, 1}))
	require.NoError(t, l.settle(q, []place{{1, 100}, {2, 200}}))
	require.ErrorContains(t, l.settle(q, []place{{1, 100}}), "gone from offset 1 on")
}

func TestOnePlaceIsPromisedOnce(t *testing.T) {
	l, q := NewLedger(), Queue{"T", 0}
	require.NoError(t, l.Promise(Receipt{q, 5, 100, 1}))
	require.ErrorContains(t, l.Promise(Receipt{q, 5, 200, 2}), "was given to message 1 and again to message 2")
	require.ErrorContains(t, l.Promise(Receipt{q, -1, 200, 2}), "acknowledged at")
}

func TestBody(t *testing.T) {
	for _, size := range []int{minBody, minBody + 1, 1000} {
		body := makeBody(77, size)
		require.Len(t, body, size)
		id, err := ReadBody(body)
		require.NoError(t, err)
		require.EqualValues(t, 77, id)
		for i := range body {
			body[i] ^= 1
			_, err := ReadBody(body)
			require.Error(t, err, "byte %d changed", i)
			body[i] ^= 1
		}
	}
}
