package load

import "time"

// firstLook and growth place the looks at the window: geometric, because each
// look is a chance to stop by luck.
const (
	firstLook = time.Second
	growth    = 1.3
)

// gapPatience is after how many times the least duration a quantile in a gap,
// which will never become precise, ends the window: three doublings.
const gapPatience = 8

// mostRestarts is how often a window may begin anew: time is better spent on a
// wide interval than on none.
const mostRestarts = 3

// stopping decides at each look whether the window goes on. It knows no clock,
// so that simulations in virtual time stop as measurements do.
//
// The window ends when the intervals were narrow at two looks in a row. One look
// would end it where the spread was underestimated by luck, and intervals of
// windows that end so cover too rarely (Heidelberger and Welch, "Simulation run
// length control in the presence of an initial transient", Operations Research,
// 1983; Glynn and Whitt, "The asymptotic validity of sequential stopping rules
// for stochastic simulations", Annals of Applied Probability, 1992). For the same
// reason what may be a drift keeps it open, though it must be beyond doubt to be
// called one.
type stopping struct {
	spec     Spec
	next     time.Duration // since the window was opened: when to look
	narrow   int           // looks in a row that were narrow
	restarts int
}

// step is what a look decides.
type step int

// The decisions: the window goes on, it begins anew because it holds a
// transient, or it ends.
const (
	onward step = iota
	anew
	enough
)

func newStopping(spec Spec) stopping {
	return stopping{spec: spec, next: min(firstLook, spec.MinDuration)}
}

// look decides at a look, elapsed after the window was opened, with so much time
// left until its end at the latest.
func (s *stopping) look(elapsed, left, latency time.Duration, j judgement) step {
	least := max(s.spec.MinDuration, min(20*latency, s.spec.MaxDuration))
	switch {
	case left <= 0:
		return enough
	case elapsed < least:
	case j.transient && s.restarts < mostRestarts && left >= 2*least:
		*s = stopping{spec: s.spec, next: min(firstLook, s.spec.MinDuration), restarts: s.restarts + 1}
		return anew
	case s.spec.enough(j) && !j.restless:
		if s.narrow++; s.narrow == 2 {
			return enough
		}
	case j.inGap && j.drift == "" && elapsed >= gapPatience*least:
		return enough
	default:
		s.narrow = 0
	}
	s.next = time.Duration(growth * float64(elapsed))
	if elapsed < least {
		s.next = min(s.next, least)
	}
	return onward
}
