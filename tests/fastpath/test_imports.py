"""What each command imports, since that is most of what it costs: what it uses, and no more.

The hot path imports next to nothing. For other commands a row is exact. A module that it lacks was
imported for nothing, or is used now: an import at the head of a file that many commands import is best
moved into the function that needs it, or below ``if TYPE_CHECKING`` if only annotations do.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from rolehop import __version__
from rolehop.hotpath import launcher
from tests.fastpath.paths import hot, warmed
from tests.support.world import SCRIPT, World, temporary_world

# ---- the hot path

_HEAVY = [
    *("boto3", "botocore", "click", "keyring", "platformdirs", "rich", "urllib3"),
    *("dataclasses", "datetime", "enum", "hashlib", "inspect", "json", "logging", "pathlib"),
    *("re", "socket", "subprocess", "threading", "tomllib", "typing", "ctypes.util"),
]
# As the console script that an installer writes.
_SCRIPT = "import sys; sys.argv[1:] = {!r}; from rolehop.__main__ import main; main()"
# Else a bus that stalls for two seconds is given up, and the full path taken.
_PATIENT = "from rolehop.hotpath import dbus; dbus.read_secrets.__defaults__ = (60.0, None); "


def imported(code: str, world: World) -> tuple[set[str], str]:
    """Run ``code``; return the modules that were imported, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        capture_output=True,
        text=True,
        env=world.environ,
        cwd=world.home,
    )
    assert done.returncode == 0, done.stderr
    return modules_in(done.stderr), done.stdout


def modules_in(text: str) -> set[str]:
    """Return the modules that ``-X importtime`` names."""
    rows = [row for row in text.splitlines() if row.startswith("import time:")]
    return {row.rpartition("|")[2].strip() for row in rows}


def loaded_by(world: World, *arguments: str) -> tuple[set[str], str]:
    """Return what the program imports beyond an interpreter that does nothing."""
    found, out = imported(_SCRIPT.format(list(arguments)), world)
    return found - bare(), out


@cache
def bare() -> frozenset[str]:
    with temporary_world() as world:
        return frozenset(imported("pass", world)[0])


def among(names: list[str], found: set[str]) -> set[str]:
    return {each for each in found if each in names or each.split(".")[0] in names}


def test_the_hot_path_imports_next_to_nothing(warm: World) -> None:
    answer = hot(warm, "admin")
    code = _SCRIPT.format(["credential-process", "admin"])
    found, out = imported(code if "kernel" in warm.backend else _PATIENT + code, warm)
    found -= bare()
    assert out == answer
    assert among(_HEAVY, found) == set()
    ours = {each for each in found if each.startswith("rolehop")}
    reader = {"rolehop.hotpath.keyctl"} if "kernel" in warm.backend else {"rolehop.hotpath.dbus"}
    assert (
        ours
        == {
            "rolehop",
            "rolehop.__main__",
            "rolehop.hotpath",
            "rolehop.hotpath.record",
        }
        | reader
    )
    # Of the library itself: what reads the keyring, and the hash function of the record's seal.
    assert len(found - ours) <= 7, sorted(found - ours)


def test_an_installed_line_imports_less_still(warm: World) -> None:
    """``profile install`` writes it: without site not even os is loaded."""
    answer = hot(warm, "admin")
    start, words = ["-IS", launcher.__file__], [SCRIPT, "credential-process", "admin"]
    least = warm.run(sys.executable, "-X", "importtime", "-IS", "-c", "pass")
    found = {"rolehop.base.errors"}
    for _ in range(5):  # a bus that stalls for two seconds is given up, and the full path taken
        if "rolehop.base.errors" in found:
            done = warm.run(sys.executable, "-X", "importtime", *start, *words)
            assert (done.out, done.code) == (answer, 0)
            found = modules_in(done.err) - modules_in(least.err)
    reader = "keyctl" if "kernel" in warm.backend else "dbus"
    own = {f"rolehop.hotpath.{each}" for each in ("installed_line", "record", reader)}
    assert {each for each in found if each.startswith("rolehop.hotpath.")} == own
    libraries = {each for each in found if not each.startswith("rolehop")}
    assert libraries <= {"_ctypes", "_hashlib", "_sha2", "_sha256", "_socket", "time"}


def test_the_version_is_printed_without_a_command_line(warm: World) -> None:
    found, out = loaded_by(warm, "--version")
    assert out == f"rolehop {__version__}\n"
    assert found == {"rolehop", "rolehop.__main__"}


# ---- all other commands

# Modules of rolehop; "a.b,c" are a, a.b and a.c. A word in capitals is a row above.
GROUPS_TEXT = """
LINE: __main__ advice cli.completers,context,main,options,param_types,root command_table errors
    fastpath.record plan.walk_options text terminal.output,process_streams,terminal,wrapping
    startup.call_stack,calling_process,dataclass,dataclass_impl,lazy_regex,waits
APP: app.config_files,context,dependency_tracker,host files.access terminal.prompts,slow_waits
CONFIG: arn config.builder,chain_rules,includes,inheritance,loader,model,problems,regions,schema
    config.sts_limits,table_validation,templates,value_types
    credentials durations json_fields plan.model sources.environment,source_type sources.shared.mfa
LOCKS: credentials digest durations fastpath.writer startup.debug_log time_limit
    vault.lock_queue,locks,serialization
INDEX: LOCKS arn config.model plan.model vault.index,index_file
AWSCONFIG: awsconfig.credential_kind,fingerprint,lookup,model,parse,profile_chain
    handover.environment sources.context
PLANNED: AWSCONFIG INDEX CONFIG app.planning,ports,sts_clients net.client_settings
    plan.hop_keys,overrides,planner,prechecks,resolve ports vault.lazy_stores
PLAN: PLANNED app.silent app.walking.asked_by,source_callers
ROWS: credentials durations show.rows,times
VIEW: credentials durations show.account_names,layout,render_text,times
TABLE: ROWS VIEW show.tables
JSON: ROWS show.json_documents
JUDGE: access_denied.model app.judging.config_locations,explaining,federated_call,organization
    app.judging.plan_verdict,policy_documents app.listing cli.policy_options policy.chain_verdict
    policy.chains.call_context,federated_hop,model,requests,scenario,session_age
    policy.evaluation.conditions,evaluator,findings,model,open_questions,principals
    policy.evaluation.resource_policies,scp_levels,statements,sts_rules
    policy.inventory.aws_cli_output,aws_managed,conflicts,context_keys,inventory,json_path
    policy.inventory.keys_of_calls,names,organization
    policy.language.json_reader,operators,parser,request_context,variables,wildcards
    show.graph sources.federation state.json_file,last_refusal,organization sts_errors
RECORDED: LOCKS app.silent app.walking.asked_by cli.walk_command fastpath.dbus handover.environment
    state.chain_usage,history,history_log,json_file show.times terminal.progress
SHELL: shells.bash,dialect,posix,registry,statements
KEYRING: fastpath.dbus vault.access_keys,backend_selection,backends,chunks vault.backends.naming
    vault.digest_key,documents,secret_service,session_bus,sessions,sign_ins,storage,timeouts
CALLS: aws.api_calls,endpoint,query_api,query_xml,sts,sts_responses daemon_threads
    net.addresses,client_settings,connection_errors,connections,transport,web_pages
HOPS: KEYRING app.mfa_codes app.walking.chain_walk,source_name plan.identity renewal
    sources.loading sources.shared.checked_source sts_errors walk
    state.history,history_log,json_file,last_refusal,recent,refused_steps
WALK: PLAN HOPS CALLS
"""

# What a command imports of rolehop besides LINE and its own module, and of the libraries watched.
COMMANDS_TEXT = """
assume --help: app.silent app.walking.asked_by cli.walk_command
assume admin --shell bash: APP RECORDED SHELL; json pathlib
export admin --shell bash: APP RECORDED SHELL; json pathlib
export admin --format json: APP RECORDED handover.credential_process; json pathlib
leave: credentials durations handover.environment
list: APP PLAN TABLE app.listing; json pathlib tomllib
list --format json: APP PLAN JSON app.listing; json pathlib tomllib
show admin: APP PLAN TABLE JSON app.listing cli.commands.list cli.walk_command show.chain;
    json pathlib tomllib
plan admin: APP PLAN TABLE cli.walk_command; json pathlib tomllib
status: APP PLANNED TABLE show.stored.session_tree app.listing app.stored.broken_config,lost_index,sdk_failures,sessions,users app.serving.running
    sources.sign_ins fastpath.dbus state.json_file,sdk_problems vault.session_bus; json pathlib tomllib
status --format json: APP PLANNED JSON app.listing app.stored.broken_config,lost_index,sdk_failures,sessions,users
    app.serving.running sources.sign_ins fastpath.dbus state.json_file,sdk_problems vault.session_bus; json pathlib tomllib
history: APP CONFIG LOCKS TABLE app.listing state.history,history_log,json_file;
    json pathlib tomllib
keys list: APP INDEX app.stored.access_keys,broken_config,lost_index app.first_config.user_keys key_rotation
    ports show.rows sources; json pathlib
config path: APP cli.config_import,config_init app.first_config.init_flags; pathlib
guide: guide show.account_names,layout,render_text; pathlib
guide getting-started: guide; pathlib
init bash: APP CONFIG SHELL app.shell_scripts handover.child_environment,environment;
    json pathlib tomllib
completion bash: app.shell_scripts files.access handover.child_environment,environment credentials
    durations shells.dialect,registry; pathlib
check --offline: APP JUDGE PLANNED VIEW policy.evaluation.deciding_values,value_classes
    show.condition_text,finding_text show.checking.problems,summary; json pathlib tomllib
explain admin --offline: APP JSON JUDGE PLANNED VIEW access_denied.policy_owner app.silent
    app.judging.action_verdict,role_description app.walking.asked_by
    cli.explain_calls,walk_command config.toml_writer policy.chains.action_request
    policy.evaluation.deciding_values,rcp_services,session_token policy.evaluation.value_classes
    policy.remedies.change_builder,config_candidates,config_change
    policy.remedies.extend_statement,narrow_deny,other_sessions
    policy.remedies.policy_change,search,statement_conditions,values_asked
    policy.role_report.boundary_effect,pass_role,report
    show.condition_text,explain,finding_text,remedies
    show.explaining.assumptions,aws_answer,budget,hints,how_to_see show.explaining.policy_lines;
    json pathlib tomllib
graph: APP AWSCONFIG CONFIG JUDGE LOCKS VIEW ports app.planning,ports plan.overrides,resolve
    vault.lazy_stores; json pathlib tomllib
whoami admin: APP CALLS HOPS PLANNED TABLE app.caller,silent app.walking.asked_by
    terminal.progress; botocore json pathlib secretstorage tomllib
each admin -- true: APP HOPS PLAN VIEW app.listing
    app.each.asking,children,failures,handing_over,outputs,prefixed_output
    app.each.results,run_log,runner,sign_ins,targets,walker app.serving.rivals
    app.walking.shared_failures aws.sts,sts_responses
    cli.each_results,each_run,fleet_params,serving endpoint.companion
    handover.child_environment,container show.running.rows,table state.run_log
    terminal.desktop,progress,run_watcher vault.deferred_writes; cryptography hashlib hmac jeepney
    json pathlib random secrets secretstorage socket subprocess tempfile tomllib
refresh admin: APP WALK ROWS app.fan_out,fastpath_writer,listing,refreshing
    app.walking.renewing_vault,shared_failures handover.container show.account_names
    terminal.progress vault.deferred_writes; botocore json pathlib secretstorage tomllib
source list: APP AWSCONFIG CONFIG LOCKS VIEW ports
    app.caller,configured_sources,planning,ports,silent app.walking.asked_by show.sources
    vault.lazy_stores; json pathlib tomllib
source test me: APP AWSCONFIG CALLS CONFIG LOCKS VIEW ports sts_errors
    app.caller,configured_sources,planning,ports,silent,sts_clients app.walking.asked_by
    plan.identity show.sources sources.loading sources.shared.checked_source
    state.history,history_log,json_file vault.lazy_stores; botocore json pathlib tomllib
source login --help: credentials durations app.caller,configured_sources,host,planning,silent
    app.walking.asked_by files.access show.layout,sources,times; pathlib
fleet list: APP CONFIG VIEW digest fastpath.writer app.silent app.fleets.changes,listers,refreshing,rows
    config.fleets.account_query,listed_fleets show.fleets state.fleet_cache,json_file
    terminal.error_text,progress; json pathlib tomllib
history verify: APP LOCKS app.listing config.model state.history,history_log,json_file; json
    pathlib
config check: APP CONFIG cli.config_import,config_init app.first_config.init_flags
    config.suspicious config.toml.positions; json pathlib tomllib
profile list: APP arn credentials digest durations fastpath.writer
    app.profiles.aws_file,changes,installation,installed,shown_diff
    awsconfig.credential_kind,fingerprint,lookup,model,parse,process_line
    awsconfig.profile_block,profile_chain config.inheritance,model,sts_limits,value_types
    handover.environment plan.model show.rows; json pathlib
console --help: config.model;
serve --help: app.silent app.walking.asked_by cli.walk_command files.access; pathlib
refresh --help: ;
credential-process spokes/444444444444: APP WALK app.fastpath_writer handover.credential_process
    show.account_names,rows; botocore json pathlib secretstorage tomllib
"""

# Each costs as much as several modules of rolehop, and click imports none of them.
WATCHED_TEXT = """
asyncio boto3 botocore ctypes getpass jmespath json keyring pathlib platformdirs rich secretstorage
tomllib
"""
# These, too, unless botocore and keyring bring them, each version others.
BROUGHT_TEXT = """
concurrent configparser cryptography csv dataclasses email hashlib hmac http jeepney logging random
secrets shlex socket ssl subprocess tempfile urllib3 xml zipfile
"""
WATCHED, BROUGHT = set(WATCHED_TEXT.split()), set(BROUGHT_TEXT.split())
# Parts of botocore for which one call has no use.
NEVER = {"botocore.client", "botocore.credentials", "botocore.loaders", "botocore.session"}

# Imports the command line, and forks for each run: not even that is measured once for each command.
_FORKS = """
import os, sys
for each in sys.argv[1:]:
    __import__(each)
from rolehop.__main__ import run_program
for asked in sys.stdin:
    if not os.fork():
        answers = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0), os.dup2(nothing, 1)
        sys.argv[1:] = asked.split()
        found = " ".join([str(run_program()), *sys.modules])
        with open(answers, "w") as pipe:
            print(found, file=pipe)
        os._exit(0)
    os.wait()
"""


def rows(text: str) -> dict[str, str]:
    """Return what stands after the name of each row, whose further lines are indented."""
    joined = text.strip().replace("\n    ", " ").splitlines()
    return {name: rest for name, _, rest in (row.partition(":") for row in joined)}


GROUPS, COMMANDS = rows(GROUPS_TEXT), rows(COMMANDS_TEXT)


def modules_of(words: str) -> set[str]:
    found: set[str] = set()
    for word in words.split():
        if word in GROUPS:
            found |= modules_of(GROUPS[word])
            continue
        package, dot, names = word.rpartition(".")
        for each in names.split(","):
            parts = f"{package}{dot}{each}".split(".")
            found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return found


Run = Callable[[list[str]], tuple[set[str], set[str]]]
"""Returns the modules of rolehop that a command imports, and all others."""


@pytest.fixture(scope="module")
def run(world: World) -> Iterator[Run]:
    loaded = [f"rolehop.{each}" for each in sorted(modules_of("LINE"))]
    given: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": None}
    with world.start(sys.executable, "-c", _FORKS, *loaded, **given) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        asked, answers = program.stdin, program.stdout

        def run_in_fork(arguments: list[str]) -> tuple[set[str], set[str]]:
            asked.write(f"{' '.join(arguments)}\n")
            asked.flush()
            code, *found = answers.readline().split()
            assert code == "0"
            ours = {each for each in found if each.partition(".")[0] == "rolehop"}
            return {each[8:] for each in ours - {"rolehop"}}, set(found) - ours

        yield run_in_fork
        asked.close()  # it ends


@pytest.fixture(scope="module")
def world(shared_hot_world: World) -> World:
    """A world with a cached session, whose index is whole: making it so asks the keyring, once."""
    warmed(shared_hot_world, "admin")
    shared_hot_world.rolehop("status")
    return shared_hot_world


@pytest.mark.parametrize("shared_hot_world", ["bus"], indirect=True)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_what_it_uses(run: Run, command: str) -> None:
    arguments = command.split()
    own, _, libraries = COMMANDS[command].partition(";")
    expected = modules_of(own) | modules_of("LINE")
    expected |= modules_of(f"cli.commands.{arguments[0].replace('-', '_')}")
    ours, others = run(arguments)
    assert ours - expected == set(), "imported, and not in its row"
    assert expected - ours == set(), "in its row, and not imported"
    watched = WATCHED if "botocore" in libraries else WATCHED | BROUGHT
    assert {each.partition(".")[0] for each in others} & watched == set(libraries.split())
    assert not others & NEVER


@pytest.mark.parametrize("shared_hot_world", ["bus"], indirect=True)
def test_help_imports_the_command_line_alone(world: World) -> None:
    found, _ = loaded_by(world, "--help")
    ours = {each[8:] for each in found if each.startswith("rolehop.")}
    others = {each for each in found if each.partition(".")[0] != "rolehop"}
    assert ours == modules_of("LINE")
    assert not {each.partition(".")[0] for each in others} & (WATCHED | BROUGHT)
