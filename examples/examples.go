// Package examples carries the example deployment inside the program: the
// configs of the seven models and their service times, for simulated servers.
// The stand-ins that a real Triton runs are in models/*/1.
package examples

import "embed"

// Models is the model repository, below "models".
//
//go:embed models/*/config.pbtxt models/*/profile.json
var Models embed.FS
