package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"tritonsweep/internal/atomicfile"
	"tritonsweep/results/report"
)

// writeFiles leaves every view in dir.
func writeFiles(dir string, made *report.Report) error {
	return writeViews(dir, map[string]func(io.Writer) error{
		"report.html": made.HTML, "report.md": made.Markdown, "report.json": made.JSON,
		"report.csv": made.CSV, "recommended.patch": made.Patch,
	})
}

// writeViews leaves files in dir, which is made if need be.
func writeViews(dir string, views map[string]func(io.Writer) error) error {
	err := os.MkdirAll(dir, 0o755)
	for name, view := range views {
		if err == nil {
			err = writeFile(filepath.Join(dir, name), view)
		}
	}
	if err != nil {
		return withCode(exitFailed, fmt.Errorf("--output: %w (hint: the results are stored; tritonsweep report writes it again)", err))
	}
	return cleanOutput(dir)
}

// writeFile replaces a file by what view writes, so that whoever reads it, and
// who dies meanwhile, has the whole old one or the whole new one. A link is
// replaced, not followed.
func writeFile(name string, view func(io.Writer) error) error {
	var text bytes.Buffer
	if err := view(&text); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	info, err := os.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory", name)
	case err == nil && info.Mode().IsRegular():
		mode = info.Mode().Perm()
	case err == nil && info.Mode().Type() != fs.ModeSymlink: // a device or a pipe
		return os.WriteFile(name, text.Bytes(), mode)
	}
	return atomicfile.Write(name, text.Bytes(), mode)
}

// checkOutput tries before the first measurement whether reports can be written
// into --output.
func checkOutput(c *cli.Context) error {
	dir := c.String("output")
	if dir == "" {
		return nil
	}
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = tryDirectory(dir)
	}
	if err != nil {
		return withCode(exitPermission, fmt.Errorf("--output: %w (hint: a directory that you may write; nothing was touched)", err))
	}
	return nil
}

// tryDirectory makes a file in a directory and removes it.
func tryDirectory(dir string) error {
	root, err := atomicfile.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(atomicfile.Try(root, "."), root.Close())
}

// cleanOutput removes what was half-written when a process was killed.
func cleanOutput(dir string) error {
	root, err := atomicfile.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	left, err := atomicfile.Leftovers(root, ".")
	for _, l := range left {
		err = errors.Join(err, root.Remove(l.Name))
	}
	return err
}
