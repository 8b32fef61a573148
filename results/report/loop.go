package report

import (
	"tritonsweep/results"
	"tritonsweep/sweep"
)

// The kinds of loop that a run offered.
const (
	closedLoop = "closed"
	openLoop   = "open"
	mixedLoops = "mixed"
)

// loopOf says which kinds of loop a plan holds.
func loopOf(p sweep.Plan) string {
	open, closed := false, false
	for _, t := range p.Trials {
		for _, l := range t.Loads {
			open, closed = open || l.Open(), closed || !l.Open()
		}
	}
	switch {
	case open && closed:
		return mixedLoops
	case open:
		return openLoop
	}
	return closedLoop
}

// noteLoop says what latencies mean, which differs between the loops.
func (f *footnotes) noteLoop(loop string) {
	closed, open := "closed loop", "open loop"
	if loop == mixedLoops {
		closed, open = closed+" (c=)", open+" (r=)"
	}
	if loop != openLoop {
		f.number("closed-loop", closed+": a caller sends its next request when the last one was answered, so latency is bounded by the concurrency and cannot show an overload")
	}
	if loop != closedLoop {
		f.number("open-loop", open+": requests arrive at a rate whether or not earlier ones were answered; latency counts from the instant at which a request was due")
	}
}

// loopText describes the loops of a run for its head.
func loopText(loop string) string {
	const closed, open = "closed loop: each caller waits for its answer before it asks again",
		"open loop: requests arrive at a rate, latency counts from when they were due"
	switch loop {
	case openLoop:
		return open
	case mixedLoops:
		return closed + "; " + open
	}
	return closed
}

// joinArrivals takes the worst of the rounds: what one of them suffered from, the
// joined figures hold.
func joinArrivals(used []results.Record) *results.Arrivals {
	var joined *results.Arrivals
	for _, rec := range used {
		a := rec.Client.Arrivals
		if a == nil {
			continue
		}
		if joined == nil {
			joined = &results.Arrivals{Outstanding: a.Outstanding}
		}
		joined.Requests += a.Requests
		joined.Held += a.Held
		joined.Underway += a.Underway / float64(len(used))
		joined.SendLag = max(joined.SendLag, a.SendLag)
		joined.SendLagMean = max(joined.SendLagMean, a.SendLagMean)
		joined.Overloaded = joined.Overloaded || a.Overloaded
	}
	return joined
}
