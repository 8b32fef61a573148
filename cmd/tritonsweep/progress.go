package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"tritonsweep/results"
	"tritonsweep/runner"
	"tritonsweep/sweep"
)

// progress shows what a run does: one line that changes on a terminal, one line
// a point elsewhere. It writes to standard error only.
type progress struct {
	out  io.Writer
	plan sweep.Plan
	live bool // the writer is a terminal
	open bool // the plan is not all: nobody knows how many points there will be
	// finals is how many points the finals add: at most, until they are chosen.
	finals int
	cost   sweep.Cost
	begin  time.Time
	now    func() time.Time

	mu    sync.Mutex
	last  runner.Event
	drawn int // runes of the line on the terminal
	stop  chan struct{}
	ended sync.WaitGroup
}

func newProgress(out io.Writer, plan sweep.Plan, cost sweep.Cost) *progress {
	p := &progress{out: out, plan: plan, cost: cost, live: isTerminal(out), begin: time.Now(), now: time.Now, stop: make(chan struct{})}
	if p.live {
		p.ended.Go(p.tick)
	}
	return p
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// tick redraws, so that the elapsed time moves while a server starts.
func (p *progress) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

func (p *progress) close() {
	close(p.stop)
	p.ended.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// event is the runner's callback.
func (p *progress) event(e runner.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = e
	switch {
	case e.Step == runner.Warning:
		p.clear()
		fmt.Fprintln(p.out, "warning:", printable(e.Text))
	case e.Step == runner.Recorded:
		p.clear()
		fmt.Fprintf(p.out, "%s %s%s\n", p.position(), p.remaining(), printable(pointLine(*e.Record)))
	case !p.live && (e.Step == runner.Restoring || e.Step == runner.Done):
		fmt.Fprintln(p.out, "config:", e.Step)
	default:
		slog.Debug(string(e.Step), "model", e.Trial.Model, "settings", e.Trial.Settings.String(), "load", e.Load.String())
	}
	p.draw()
}

// note prints a line about the last point.
func (p *progress) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.out, "%s %s\n", strings.Repeat(" ", len(p.position())), printable(text))
	p.draw()
}

// setFinals tells how many points the finals really add.
func (p *progress) setFinals(points int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finals = points
}

// points is how many there will be.
func (p *progress) points() int { return p.plan.Points() + p.finals }

func (p *progress) clear() {
	if p.live && p.drawn > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.drawn))
		p.drawn = 0
	}
}

func (p *progress) draw() {
	if !p.live || p.last.Step == "" {
		return
	}
	what := string(p.last.Step)
	if p.last.Trial.Model != "" {
		what += " " + p.last.Trial.Model + " " + p.last.Trial.Settings.String()
	}
	if p.last.Step == runner.Measuring {
		what += " " + p.last.Load.String()
	}
	line := printable(fmt.Sprintf("%s %s elapsed, %s left · %s",
		p.position(), round(p.now().Sub(p.begin)), p.left(), what))
	if width, _, err := term.GetSize(int(p.out.(*os.File).Fd())); err == nil && width > 1 {
		line = cut(line, width-1)
	}
	p.clear()
	fmt.Fprint(p.out, line)
	p.drawn = len([]rune(line))
}

func cut(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return line
}

func (p *progress) position() string {
	if p.open {
		return fmt.Sprintf("[%d]", p.last.Points)
	}
	total := fmt.Sprint(p.points())
	return fmt.Sprintf("[%*d/%s]", len(total), p.last.Points, total)
}

// left extrapolates from the points so far, and from the starts of the server that
// they took: a trial whose first point was measured had its start.
func (p *progress) left() string {
	done, total := p.work(p.last.Points), p.work(p.points())
	if done == 0 || p.open {
		return "?"
	}
	return round(time.Duration(float64(p.now().Sub(p.begin)) * float64(total-done) / float64(done))).String()
}

// work is what the first points of the plan, and of its finals, take by its cost.
func (p *progress) work(points int) time.Duration {
	var sum time.Duration
	for _, t := range p.plan.Trials {
		if points <= 0 {
			break
		}
		n := min(points, len(t.Loads))
		sum += p.cost.Trial + time.Duration(n)*max(1, p.cost.Point)
		points -= n
	}
	// What is left is of the finals, most of whose trials have one load.
	return sum + time.Duration(max(points, 0))*(p.cost.Trial+max(1, p.cost.Point, p.cost.Final))
}

// remaining is the time left for a line that stays, nothing where a line that
// changes tells it, or where nobody knows.
func (p *progress) remaining() string {
	if p.live || p.open || p.last.Points >= p.points() {
		return ""
	}
	return p.left() + " left  "
}

func round(d time.Duration) time.Duration { return d.Round(time.Second) }

// pointLine is one record in one line.
func pointLine(r results.Record) string {
	settings := r.Settings.String()
	if r.Control {
		settings = "control (as configured)"
	}
	beside := ""
	if len(r.Together) > 0 {
		beside = " beside " + strings.Join(r.Together, ", ")
	}
	line := fmt.Sprintf("%s %s %s%s: ", r.Model, settings, r.Load, beside)
	if !r.Verdict.Usable() {
		return line + string(r.Verdict) + ": " + strings.Join(r.Reasons, "; ")
	}
	if t := r.Client.Throughput; t != nil {
		line += fmt.Sprintf("%.4g/s ±%.1f%%", t.Value, 100*(t.High-t.Low)/2/t.Value)
	} else {
		line += fmt.Sprintf("%d answers, too few for an interval", r.Client.Requests)
	}
	if p99 := r.Client.P99; p99 != nil {
		line += fmt.Sprintf(", p99 %.4g ms", p99.Value)
	} else if p50 := r.Client.P50; p50 != nil {
		line += fmt.Sprintf(", p50 %.4g ms", p50.Value)
	}
	if r.Server != nil {
		line += fmt.Sprintf(", batch %.1f", r.Server.AverageBatch)
	}
	if r.Verdict != results.OK {
		line += ", " + string(r.Verdict)
	}
	return line
}
