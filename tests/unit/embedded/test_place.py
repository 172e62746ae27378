from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chassis.embedded import place
from chassis.embedded.place import OsUser, Passwords

STRANGER = OsUser("stranger", 64_001, 64_001)


class TestReachable:
    def test_through_open_folders(self) -> None:
        assert place.reachable(Path("/usr/bin"), STRANGER)

    def test_not_through_a_private_folder(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        assert not place.reachable(tmp_path / "data", STRANGER)

    def test_ourselves_always(self, tmp_path: Path) -> None:
        assert place.reachable(tmp_path / "data", None)

    @pytest.mark.parametrize(("mode", "expected"), [(0o711, True), (0o710, False), (0o701, True)])
    def test_asks_for_the_right_to_enter_not_to_list(self, tmp_path: Path, mode: int, expected: bool) -> None:
        tmp_path.chmod(mode)
        assert place._may_enter(tmp_path.stat(), STRANGER) is expected


class TestSettle:
    def test_stays_at_home_when_we_run_it_ourselves(self, tmp_path: Path) -> None:
        assert place.settle(tmp_path / "postgres", None) == tmp_path.resolve() / "postgres"

    def test_follows_its_link(self, tmp_path: Path) -> None:
        home, elsewhere = tmp_path / "postgres", tmp_path / "there"
        home.mkdir()
        elsewhere.mkdir()
        (home / place.LINK_NAME).symlink_to(elsewhere)
        assert place.settle(home, None) == elsewhere.resolve()

    def test_says_what_to_do_when_the_link_leads_nowhere(self, tmp_path: Path) -> None:
        home = tmp_path / "postgres"
        home.mkdir()
        (home / place.LINK_NAME).symlink_to(tmp_path / "gone")
        with pytest.raises(FileNotFoundError, match="to start afresh"):
            place.settle(home, None)


class TestSocketFolder:
    def test_lies_below_the_place_when_that_is_short(self, tmp_path: Path) -> None:
        assert place.socket_folder(tmp_path, "s", None) == tmp_path / "run"

    def test_is_short_and_stable_when_the_place_is_deep(self, tmp_path: Path) -> None:
        deep = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 5)
        folder = place.socket_folder(deep, ".s.PGSQL.5432", None)
        try:
            assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= place.SOCKET_PATH_BYTES_MAX
            assert place.socket_folder(deep, ".s.PGSQL.5432", None) == folder
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        finally:
            folder.rmdir()

    def test_refuses_a_link_somebody_laid_there(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "run").symlink_to(tmp_path / "other")
        with pytest.raises(PermissionError, match="somebody else"):
            place.socket_folder(tmp_path, "s", None)


class TestPasswords:
    def test_are_found_again(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials.json"
        assert Passwords(path)("planner_app") == Passwords(path)("planner_app")

    def test_differ_by_role(self, tmp_path: Path) -> None:
        passwords = Passwords(tmp_path / "credentials.json")
        assert passwords("planner_app") != passwords("planner_owner")

    def test_are_for_our_eyes_only(self, tmp_path: Path) -> None:
        path = tmp_path / "credentials.json"
        Passwords(path)("planner_app")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_leave_no_other_file_behind(self, tmp_path: Path) -> None:
        Passwords(tmp_path / "credentials.json")("planner_app")
        assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]
