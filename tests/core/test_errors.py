import pytest

from synthex.core import ConfigError, InputError, MissingExtraError, UserError, optional_import


def test_input_error_names_file_problem_and_remedy():
    error = InputError("scan.nii.gz", "has no spacing", "export it again")
    assert str(error) == "scan.nii.gz: has no spacing; export it again"
    assert error.exit_code == 2


def test_every_mistake_of_the_user_is_a_user_error():
    assert all(issubclass(kind, UserError) for kind in (InputError, ConfigError, MissingExtraError))


def test_a_missing_package_names_its_extra():
    with pytest.raises(MissingExtraError, match=r"synthex\[magic\]"):
        optional_import("no_such_package_at_all", "magic")
    assert optional_import("json", "none").__name__ == "json"
