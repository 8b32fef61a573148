package load

import (
	"context"
	"time"
)

// pacer waits for instants more precisely than Go's timers, by which a sleeping
// program is woken to the next whole millisecond only.
type pacer struct {
	alarm  func(after time.Duration) error // returns when it has rung, or when closed
	close  func()
	coarse bool
}

// usefulAlarm is the shortest wait that is worth an alarm.
const usefulAlarm = 20 * time.Microsecond

// until returns at an instant, or when ctx ends.
func (p *pacer) until(ctx context.Context, due time.Time) {
	for {
		left := time.Until(due)
		switch {
		case left < usefulAlarm || ctx.Err() != nil:
			return
		case p.coarse || p.alarm == nil:
			sleep(ctx, left)
			return
		}
		if err := p.alarm(left); err != nil {
			p.coarse = true
			continue
		}
		// An alarm that rang early goes by another clock than time.Now, as in
		// tests in virtual time.
		p.coarse = time.Until(due) > left/2
	}
}
