// Package runner carries a plan out on a real server and puts everything back.
// It is the only part of tritonsweep that changes the world.
//
// The path of one point, top to bottom:
//
//	Run            lock, journal the untouched configs                 run.go
//	  trial        apply the settings, restart, wait ready, verify     trial.go
//	    point      warm up, measure, check, record                     point.go
//	  (deferred)   restore every file, restart, verify, unlock         restore.go
//
// How settings reach the server is a mode (mode.go): restart writes the file
// and restarts the server; reload overrides the config through the server's own
// API and leaves the disk alone; none measures what is there.
package runner
