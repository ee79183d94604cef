using System.CommandLine;

namespace Millpond.Cli;

/// <summary>
/// <c>millpond completion</c>: what a shell needs to complete verbs, options and their values. The program itself says what may follow
/// (by the directive <c>[suggest]</c> of its parser), so that a script of an older one still knows the options of a newer.
/// </summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # In ~/.bashrc:  source <(millpond completion bash)
        _millpond() {
          local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]}
          line=${line#*[[:space:]]}
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$(millpond "[suggest:${#line}]" "$line" 2> /dev/null)" -- "$word"))
        }
        # What is no word of millpond's is a file.
        complete -o default -F _millpond millpond

        """;

    private const string Zsh = """
        #compdef millpond
        # In ~/.zshrc, behind compinit:  source <(millpond completion zsh)
        _millpond() {
          local line="${(j: :)words[2,CURRENT]}"
          local -a candidates
          candidates=("${(@f)$(millpond "[suggest:${#line}]" "$line" 2> /dev/null)}")
          # What is no word of millpond's is a file.
          compadd -- ${candidates:#} || _files
        }
        compdef _millpond millpond

        """;

    private const string Fish = """
        # In ~/.config/fish/config.fish:  millpond completion fish | source
        function __millpond_complete
          set -l line (commandline --current-process --cut-at-cursor | string replace --regex '^\s*\S+\s' '')
          millpond "[suggest:"(string length -- "$line")"]" "$line" 2> /dev/null
        end
        complete --command millpond --arguments '(__millpond_complete)'

        """;

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print what a shell needs to complete millpond's verbs and options.") { shell };
        command.SetAction(arguments => arguments.InvocationConfiguration.Output.Write(arguments.GetRequiredValue(shell) switch
        {
            "zsh" => Zsh,
            "fish" => Fish,
            _ => Bash,
        }));
        return command;
    }
}
