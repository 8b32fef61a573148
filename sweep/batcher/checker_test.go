package batcher

import (
	"slices"

	"pgregory.net/rapid"
)

// checker drives a Machine with events in any order that threads could run in,
// and holds it to what must always be true.
type checker struct {
	t        rapid.TB
	m        *Machine
	cfg      Config
	now      Time
	nextID   uint64
	arrived  []uint64 // in order, those not refused at once
	items    map[uint64]int32
	open     map[uint64]bool // not answered yet
	executed []uint64        // in order of execution
	answered []uint64
	refused  map[uint64]Reason
	wanted   []int32         // threads that asked to run
	running  map[int32]int32 // batch -> instance
	busy     map[int32]bool  // instances
}

func newChecker(t rapid.TB, c Config) *checker {
	m, err := New(c)
	if err != nil {
		t.Fatalf("config %+v: %v", c, err)
	}
	return &checker{
		t: t, m: m, cfg: c, items: map[uint64]int32{}, open: map[uint64]bool{},
		refused: map[uint64]Reason{}, running: map[int32]int32{}, busy: map[int32]bool{},
	}
}

func (c *checker) step(e Event) {
	for _, a := range c.m.Step(c.now, e) {
		switch a.Kind {
		case Resume:
			c.wanted = append(c.wanted, a.Thread)
		case Execute:
			c.execute(a)
		case Answer:
			c.close(a.ID)
			c.answered = append(c.answered, a.ID)
		case Refuse:
			c.close(a.ID)
			c.refused[a.ID] = a.Reason
		default:
			c.t.Fatalf("unknown action %+v", a)
		}
	}
	if c.m.Open() != len(c.open) {
		c.t.Fatalf("%d requests count as open, want %d", c.m.Open(), len(c.open))
	}
	if c.m.queued < 0 {
		c.t.Fatalf("|Q| is counted as %d", c.m.queued)
	}
}

func (c *checker) close(id uint64) {
	if !c.open[id] {
		c.t.Fatalf("request %d was answered twice, or never came", id)
	}
	delete(c.open, id)
}

func (c *checker) execute(a Action) {
	size := 0
	shape, _ := c.m.BatchRequest(a.Batch, 0)
	for i := range c.m.BatchRequests(a.Batch) {
		r, at := c.m.BatchRequest(a.Batch, i)
		if at > c.now || !c.open[r.ID] {
			c.t.Fatalf("request %d is executed, but is not waiting", r.ID)
		}
		if c.cfg.VariableShape && r.Shape != shape.Shape {
			c.t.Fatalf("shapes %d and %d in one batch", shape.Shape, r.Shape)
		}
		size += int(max(1, r.Size))
		c.executed = append(c.executed, r.ID)
	}
	switch {
	case size != c.m.BatchSize(a.Batch):
		c.t.Fatalf("a batch of %d items says it has %d", size, c.m.BatchSize(a.Batch))
	case size < 1 || size > max(1, c.cfg.MaxBatch):
		c.t.Fatalf("a batch of %d items, max_batch_size is %d", size, c.cfg.MaxBatch)
	case !c.cfg.Dynamic && c.m.BatchRequests(a.Batch) != 1:
		c.t.Fatalf("%d requests were joined without dynamic batching", c.m.BatchRequests(a.Batch))
	case c.busy[a.Instance] && !c.cfg.DeviceBlocking:
		c.t.Fatalf("instance %d is given a second batch", a.Instance)
	case a.Instance < 0 || int(a.Instance) >= max(1, c.cfg.Instances):
		c.t.Fatalf("instance %d of %d", a.Instance, c.cfg.Instances)
	}
	c.running[a.Batch] = a.Instance
	c.busy[a.Instance] = true
}

func (c *checker) arrive(r Request) {
	r.ID = c.nextID
	c.nextID++
	c.open[r.ID] = true
	c.items[r.ID] = r.Size
	c.step(Event{Kind: Arrive, Request: r})
	if _, refused := c.refused[r.ID]; !refused {
		c.arrived = append(c.arrived, r.ID)
	}
}

// run lets the i-th thread that wants to run do so.
func (c *checker) run(i int) {
	thread := c.wanted[i]
	c.wanted = slices.Delete(c.wanted, i, i+1)
	c.step(Event{Kind: Run, Thread: thread})
}

// finish ends the execution with the i-th smallest number.
func (c *checker) finish(i int) {
	batches := make([]int32, 0, len(c.running))
	for b := range c.running {
		batches = append(batches, b)
	}
	slices.Sort(batches)
	b := batches[i]
	c.busy[c.running[b]] = false
	delete(c.running, b)
	c.step(Event{Kind: Finish, Batch: b})
}

// drain lets everything run to its end: threads first, then executions, then
// sleeps. Afterwards nothing may be left.
func (c *checker) drain() {
	for rounds := 0; ; rounds++ {
		switch deadline := c.m.NextDeadline(); {
		case rounds > 100_000:
			c.t.Fatalf("never comes to rest; %d requests open", len(c.open))
		case len(c.wanted) > 0:
			c.run(0)
		case len(c.running) > 0:
			c.now++
			c.finish(0)
		case deadline != Never:
			c.now = max(c.now, deadline)
			c.step(Event{Kind: Run, Thread: BatcherThread})
		default:
			c.atRest()
			return
		}
	}
}

func (c *checker) atRest() {
	if len(c.open) != 0 || c.m.Waiting() != 0 || c.m.Prepared() != 0 {
		c.t.Fatalf("at rest with %d requests open, %d waiting, %d payloads prepared",
			len(c.open), c.m.Waiting(), c.m.Prepared())
	}
	if parked := c.m.Parked(); parked != len(c.m.threads) {
		c.t.Fatalf("at rest with %d of %d threads parked", parked, len(c.m.threads))
	}
	if len(c.executed)+len(c.refused) != int(c.nextID) {
		c.t.Fatalf("%d requests came, %d were executed and %d refused", c.nextID, len(c.executed), len(c.refused))
	}
	if c.cfg.PriorityLevels == 0 && !c.delays() {
		c.inOrder("executed", c.executed)
		if c.cfg.PreserveOrdering && !c.cfg.Rules.OrderAtCompletion && c.cfg.Dynamic {
			c.inOrder("answered", c.answered)
		}
	}
}

// delays reports whether expired requests may go behind others.
func (c *checker) delays() bool { return c.cfg.Policy.Timeout > 0 && c.cfg.Policy.DelayExpired }

func (c *checker) inOrder(what string, ids []uint64) {
	if !slices.IsSorted(ids) {
		c.t.Fatalf("requests were %s out of order: %v", what, ids)
	}
}

// runBatcher runs the batcher for as long as it wants to.
func (c *checker) runBatcher() {
	for {
		i := slices.Index(c.wanted, BatcherThread)
		if i < 0 {
			return
		}
		c.run(i)
	}
}
