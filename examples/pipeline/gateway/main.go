package gateway

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tritonsweep/examples/pipeline/pictures"
)

// Main is the program: it serves until ctx ends, and returns the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var o Options
	flags.StringVar(&o.Triton, "triton", "127.0.0.1:4601", "`HOST:PORT` of Triton's gRPC service")
	flags.IntVar(&o.Assume, "assume", 3, "`N` faces and lines of text in a picture where the models find none")
	flags.IntVar(&o.Limit, "limit", 512, "`N` pictures under way; one more is answered 503")
	flags.IntVar(&o.Workers, "workers", 32, "`N` of them worked on at a time, up to 60 MB each")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "how long the models may take for one picture")
	address := flags.String("listen", "127.0.0.1:4603", "`HOST:PORT` to serve")
	anywhere := flags.Bool("listen-anywhere", false, "serve addresses off loopback as well: nothing asks who calls")
	draw := flags.String("pictures", "", "draw test pictures into `DIR`, and end")
	count := flags.Int("count", 8, "`N` test pictures")
	size := flags.String("size", "800x600", "`WIDTHxHEIGHT` of the test pictures")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil || flags.NArg() > 0 {
		return 10
	}
	err := func() error {
		if *draw != "" {
			width, height, err := parseSize(*size)
			if err != nil {
				return err
			}
			return pictures.Write(*draw, *count, width, height)
		}
		if err := allowed(*address, *anywhere); err != nil {
			return err
		}
		return Serve(ctx, o, *address, stdout)
	}()
	if err != nil {
		fmt.Fprintln(stderr, "gateway:", err)
		return 1
	}
	return 0
}

// Serve answers requests until ctx ends. It prints its address once it listens.
func Serve(ctx context.Context, o Options, address string, stdout io.Writer) error {
	g, err := New(o)
	if err != nil {
		return err
	}
	defer g.Close()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: g.Handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(limited)
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func allowed(address string, anywhere bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); !anywhere && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %s is no loopback address (hint: --listen-anywhere)", address)
	}
	return nil
}

func parseSize(text string) (width, height int, err error) {
	w, h, ok := strings.Cut(text, "x")
	if width, err = strconv.Atoi(w); ok && err == nil {
		height, err = strconv.Atoi(h)
	}
	if !ok || err != nil || width < 1 || height < 1 || width > 8192 || height > 8192 {
		return 0, 0, fmt.Errorf("--size %q: not a size of 1x1 to 8192x8192 (hint: 800x600)", text)
	}
	return width, height, nil
}
