package load

import (
	"sync"
	"time"

	"tritonsweep/results/histogram"
	"tritonsweep/results/stats"

	"google.golang.org/grpc/status"
)

// batchWidth is the length of a batch of the window before any merging.
const batchWidth = 100 * time.Millisecond

// mostBatches is how many batches a window may have before pairs are merged.
// Between 20 and 40 are left at any time, whatever the window's length.
const mostBatches = 40

// recorder collects what callers report. Its lock is held for a fraction of a
// microsecond at a time: whatever takes longer is done by the controller, on
// data that callers no longer touch.
type recorder struct {
	mu sync.Mutex

	// Since the run began, all phases.
	all       series
	successes int64
	failures  int64
	firstText string // the first error's message
	wrong     error  // the first answer that failed its check
	outputs   compared
	shortest  int // answer, bytes
	longest   int

	floats bool  // how many requests are under way is watched
	inside int64 // requests sent and not answered, where it is

	measuring bool
	window    window
	spare     []*histogram.Histogram // empty, for the window's batches
	room      stats.Room             // of the looks at it
}

// timing is when things happened to one request.
type timing struct {
	due   time.Time // it should have been sent; latency counts from here
	start time.Time // it was handed to the transport
	end   time.Time // the end of the answer was read
	held  bool      // it was late because all callers were busy
}

// window is what was seen since the window's start.
type window struct {
	start time.Time
	bins  series

	done    []*histogram.Histogram // complete batches, never changed again
	current *histogram.Histogram
	width   time.Duration // of each batch
	ends    time.Time     // of the current batch

	errors    map[string]int64
	send      time.Duration // sums over successes
	answers   int64         // bytes
	errorTime time.Duration // sum over failed calls
	pauses    time.Duration // sum over callers

	flow flow // where it is watched
}

// newRecorder makes all the histograms that a window will need, and has their
// memory at once: made when needed, a client would seem to grow with the window.
func newRecorder(start time.Time, width time.Duration, floats bool) *recorder {
	r := &recorder{all: newSeries(start, width), floats: floats}
	made := make([]*histogram.Histogram, int(growth*mostBatches)+2)
	for i := range made {
		made[i] = histogram.New()
	}
	r.recycle(made...) // writes to them, or the memory would come when latencies do
	return r
}

// enter records that a request was sent.
func (r *recorder) enter(t timing) {
	if !r.floats {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside++
	if r.measuring {
		r.window.flow.enter(t, r.window.start)
	}
}

// leave records that a request is over; the lock is held.
func (r *recorder) leave(t timing) {
	if !r.floats {
		return
	}
	r.inside--
	if r.measuring {
		r.window.flow.leave(t, r.window.start)
	}
}

// success records an answer.
func (r *recorder) success(t timing, a Answer) {
	latency := t.end.Sub(t.due)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.successes++; r.successes == 1 {
		r.shortest = a.Bytes
	}
	r.shortest, r.longest = min(r.shortest, a.Bytes), max(r.longest, a.Bytes)
	r.leave(t)
	if !r.measuring {
		r.all.add(t.end, latency)
		return
	}
	w := &r.window
	r.advance(t.end)
	w.current.Record(latency)
	w.bins.add(t.end, latency)
	w.send += min(max(a.Sent.Sub(t.start), 0), latency)
	w.flow.late += t.start.Sub(t.due)
	w.answers += int64(a.Bytes)
}

// failure records a call that ended in an error; its time is no latency.
func (r *recorder) failure(t timing, err error) {
	kind := kindOf(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures++
	r.leave(t)
	if r.firstText == "" {
		r.firstText = describe(err)
	}
	if !r.measuring {
		return
	}
	w := &r.window
	r.advance(t.end)
	w.errors[kind]++
	w.errorTime += t.end.Sub(t.start)
}

// statusOf gives every error a status; a deadline is one also where it comes from
// the context and not from gRPC.
func statusOf(err error) *status.Status {
	if s, ok := status.FromError(err); ok {
		return s
	}
	return status.FromContextError(err)
}

// paused records that a caller waited on purpose.
func (r *recorder) paused(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.measuring {
		r.window.pauses += d
	}
}

// badAnswer keeps the first answer that failed its check.
func (r *recorder) badAnswer(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong == nil {
		r.wrong = err
	}
}

// advance closes the batches that ended before an instant; the lock is held.
func (r *recorder) advance(at time.Time) {
	w := &r.window
	for !at.Before(w.ends) {
		w.done = append(w.done, w.current)
		w.current = r.empty()
		w.ends = w.ends.Add(w.width)
	}
}

// empty returns an empty histogram, one that is left over where there is one:
// garbage of ten histograms a second would grow the heap of a small client for
// minutes before it is worth collecting.
func (r *recorder) empty() *histogram.Histogram {
	n := len(r.spare)
	if n == 0 {
		return histogram.New()
	}
	h := r.spare[n-1]
	r.spare = r.spare[:n-1]
	return h
}

// recycle empties histograms that nobody reads any more.
func (r *recorder) recycle(used ...*histogram.Histogram) {
	for _, h := range used {
		h.Reset()
		r.spare = append(r.spare, h)
	}
}

// begin opens a window at an instant, discarding one that was open.
func (r *recorder) begin(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recycle(r.window.done...)
	if r.window.current != nil {
		r.recycle(r.window.current)
	}
	r.measuring = true
	r.window = window{
		start: at, bins: newSeries(at, batchWidth),
		current: r.empty(), width: batchWidth, ends: at.Add(batchWidth),
		errors: map[string]int64{},
	}
	if r.floats {
		r.window.flow = newFlow(r.inside)
	}
}

// end closes the window at an instant and returns it.
func (r *recorder) end(at time.Time) window {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measuring = false
	r.advance(at)
	w := r.window
	if r.floats {
		w.flow.end(r.inside, at.Sub(w.start))
	}
	w.done = append(w.done, w.current)
	r.window = window{} // what it held is the caller's
	return w
}

// view is a window as it stood at an instant, safe to read while callers go on.
type view struct {
	elapsed time.Duration
	bins    series
	batches []*histogram.Histogram
	room    *stats.Room
}

// look returns the complete bins and batches, and merges batches where there
// are too many.
func (r *recorder) look(at time.Time) view {
	r.mu.Lock()
	w := &r.window
	r.advance(at)
	v := view{elapsed: at.Sub(w.start), bins: w.bins.complete(at), batches: w.done, room: &r.room}
	r.mu.Unlock()
	if len(v.batches) <= mostBatches {
		return v
	}
	// Only this goroutine shortens the list; callers may have appended by the
	// time it is put back.
	half := len(v.batches) / 2
	merged := make([]*histogram.Histogram, 0, mostBatches)
	empty := make([]*histogram.Histogram, 0, half)
	for i := range half {
		v.batches[2*i].Merge(v.batches[2*i+1])
		merged = append(merged, v.batches[2*i])
		v.batches[2*i+1].Reset()
		empty = append(empty, v.batches[2*i+1])
	}
	v.batches = merged
	r.mu.Lock()
	r.rebatch(merged, 2*half)
	r.spare = append(r.spare, empty...)
	r.mu.Unlock()
	return v
}

// rebatch replaces the first n batches by merged ones of twice the width. What
// came after them becomes part of the current batch, which is longer by that.
func (r *recorder) rebatch(merged []*histogram.Histogram, n int) {
	w := &r.window
	for _, b := range w.done[n:] {
		w.current.Merge(b)
		r.recycle(b)
	}
	started := w.start.Add(time.Duration(n) * w.width)
	w.done = merged
	w.width *= 2
	w.ends = started.Add(w.width)
}

// counts returns how many calls succeeded and failed since the run began.
func (r *recorder) counts() (successes, failures int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.successes, r.failures
}

// underway returns how many requests of an open loop were sent and not answered.
func (r *recorder) underway() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inside
}

// reason returns the first error's message.
func (r *recorder) reason() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.firstText == "" {
		return "no answer in time"
	}
	return r.firstText
}

// warmup returns a copy of the complete bins since the run began.
func (r *recorder) warmup(at time.Time) series {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.complete(at)
}
