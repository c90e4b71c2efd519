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

WALK, INSPECT, SET_UP = "Walk", "Inspect", "Set up"
SECTIONS = (WALK, INSPECT, SET_UP)

Takes = tuple[str | tuple[str, ...], ...]


class Command:
    """One command."""

    __slots__ = ("commands", "module", "section", "summary", "takes")

    def __init__(
        self,
        module: str,
        summary: str,
        section: str = "",
        takes: Takes = (),
        commands: "dict[str, Command] | None" = None,
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
COMMANDS: dict[str, Command] = {
    "assume": Command("assume", "Walk a chain and hand its session to this shell.", WALK, (CHAIN,)),
    "leave": Command("leave", "Undo what assume did to this shell.", WALK),
    "export": Command("export", "Walk a chain and print its session in a format.", WALK, (CHAIN,)),
    "exec": Command("exec", "Run a command with a chain's session.", WALK, (CHAIN, PROGRAM)),
    "shell": Command("shell", "Start a shell with a chain's session.", WALK, (CHAIN,)),
    "credential-process": Command(
        "credential_process", "Answer an AWS SDK with a chain's session.", WALK, (CHAIN,)
    ),
    "refresh": Command("refresh", "Walk chains again and store their sessions.", WALK, (PATTERN,)),
    "list": Command("list", "List the configured chains.", INSPECT, (PATTERN,)),
    "show": Command("show", "Show one chain in full.", INSPECT, (CHAIN,)),
    "plan": Command(
        "plan", "Show what walking a chain would do, without calling AWS.", INSPECT, (CHAIN,)
    ),
    "graph": Command("graph", "Draw chains, sources, roles and accounts.", INSPECT, (PATTERN,)),
    "routes": Command(
        "routes", "Find the shortest routes to a role that the policies allow.", INSPECT, (CHAIN,)
    ),
    "explain": Command(
        "explain", "Explain which policy allows or refuses each hop.", INSPECT, (CHAIN,)
    ),
    "check": Command(
        "check", "Check that chains are well-formed and their hops allowed.", INSPECT, (PATTERN,)
    ),
    "status": Command("status", "Show the stored sessions and how long they last.", INSPECT),
    "history": Command(
        "history",
        "Show what was called and handed over, and when.",
        INSPECT,
        commands={
            "verify": Command(
                "history", "Check that no line was changed, removed or moved (exit 1 if one was)."
            ),
        },
    ),
    "whoami": Command("whoami", "Ask AWS who a chain, or this shell, is.", INSPECT, (CHAIN,)),
    "logout": Command("logout", "Forget stored sessions.", SET_UP, (CHAIN,)),
    "config": Command(
        "config",
        "Write, check and explain the config file.",
        SET_UP,
        commands={
            "init": Command("config", "Write a first config."),
            "check": Command(
                "config", "Check the config and list everything that is wrong with it (exit 3)."
            ),
            "path": Command("config", "Print where the config file is, or would be."),
            "reference": Command(
                "config", "Print every key of every table with its type, limit and default."
            ),
        },
    ),
    "keys": Command(
        "keys",
        "Store IAM user keys in the keyring.",
        SET_UP,
        commands={
            "add": Command(
                "keys", "Store a user's keys under the name of their source.", "", (KEYS,)
            ),
            "list": Command(
                "keys", "List the names under which keys are stored, without their secrets."
            ),
            "remove": Command(
                "keys",
                "Delete the keys stored under NAME from the keyring; AWS still knows them.",
                "",
                (KEYS,),
            ),
            "rotate": Command(
                "keys", "Replace the access key stored under NAME with a new one.", "", (KEYS,)
            ),
        },
    ),
    "source": Command(
        "source",
        "List, test and sign in to sources.",
        SET_UP,
        commands={
            "list": Command("source", "List the configured sources. No AWS call is made."),
            "test": Command(
                "source", "Test one source: load it, and ask AWS who it is.", "", (SOURCE,)
            ),
            "login": Command(
                "source", "Sign in to a source and store the sign-in in the keyring.", "", (SOURCE,)
            ),
            "logout": Command(
                "source",
                "Forget a source's sign-in, and end it at the provider if that can be reached.",
                "",
                (SOURCE,),
            ),
        },
    ),
    "init": Command(
        "init",
        "Print the start-up text that lets assume change the shell itself.",
        SET_UP,
        (INIT_SHELL,),
    ),
    "completion": Command(
        "completion", "Print the completion script for a shell.", SET_UP, (COMPLETION_SHELLS,)
    ),
    "demo": Command("demo", "Walk three hops on this machine, without AWS.", SET_UP),
}
