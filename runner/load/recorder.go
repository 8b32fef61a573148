package load

import (
	"sync"
	"time"

	"tritonsweep/results/histogram"

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
	spare   []*histogram.Histogram // empty
	width   time.Duration          // of each batch
	ends    time.Time              // of the current batch

	errors    map[string]int64
	send      time.Duration // sums over successes
	answers   int64         // bytes
	errorTime time.Duration // sum over failed calls
	pauses    time.Duration // sum over callers

	flow flow // where it is watched
}

func newRecorder(start time.Time, width time.Duration, floats bool) *recorder {
	return &recorder{all: newSeries(start, width), floats: floats}
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
	w.advance(t.end)
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
	w.advance(t.end)
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

// advance closes the batches that ended before an instant.
func (w *window) advance(at time.Time) {
	for !at.Before(w.ends) {
		w.done = append(w.done, w.current)
		w.current = w.empty()
		w.ends = w.ends.Add(w.width)
	}
}

// empty returns an empty histogram, one that merging left over where there is one:
// garbage of ten histograms a second would grow the heap of a small client for
// minutes before it is worth collecting.
func (w *window) empty() *histogram.Histogram {
	n := len(w.spare)
	if n == 0 {
		return histogram.New()
	}
	h := w.spare[n-1]
	w.spare = w.spare[:n-1]
	return h
}

// begin opens a window at an instant, discarding one that was open.
func (r *recorder) begin(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.measuring = true
	r.window = window{
		start: at, bins: newSeries(at, batchWidth),
		current: histogram.New(), width: batchWidth, ends: at.Add(batchWidth),
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
	w := r.window
	w.advance(at)
	if r.floats {
		w.flow.end(r.inside, at.Sub(w.start))
	}
	w.done = append(w.done, w.current)
	return w
}

// view is a window as it stood at an instant, safe to read while callers go on.
type view struct {
	elapsed time.Duration
	bins    series
	batches []*histogram.Histogram
}

// look returns the complete bins and batches, and merges batches where there
// are too many.
func (r *recorder) look(at time.Time) view {
	r.mu.Lock()
	w := &r.window
	w.advance(at)
	v := view{elapsed: at.Sub(w.start), bins: w.bins.complete(at), batches: w.done}
	r.mu.Unlock()
	if len(v.batches) <= mostBatches {
		return v
	}
	// Only this goroutine shortens the list; callers may have appended by the
	// time it is put back.
	half := len(v.batches) / 2
	merged := make([]*histogram.Histogram, 0, mostBatches)
	spare := make([]*histogram.Histogram, 0, half)
	for i := range half {
		v.batches[2*i].Merge(v.batches[2*i+1])
		merged = append(merged, v.batches[2*i])
		v.batches[2*i+1].Reset()
		spare = append(spare, v.batches[2*i+1])
	}
	v.batches = merged
	r.mu.Lock()
	w.rebatch(merged, 2*half)
	w.spare = append(w.spare, spare...)
	r.mu.Unlock()
	return v
}

// rebatch replaces the first n batches by merged ones of twice the width. What
// came after them becomes part of the current batch, which is longer by that.
func (w *window) rebatch(merged []*histogram.Histogram, n int) {
	for _, b := range w.done[n:] {
		w.current.Merge(b)
		b.Reset()
		w.spare = append(w.spare, b)
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
