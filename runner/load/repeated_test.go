package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/sweep"
)

// knowing is a server in virtual time that is told how long a request takes: whether
// it was there before, and what it holds.
type knowing struct {
	takes func(known bool, bytes []byte) time.Duration
	fails func(n int) error
	seen  map[string]int
	n     int
}

func (k *knowing) Infer(ctx context.Context, _ int, p *Payload, _ bool) (Answer, error) {
	known := k.seen[string(p.Bytes)] > 0
	k.seen[string(p.Bytes)]++
	k.n++
	if k.fails != nil {
		if err := k.fails(k.n); err != nil {
			return Answer{}, err
		}
	}
	sleep(ctx, k.takes(known, p.Bytes))
	return Answer{}, ctx.Err()
}

func randomSpec(batch int) Spec {
	return Spec{Model: testModel(), Load: sweep.Load{Concurrency: 16, BatchSize: batch}, Data: Data{Source: Random, Distinct: 4, Seed: 3}, Seed: 7}
}

// compare compares in virtual time.
func compare(t *testing.T, k *knowing, spec Spec) (r Repetition, err error) {
	t.Helper()
	k.seen = map[string]int{}
	synctest.Test(t, func(t *testing.T) { r, err = CompareRepeated(t.Context(), k, spec) })
	return r, err
}

// noise is a machine on which one request in ten takes three times as long.
func noise(seed uint64) func(time.Duration) time.Duration {
	r := rand.New(rand.NewPCG(seed, 1))
	return func(d time.Duration) time.Duration {
		d = time.Duration(float64(d) * (1 + 0.2*r.Float64()))
		if r.IntN(10) == 0 {
			d *= 3
		}
		return d
	}
}

// TestRuleRepeated: input that was sent before and is answered more than 10 % faster,
// beyond doubt, makes the figures doubtful; noise, 5 % or being slower do not.
func TestRuleRepeated(t *testing.T) {
	for _, c := range []struct {
		name     string
		known    time.Duration
		suspect  bool
		atLeast  float64
		requests int
	}{
		{"a cache", 200 * time.Microsecond, true, 4, 40},
		{"twice as fast", 500 * time.Microsecond, true, 1.6, 40},
		{"the same", time.Millisecond, false, 0.9, 40},
		{"5 % faster", 950 * time.Microsecond, false, 0.95, 40},
		{"slower", 2 * time.Millisecond, false, 0.3, 40},
	} {
		for seed := range uint64(20) {
			shake := noise(seed)
			r, err := compare(t, &knowing{takes: func(known bool, _ []byte) time.Duration {
				if known {
					return shake(c.known)
				}
				return shake(time.Millisecond)
			}}, randomSpec(1))
			if err != nil {
				t.Fatal(err)
			}
			check := r.Check()
			if check.Name != "repeated" || !check.Passed || check.Suspect != c.suspect || r.Ratio.Value < c.atLeast || r.Requests != c.requests {
				t.Errorf("%s, seed %d: %+v, %+v", c.name, seed, check, r)
			}
			if strings.Contains(check.Detail, "hint: ") != c.suspect {
				t.Errorf("%s: %s", c.name, check.Detail)
			}
		}
	}
}

// TestRepeatedBeyondDoubt: on a noisy machine a model that does not tell input apart
// is never accused, and one that is just 10 % faster no oftener than 2.5 % of the
// time and chance; twice as fast is hardly ever missed.
func TestRepeatedBeyondDoubt(t *testing.T) {
	const runs = 400
	for known, bounds := range map[time.Duration][2]int{
		1000 * time.Microsecond: {0, 1}, 909 * time.Microsecond: {0, 20}, 500 * time.Microsecond: {390, runs},
	} {
		suspect := 0
		for seed := range uint64(runs) {
			shake := noise(100 + seed)
			r, err := compare(t, &knowing{takes: func(again bool, _ []byte) time.Duration {
				if again {
					return shake(known)
				}
				return shake(time.Millisecond)
			}}, randomSpec(1))
			if err != nil {
				t.Fatal(err)
			}
			if r.Check().Suspect {
				suspect++
			}
		}
		t.Logf("known input takes %s of 1ms: suspect %d of %d times", known, suspect, runs)
		if suspect < bounds[0] || suspect > bounds[1] {
			t.Errorf("known input takes %s of 1ms: suspect %d of %d times, want %d to %d", known, suspect, runs, bounds[0], bounds[1])
		}
	}
}

// TestRepeatedSlow: a model that needs long is asked less often, and one that needs
// too long says so; neither is asked for longer than was promised.
func TestRepeatedSlow(t *testing.T) {
	for _, c := range []struct {
		takes    time.Duration
		requests int
		most     time.Duration
		says     string
	}{
		{50 * time.Millisecond, leastCompared, 1200 * time.Millisecond, ""},
		{400 * time.Millisecond, leastCompared, mostComparedTime, ""},
		{2 * time.Second, 0, mostComparedTime, "only 0 pairs of requests were answered within 10s, 5 are needed"},
		{time.Hour, 0, mostComparedTime, "only 0 pairs"},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			spec := randomSpec(1)
			spec.Timeout = time.Minute
			k := &knowing{seen: map[string]int{}, takes: func(bool, []byte) time.Duration { return c.takes }}
			r, err := CompareRepeated(t.Context(), k, spec)
			if c.says == "" && (err != nil || r.Requests < c.requests || r.Check().Suspect) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%s: %+v, %v", c.takes, r, err)
			}
			if took := time.Since(begin); took > c.most {
				t.Errorf("%s: took %s", c.takes, took)
			}
		})
	}
}

// TestRepeatedEnds: an interruption ends the comparison at once, and a request that
// fails is why there is none.
func TestRepeatedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("asked to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(stop) })
		begin := time.Now()
		k := &knowing{seen: map[string]int{}, takes: func(bool, []byte) time.Duration { return 20 * time.Millisecond }}
		if _, err := CompareRepeated(ctx, k, randomSpec(1)); !errors.Is(err, stop) || time.Since(begin) != 50*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
	for _, n := range []int{1, 6, 20} {
		k := &knowing{
			takes: func(bool, []byte) time.Duration { return time.Millisecond },
			fails: func(i int) error {
				if i == n {
					return status.Error(codes.Internal, "out of order")
				}
				return nil
			},
		}
		if r, err := compare(t, k, randomSpec(1)); err == nil || err.Error() != "Internal: out of order" {
			t.Errorf("failing request %d: %+v, %v", n, r, err)
		}
	}
}
