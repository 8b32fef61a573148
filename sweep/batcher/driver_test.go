package batcher

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drawConfig draws any config that Triton would run.
func drawConfig(t *rapid.T) Config {
	c := Config{
		MaxBatch:  rapid.IntRange(1, 12).Draw(t, "max"),
		Dynamic:   rapid.IntRange(0, 9).Draw(t, "dynamic") > 0,
		Instances: rapid.IntRange(1, 4).Draw(t, "instances"),
		Delay:     time.Duration(rapid.SampledFrom([]int{0, 0, 1, 30, 500, 5000}).Draw(t, "delay")) * time.Microsecond,
	}
	c.Preferred = rapid.SliceOfN(rapid.IntRange(1, c.MaxBatch), 0, 4).Draw(t, "preferred")
	c.PreserveOrdering = rapid.Bool().Draw(t, "ordering")
	c.VariableShape = rapid.Bool().Draw(t, "variable")
	c.DeviceBlocking = rapid.IntRange(0, 4).Draw(t, "blocking") == 0
	c.Rules = Rules{
		NotifyParked: rapid.Bool().Draw(t, "notify"), CountMerges: rapid.Bool().Draw(t, "count"),
		OrderAtCompletion: rapid.Bool().Draw(t, "completion"),
		NoTopUp:           rapid.IntRange(0, 4).Draw(t, "top-up") == 0, NoMerge: rapid.IntRange(0, 4).Draw(t, "merge") == 0,
	}
	if rapid.Bool().Draw(t, "policy") {
		c.Policy = drawPolicy(t)
	}
	if rapid.IntRange(0, 3).Draw(t, "priorities") == 0 {
		c.PriorityLevels = rapid.IntRange(1, 3).Draw(t, "levels")
		c.DefaultPriority = rapid.IntRange(1, c.PriorityLevels).Draw(t, "level")
		if rapid.Bool().Draw(t, "own") {
			c.Policies = map[int]QueuePolicy{rapid.IntRange(1, c.PriorityLevels).Draw(t, "of"): drawPolicy(t)}
		}
	}
	if !c.Prefetch() && !c.Rules.CountMerges {
		// The count of parked instances falls with every merge until the
		// server stands still: TestMergesStarve shows that. Not here.
		c.Rules.NoMerge = true
	}
	return c
}

func drawPolicy(t *rapid.T) QueuePolicy {
	return QueuePolicy{
		Timeout:       time.Duration(rapid.SampledFrom([]int{0, 10, 300, 4000}).Draw(t, "timeout")) * time.Microsecond,
		DelayExpired:  rapid.Bool().Draw(t, "delay-expired"),
		AllowOverride: rapid.Bool().Draw(t, "override"),
		MaxSize:       rapid.SampledFrom([]int{0, 0, 1, 5, 20}).Draw(t, "queue"),
	}
}

// TestAnyOrder: whatever the order of threads and executions, every request is
// answered exactly once, in order, in batches that fit.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChecker(t, drawConfig(t))
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			choice := rapid.IntRange(0, 9).Draw(t, "choice")
			switch {
			case choice < 4:
				c.arrive(Request{
					Size:     int32(rapid.IntRange(0, c.cfg.MaxBatch+1).Draw(t, "size")),
					Shape:    uint64(rapid.IntRange(0, 1).Draw(t, "shape")),
					Priority: int32(rapid.IntRange(0, 4).Draw(t, "priority")),
					Timeout:  time.Duration(rapid.IntRange(0, 100).Draw(t, "own")) * time.Microsecond,
				})
			case choice < 7 && len(c.wanted) > 0:
				c.run(rapid.IntRange(0, len(c.wanted)-1).Draw(t, "thread"))
			case choice < 8 && len(c.running) > 0:
				c.finish(rapid.IntRange(0, len(c.running)-1).Draw(t, "batch"))
			case choice < 9:
				c.now += Time(rapid.SampledFrom([]int{1, 900, 40_000, 700_000, 600_000_000}).Draw(t, "pass"))
				if c.m.NextDeadline() <= c.now {
					c.step(Event{Kind: Run, Thread: BatcherThread})
				}
			case c.nextID > 0:
				id := rapid.Uint64Range(0, c.nextID-1).Draw(t, "cancelled")
				c.step(Event{Kind: Cancel, Request: Request{ID: id}})
			}
		}
		c.drain()
	})
}

// TestMergesStarve: without prefetch, each merge lowers the count of parked
// instances for good (R13); once it is used up no payload is made any more.
func TestMergesStarve(t *testing.T) {
	for _, counted := range []bool{false, true} {
		c := newChecker(t, Config{
			MaxBatch: 8, Dynamic: true, Delay: time.Millisecond, Preferred: []int{2}, Instances: 2,
			Policy: QueuePolicy{MaxSize: 100}, Rules: Rules{CountMerges: counted, NotifyParked: true},
		})
		// Both instances are woken, but run only after two payloads are there:
		// one of 4, the second 2 being its surplus, and one of 2.
		for range 3 {
			c.arrive(Request{Size: 2})
			c.runBatcher()
		}
		c.now += Time(2 * time.Millisecond)
		if c.m.Prepared() != 2 {
			t.Fatalf("%d payloads are prepared, want 2", c.m.Prepared())
		}
		c.drain()
		if want := map[bool]int{false: 1, true: 2}[counted]; c.m.consumers != want {
			t.Errorf("merges counted: %v: %d instances count as parked, want %d", counted, c.m.consumers, want)
		}
	}
}

// FuzzMachine gives the machine events that no driver would: it must neither
// panic nor lose a request.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{3, 1, 2, 0}, []byte{0, 1, 10, 0, 0, 0, 2, 1, 0, 3, 0, 0})
	f.Add([]byte{8, 2, 0x51, 7}, []byte{0, 3, 1, 0, 9, 2, 1, 0, 0, 6, 1, 1, 4, 0, 0})
	f.Fuzz(fuzzBody)
}

func fuzzBody(t *testing.T, head, body []byte) {
	if len(head) < 4 {
		return
	}
	c := newChecker(t, fuzzConfig(head))
	for len(body) >= 3 && c.nextID < 500 {
		kind, a, b := body[0], body[1], body[2]
		body = body[3:]
		c.now += Time(b) * Time(b) * 10_000
		switch kind % 8 {
		case 0, 1:
			c.arrive(Request{Size: int32(a % 16), Shape: uint64(b % 3), Priority: int32(a%5) - 1, Timeout: time.Duration(b) * time.Microsecond})
		case 2, 3:
			c.step(Event{Kind: Run, Thread: int32(a%8) - 2})
		case 4:
			if len(c.running) > 0 {
				c.finish(int(a) % len(c.running))
			}
		case 5: // nonsense
			if _, ok := c.running[int32(a)-5]; !ok {
				c.step(Event{Kind: EventKind(b % 12), Batch: int32(a) - 5, Thread: int32(a), Request: Request{ID: 1 << 60, Size: 1 << 30}}.harmless())
			}
		case 6:
			c.step(Event{Kind: Cancel, Request: Request{ID: uint64(a)}})
		case 7:
			if len(c.wanted) > 0 {
				c.run(int(a) % len(c.wanted))
			}
		}
	}
	c.drain()
}

// harmless turns an arrival into nothing: the checker must know all requests.
func (e Event) harmless() Event {
	if e.Kind == Arrive {
		e.Kind = 0
	}
	return e
}

func fuzzConfig(head []byte) Config {
	c := Config{
		MaxBatch: 1 + int(head[0]%16), Instances: int(head[1] % 5), Dynamic: head[2]&1 == 0 || head[3]&1 == 0,
		Delay: time.Duration(head[2]>>4) * time.Millisecond, VariableShape: head[2]&2 != 0,
		PreserveOrdering: head[2]&4 != 0, DeviceBlocking: head[2]&8 != 0,
	}
	for size := 1; size <= c.MaxBatch; size++ {
		if head[3]>>(size%8)&1 == 1 {
			c.Preferred = append(c.Preferred, size)
		}
	}
	if head[1]&0x10 != 0 {
		c.Policy = QueuePolicy{MaxSize: int(head[1] >> 5), Timeout: time.Duration(head[3]) * time.Millisecond, DelayExpired: head[0]&0x10 != 0, AllowOverride: true}
		c.Rules = Rules{CountMerges: true}
	}
	if head[0]&0x20 != 0 {
		c.PriorityLevels, c.DefaultPriority = 3, 2
		c.Rules = Rules{CountMerges: true}
	}
	return c
}
