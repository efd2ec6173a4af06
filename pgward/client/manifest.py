"""YAML files with resources, read so that every error can name file, line and field.

The core schema of YAML 1.2 (chapter 10.3) is used, where ``no`` is a text and ``0755`` no
octal number. Duplicate keys, tags, merge keys and bombs of anchors are refused.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system.files import storage_errors

MAX_BYTES = 1024 * 1024
_MAX_VALUES = 100_000
_MAX_DEPTH = 32
_MAX_FILES = 1000
_SUFFIXES = (".yaml", ".yml", ".json")
_TAG = "tag:yaml.org,2002:"
_INDEX = re.compile(r"\[\d+\]$")


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema instead of YAML 1.1's guesses."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(f"(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class Document:
    """One resource of a file: its value, and the line of every field (``spec.edges[0]``)."""

    file: str
    value: dict[str, Any]
    line: int
    lines: Mapping[str, int]

    @property
    def kind(self) -> str:
        """The resource's kind."""
        return str(self.value["kind"])

    @property
    def name(self) -> str:
        """The resource's name."""
        return str(self.value["metadata"]["name"])

    def line_at(self, path: str) -> int:
        """Return the line of a field, or of the nearest one around a missing field."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = _INDEX.sub("", path) if _INDEX.search(path) else path.rpartition(".")[0]
        return self.line

    def where(self, path: str) -> str:
        """Return ``file:line: path``; the line of the nearest field around a missing one."""
        return f"{self.file}:{self.line_at(path)}: {path}" if path else f"{self.file}:{self.line}"

    def error(self, path: str, message: str) -> str:
        """Return a message about one field as people read it."""
        return f"{self.where(path)}: {message}"


class ManifestError(InvalidInputError):
    """All that is wrong with the files, one problem a line."""

    def __init__(self, problems: Sequence[str], *, hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class _Problem(Exception):  # noqa: N818 - a local jump, not an error for people
    def __init__(self, line: int, path: str, message: str) -> None:
        self.line, self.path, self.message = line, path, message
        super().__init__(message)


def read_path(path: Path) -> list[Document]:
    """Read a file, or all ``.yaml``, ``.yml`` and ``.json`` files of a directory by name."""
    with storage_errors(path, "read"):
        if not path.is_dir():
            return read_text(_read(path), str(path))
        files = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES)
    if not files or len(files) > _MAX_FILES:
        many = f"{len(files)} files end" if files else "no file in it ends"
        raise InvalidInputError(f"{many} in {', '.join(_SUFFIXES)}", where=str(path))
    return join([_attempt(each) for each in files])


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return decode(file.read(MAX_BYTES + 1), str(path))


def _attempt(path: Path) -> list[Document] | PgwardError:
    try:
        return read_path(path)
    except PgwardError as error:
        return error


def join(results: Sequence[list[Document] | PgwardError]) -> list[Document]:
    """Return the documents of all files; raise one ManifestError for everything wrong."""
    problems = [each.message for each in results if isinstance(each, PgwardError)]
    if problems:
        raise ManifestError(problems)
    return [document for each in results if isinstance(each, list) for document in each]


def decode(data: bytes, file: str) -> str:
    """Decode UTF-8; raise InvalidInputError, also when there is too much of it."""
    if len(data) > MAX_BYTES:
        raise InvalidInputError(f"longer than {MAX_BYTES} bytes", where=file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidInputError("not UTF-8 text", where=f"{file}:{line}") from error


def read_text(text: str, file: str, *, named: bool = True) -> list[Document]:
    """Read a YAML stream; raise ManifestError with everything wrong in it.

    Without ``named`` documents need no kind and no name: somebody is still writing them.
    """
    documents: list[Document] = []
    problems: list[str] = []
    for node in _nodes(text, file):
        try:
            document = _document(node, file)
            if named:
                _check_named(document)
            documents.append(document)
        except _Problem as problem:
            path = f" {problem.path}:" if problem.path else ""
            problems.append(f"{file}:{problem.line}:{path} {problem.message}")
    if problems:
        raise ManifestError(problems)
    if named:
        refuse_twice(documents)
    if not documents:
        raise InvalidInputError("there is no resource in it", where=file)
    return documents


def _nodes(text: str, file: str) -> list[yaml.Node]:
    try:
        nodes: list[yaml.Node | None] = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        message = (error.problem or error.context or "not YAML").replace("\n", " ")
        raise InvalidInputError(message, where=where) from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else _first_line(error)
        raise InvalidInputError(reason, where=file) from error
    return [node for node in nodes if node is not None and not _is_null(node)]


def _first_line(error: yaml.YAMLError) -> str:
    return str(error).partition("\n")[0]


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"


def refuse_twice(documents: Sequence[Document]) -> None:
    """Raise ManifestError when a resource is there more than once."""
    problems = list(_twice(documents))
    if problems:
        raise ManifestError(problems)


def _twice(documents: Sequence[Document]) -> Iterator[str]:
    seen: dict[tuple[str, str], Document] = {}
    for document in documents:
        key = (document.kind.lower(), document.name)
        first = seen.setdefault(key, document)
        if first is not document:
            yield document.error(
                "metadata.name", f"{document.name!r} is in {first.where('')} already"
            )


def _document(node: yaml.Node, file: str) -> Document:
    reader = _Reader()
    value = reader.read(node, "", 0)
    if not isinstance(value, dict):
        raise _Problem(_line_of(node), "", "a resource is a mapping with kind, metadata and spec")
    return Document(file, value, _line_of(node), reader.lines)


def _check_named(document: Document) -> None:
    value = document.value
    for path, part in (("kind", value.get("kind")), ("metadata.name", _name_in(value))):
        if not isinstance(part, str) or not part:
            missing = path not in document.lines
            line = document.line_at(path)
            raise _Problem(line, path, "is missing" if missing else "must be a text")


def _name_in(value: Mapping[str, Any]) -> Any:
    metadata = value.get("metadata")
    return metadata.get("name") if isinstance(metadata, dict) else None


@dataclass(slots=True)
class _Reader:
    """Turns nodes into values, and notes the line of each path."""

    lines: dict[str, int] = field(default_factory=dict)
    values: int = 0

    def read(self, node: yaml.Node, path: str, depth: int) -> Any:
        self.values += 1
        if self.values > _MAX_VALUES or depth > _MAX_DEPTH:
            raise _Problem(_line_of(node), path, "too large or nested too deeply")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path, depth)
        return _scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        _check_tag(node, path, "map")
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            inner = f"{path}.{key}" if path else key
            if key in result:
                first = self.lines[inner]
                raise _Problem(_line_of(key_node), inner, f"is here twice, first on line {first}")
            self.lines.setdefault(inner, _line_of(key_node))
            result[key] = self.read(value_node, inner, depth + 1)
        return result

    def _key(self, node: yaml.Node, path: str) -> str:
        if node.tag == f"{_TAG}merge":
            raise _Problem(_line_of(node), path, "merge keys (<<) are not supported")
        if not isinstance(node, yaml.ScalarNode) or node.tag != f"{_TAG}str":
            raise _Problem(_line_of(node), path, "a field's name must be a text")
        return str(node.value)

    def _sequence(self, node: yaml.SequenceNode, path: str, depth: int) -> list[Any]:
        _check_tag(node, path, "seq")
        result = []
        for index, item in enumerate(node.value):
            inner = f"{path}[{index}]"
            self.lines.setdefault(inner, _line_of(item))
            result.append(self.read(item, inner, depth + 1))
        return result


def _scalar(node: yaml.Node, path: str) -> Any:
    tag, text = node.tag.removeprefix(_TAG), str(node.value)
    try:
        match tag:
            case "str" | "merge":
                return text
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case "int":
                return int(text)
            case "float":
                return float(text)
    except (ValueError, KeyError):
        raise _Problem(_line_of(node), path, f"{text[:40]!r} is not of type {tag}") from None
    raise _Problem(_line_of(node), path, f"the tag {node.tag[:40]!r} is not supported")


def _check_tag(node: yaml.Node, path: str, expected: str) -> None:
    if node.tag != f"{_TAG}{expected}":
        raise _Problem(_line_of(node), path, f"the tag {node.tag[:40]!r} is not supported")


def _line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
