"""The table of commands: each command's line in the help and the arguments it takes.

It is apart from the commands themselves, so that ``--help`` imports none of them and completion
does not even import click; nothing is imported here. Tests compare it with the commands.
"""

from __future__ import annotations

COMPLETION_SHELLS = ("bash", "zsh", "fish", "powershell")
"""The shells that rolehop completes in."""

# Kinds of arguments. The last two stand for all the words that follow; a subcommand is one of the
# command that the word before it names.
CHAIN, KEYS, SOURCE, INIT_SHELL = "chain", "keys", "source", "init shell"
FLEET = "fleet"
TOPIC = "topic"
SUBCOMMAND = "subcommand"
PATTERN, PROGRAM = "pattern", "program"
FILE = "options"
"""A file: the program itself is asked, as for the value of an option."""

FLAGS = ("-q", "--quiet", "-v", "--verbose", "--debug")
"""Options without a value that every command takes."""

VALUED = ("--color",)
"""Options with a value that every command takes; ``--config`` is left out: it changes the names."""

EVERY_DAY, WALK, INSPECT, SET_UP = "Every day", "Walk", "Inspect", "Set up"
SECTIONS = (EVERY_DAY, WALK, INSPECT, SET_UP)
Takes = tuple[str | tuple[str, ...], ...]


class CommandRow:
    """One command."""

    __slots__ = ("commands", "module", "section", "summary", "takes")

    def __init__(
        self,
        module: str,
        summary: str,
        section: str = "",
        takes: Takes = (),
        commands: dict[str, CommandRow] | None = None,
    ) -> None:
        """Describe a command by its module (``rolehop.commands.MODULE``) and first help line.

        ``takes``: for each argument its kind, or the words that it can be. ``commands``: its
        subcommands.
        """
        self.module = module
        self.summary = summary
        self.section = section
        self.takes = takes
        self.commands = commands or {}


IMPORTED = (
    *("aws-config", "aws-vault", "granted", "awsume", "aws-sso-cli", "aws-runas", "saml2aws"),
    *("okta-awscli", "gimme-aws-creds", "aws-azure-login", "aws-google-auth"),
    *("aws-signing-helper", "steampipe", "aws-extend-switch-roles", "leapp"),
)
"""What ``config import`` reads, besides files."""

# The summary is the command's own first help line.
COMMANDS: dict[str, CommandRow] = {
    "assume": CommandRow(
        "shell.assume", "Walk a chain and hand its session to this shell.", EVERY_DAY, (CHAIN,)
    ),
    "leave": CommandRow("shell.leave", "Undo what assume did to this shell.", EVERY_DAY),
    "export": CommandRow(
        "export", "Walk a chain and print its session in a format.", WALK, (CHAIN,)
    ),
    "exec": CommandRow(
        "exec", "Run a command with a chain's session.", EVERY_DAY, (CHAIN, PROGRAM)
    ),
    "each": CommandRow(
        "each.command",
        "Run a command with the session of each of many chains.",
        WALK,
        (PATTERN, PROGRAM),
    ),
    "shell": CommandRow("shell.shell", "Start a shell with a chain's session.", WALK, (CHAIN,)),
    "serve": CommandRow(
        "serve.command", "Serve chains to programs on this machine.", WALK, (PATTERN,)
    ),
    "console": CommandRow(
        "console.command", "Open the AWS console with a chain's session.", EVERY_DAY, (CHAIN,)
    ),
    "credential-process": CommandRow(
        "credential_process", "Answer an AWS SDK with a chain's session.", WALK, (CHAIN,)
    ),
    "refresh": CommandRow(
        "sessions.refresh", "Walk chains again and store their sessions.", WALK, (PATTERN,)
    ),
    "list": CommandRow("chains.list", "List the configured chains.", EVERY_DAY, (PATTERN,)),
    "show": CommandRow("chains.show", "Show one chain in full.", INSPECT, (CHAIN,)),
    "plan": CommandRow(
        "chains.plan",
        "Show what walking a chain would do, without calling AWS.",
        EVERY_DAY,
        (CHAIN,),
    ),
    "graph": CommandRow(
        "explain.graph", "Draw chains, sources, roles and accounts.", INSPECT, (PATTERN,)
    ),
    "routes": CommandRow(
        "explain.routes",
        "Find the shortest routes to a role that the policies allow.",
        INSPECT,
        (CHAIN,),
    ),
    "explain": CommandRow(
        "explain.command", "Explain which policy allows or refuses each hop.", EVERY_DAY, (CHAIN,)
    ),
    "check": CommandRow(
        "explain.check",
        "Check that chains are well-formed and their hops allowed.",
        INSPECT,
        (PATTERN,),
    ),
    "status": CommandRow(
        "sessions.status", "Show the stored sessions and how long they last.", EVERY_DAY, (PATTERN,)
    ),
    "history": CommandRow(
        "history.command",
        "Show the calls to AWS and the sessions handed over.",
        INSPECT,
        commands={
            "match": CommandRow(
                "history.command",
                "Tell which calls in a CloudTrail trail were whose.",
                takes=(FILE,),
            ),
        },
    ),
    "whoami": CommandRow("whoami", "Ask AWS who a chain, or this shell, is.", EVERY_DAY, (CHAIN,)),
    "doctor": CommandRow(
        "doctor.command",
        "Examine keyring, config, shell and network, and say what to do.",
        EVERY_DAY,
    ),
    "logout": CommandRow("sessions.logout", "Forget stored sessions.", SET_UP, (PATTERN,)),
    "config": CommandRow(
        "config.command",
        "Write, check and explain the config file.",
        EVERY_DAY,
        commands={
            "init": CommandRow("config.command", "Write a first config, or add to yours."),
            "import": CommandRow(
                "config.command", "Add chains from the files of other tools.", "", (IMPORTED,)
            ),
            "check": CommandRow(
                "config.command",
                "Check the config and list everything that is wrong with it (exit 3).",
            ),
            "path": CommandRow("config.command", "Print where the config file is, or would be."),
            "reference": CommandRow(
                "config.command", "Print every key of every table with its type, limit and default."
            ),
        },
    ),
    "keys": CommandRow(
        "keys.command",
        "Store IAM user keys in the keyring.",
        SET_UP,
        commands={
            "add": CommandRow(
                "keys.command", "Store a user's keys under the name of their source.", "", (KEYS,)
            ),
            "list": CommandRow(
                "keys.command", "List the names under which keys are stored, without their secrets."
            ),
            "remove": CommandRow(
                "keys.command",
                "Delete the keys stored under NAME from the keyring; AWS still knows them.",
                "",
                (KEYS,),
            ),
            "rotate": CommandRow(
                "keys.command",
                "Replace the access key stored under NAME with a new one.",
                "",
                (KEYS,),
            ),
        },
    ),
    "profile": CommandRow(
        "profile.command",
        "Let AWS SDKs use chains as AWS profiles.",
        SET_UP,
        commands={
            "install": CommandRow(
                "profile.command",
                "Write an AWS profile for each chain that matches.",
                "",
                (PATTERN,),
            ),
            "remove": CommandRow(
                "profile.command", "Remove the AWS profiles that rolehop installed.", "", (PATTERN,)
            ),
            "list": CommandRow(
                "profile.command", "List the AWS profiles that run rolehop.", "", (PATTERN,)
            ),
        },
    ),
    "source": CommandRow(
        "source.command",
        "List, test and sign in to sources.",
        EVERY_DAY,
        commands={
            "list": CommandRow(
                "source.command", "List the configured sources. No AWS call is made."
            ),
            "test": CommandRow(
                "source.command", "Test one source: load it, and ask AWS who it is.", "", (SOURCE,)
            ),
            "login": CommandRow(
                "source.command",
                "Sign in to a source and store the sign-in in the keyring.",
                "",
                (SOURCE,),
            ),
            "logout": CommandRow(
                "source.command",
                "Forget a source's sign-in, and end it at the provider if that can be reached.",
                "",
                (SOURCE,),
            ),
        },
    ),
    "fleet": CommandRow(
        "fleet.command",
        "List fleets, and ask AWS which accounts they have.",
        SET_UP,
        commands={
            "list": CommandRow(
                "fleet.command",
                "List the configured fleets, and how old their accounts are. No AWS call is made.",
            ),
            "refresh": CommandRow(
                "fleet.command",
                "Ask AWS for the accounts of fleets, and show what changed.",
                "",
                (FLEET,),
            ),
        },
    ),
    "init": CommandRow(
        "shell.init",
        "Print the shell set-up that lets assume change your shell.",
        SET_UP,
        (INIT_SHELL,),
    ),
    "completion": CommandRow(
        "shell.completion", "Print the completion script for a shell.", SET_UP, (COMPLETION_SHELLS,)
    ),
    "demo": CommandRow("demo.command", "Walk three hops on this machine, without AWS.", SET_UP),
    "uninstall": CommandRow(
        "uninstall.command", "Remove what this program stored and changed on this machine.", SET_UP
    ),
    "guide": CommandRow("guide", "Show the manual: its topics, or one of them.", SET_UP, (TOPIC,)),
}

COMMANDS["help"] = CommandRow(
    "help",
    "Show the help of rolehop, or of one command.",
    SET_UP,
    ((*COMMANDS, "help"), SUBCOMMAND),
)

INIT_SHELLS = ("bash", "zsh", "fish", "powershell", "nu", "tcsh", "xonsh", "elvish")
"""Those that ``rolehop init`` has a text for."""
