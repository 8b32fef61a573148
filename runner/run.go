package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"tritonsweep/internal/tritonpb"
	"tritonsweep/results"
	"tritonsweep/runner/load"
	"tritonsweep/runner/pipeline"
	"tritonsweep/runner/triton"
	"tritonsweep/runner/undo"
	"tritonsweep/sweep"
	"tritonsweep/sweep/inert"
	"tritonsweep/tritonconfig"
)

// Config says what to run, on what, and what to tell whom.
type Config struct {
	Run  string // identifier of the run
	Plan sweep.Plan
	Mode Mode
	// Models are those that Next may ask for beside those of the plan.
	Models []string
	// Server restarts and describes the process; nil where only its address is
	// known (modes reload and none).
	Server Server
	// Address is what the user named as the server's gRPC address, if anything.
	Address string
	// Client is connected to the server.
	Client *triton.Client
	// Repository is needed by mode restart; nil otherwise.
	Repository *tritonconfig.Repository
	// State is where the lock and the journal lie.
	State undo.State
	// Lock is the lock on the repository, taken by the caller in mode restart
	// before it read the files. In mode reload it may be that of the server's
	// stand-in; without one there is no journal, and nobody to remove an override
	// when this process dies.
	Lock *undo.Lock
	// Files are the untouched configs, by model.
	Files map[string]*tritonconfig.File
	// Load measures a point; its Model, Load and Seed are filled in here.
	Load load.Spec
	// Pipeline, when set, takes the load in the place of the models: settings are
	// judged by what an API's users feel.
	Pipeline *pipeline.Request
	// Data says what each model's inputs hold; of models that it does not name,
	// Load does.
	Data map[string]load.Data
	// Base is what every record's environment has in common.
	Base results.Environment

	// SkipInert leaves out points that those measured before prove to be like
	// others; they are recorded with the reason.
	SkipInert bool
	// MaxContainerMemory stops a load that makes the server's container use more.
	MaxContainerMemory MemoryCap
	// MaxSlowdown ends the run when requests of others, to models that it does not
	// load, take more than so many times what they took before; 0 watches nobody.
	MaxSlowdown float64
	// Production, when set, is the server whose callers must not suffer, in the
	// place of the swept one: that of the container of which a copy is swept.
	Production *triton.Client
	// Budget is the time after which no new trial is begun; 0 is none.
	Budget time.Duration

	ReadyTimeout time.Duration // how long a started server may take until it is ready
	// Hurry, when closed, cuts the waiting for the server while restoring.
	Hurry <-chan struct{}

	// Next, when set, is asked for further trials after those of the plan, until
	// there is none. It may look at what was recorded meanwhile.
	Next func() (t sweep.Trial, more bool)

	// Guard starts a process that restores the journal's files when this one
	// dies, and returns how to tell it that all is well; nil for none.
	Guard func(ctx context.Context, j *undo.Journal) (dismiss func() error, err error)
	// Scratch tells that the repository is a copy that the caller made for itself.
	Scratch bool

	clocks  func() instants // tests replace these
	machine fs.FS           // its root directory
	others  others          // how the models of others are read

	// Record stores a point durably, before the next one begins.
	Record func(results.Record) error
	// Progress is told what happens; may be nil.
	Progress func(Event)
}

// Outcome says how a run went.
type Outcome struct {
	// Verdicts counts the records.
	Verdicts    map[results.Verdict]int
	Interrupted bool
	// Unbegun counts the trials that the time budget did not reach.
	Unbegun int
	points  map[pointKey]bool // whether a round of the point is usable
}

// pointKey is what the rounds of a point have in common.
type pointKey struct {
	model, settings string
	control         bool
	load            sweep.Load
}

func (o *Outcome) add(r results.Record) {
	o.Verdicts[r.Verdict]++
	if r.Verdict == results.Inert {
		return
	}
	key := pointKey{r.Model, r.Settings.Key(), r.Control, r.Load}
	o.points[key] = o.points[key] || r.Verdict.Usable()
}

// Bad counts the points that no round could measure. A round that was lost to
// a neighbour's noise costs precision, not the point: that is what rounds are
// for.
func (o Outcome) Bad() int {
	n := 0
	for _, usable := range o.points {
		if !usable {
			n++
		}
	}
	return n
}

// run is the state of one Run.
type run struct {
	Config
	applier   applier
	journal   *undo.Journal // nil unless files are written
	client    *triton.Client
	originals map[string]*tritonpb.ModelConfig // in force before the first change
	outcome   Outcome
	sequence  int
	changed   bool          // the server may run something else than the originals
	dismiss   func() error  // the guardian; nil without one
	mismatch  int           // trials in a row whose config did not come into force
	ended     error         // why the server does not run any more, in this trial
	hungry    []sweep.Trial // those under which it was killed for lack of memory
	// stopped is the load of the trial that used too much of the server's memory.
	stopped  *sweep.Load
	evidence map[string]*inert.Evidence // by model, where inert points are skipped
	outputs  map[string]*load.Outputs   // what each model answers untouched
	// remembered tells that outputs hold what each model answers by itself.
	remembered bool
	// repeated tells of each model whether it answers sooner what it was asked before.
	repeated map[string]results.Check
	// verified are the configs that were proven to be in force, by model.
	verified map[string]*tritonpb.ModelConfig
	// foreign is set when somebody else changed what the server runs.
	foreign *ForeignChangeError
	// harm watches the models of others; nil where nobody asks them. hurt is a
	// HarmError once the sweep did them harm.
	harm *harmWatch
	hurt error
}

func newRun(config Config) *run {
	if config.clocks == nil {
		config.clocks = readInstants
	}
	if config.machine == nil {
		config.machine = os.DirFS("/")
	}
	if config.others.every == 0 {
		config.others.baseline, config.others.every, config.others.patience = harmBaseline, harmEvery, harmPatience
	}
	return &run{
		Config: config, client: config.Client, evidence: map[string]*inert.Evidence{},
		verified: map[string]*tritonpb.ModelConfig{}, outputs: map[string]*load.Outputs{},
		repeated: map[string]results.Check{},
		outcome:  Outcome{Verdicts: map[results.Verdict]int{}, points: map[pointKey]bool{}},
	}
}

// Run carries the plan out. Whatever happens, the configs are restored and the
// server verified before it returns; errors of that are NotRestoredError and
// NotVerifiedError, and outrank what ended the sweep.
func Run(ctx context.Context, config Config) (outcome Outcome, err error) {
	r := newRun(config)
	defer r.closeClient()
	if err := r.prepare(ctx); err != nil {
		return r.outcome, err
	}
	defer func() {
		err = errors.Join(err, r.restore(context.WithoutCancel(ctx)))
		outcome = r.outcome
	}()
	if err := r.watchOthers(ctx); err != nil {
		return r.ending(ctx, err)
	}
	if err := r.compareInputs(ctx); err != nil {
		return r.ending(ctx, err)
	}
	for t := range r.trials {
		if err := r.trial(ctx, t); err != nil {
			return r.ending(ctx, err)
		}
	}
	return r.outcome, nil
}

// ending tells an interruption from what else ended the run.
func (r *run) ending(ctx context.Context, err error) (Outcome, error) {
	if ctx.Err() != nil {
		r.outcome.Interrupted = true
		return r.outcome, context.Cause(ctx)
	}
	return r.outcome, err
}

// trials yields those of the plan, and then those that Next thinks of, while the
// budget lasts.
func (r *run) trials(yield func(sweep.Trial) bool) {
	begin := time.Now()
	for i, t := range r.Plan.Trials {
		if r.spent(begin, len(r.Plan.Trials)-i) || !yield(t) {
			return
		}
	}
	for r.Next != nil {
		if t, more := r.Next(); !more || r.spent(begin, 1) || !yield(t) {
			return
		}
	}
}

// spent tells that no new trial may begin, though at least some are left.
func (r *run) spent(begin time.Time, left int) bool {
	if r.Budget <= 0 || time.Since(begin) <= r.Budget {
		return false
	}
	r.outcome.Unbegun = left
	r.tell(Event{Step: Warning, Text: fmt.Sprintf("the time budget of %s is spent, %d trials are left", r.Budget, left)})
	return true
}

func (r *run) models() []string {
	models := r.Plan.Models()
	for _, m := range r.Models {
		if !slices.Contains(models, m) {
			models = append(models, m)
		}
	}
	return models
}

// prepare learns the configs in force and writes the journal. Nothing of the
// server's is changed yet.
func (r *run) prepare(ctx context.Context) error {
	r.originals = map[string]*tritonpb.ModelConfig{}
	for _, model := range r.models() {
		config, err := inForce(ctx, r.client, model)
		if err != nil {
			return err
		}
		r.originals[model] = config
	}
	switch r.Mode {
	case None:
		r.applier = noneApplier{}
	case Reload:
		if err := r.beginReload(ctx); err != nil {
			return err
		}
		r.applier = &reloadApplier{run: r}
	case Restart:
		if err := r.begin(ctx); err != nil {
			return err
		}
		r.applier = &restartApplier{server: r.Server, journal: r.journal, files: r.Files}
	}
	return nil
}

// begin writes the journal and makes sure that it holds the very files that the
// plan was made for.
func (r *run) begin(ctx context.Context) error {
	paths := map[string]string{}
	for model := range r.Files {
		path, err := r.Repository.ConfigPath(model)
		if err != nil {
			return err
		}
		paths[model] = path
	}
	reference, err := r.reference(ctx)
	if err != nil {
		return err
	}
	if r.journal, err = undo.Begin(r.Lock, r.Run, reference, paths); err != nil {
		return err
	}
	for model, file := range r.Files {
		if string(r.journal.Entry(model).Original.Data) != string(file.Bytes()) {
			return errors.Join(fmt.Errorf("%s: the config changed since the plan was made (hint: run again)", model), r.journal.Finish())
		}
	}
	return r.guarded(ctx)
}

// beginReload writes the journal of a run that leaves the files alone: the
// configs that the server runs.
func (r *run) beginReload(ctx context.Context) error {
	if r.Lock == nil {
		return nil
	}
	served := map[string]json.RawMessage{}
	for model, config := range r.originals {
		text, err := triton.MarshalConfig(config)
		if err != nil {
			return err
		}
		served[model] = text
	}
	reference, err := r.reference(ctx)
	if err != nil {
		return err
	}
	if r.journal, err = undo.BeginServer(r.Lock, r.Run, reference, served); err != nil {
		return err
	}
	return r.guarded(ctx)
}

// reference says where a later process finds the server.
func (r *run) reference(ctx context.Context) (undo.Reference, error) {
	reference := undo.Reference{Mode: string(r.Mode), GRPC: r.Address, Scratch: r.Scratch}
	if r.Server == nil {
		return reference, nil
	}
	identity, err := r.Server.Identity(ctx)
	reference.ContainerID, reference.ContainerName, reference.Simulated = identity.ID, identity.Name, identity.Simulated
	return reference, err
}

// guarded starts the guardian of the journal.
func (r *run) guarded(ctx context.Context) (err error) {
	if r.Guard == nil {
		return nil
	}
	if r.dismiss, err = r.Guard(ctx, r.journal); err != nil {
		return errors.Join(err, r.journal.Finish())
	}
	return nil
}

// finish removes the journal, which leaves the guardian nothing to do.
func (r *run) finish() error {
	if err := r.journal.Finish(); err != nil {
		return fmt.Errorf("removing the journal: %w", err)
	}
	return r.dismissGuardian()
}

func (r *run) dismissGuardian() error {
	if r.dismiss == nil {
		return nil
	}
	if err := r.dismiss(); err != nil {
		r.tell(Event{Step: Warning, Text: err.Error()}) // it finds no journal and goes
	}
	return nil
}

func (r *run) tell(e Event) {
	if r.Progress != nil {
		r.Progress(e)
	}
}
