// Package undo makes a sweep reversible. Before the first write to a config the
// run takes a Lock on the model repository and writes a Journal with the
// untouched files; whatever ends the run, Journal.Restore puts them back byte
// for byte, with mode, owner, attributes, times and link: called by the run
// itself, by `tritonsweep restore`, or by the next command that starts.
//
// Everything lies in a state directory of the user, never in the model
// repository: a foreign folder in its root stops Triton.
//
// Somebody else's edit is never overwritten. The journal knows the hash of the
// original and of everything that tritonsweep wrote; a file with any other hash
// is a Conflict: it stays, and the original is kept in the journal.
package undo
