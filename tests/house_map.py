"""The map of rolehop: what each part is for, and what it may import. ``test_house.py`` holds it true.

Read ``LAYOUT_TEXT`` from top to bottom to learn the code. Each row is a folder or a file, its
purpose, and below it the parts that it imports, all of lower rows. A new arrow is an edit here.

    command line                 Python program
    __main__, cli, terminal      api
              \\                 /
               app: plan, walk, judge, list, refresh, rotate, serve
    walk, plan, policy, vault, sources, shells, handover, show
                      aws, oauth, net
"""

from __future__ import annotations

from tests.support.source_code import read_layout

# Small modules that any part may import besides what its row names.
BASE = {"advice", "arn", "digest", "durations", "errors", "startup", "text"}
# These run before anything else is decided, or hide the secrets in the text of every error.
ALONE = {"command_table", "credentials", "fastpath", "startup"}

LAYOUT_TEXT = """
# ---- the command line
__main__: the entry point: completion and the hot path first, then the command line
    cli completion fastpath terminal
cli/commands: one file per command: parse, call the application, show the result
    cli terminal app app/console app/doctor app/first_config app/fleets app/judging app/profiles app/serving app/stored app/uninstall app/walking show
    show/checking show/doctor show/fleets show/stored shells handover demo console config plan files policy policy/evaluation
    policy/role_report policy/routes key_rotation time_limit credentials command_table guide
cli: what commands share: their context, options, completion, error reports
    terminal app app/each app/first_config app/importing app/judging app/serving app/walking show show/explaining show/running shells
    completion config plan policy policy/chains policy/evaluation policy/inventory handover files credentials
    command_table guide
terminal: the person at the terminal: output, notes, progress, questions, the picker
    app app/each app/first_config show show/running handover plan net credentials command_table
demo: `rolehop demo`, three hops through an AWS on this machine
    files
# ---- Python programs
api: `import rolehop`: get_plan, get_credentials, session
    app app/walking aws config plan credentials
# ---- the application: no click, no terminal; it never prints, prompts or exits
app/console: open the AWS console
    app app/walking sources aws config console plan credentials
app/judging: judge chains, roles and routes by IAM policies, from files or read live
    access_denied sts_errors app show show/checking state sources aws/inventory ports config config/toml plan
    policy policy/chains policy/evaluation policy/inventory policy/language policy/remedies policy/role_report
    policy/routes files credentials
app/doctor: examine what rolehop stands on, and change what can be changed
    app app/profiles app/stored config/fleets state show show/doctor vault sources sources/identity_center sources/shared shells handover
    aws net files daemon_threads
app/each: run a command for each of many chains: targets, placeholders, children, result classes
    app app/serving app/walking aws endpoint handover show/running vault state ports plan config files
    daemon_threads credentials
app/fleets: which accounts the fleets have that AWS lists, and asking AWS anew
    app app/walking sources/identity_center aws/inventory show/fleets state ports plan config config/fleets
    time_limit
app/first_config: a first config: what is found and offered, asked and checked, what text results
    app app/doctor app/importing importing sources sources/identity_center sources/shared show plan awsconfig
    config files credentials
app/importing: make a config of other tools' files: find them, propose, compare, write
    app app/profiles awsconfig config files importing sources
app/profiles: credential_process profiles in the AWS files: plan, show and write changes; list them
    app awsconfig config files show
app/serving: serve chains: keep a session of each, answer from memory, know what runs
    app app/walking endpoint handover vault show state plan awsconfig config time_limit files credentials
app/stored: what is stored: list and forget sessions, make a lost index anew, change IAM user keys
    app show sources aws awsconfig vault state plan config files key_rotation ports credentials
app/uninstall: what rolehop has on this machine: find it, ask, remove it
    app app/stored app/doctor app/profiles app/serving vault fastpath shells files
app/walking: walk one chain: what it must be asked for, and whom its source signed in as
    renewal walk sts_errors app vault sources state ports plan config config/fleets fastpath handover credentials
app: plan, list, refresh, rotate; whom to ask and who watches is handed in (app/ports)
    app/walking sts_errors vault vault/backends sources sources/shared aws net show show/fleets shells handover completion
    state ports plan policy/chains awsconfig config config/fleets fastpath time_limit files daemon_threads credentials
# ---- carrying a plan out
renewal: hand out a session that is still good, if renewing it fails for now
    plan time_limit credentials
walk: carry a plan out: as few STS calls as possible, every session stored
    sts_errors ports plan config credentials
sts_errors: explain why STS refused a call, and what to do
    access_denied ports plan
key_rotation: put a new access key in the place of an old one
    ports credentials
vault/backends: the back end that is named, and those of our own that are used only if they are
    files
vault: sessions, IAM user keys and sign-ins in the OS keyring, and the index of them
    plan fastpath time_limit files credentials vault/backends
# ---- where a chain starts
sources/identity_center: sources of type identity-center
    sources sources/shared aws aws/identity_center oauth net ports plan awsconfig config time_limit
    daemon_threads credentials
sources/web_identity: sources of type web-identity
    sources sources/shared aws oauth net ports plan config time_limit json_fields files credentials
sources/saml: sources of type saml
    sources sources/shared aws ports plan config fastpath files credentials
sources/roles_anywhere: sources of type roles-anywhere
    sources sources/shared aws aws/certificates ports plan config files credentials
sources: the table of source types, and those that are one file
    sources/shared aws aws/certificates oauth net ports plan awsconfig config time_limit json_fields files
    credentials
sources/shared: what several source types use: AWS clients, programs, MFA
    sources aws aws/identity_center net ports awsconfig config time_limit files credentials
# ---- AWS and the network
aws/inventory: read policies, from IAM and Organizations
    aws net policy/inventory ports config config/fleets credentials
aws/identity_center: sign-in, accounts, sessions; the token cache shared with the AWS CLI
    aws oauth net ports json_fields files credentials
aws: calls to AWS: STS, IAM, Organizations, Roles Anywhere; what they send and answer
    aws/certificates net time_limit daemon_threads ports plan awsconfig config json_fields credentials
aws/certificates: X.509 certificates and their keys, in files and on PKCS#11 tokens
    files credentials
oauth: sign-in with a browser: OpenID Connect, PKCE, a loopback server
    net json_fields credentials
console: the AWS console: where it is, what opens there, the page that signs a browser in
    net credentials
endpoint: answer HTTP requests of programs on this machine; the process of a command's server
net: HTTP connections, proxies, timeouts
    time_limit daemon_threads json_fields files credentials
# ---- what people and programs get
show: everything people look at, as values and text; no secret comes here
    show/checking show/explaining access_denied plan policy policy/evaluation policy/language policy/inventory
    policy/remedies policy/role_report policy/routes config
show/fleets: fleets, and what AWS lists otherwise than before
    show
show/checking: the reports of `check`, for people and for CI
    show policy policy/evaluation
show/doctor: what `doctor` finds, and its report
    show
show/stored: stored sessions as a tree, and what tells one from another
    show
show/running: a command that is run for many chains: targets, results, the table
    show
show/explaining: what AWS said to a refused call, and what follows
    access_denied show policy policy/evaluation config
completion: complete a command line without importing click
    shells command_table fastpath guide
shells: each shell's language, start-up text and subshell
    handover
handover: give a session to a program: environment, files, JSON
    fastpath credentials
state: small files in the state folder that hold no secret
    ports plan policy/inventory config config/fleets time_limit files credentials
# ---- pure: no file, clock, network or keyring
ports: what a walk needs from outside, as protocols
    plan credentials
plan: from a chain to every call that a walk would make, and what will fail
    policy/chains policy/evaluation config config/fleets
policy: a chain's verdict: every hop judged, and how to fix a refusal
    access_denied policy/chains policy/evaluation policy/inventory policy/language policy/remedies
policy/remedies: the changes of policies or config that would allow a request
    policy/chains policy/evaluation policy/inventory policy/language config
policy/routes: search the roles that can be reached
    policy/chains policy/evaluation policy/inventory policy/language
policy/chains: the requests that the hops of a chain make, one after the other
    policy/evaluation policy/inventory policy/language config
policy/role_report: one role: who may assume it, what it may do, its risks
    policy/evaluation policy/inventory policy/language
policy/inventory: roles, users and policies, from the output of AWS CLI commands
    policy/evaluation policy/language
policy/evaluation: judge one request by all policies that apply
    policy/language
policy/language: the language of IAM policies: statements, operators, variables
importing: a config made of other tools' files: one file for each tool, texts in, values out
    awsconfig config files
awsconfig: ~/.aws/config and credentials, read as botocore reads them
    files config credentials
config: the config file: schema, loading, limits, problems, writing TOML
    config/fleets config/toml files
config/fleets: the accounts of fleets, in a file or as AWS lists them, and the chains made of them
    config
config/toml: TOML texts: where a value is, how it is changed, what is wrong in one
    config
# ---- small, and used by many
access_denied: AWS's access-denied texts: who was refused what, by which type of policy, who can help
daemon_threads: run calls in parallel, or for a limited time
    time_limit
time_limit: what one exchange may take in all
json_fields: read JSON from outside field by field, trusting none of it
    credentials
files: read files that must be trusted, write files whole or not at all; who else can change them
guide: the manual, a file for each topic
command_table: every command, its help line and its arguments
digest: digests that name sessions and sign-ins
    fastpath
fastpath: the hot path: a cached answer from its record, at the cost of starting Python
errors: every error that a user may see, and its exit code
    credentials
credentials: the type that hides secrets; credentials and sessions made of it
    durations startup
advice: advice with commands, quoted for the shell they are pasted into
arn: ARNs, account IDs, partitions
durations: 30m, 1h30m
text: cleaning and counting words
startup: cheap stand-ins for dataclasses, re and logging; what is waited for
"""
LAYOUT = read_layout(LAYOUT_TEXT)
# Libraries, and the parts that may import them.
LIBRARIES = {
    "boto3": "aws api demo",
    "botocore": "aws net sources/shared",  # there, how Windows splits a command line
    "click": "cli cli/commands",
    "cryptography": "aws/certificates",
    "dataclasses": "startup",  # half a millisecond for each class
    "keyring": "vault vault/backends demo",
    "moto": "demo",
    "pkcs11": "aws/certificates",
    "platformdirs": "app",
    "prompt_toolkit": "terminal",
    "rich": "cli/commands terminal show demo",
    "segno": "console",
}
# Parts that may read the plain text of a secret.
REVEAL = {
    "aws": "signs calls",
    "aws/identity_center": "sends tokens, writes the AWS CLI's cache if the config says so",
    "aws/certificates": "decrypts a private key, opens a token",
    "net": "sends requests",
    "oauth": "reads the claims of tokens",
    "sources/web_identity": "sends the CI service its own token",
    "vault": "writes keyring items",
    "handover": "gives sessions to programs",
}
# Files that read the environment of this process; everything else gets it as an argument.
ENVIRONMENT = {
    *("__main__.py", "api.py", "demo/home.py", "demo/keyring.py", "demo/tour.py"),
    "fastpath/installed_line.py",
}
# Files that write, print or draw, and what.
WRITERS = {
    "__main__.py": "the hot path's line, and an error before anything else is loaded",
    "terminal/document.py": "the manual's own text, drawn by rich",
    "terminal/output.py": "all text for people, made visible, and exact text for programs",
    "terminal/terminal.py": "views, drawn by rich; their texts are visible by type",
    "terminal/progress.py": "one visible line, drawn by rich",
    "cli/commands/graph.py": "a view, drawn by rich into memory",
    "cli/options.py": "help texts",
    "demo/children.py": "the stdin of its programs",
    "demo/client.py": "an ARN of the demo's own AWS",
    "demo/home.py": "files",
    "demo/tour.py": "the demo's own words, and the output of rolehop",
    "fastpath/installed_line.py": "the hot path's line, and an error before anything else is loaded",
    "files/__init__.py": "files",
    "net/loopback_pages.py": "pages that a browser shows",
    "sources/shared/keeper.py": "what became of its program, to rolehop",
    "state/run_log.py": "the lines of a run",
    "vault/backends/encrypted_file.py": "the text of its file",
    "vault/locks.py": "lock files",
}
