package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// The scripts hand the words typed so far to tritonsweep itself, which answers
// with what may follow and never runs a command meanwhile (guardCompletion).
const bashCompletion = `_tritonsweep() {
  local words=("${COMP_WORDS[@]:0:$COMP_CWORD}") current="${COMP_WORDS[$COMP_CWORD]}"
  case $current in -*) words+=("$current") ;; esac
  COMPREPLY=($(compgen -W "$("${words[@]}" --generate-bash-completion 2>/dev/null)" -- "$current"))
}
complete -o bashdefault -o default -F _tritonsweep tritonsweep
`

const zshCompletion = `#compdef tritonsweep
_tritonsweep() {
  local -a answers
  local current=${words[-1]}
  if [[ $current == -* ]]; then
    answers=(${(f)"$(${words[@]} --generate-bash-completion 2>/dev/null)"})
  else
    answers=(${(f)"$(${words[@]:0:#words[@]-1} --generate-bash-completion 2>/dev/null)"})
  fi
  [[ -n $answers ]] && compadd -- $answers || _files
}
compdef _tritonsweep tritonsweep
`

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the completion script of a shell",
		ArgsUsage: "bash|zsh",
		Action: func(c *cli.Context) error {
			script := map[string]string{"bash": bashCompletion, "zsh": zshCompletion}[c.Args().First()]
			if script == "" || c.NArg() != 1 {
				return usagef("name the shell: tritonsweep completion bash, or zsh")
			}
			_, err := fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}
