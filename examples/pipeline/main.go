// The gateway as a program; see package gateway.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"tritonsweep/examples/pipeline/gateway"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := gateway.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
