package batcher

import (
	"fmt"
	"time"
)

// Time is a moment in nanoseconds since an origin that the driver chooses.
// Times handed to one Machine must not decrease.
type Time int64

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Never is later than every event.
const Never = Time(1<<63 - 1)

// Request is one inference request as the scheduler sees it.
type Request struct {
	// ID is the driver's name for the request; the machine only hands it back.
	ID uint64
	// Shape stands for the shapes of all inputs: requests with equal values
	// may share a batch. It is looked at only where Config.VariableShape is set.
	Shape uint64
	// Timeout is the request's own queue timeout, 0 for none.
	Timeout time.Duration
	// Size is the number of items (the batch dimension); below 1 it counts as 1.
	Size int32
	// Priority is the level asked for, 1 the most urgent, 0 for the default.
	Priority int32
}

// EventKind says what happened.
type EventKind uint8

// The kinds of events. [Event] says which fields each of them reads.
const (
	// Arrive brings Request to the scheduler.
	Arrive EventKind = iota + 1
	// Run lets Thread run: it follows a Resume action, or, for BatcherThread,
	// the moment of Machine.NextDeadline. A Run that nothing asked for is ignored.
	Run
	// Respond says that the backend has handed over the responses of Batch.
	Respond
	// Return says that the backend's execute call for Batch came back, which
	// frees the thread for the next one. Blocking backends respond first and
	// return later; device-blocking ones (R12) the other way round.
	Return
	// Finish is Respond and Return at one moment.
	Finish
	// Cancel marks the waiting request with Request.ID; it leaves the queue
	// when a pick next comes across it. Batched requests are executed anyway.
	Cancel
)

// Event is something that happened outside the scheduler.
type Event struct {
	Kind    EventKind
	Thread  int32   // Run
	Batch   int32   // Respond, Return, Finish: as named by an Execute action
	Request Request // Arrive, Cancel
}

// BatcherThread is the Thread of the batcher; instance threads count from 0.
const BatcherThread int32 = -1

// ActionKind says what the driver has to do.
type ActionKind uint8

// The kinds of actions. [Action] says which fields each of them sets.
const (
	// Resume asks for a Run event for Thread, after what Pace stands for.
	Resume ActionKind = iota + 1
	// Execute starts Batch on Instance; Respond and Return (or Finish) must follow.
	Execute
	// Answer sends the response of request ID to its caller.
	Answer
	// Refuse answers request ID with an error, Reason.
	Refuse
)

// Pace says how a thread comes to run again. In the real server these take
// different times, and some batches depend on which of two threads is first.
type Pace uint8

// The ways in which a thread comes to run.
const (
	// Wake: the thread slept on a condition variable and was notified.
	Wake Pace = iota + 1
	// Loop: the batcher goes round its loop once more without sleeping.
	Loop
	// Ask: an instance thread ended an execution and asks for the next payload.
	Ask
)

// Reason says why a request was refused.
type Reason uint8

// The reasons for a refusal.
const (
	// QueueFull: the level already holds max_queue_size requests.
	QueueFull Reason = iota + 1
	// Expired: the request waited longer than its timeout.
	Expired
	// Cancelled: a Cancel event named it while it waited.
	Cancelled
	// TooLarge: its batch dimension is above max_batch_size.
	TooLarge
)

// String returns what Triton says, as far as it does not depend on names.
func (r Reason) String() string {
	switch r {
	case QueueFull:
		return "Exceeds maximum queue size"
	case Expired:
		return "Request timeout expired"
	case Cancelled:
		return "request cancelled"
	case TooLarge:
		return "batch dimension above max_batch_size"
	}
	return fmt.Sprintf("reason %d", r)
}

// Action is something for the driver to do.
type Action struct {
	Kind     ActionKind
	Pace     Pace   // Resume
	Reason   Reason // Refuse
	Thread   int32  // Resume
	Batch    int32  // Execute
	Instance int32  // Execute
	ID       uint64 // Answer, Refuse
	At       Time   // when it is to be done: the time of the event that led to it
}
