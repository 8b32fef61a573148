package batcher

// simDevice is a device in a running simulation.
type simDevice struct {
	name    string
	sharing Sharing
	slope   float64
	token   Token     // Exclusive
	active  []execRef // Sliced
	since   Time      // Sliced: up to when the active ones' work is counted
}

type execRef struct {
	model *simModel
	index int32
}

// slowdown is the factor by which each active execution takes longer.
func (d *simDevice) slowdown() float64 { return 1 + d.slope*float64(len(d.active)-1) }

// advance counts the work done since the last change.
func (d *simDevice) advance(now Time) {
	if len(d.active) > 0 {
		done := float64(now-d.since) / d.slowdown()
		for _, r := range d.active {
			r.model.execs[r.index].left -= done
		}
	}
	d.since = now
}

// replan moves the ends of all active executions.
func (d *simDevice) replan(now Time) {
	slow := d.slowdown()
	for _, r := range d.active {
		e := &r.model.execs[r.index]
		r.model.sim.agenda.set(e.source, now+Time(max(0, e.left)*slow+0.5))
	}
}

func (d *simDevice) drop(m *simModel, index int32) {
	for i, r := range d.active {
		if r.model == m && r.index == index {
			d.active = append(d.active[:i], d.active[i+1:]...)
			return
		}
	}
}
