package tritonsim

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tritonsweep/runner/triton"
	"tritonsweep/sweep/batcher"
)

const ms = time.Millisecond

// wave is a number of requests that are sent together.
type wave struct {
	at    time.Duration
	count int
	r     batcher.Request
}

// burst is a script of arrivals and what the scheduler makes of it: sequences
// of executed batch sizes with the least and the largest share of the runs, in
// per cent. They are those of sweep/batcher/scenarios, which tells what the real
// server did.
type burst struct {
	name    string
	config  batcher.Config
	service time.Duration
	waves   []wave
	expect  map[string][2]int
}

var always = [2]int{100, 100}

var bursts = []burst{
	{"seven at once", batcher.Config{Preferred: []int{4}, Delay: 100 * ms}, 20 * ms,
		[]wave{{0, 7, batcher.Request{}}}, map[string][2]int{"5 2": {60, 98}, "4 3": {2, 40}}},
	{"trickle", batcher.Config{}, 20 * ms, trickle(21, 2500*time.Microsecond), map[string][2]int{"1 8 8 4": {55, 98}}},
	{"idle and late", batcher.Config{Preferred: []int{4}, Delay: 200 * ms}, 20 * ms,
		[]wave{{0, 3, batcher.Request{}}}, map[string][2]int{"3": always}},
	{"three waves", batcher.Config{Preferred: []int{8}, Delay: 10 * ms}, 50 * ms,
		[]wave{{0, 5, batcher.Request{}}, {20 * ms, 5, batcher.Request{}}, {30 * ms, 5, batcher.Request{}}, {40 * ms, 5, batcher.Request{}}},
		map[string][2]int{"5 15": {75, 100}}},
	{"merge", batcher.Config{Preferred: []int{4}, MaxBatch: 16, Delay: 20 * ms}, 64 * ms,
		[]wave{{0, 4, batcher.Request{}}, {10 * ms, 1, batcher.Request{Size: 7}}, {20 * ms, 1, batcher.Request{Size: 3}}, {60 * ms, 2, batcher.Request{}}},
		map[string][2]int{"4 10 2": always}},
	{"prefetch cap", batcher.Config{Preferred: []int{2}, MaxBatch: 2, Delay: 10 * ms}, 30 * ms,
		trickle(12, ms), map[string][2]int{"2 2 2 2 2 2": always}},
	{"client batches", batcher.Config{Preferred: []int{8}, MaxBatch: 16, Delay: 100 * ms}, 40 * ms,
		[]wave{{0, 1, batcher.Request{Size: 3}}, {5 * ms, 1, batcher.Request{Size: 3}}, {10 * ms, 1, batcher.Request{Size: 3}},
			{15 * ms, 1, batcher.Request{Size: 8}}, {20 * ms, 1, batcher.Request{Size: 5}}}, map[string][2]int{"6 3 13": always}},
	{"large request", batcher.Config{Preferred: []int{8}, Delay: 100 * ms}, 40 * ms,
		[]wave{{0, 1, batcher.Request{Size: 3}}, {10 * ms, 1, batcher.Request{Size: 20}}, {20 * ms, 1, batcher.Request{Size: 12}}},
		map[string][2]int{"3 20 12": always}},
	{"preferred one", batcher.Config{Preferred: []int{1, 4}, Delay: 50 * ms}, 20 * ms,
		[]wave{{0, 1, batcher.Request{}}, {5 * ms, 3, batcher.Request{}}, {30 * ms, 4, batcher.Request{}}}, map[string][2]int{"1 1 5 1": {60, 100}}},
	{"two instances", batcher.Config{Instances: 2}, 40 * ms, trickle(8, 5*ms), map[string][2]int{"1 1 6": always}},
	{"queue limit", batcher.Config{Policy: batcher.QueuePolicy{MaxSize: 3}}, 50 * ms,
		[]wave{{0, 1, batcher.Request{}}, {10 * ms, 6, batcher.Request{}}}, map[string][2]int{"1 3": always}},
	{"timeout", batcher.Config{Policy: batcher.QueuePolicy{Timeout: 20 * ms}}, 60 * ms,
		[]wave{{0, 1, batcher.Request{}}, {10 * ms, 3, batcher.Request{}}}, map[string][2]int{"1": always}},
	{"shapes", batcher.Config{VariableShape: true, Preferred: []int{8}, Delay: 20 * ms}, 20 * ms,
		[]wave{{0, 3, batcher.Request{}}, {5 * ms, 2, batcher.Request{Shape: 1}}, {10 * ms, 3, batcher.Request{}}}, map[string][2]int{"3 2 3": always}},
	{"no top-up", batcher.Config{Delay: 30 * ms}, 100 * ms,
		[]wave{{0, 1, batcher.Request{}}, {40 * ms, 2, batcher.Request{}}, {80 * ms, 2, batcher.Request{}}, {100 * ms, 1, batcher.Request{}}},
		map[string][2]int{"1 2 3": {55, 95}, "1 5": {5, 45}}},
	{"levels", batcher.Config{PriorityLevels: 2, DefaultPriority: 2, Delay: 20 * ms}, 40 * ms,
		[]wave{{0, 4, batcher.Request{}}, {30 * ms, 3, batcher.Request{}}}, map[string][2]int{"4 3": always}},
}

func trickle(n int, every time.Duration) (waves []wave) {
	for i := range n {
		waves = append(waves, wave{time.Duration(i) * every, 1, batcher.Request{}})
	}
	return waves
}

// TestBursts runs the engine on a clock that does not pass by itself: what it
// does with the state machine then has to agree with the simulation in virtual
// time, race for race.
func TestBursts(t *testing.T) {
	const runs = 120
	for _, b := range bursts {
		t.Run(b.name, func(t *testing.T) {
			seen := map[string]int{}
			for seed := range runs {
				synctest.Test(t, func(t *testing.T) { seen[b.run(t, uint64(seed))]++ })
			}
			for sizes, share := range b.expect {
				if got := seen[sizes] * 100 / runs; got < share[0] || got > share[1] {
					t.Errorf("%q in %d %% of the runs, want %d to %d; all: %v", sizes, got, share[0], share[1], seen)
				}
			}
		})
	}
}

// run sends the script once and returns the executed batch sizes.
func (b burst) run(t *testing.T, seed uint64) string {
	e, err := newEngine(seed, batcher.DefaultTiming(), newGoAlarm)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	b.config.Dynamic = true
	if b.config.MaxBatch == 0 {
		b.config.MaxBatch = 32
	}
	s, err := newScheduler(e, b.config, batcher.Service{Compute: batcher.Constant(b.service), CV: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []string
	s.done = func(x batch) { sizes = append(sizes, fmt.Sprint(x.items)) }
	start := time.Now()
	var calls []*pending
	for _, w := range b.waves {
		time.Sleep(w.at - time.Since(start))
		for range w.count {
			e.lock()
			gap := e.draw(e.timing.FrontEnd) // requests come one after another
			e.unlock()
			time.Sleep(time.Duration(gap))
			e.lock()
			calls = append(calls, &pending{done: make(chan error, 1)})
			s.arrive(w.r, calls[len(calls)-1])
			e.unlock()
		}
	}
	for _, c := range calls {
		<-c.done
	}
	time.Sleep(ms * 10) // an execution is counted when the backend's call returns
	e.lock()
	defer e.unlock()
	return strings.Join(sizes, " ")
}

// TestQueuePolicies: the same over the wire, on the real clock: a busy instance,
// a full queue, and requests that wait too long. All come while the first of them
// still waits, for which they have two seconds.
func TestQueuePolicies(t *testing.T) {
	f := plain1()
	f["plain/config.pbtxt"] = strings.NewReplacer("count: 2", "count: 1", "max_queue_delay_microseconds: 1000",
		"default_queue_policy { max_queue_size: 3 default_timeout_microseconds: 2000000 }").Replace(plainConfig)
	f["plain/profile.json"] = `{"compute_ms": {"1": 5000}}`
	s := start(t, Options{Repository: f.write(t)})
	c := dial(t, s)
	var group sync.WaitGroup
	send := func(results chan<- error) {
		group.Go(func() {
			_, err := infer(t, c, ask(1))
			results <- err
		})
	}
	first, later := make(chan error, 1), make(chan error, 6)
	send(first)
	waitFor(t, "the first request to be executed", func() bool {
		page, err := c.Metrics(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		m, _ := page.Model("plain")
		return *m.Pending == 0 && s.busy("plain")
	})
	for range 6 {
		send(later)
	}
	group.Wait()
	if err := <-first; err != nil {
		t.Error(err)
	}
	got := map[string]int{}
	for range 6 {
		st := status.Convert(<-later)
		got[fmt.Sprintf("%s %s", st.Code(), st.Message())]++
	}
	want := map[string]int{"Unavailable [request id: <id_unknown>] Exceeds maximum queue size": 3, "Unavailable Request timeout expired": 3}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	requireFailures(t, c)
}

// requireFailures: an expired request counts as rejected, a full queue nowhere.
func requireFailures(t *testing.T, c *triton.Client) {
	t.Helper()
	page, err := c.Metrics(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := page.Model("plain")
	if m.Failure["REJECTED"] != 3 || m.Failure["OTHER"] != 0 || m.Failure["BACKEND"] != 0 || m.Failure["CANCELED"] != 0 {
		t.Errorf("failures %v", m.Failure)
	}
	stats, err := c.Statistics(limited(t), "plain")
	if err != nil || stats.Fail.Count != 3 || stats.Success.Count != 1 {
		t.Errorf("statistics %+v, %v", stats, err)
	}
}

// busy reports whether the model executes something.
func (s *Server) busy(name string) bool {
	m, _, err := s.process.find(name, "")
	if err != nil {
		return false
	}
	s.process.engine.lock()
	defer s.process.engine.unlock()
	return m.scheduler.machine.Open() > m.scheduler.waiting
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !done(); time.Sleep(2 * ms) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestCancel: a caller that goes away leaves the queue.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := newEngine(1, batcher.DefaultTiming(), newGoAlarm)
		if err != nil {
			t.Fatal(err)
		}
		defer e.close()
		s, err := newScheduler(e, batcher.Config{MaxBatch: 4, Dynamic: true, Instances: 1, Delay: 50 * ms}, batcher.Service{Compute: batcher.Constant(10 * ms)})
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		s.done = func(b batch) { sizes = append(sizes, b.items) }
		gone, stays := &pending{done: make(chan error, 1)}, &pending{done: make(chan error, 1)}
		e.lock()
		id := s.arrive(batcher.Request{}, gone)
		s.arrive(batcher.Request{}, stays)
		s.cancel(id)
		e.unlock()
		if err := <-gone.done; status.Code(err) == codes.OK || err.Error() != "request cancelled" {
			t.Errorf("the cancelled request: %v", err)
		}
		err = <-stays.done
		time.Sleep(10 * ms)
		synctest.Wait() // the batch is counted after its requests were answered
		if err != nil || len(sizes) != 1 || sizes[0] != 1 {
			t.Errorf("the other one: %v, batches %v", err, sizes)
		}
	})
}
