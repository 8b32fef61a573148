package batcher

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Lag is a short time that the operating system decides: at least Min, with an
// exponential tail, Mean on average.
type Lag struct{ Min, Mean time.Duration }

// Exactly returns a Lag that is always d.
func Exactly(d time.Duration) Lag { return Lag{d, d} }

func (l Lag) draw(r *rand.Rand) Time {
	if l.Mean <= l.Min {
		return Time(l.Min)
	}
	return Time(l.Min) + Time(r.ExpFloat64()*float64(l.Mean-l.Min))
}

// Timing holds what passes between the threads of the server, and around it.
// These times are short, but they decide races: whether a full payload gets
// one more request, whether a wake-up is lost.
type Timing struct {
	// FrontEnd is the time that the front end takes for each request, one
	// after another: it spreads arrivals that are sent together.
	FrontEnd Lag
	// Clump is the share of requests for which the front end takes no longer than
	// FrontEnd.Min: those that came in one read with the one before. The others
	// take the longer, so that the mean stays.
	Clump float64
	// Latency is the rest of a request's way, to the server and back.
	Latency time.Duration
	// Think passes between a response and the same caller's next request, and
	// Client is what the callers' machine needs for each of them meanwhile, one
	// caller after another. No latency holds them.
	Think, Client time.Duration
	// WakeBatcher and WakeInstance pass from a notification until the thread runs.
	WakeBatcher, WakeInstance Lag
	// Loop is one round of the batcher's loop.
	Loop Lag
	// Timer is by how much a sleep with a deadline ends late.
	Timer Lag
	// Epilogue passes between a batch's responses and the return of the
	// backend's execute call.
	Epilogue Lag
	// EpilogueEach is added to Epilogue for each request of the batch. Where its
	// tail is long (Min 0), callers whose responses went first are now and then back
	// before the instance takes the next batch, as on busy cores; with cores to spare
	// (Min near Mean) they hardly ever are.
	// Triton's batch_stats count both as output time: a calibration from them
	// has to take them off.
	EpilogueEach Lag
	// RespondEach passes between a batch's responses, which are sent one after
	// another: callers of one batch do not send their next requests together.
	// They all are sent before the return, so Epilogue holds it.
	RespondEach time.Duration
	// Ask passes between that return and the thread's asking for the next payload.
	Ask Lag
}

// DefaultTiming returns times as seen on Triton 2.51 with the Python backend on
// two busy cores. FrontEnd and Latency depend on the client and the size of
// the inputs and are to be calibrated; the others decide races and are small.
func DefaultTiming() Timing {
	const us = time.Microsecond
	return Timing{
		FrontEnd:     Lag{5 * us, 20 * us},
		Latency:      450 * us,
		WakeBatcher:  Lag{10 * us, 40 * us},
		WakeInstance: Lag{30 * us, 80 * us},
		Loop:         Lag{4 * us, 6 * us},
		Timer:        Lag{60 * us, 130 * us},
		Epilogue:     Lag{30 * us, 60 * us},
		EpilogueEach: Lag{0, 25 * us},
		Ask:          Lag{0, 25 * us},
	}
}

// EpilogueOf returns what passes after the responses to so many requests.
func (t *Timing) EpilogueOf(requests int) Lag {
	n := time.Duration(requests)
	l, each := t.Epilogue, t.EpilogueEach
	return Lag{l.Min + n*each.Min, max(l.Mean, l.Min) + n*max(each.Mean, each.Min)}
}

// front draws how long the front end takes for a request.
func (t *Timing) front(r *rand.Rand) Time {
	lag := t.FrontEnd
	if t.Clump > 0 {
		if r.Float64() < t.Clump {
			return Time(lag.Min)
		}
		lag.Mean = lag.Min + time.Duration(float64(lag.Mean-lag.Min)/(1-t.Clump))
	}
	return lag.draw(r)
}

// lag returns how long the thread of a Resume action takes to run.
func (t *Timing) lag(a *Action) *Lag {
	switch {
	case a.Thread == BatcherThread && a.Pace == Wake:
		return &t.WakeBatcher
	case a.Thread == BatcherThread:
		return &t.Loop
	case a.Pace == Wake:
		return &t.WakeInstance
	}
	return &t.Ask
}

func (t *Timing) validate() error {
	for _, l := range []Lag{t.FrontEnd, {t.Latency, t.Latency}, {t.RespondEach, t.RespondEach}, {t.Think, t.Think}, {t.Client, t.Client}, t.WakeBatcher, t.WakeInstance, t.Loop, t.Timer, t.Epilogue, t.EpilogueEach, t.Ask} {
		if l.Min < 0 || l.Mean < 0 || l.Min > maxServiceTime || l.Mean > maxServiceTime {
			return fmt.Errorf("%w: a time of %v to %v between threads", ErrConfig, l.Min, l.Mean)
		}
	}
	if !(t.Clump >= 0 && t.Clump < 1) {
		return fmt.Errorf("%w: a share of %v of the requests in clumps", ErrConfig, t.Clump)
	}
	return nil
}
