// Package spec reads the file of tritonsweep sweep: which models, which settings
// of theirs and under which loads, what the user can afford, and how much time
// there is.
//
// The file is YAML with a fixed shape (schema.json beside the example specs, made
// from the types here). Reading is strict: an unknown or repeated key, a value of
// the wrong type or out of range, an anchor or an alias is an error that names
// line and column, and the key that was probably meant. Nothing is guessed.
//
// A spec becomes settings to try with [Spec.Space], which counts before it makes
// anything: a space of a billion points costs nothing but its refusal.
package spec
