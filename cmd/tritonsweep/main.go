// Command tritonsweep finds, proves and applies the fastest safe configuration
// of a model on a Triton Inference Server.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}
