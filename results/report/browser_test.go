package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// This file alone knows chromedp, whose API changes often.

// browserNames are tried in this order.
var browserNames = []string{"chromium-headless-shell", "headless-shell", "chromium", "chromium-browser", "google-chrome"}

// One browser serves all tests of the package; stopBrowser ends it.
var (
	startBrowser = sync.OnceValues(func() (context.Context, error) {
		path := ""
		for _, name := range browserNames {
			if found, err := exec.LookPath(name); err == nil && path == "" {
				path = found
			}
		}
		if path == "" {
			return nil, exec.ErrNotFound
		}
		opts := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 1000),
			chromedp.Flag("disable-background-networking", true),
		)
		allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
		ctx, cancel := chromedp.NewContext(allocator)
		stopBrowser = func() { cancel(); stop() }
		return ctx, chromedp.Do(ctx) // starts it, without a timeout as it must be
	})
	stopBrowser = func() {}
)

func TestMain(m *testing.M) {
	code := m.Run()
	stopBrowser()
	os.Exit(code)
}

// browser returns the headless Chromium, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	ctx, err := startBrowser()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no chromium")
	}
	if err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	return ctx
}

// visit is an open page and what went wrong on it.
type visit struct {
	ctx context.Context
	mu  sync.Mutex
	bad []string
}

// openPage opens the report of a sample from a file, in a tab of its own.
func openPage(t *testing.T, browser context.Context, name string) *visit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := samples[name]().report().HTML(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancelTimeout := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancelTimeout)
	v := &visit{ctx: ctx}
	if err := chromedp.Listen(ctx, func(event any) { v.see("file://"+path, event) }); err != nil {
		t.Fatal(err)
	}
	v.do(t, chromedp.Navigate("file://"+path))
	return v
}

// see notes every message, exception and request that a good page does not make.
func (v *visit) see(page string, event any) {
	note := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		note = fmt.Sprintf("console: %s %v", e.Type, e.Args)
	case *runtime.EventExceptionThrown:
		note = "exception: " + e.ExceptionDetails.Text
	case *log.EventEntryAdded:
		note = "log: " + e.Entry.Text
	case *network.EventRequestWillBeSent:
		if e.Request.URL != page {
			note = "request: " + e.Request.URL
		}
	}
	if note != "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.bad = append(v.bad, note)
	}
}

func (v *visit) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func (v *visit) click(t *testing.T, selector string) {
	t.Helper()
	v.do(t, chromedp.Click(selector))
}

// eval returns the value of an expression on the page, as text.
func (v *visit) eval(t *testing.T, expression string) string {
	t.Helper()
	value, err := chromedp.Run(v.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

func (v *visit) want(t *testing.T, expression, want string) {
	t.Helper()
	if got := v.eval(t, expression); got != want {
		t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// settle waits until the page has done what was set off.
func (v *visit) settle(t *testing.T) {
	t.Helper()
	const frames = `new Promise(done => requestAnimationFrame(() => setTimeout(() => done("ok"), 50)))`
	if _, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](frames, chromedp.EvalAwaitPromise)); err != nil {
		t.Fatal(err)
	}
}

// clean checks that nothing was logged, thrown or requested.
func (v *visit) clean(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.bad) > 0 {
		t.Errorf("the page did what it must not:\n%s", strings.Join(v.bad, "\n"))
	}
}

// screenshot leaves a picture where TRITONSWEEP_SCREENSHOTS names a folder, for
// people who change the page.
func (v *visit) screenshot(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("TRITONSWEEP_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
