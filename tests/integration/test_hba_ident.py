"""Made-up pg_ident.conf, includes, lists and settings: real servers read them as we do."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings

from pgward.hba.syntax.files import access_lines, settings_in
from pgward.hba.syntax.versions import Abilities
from pgward.system.postgres import Cluster, temporary_directory
from tests.fixtures.hba_answers import Answers
from tests.fixtures.hba_compare import hba_differences, ident_differences, setting_differences
from tests.fixtures.hba_trees import (
    HBA_TREES,
    IDENT_TREES,
    MAIN,
    SETTING_TREES,
    Tree,
    files_of,
    plant,
)
from tests.fixtures.postgres import VERSIONS, matrix_binaries, reachable

pytestmark = [pytest.mark.integration, pytest.mark.matrix]
_FIRST_WITH_MAPPINGS = 15
_FIRST_WITH_DEPTH = 16
_MAINS = {ident_differences: MAIN, hba_differences: "hba", setting_differences: "conf"}
many = settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
few = settings(many, max_examples=10)


@pytest.fixture(scope="module", params=VERSIONS)
def answers(request: pytest.FixtureRequest) -> Iterator[Answers]:
    """A server whose files of access lie in ``w`` in its data directory."""
    with temporary_directory() as directory:
        bin_dir = reachable(matrix_binaries(request.param), directory)
        below = directory / "data" / "w"
        files = {"hba_file": str(below / "hba"), "ident_file": str(below / MAIN)}
        cluster = Cluster(directory, bin_dir, settings=files).init()
        (cluster.data_dir / "w").mkdir()
        found = Answers(cluster)
        plant({"hba": "local all all trust\n", MAIN: ""}, cluster.data_dir / "w", cluster.account)
        found.own([cluster.data_dir / "w"])
        cluster.start()
        try:
            yield found
        finally:
            cluster.stop()


def agreed(answers: Answers, compare: Callable[..., Iterator[str]], tree: Tree) -> None:
    cluster, main = answers.cluster, _MAINS[compare]
    # The lines of one are not to be told of with those of the others.
    planted = {main: tree[MAIN], **{name: text for name, text in tree.items() if name != MAIN}}
    if answers.version < _FIRST_WITH_DEPTH:
        # A list that leads to itself is a segmentation fault there.
        planted = {name: t if name == main else t.replace("@", "") for name, t in planted.items()}
    plant(planted, answers.data_dir / "w", cluster.account)
    files = files_of(cluster.account)
    if compare is setting_differences:
        lines: list = settings_in(str(answers.data_dir / "postgresql.conf"), files)
    else:
        able = Abilities.of(answers.version)
        lines = access_lines(str(answers.data_dir / "w" / main), files, able)
        # At the deepest level a server takes an old errno for that of an include_if_exists.
        deepest = [each for each in lines if "too deeply" in str(each.problem)]
        assume(not any("include_if_exists" in each.line.text for each in deepest))
    assert list(compare(answers, lines, answers.data_dir)) == [], tree


def test_mappings(answers: Answers) -> None:
    chosen = many if answers.version >= _FIRST_WITH_MAPPINGS else few

    @chosen
    @given(IDENT_TREES)
    def agree(tree: Tree) -> None:
        agreed(answers, ident_differences, tree)

    agree()


def test_rules_in_included_files_and_lists_of_names(answers: Answers) -> None:
    @many
    @given(HBA_TREES)
    def agree(tree: Tree) -> None:
        agreed(answers, hba_differences, tree)

    agree()


def test_settings(answers: Answers) -> None:
    conf: Path = answers.data_dir / "postgresql.conf"
    own = conf.read_text()
    conf.write_text(f"{own}include 'w/conf'\n")

    @many
    @given(SETTING_TREES)
    def agree(tree: Tree) -> None:
        agreed(answers, setting_differences, tree)

    try:
        agree()
    finally:
        conf.write_text(own)
