package runner

import (
	"tritonsweep/results"
	"tritonsweep/sweep"
)

// Step names what a run is doing.
type Step string

// The steps, in their order.
const (
	Applying  Step = "applying"
	Starting  Step = "waiting for the server"
	Verifying Step = "verifying"
	Measuring Step = "measuring"
	Recorded  Step = "recorded"
	Restoring Step = "restoring"
	Done      Step = "restored and verified"
	Committed Step = "committed" // a change of Apply's: it stays
	Warning   Step = "warning"
)

// Event tells what a run does now. It is for people: nothing depends on it.
type Event struct {
	Step   Step
	Trial  sweep.Trial
	Load   sweep.Load
	Record *results.Record // with Recorded
	Points int             // recorded so far
	Text   string          // with Warning
}
