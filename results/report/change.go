package report

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"tritonsweep/tritonconfig"
)

// change returns the patch and the command line that make a change. What
// stands in the way of a patch becomes a caution.
func (a *analysis) change(s tritonconfig.Settings, cautions []string) (patch, apply string, _ []string) {
	apply = strings.Join(quoteAll(a.applyCommand()), " ")
	original, ok := a.run.Originals[a.model.Name]
	if !ok {
		return "", apply, append(cautions, "There is no patch: the run does not hold the untouched config.")
	}
	file, err := tritonconfig.Parse(original.Path, original.Text)
	if err != nil {
		return "", apply, append(cautions, fmt.Sprintf("There is no patch: %v.", err))
	}
	edited, notes, err := file.Apply(s)
	if err != nil {
		return "", apply, append(cautions, fmt.Sprintf("There is no patch: %v.", err))
	}
	for _, n := range notes {
		cautions = append(cautions, fmt.Sprintf("Line %d of the new file: %s.", n.Line, strings.TrimSuffix(n.Text, ".")))
	}
	name := path.Join(a.model.Name, path.Base(original.Path))
	return tritonconfig.Diff("a/"+name, "b/"+name, original.Text, edited.Bytes()), apply, cautions
}

// targetFlags are the flags of a sweep that say which server and which files;
// the command that applies its result needs them too.
var targetFlags = []string{"db", "container", "repository", "grpc-url", "http-url", "metrics-url"}

func (a *analysis) applyCommand() []string {
	line := []string{"tritonsweep", "apply", "--run=" + a.run.ID, "--model=" + a.model.Name}
	for i, arg := range a.run.Command {
		name, value, ok := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || !slices.Contains(targetFlags, name) {
			continue
		}
		if !ok && i+1 < len(a.run.Command) {
			value = a.run.Command[i+1]
		}
		line = append(line, "--"+name+"="+value)
	}
	return line
}

func quoteAll(args []string) []string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = quote(arg)
	}
	return quoted
}

// plain holds the characters that no shell gives a meaning.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:,@%"

// quote makes one word of a POSIX shell.
func quote(arg string) string {
	if arg != "" && strings.Trim(arg, plain) == "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// Patch writes the recommended changes of all models as one patch, for
// `git apply` or `patch -p1` in the model repository. It is empty where nothing
// is recommended.
func (r *Report) Patch(w io.Writer) error {
	for _, m := range r.Models {
		if _, err := io.WriteString(w, m.Recommendation.Patch); err != nil {
			return err
		}
	}
	return nil
}
