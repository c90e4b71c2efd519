"""Write a policy document or the config with its fix applied: to a file, never to AWS."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rolehop.app.host import read_or_none
from rolehop.app.judging.evidence import PolicyOptions, file_of, given_as
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.files import is_plain_file, is_there, mode_of, write_beside
from rolehop.base.startup import Pattern
from rolehop.base.text import visible_json
from rolehop.commands.explain.relative_paths import with_full_paths
from rolehop.commands.explain.remedies_view import in_short
from rolehop.config.toml_edit import change_keys
from rolehop.config.value_types import Place
from rolehop.policy.chain_verdict import ChainVerdict, HopVerdict
from rolehop.policy.evaluation.model import Outcome, PolicyType
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import NEW, ChangeKind, PolicyChange, apply_changes
from rolehop.policy.remedies.search import Step
from rolehop.policy.requests import ConfigLocation
from rolehop.sources import SOURCE_TABLES

Owner = Mapping[str, str | None]
"""Whose policy is meant: ``account``, ``kind`` (``user``, ``policy``…), its ``name``, the name of
the ``policy`` itself, its ``id``. ``None``: any will do. What is missing must not be said of it."""

_TRUST = ""
"""In place of a name: a trust policy has none."""

_INLINE = Pattern(
    r"(?:inline policy (?P<policy>.+)|a new inline policy) of (?P<kind>user|role|group) (?P<name>\S+)"
)

_MANAGED = Pattern(r"(?:boundary |session )?policy (?P<name>\S+) of .+")
_GUARDRAIL = Pattern(r"(?:SCP|RCP) (?P<policy>.+) at (?:root|OU|account) .+")

_OF_ORGANIZATION = {
    PolicyType.SCP: "service_control_policy",
    PolicyType.RCP: "resource_control_policy",
}

_IAM = Pattern(r"arn:[^:]+:iam::(?P<account>[^:]*):(?P<kind>[^:/]+)/(?:.*/)?(?P<name>[^/]+)")

_ORGANIZATION = Pattern(
    r"arn:[^:]+:organizations::[^:]*:policy/(?:[^/]+/)?(?P<kind>[^/]+)/(?P<id>[^/]+)"
)

_NAMES = {"UserName": "user", "RoleName": "role", "GroupName": "group"}


def owner_of(change: PolicyChange, role: str) -> Owner:
    """Return whose policy ``change`` is for; ``role``: ARN of the role that the call asks for."""
    if change.policy_type is PolicyType.TRUST:
        name = role.rpartition("/")[2]
        return {"account": change.member, "kind": "role", "name": name, "policy": _TRUST}
    kind = _OF_ORGANIZATION.get(change.policy_type)
    if kind is not None:
        named = _GUARDRAIL.fullmatch(change.document)
        return {"kind": kind, "policy": named and named["policy"], "id": None}
    inline = _INLINE.fullmatch(change.document)
    if inline is not None:
        found = {"account": change.member, "kind": inline["kind"], "name": inline["name"]}
        return {**found, "policy": inline["policy"]} if inline["policy"] else found
    managed = _MANAGED.fullmatch(change.document)
    if managed is not None:
        name = managed["name"]
        return {"account": change.member, "kind": "policy", "name": name, "policy": name}
    return {}


def said_of(whole: Any, place: tuple[str | int, ...]) -> Owner:
    """Return what a document says of the SCP or RCP at ``place``: its name and ID, if it does."""
    said = dict(_said(whole, place))
    return {key: said[key] for key in ("policy", "id") if key in said}


def is_of_another(whole: Any, place: tuple[str | int, ...], owner: Owner) -> bool:
    """True if a document says of the policy at ``place`` that it is not the one of ``owner``.

    Also an old version of a managed policy is another.
    """
    return any(
        name not in owner or owner[name] not in (None, value) for name, value in _said(whole, place)
    )


def _said(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str, str]]:
    """Yield what the objects around a policy say of it."""
    for key in place:
        if isinstance(value, dict):
            yield from _said_in(value)
        if key == "AssumeRolePolicyDocument":
            yield "policy", _TRUST
        value = value[key]


def _said_in(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    texts = {key: each for key, each in value.items() if isinstance(each, str)}
    arn = texts.get("Arn") or texts.get("arn") or ""
    found = _IAM.fullmatch(arn) or _ORGANIZATION.fullmatch(arn)
    if found is not None:
        yield from found.groupdict().items()
    for key, kind in _NAMES.items():
        if key in texts:
            yield from (("kind", kind), ("name", texts[key]))
    if "PolicyName" in texts:
        yield "policy", texts["PolicyName"]
    if value.get("IsDefaultVersion") is False:
        yield "version", texts.get("VersionId", "")
    summary = value.get("PolicySummary")  # of aws organizations describe-policy
    if isinstance(summary, dict):
        yield "kind", str(summary.get("Type", "")).lower()
        yield "policy", str(summary.get("Name", ""))
        yield from (("id", each) for each in (summary.get("Id"),) if isinstance(each, str))
        yield from _said_in(summary)


_Place = tuple[str | int, ...]
"""The keys that lead to a value of a JSON document."""


@dataclass(frozen=True, slots=True)
class FoundPolicy:
    """A file with a policy in it: alone, or as AWS CLI commands print it."""

    text: str
    whole: Any
    place: _Place

    def with_changes(self, changes: Sequence[PolicyChange]) -> str:
        """Return the text with the policy changed, and indented as it is now."""
        found = _at(self.whole, self.place)
        if isinstance(found, str):  # Organizations prints a policy as a text
            changed: Any = json.dumps(apply_changes(_parsed(found), changes), ensure_ascii=False)
        else:
            changed = apply_changes(found, changes)
        return _written_as(self.text, _put(self.whole, self.place, changed))


def refuse_unwritable(path: Path) -> None:
    """Refuse what is no file to change, or one that its owner made read-only.

    Raises:
        UsageError: it is ``-``, or a file whose mode lets nobody read or write it.
    """
    if str(path) == "-":
        raise UsageError("--apply-to writes a file, not stdout", fix="name a file")
    if not is_plain_file(path):
        return
    for bits, text in ((0o222, "it is read-only"), (0o444, "its mode lets nobody read it")):
        if not mode_of(path.resolve()) & bits:  # root could write it all the same
            raise UsageError(f"{path} was not changed", cause=text)


def find_policy(path: Path, policy: dict[str, Any], owner: Owner) -> FoundPolicy | str:
    """Return where the file has ``policy``, or what the file has instead, in words.

    Two policies are the same if IAM reads them alike: a list of one is as good as its element. Where
    the file says whose a policy is, it must be that of ``owner``.
    """
    try:
        text = (read_or_none(path) or "").removeprefix("\ufeff")
    except RolehopError as error:
        return f"a file that cannot be read: {error.cause}"
    try:
        whole = _parsed(text)
    except ValueError:
        return "a config of rolehop" if _is_config(text) else "a file that is not JSON"
    wanted = _plain(policy)
    alike = [place for place, found in _policies(whole) if _plain(found) == wanted]
    places = [place for place in alike if not is_of_another(whole, place, owner)]
    if len(places) == 1:
        return FoundPolicy(text, whole, places[0])
    if places:
        return f"a document with that policy in {len(places)} places"
    if alike:
        return "a document in which a policy with that text is another one"
    alone = isinstance(whole, dict) and "Statement" in whole
    return "another policy, or another version of it" if alone else "JSON without that policy"


def said_in(path: Path) -> Owner:
    """Return what a file says of the only policy in it: name and ID of an SCP or RCP."""
    try:
        whole = _parsed((read_or_none(path) or "").removeprefix("\ufeff"))
    except (RolehopError, ValueError):
        return {}
    places = [place for place, _ in _policies(whole)]
    return said_of(whole, places[0]) if len(places) == 1 else {}


def _is_config(text: str) -> bool:
    try:
        return bool({"chains", "sources", "fleets", "version"} & set(tomllib.loads(text)))
    except tomllib.TOMLDecodeError:
        return False


def _parsed(text: str) -> Any:
    """Parse JSON; raise ValueError also if a key is repeated, since one of the two would be lost."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key is repeated")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _policies(value: Any, place: _Place = ()) -> Iterator[tuple[_Place, Any]]:
    """Yield every policy of a JSON document, with its place."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield place, value
            return
        for key, each in value.items():
            yield from _policies(each, (*place, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _policies(each, (*place, number))
    elif isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            found = _parsed(value)
        except ValueError:
            return
        if isinstance(found, dict) and "Statement" in found:
            yield place, found


def _plain(value: Any) -> Any:
    """Return a policy in one form: no list of one."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 else [_plain(each) for each in value]
    return value


def _at(value: Any, place: _Place) -> Any:
    for key in place:
        value = value[key]
    return value


def _put(value: Any, place: _Place, new: Any) -> Any:
    if not place:
        return new
    _at(value, place[:-1])[place[-1]] = new
    return value


def _written_as(text: str, document: Any) -> str:
    """Write JSON on one line, or indented, as ``text`` is; its line ends stay, too."""
    lines = text.strip().splitlines()
    second = lines[1] if len(lines) > 1 else ""
    indent = second[: len(second) - len(second.lstrip())] or ("  " if second else None)
    tight = (",", ":") if indent is None and '": ' not in text else None
    written = json.dumps(document, ensure_ascii=False, indent=indent, separators=tight)
    ended = visible_json(written) + text[len(text.rstrip()) :].replace("\r\n", "\n")
    return ended.replace("\n", "\r\n") if "\r\n" in text else ended


@dataclass(frozen=True, slots=True)
class FixedDocument:
    """One document, before and after the fix."""

    name: str
    """For people: ``trust policy of role Hub``, or the path of a config file."""

    before: str
    after: str
    left: tuple[str, ...] = ()
    """Who has to make which other change: without those the fix is not complete."""

    is_example: bool = False
    """Any value will do; the one in it is made up."""

    is_moved: bool = False
    """It is a config written to another folder: its relative paths are full ones there."""

    @property
    def diff(self) -> list[str]:
        """The lines that differ, with those around them, as ``diff -u`` shows them."""
        before, after = self.before.splitlines(), self.after.splitlines()
        return list(difflib.unified_diff(before, after, self.name, "fixed", lineterm=""))


def write_fixed_document(
    verdict: ChainVerdict, path: Path, policies: PolicyOptions
) -> FixedDocument:
    """Write what the first fix of the first refused hop changes: all its changes of one document.

    A file that is there must hold that document as it is now; a new one gets the first policy that
    the fix changes, or else the config. ``policies``: those that the verdict was made with; a file
    of ``--scp`` or ``--rcp`` counts only as that.

    Raises:
        UsageError: no hop is refused, it has no fix, or one with a value that is not known here; a
            config file has a form that cannot be changed in place; ``path`` holds something else,
            or it cannot be written.
    """
    refuse_unwritable(path)
    hop = next((e for e in verdict.hops if e.verdict.outcome is Outcome.REFUSED), None)
    if hop is None:
        raise UsageError("there is nothing to fix", cause="no hop is refused")
    steps = next((remedy.steps for remedy in hop.remedies()), ())
    if not steps:
        raise UsageError(f"hop {hop.number} has no fix", cause="no policy and no config allows it")
    made, fixed = _fixed(hop, steps, path, policies)
    left = dict.fromkeys(in_short(each) for each in steps if each not in made)
    fixed = replace(fixed, left=tuple(left))
    try:
        _write(path, fixed.after)
    except OSError as error:
        raise UsageError(f"{path} cannot be written", cause=error.strerror) from None
    return fixed


def _fixed(
    hop: HopVerdict, steps: Sequence[Step], path: Path, given: PolicyOptions
) -> tuple[Sequence[Step], FixedDocument]:
    """Return the document of the fix that is in ``path``, or the first, and the steps that change it."""
    policies = [each for each in steps if isinstance(each, PolicyChange)]
    edits = [each for each in steps if isinstance(each, ConfigChange)]
    in_config = [each for each in edits if _is_at(each.location, path)]
    if in_config:
        return in_config, _fixed_config(in_config)
    here = [each for each in policies if each.location and _is_at(each.location, path)]
    if here:
        return here, _fixed_session_policy(hop, here, path)
    if policies:
        return _fixed_policy(hop, _those_of_guardrail(policies, path, given), path, given)
    edits = _same_config(edits)
    fixed = _fixed_config(edits)
    if is_plain_file(path):
        found = find_policy(path, {}, {})
        raise _another(path, found if isinstance(found, str) else "a policy", [fixed.name])
    return edits, _moved(fixed, path)


def _another(path: Path, found: str, wanted: Sequence[str]) -> UsageError:
    """Return the error that the file holds something else than the document to fix."""
    named = (each if each.startswith("a new ") else f"the {each}" for each in wanted)
    return UsageError(
        f"{path} is {found}, and was not changed",
        cause=f"the fix is for {' and '.join(dict.fromkeys(named))}",
        fix="name a new file, or a file with that document as it is now",
    )


def _is_at(location: ConfigLocation, path: Path) -> bool:
    return location.place is not None and _is_file(path, location.place[0])


def _is_file(path: Path, name: str) -> bool:
    return path.resolve() == Path(name).resolve()


def _same_config(edits: list[ConfigChange]) -> list[ConfigChange]:
    """Return the changes of one file: that of the first one."""

    def file(edit: ConfigChange) -> str | None:
        return edit.location.place[0] if edit.location.place else None

    return [each for each in edits if file(each) == file(edits[0])]


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; a pipe or a device gets the text itself."""
    if is_there(path) and not is_plain_file(path):
        path.write_text(text, encoding="utf-8", newline="")
        return
    real = path.resolve()  # a link's target is the file that the user means
    real.parent.stat()  # a folder that is missing is a mistake, and is not made
    write_beside(real, text, mode=mode_of(real))


def _those_of_guardrail(
    changes: Sequence[PolicyChange], path: Path, given: PolicyOptions
) -> Sequence[PolicyChange]:
    """Return the changes that ``path`` can take: of an SCP or RCP, if it is given as one."""
    here = given_as(path, given)
    if not here:
        return changes
    files = ((each, _file_of(each, given)) for each in changes)
    left = [each for each, file in files if file is not None and path.samefile(file)]
    if not left:
        flags = " and ".join(f"--{each.name.lower()}" for each in here)
        raise _another(path, f"given with {flags}", [each.document for each in changes])
    return left


def _file_of(change: PolicyChange, given: PolicyOptions) -> str | None:
    """Return the file of ``--scp`` or ``--rcp`` whose policy is changed; ``None``: of no such file."""
    return file_of(change.document, change.policy_type, change.member, given)


def _owner(hop: HopVerdict, change: PolicyChange, given: PolicyOptions) -> Owner:
    """Return whose policy is changed; of an SCP or RCP its name and ID, where they are known."""
    owner = owner_of(change, hop.verdicts[change.hop].request.role)
    if change.policy_type not in (PolicyType.SCP, PolicyType.RCP):
        return owner
    file, organization = _file_of(change, given), hop.scenario.setting.records.organization
    if file is not None:
        return {**owner, **said_in(Path(file))}
    known = {} if organization is None else organization.policies
    ids = [number for number, each in known.items() if each.name == owner["policy"]]
    return {**owner, "id": ids[0] if len(ids) == 1 else None}


def _fixed_policy(
    hop: HopVerdict, changes: Sequence[PolicyChange], path: Path, given: PolicyOptions
) -> tuple[list[PolicyChange], FixedDocument]:
    """Return the policy that is in ``path``, changed; in a new file, the first that the fix changes."""
    documents: dict[tuple[object, ...], list[PolicyChange]] = {}
    for each in changes:
        key = (each.hop, each.policy_type, each.member, each.document)
        documents.setdefault(key, []).append(each)
    if not is_plain_file(path):
        made = next(iter(documents.values()))
        document = _policy_now(hop, made[0])
        before, after = _indented(document), _indented(apply_changes(document, made))
        return made, FixedDocument(made[0].document, before, after)
    instead = ""
    for made in documents.values():
        found = find_policy(path, _policy_now(hop, made[0]), _owner(hop, made[0], given))
        if isinstance(found, FoundPolicy):
            after = found.with_changes(made)
            return made, FixedDocument(made[0].document, found.text, after)
        instead = found
    raise _another(path, instead, [each.document for each in changes])


def _policy_now(hop: HopVerdict, change: PolicyChange) -> dict[str, Any]:
    """Return the policy that ``change`` was made for, as JSON; an empty one if it is new."""
    documents = hop.verdicts[change.hop].request.policy_set(change.policy_type).documents
    text = next((each.text for each in documents if each.name == change.document), "")
    found: dict[str, Any] = json.loads(text or json.dumps(NEW))
    return found


def _fixed_session_policy(
    hop: HopVerdict, made: Sequence[PolicyChange], path: Path
) -> FixedDocument:
    """Return the config with the session policy in it changed: the key ``policy`` of one table."""
    now, place = _policy_now(hop, made[0]), made[0].location and made[0].location.place
    before = read_or_none(path) or ""
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    table: Any = tomllib.loads(before.removeprefix(mark))
    for key in place[1] if place else ():
        table = table[key]
    if json.loads(table.get("policy", json.dumps(NEW))) != now:
        raise _another(path, "a config without that policy", [made[0].document])
    text = json.dumps(apply_changes(now, made), ensure_ascii=False)
    try:
        after = change_keys(before.removeprefix(mark), place[1] if place else (), {"policy": text})
    except ValueError as error:
        raise _by_hand(str(path), error) from None
    return FixedDocument(str(path), before, mark + after)


def _by_hand(file: str, error: ValueError) -> UsageError:
    return UsageError(
        f"{file} cannot be changed in place",
        cause=str(error),
        fix="make the change by hand, as explain shows it",
    )


def _indented(document: object) -> str:
    return f"{visible_json(json.dumps(document, indent=2, ensure_ascii=False))}\n"


def _fixed_config(edits: list[ConfigChange]) -> FixedDocument:
    """Return the config file that the edits change; its comments and form stay."""
    place = edits[0].location.place
    if place is None:
        raise UsageError(
            f"{edits[0].location.name} is not in the config of rolehop",
            cause=f"its fix changes the {edits[0].location.file}, which rolehop only reads",
            fix="make the change by hand, as explain shows it",
        )
    unknown = next((each for each in edits if each.form), None)
    if unknown is not None:
        raise UsageError(
            f"only the owner of account {unknown.provided_by} has the value that the fix needs",
            cause=f"the policy gives no more than its form: {', '.join(unknown.form.values())}",
            fix=f"ask for it, and write it in the config: {', '.join(unknown.form)}",
        )
    file, before = place[0], read_or_none(Path(place[0])) or ""
    after = before
    try:
        for each in edits:
            _, table = each.location.place or place  # edits of one file all have one
            after = _edited(after, table, each)
    except ValueError as error:
        raise _by_hand(file, error) from None
    return FixedDocument(file, before, after, is_example=any(each.example for each in edits))


def _moved(fixed: FixedDocument, path: Path) -> FixedDocument:
    """Return a config as its copy at ``path`` must be: relative paths are those of its folder."""
    folder = Path(fixed.name).absolute().parent
    if path.resolve().parent == folder.resolve():
        return fixed
    mark = "\ufeff" if fixed.after.startswith("\ufeff") else ""
    try:
        text = with_full_paths(fixed.after.removeprefix(mark), folder, SOURCE_TABLES)
    except ValueError as error:
        raise _by_hand(fixed.name, error) from None
    return replace(fixed, after=mark + text, is_moved=mark + text != fixed.after)


def _edited(text: str, table: Place, edit: ConfigChange) -> str:
    gone = edit.kind is ChangeKind.REMOVE
    changes = {key: None if gone or not value else value for key, value in edit.keys.items()}
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + change_keys(text.removeprefix(mark), table, changes)
