import pytest

from pgward.ca.archive.directory import DirectoryObjects
from pgward.ca.archive.opening import open_objects
from pgward.ca.archive.s3 import S3Objects
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(("where", "expected"), [("", "archive"), ("kept/here", "kept/here")])
def test_a_path_is_below_the_ca_s_directory(tmp_path, where, expected):
    place = open_objects(where, tmp_path)
    assert isinstance(place, DirectoryObjects)
    assert (tmp_path / expected).is_dir()


def test_an_absolute_path_stays_what_it_is(tmp_path):
    assert str(open_objects(str(tmp_path / "x"), tmp_path / "ca")) == str(tmp_path / "x")


def test_a_bucket(s3_url, tmp_path):
    place = open_objects(s3_url, tmp_path)
    assert isinstance(place, S3Objects)
    place.close()


def test_another_kind_of_address(tmp_path):
    with pytest.raises(InvalidInputError, match="is no place for an archive"):
        open_objects("gs://bucket", tmp_path)
