package tritonsim

import (
	"context"
	"slices"
	"sync"
	"time"
)

// process is the server from one start to its end.
type process struct {
	server  *Server
	engine  *engine
	started time.Time
	ready   chan struct{} // closed when the ports are open
	exited  chan struct{} // closed when nothing of it runs any more
	ctx     context.Context
	cancel  context.CancelFunc
	group   sync.WaitGroup // unloads and servers
	ports   *ports
	host    host
	regions regions

	loading sync.Mutex // one load or unload at a time
	mu      sync.RWMutex
	entries map[string]*entry
	retired []*model // replaced or unloaded, some perhaps with requests left
	err     error    // why it ended; nil before that
	closing bool
	// incomplete: a model that should be served could not be loaded, so that
	// the server is live and never ready.
	incomplete bool
}

func newProcess(s *Server, seed uint64) (*process, error) {
	e, err := newEngine(seed, s.options.Timing, newAlarm)
	if err != nil {
		return nil, err
	}
	p := &process{
		server: s, engine: e, started: time.Now(), entries: map[string]*entry{},
		ready: make(chan struct{}), exited: make(chan struct{}),
		regions: regions{open: s.options.DeviceMemory},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// exit returns nil while the process runs, else why it ended.
func (p *process) exit() error {
	select {
	case <-p.exited:
		p.mu.RLock()
		defer p.mu.RUnlock()
		return p.err
	default:
		return nil
	}
}

// run is the life of the process.
func (p *process) run() {
	err := p.begin()
	if err == nil {
		close(p.ready)
		<-p.ctx.Done()
		p.drain()
		err = ErrStopped
	}
	p.end(err)
}

func (p *process) end(err error) {
	p.cancel()
	p.group.Wait()
	p.engine.close()
	p.regions.forget()
	p.mu.Lock()
	p.err = err
	p.mu.Unlock()
	close(p.exited)
}

// stop asks the process to end and waits until it has.
func (p *process) stop() {
	p.cancel()
	<-p.exited
}

// exitTimeout is how long requests under way may take once the server is to stop.
const exitTimeout = 30 * time.Second

// drain refuses new requests, lets those under way finish, and closes the ports.
func (p *process) drain() {
	p.mu.Lock()
	p.closing = true
	last := p.retired
	for _, e := range p.entries {
		if e.current != nil {
			last = append(last, e.current)
			e.current = nil
		}
	}
	p.mu.Unlock()
	limit := time.NewTimer(exitTimeout)
	defer limit.Stop()
	for _, m := range last {
		select {
		case <-p.drained(m):
		case <-limit.C:
		}
	}
	p.ports.close()
}

// drained returns a channel that is closed once the model has no request left.
func (p *process) drained(m *model) <-chan struct{} {
	done := make(chan struct{})
	p.engine.lock()
	defer p.engine.unlock()
	m.scheduler.drained(func() { close(done) })
	return done
}

// retire remembers a model that serves no new requests, and forgets those that
// have none left. Both locks must be held.
func (p *process) retire(m *model) {
	p.retired = slices.DeleteFunc(p.retired, func(m *model) bool { return m.scheduler.machine.Open() == 0 })
	if m != nil {
		p.retired = append(p.retired, m)
	}
}

func (p *process) memory() int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var mib float64
	for _, e := range p.entries {
		if e.current != nil {
			mib += e.current.profile.Memory(instances(e.current.config))
		}
	}
	return int64(mib * (1 << 20))
}
