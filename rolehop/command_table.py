"""The table of commands: each command's line in the help and the arguments it takes.

It is apart from the commands themselves, so that ``--help`` imports none of them and completion
does not even import click; nothing is imported here. Tests compare it with the commands.
"""

COMPLETION_SHELLS = ("bash", "zsh", "fish", "powershell")
"""The shells that rolehop completes in."""

# Kinds of arguments. The last two stand for all the words that follow.
CHAIN, KEYS, SOURCE, INIT_SHELL = "chain", "keys", "source", "init shell"
PATTERN, PROGRAM = "pattern", "program"

FLAGS = ("-q", "--quiet", "-v", "--verbose", "--debug")
"""Options without a value that every command takes."""

VALUED = ("--color",)
"""Options with a value that every command takes; ``--config`` is left out: it changes the names."""

WALK, LOOK, KEEP = "Walk", "Look", "Set up"
SECTIONS = (WALK, LOOK, KEEP)

Takes = tuple[str | tuple[str, ...], ...]


class Entry:
    """One command."""

    __slots__ = ("commands", "module", "section", "summary", "takes")

    def __init__(
        self,
        module: str,
        summary: str,
        section: str = "",
        takes: Takes = (),
        commands: "dict[str, Entry] | None" = None,
    ) -> None:
        """Describe a command by its module (``rolehop.cli.commands.MODULE``) and first help line.

        ``takes``: for each argument its kind, or the words that it can be. ``commands``: its
        subcommands.
        """
        self.module = module
        self.summary = summary
        self.section = section
        self.takes = takes
        self.commands = commands or {}


# The summary is the command's own first help line.
COMMANDS: dict[str, Entry] = {
    "assume": Entry("assume", "Walk a chain and hand its session to this shell.", WALK, (CHAIN,)),
    "leave": Entry("leave", "Undo what assume did to this shell.", WALK),
    "export": Entry("export", "Walk a chain and print its session in a format.", WALK, (CHAIN,)),
    "exec": Entry("exec", "Run a command with a chain's session.", WALK, (CHAIN, PROGRAM)),
    "shell": Entry("shell", "Start a shell with a chain's session.", WALK, (CHAIN,)),
    "credential-process": Entry(
        "credential_process", "Answer an AWS SDK with a chain's session.", WALK, (CHAIN,)
    ),
    "refresh": Entry("refresh", "Walk chains again and store their sessions.", WALK, (PATTERN,)),
    "list": Entry("list", "List the configured chains.", LOOK, (PATTERN,)),
    "show": Entry("show", "Show one chain in full.", LOOK, (CHAIN,)),
    "plan": Entry(
        "plan", "Show what walking a chain would do, without calling AWS.", LOOK, (CHAIN,)
    ),
    "graph": Entry("graph", "Draw chains, sources, roles and accounts.", LOOK, (PATTERN,)),
    "routes": Entry(
        "routes", "Find the shortest routes to a role that the policies allow.", LOOK, (CHAIN,)
    ),
    "explain": Entry("explain", "Explain which policy allows or refuses each hop.", LOOK, (CHAIN,)),
    "check": Entry(
        "check", "Check that chains are well-formed and their hops allowed.", LOOK, (PATTERN,)
    ),
    "status": Entry("status", "Show the stored sessions and how long they last.", LOOK),
    "whoami": Entry("whoami", "Ask AWS who a chain, or this shell, is.", LOOK, (CHAIN,)),
    "logout": Entry("logout", "Forget stored sessions.", KEEP, (CHAIN,)),
    "config": Entry(
        "config",
        "Write, check and explain the config file.",
        KEEP,
        commands={
            "init": Entry("config", "Write a first config."),
            "check": Entry(
                "config", "Check the config and list everything that is wrong with it (exit 3)."
            ),
            "path": Entry("config", "Print where the config file is, or would be."),
            "reference": Entry(
                "config", "Print every key of every table with its type, limit and default."
            ),
        },
    ),
    "keys": Entry(
        "keys",
        "Store IAM user keys in the keyring.",
        KEEP,
        commands={
            "add": Entry(
                "keys", "Store a user's keys under the name of their source.", "", (KEYS,)
            ),
            "list": Entry(
                "keys", "List the names under which keys are stored, without their secrets."
            ),
            "remove": Entry(
                "keys",
                "Delete the keys stored under NAME from the keyring; AWS still knows them.",
                "",
                (KEYS,),
            ),
            "rotate": Entry(
                "keys", "Replace the access key stored under NAME with a new one.", "", (KEYS,)
            ),
        },
    ),
    "source": Entry(
        "source",
        "List, test and sign in to sources.",
        KEEP,
        commands={
            "list": Entry("source", "List the configured sources. No AWS call is made."),
            "test": Entry(
                "source", "Test one source: load it, and ask AWS who it is.", "", (SOURCE,)
            ),
            "login": Entry(
                "source", "Sign in to a source and store the sign-in in the keyring.", "", (SOURCE,)
            ),
            "logout": Entry(
                "source",
                "Forget a source's sign-in, and end it at the provider if that can be reached.",
                "",
                (SOURCE,),
            ),
        },
    ),
    "init": Entry(
        "init",
        "Print the start-up text that lets assume change the shell itself.",
        KEEP,
        (INIT_SHELL,),
    ),
    "completion": Entry(
        "completion", "Print the completion script for a shell.", KEEP, (COMPLETION_SHELLS,)
    ),
    "demo": Entry("demo", "Walk three hops on this machine, without AWS.", KEEP),
}
