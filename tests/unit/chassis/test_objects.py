"""The object store: whole objects under keys that cannot leave its folder."""

import io
from pathlib import Path

import pytest

from chassis.objects import FolderStore, ObjectMissing, store_at


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects")


class TestFolderStore:
    def test_what_was_put_is_read_and_replaced_and_removed(self, store: FolderStore) -> None:
        store.put("images/a/b.png", b"one")
        assert store.put_file("images/a/b.png", io.BytesIO(b"another")) == 7
        assert store.read("images/a/b.png") == b"another"
        for _ in range(2):
            store.delete("images/a/b.png")
        with pytest.raises(ObjectMissing):
            store.read("images/a/b.png")

    def test_a_stream_that_breaks_leaves_all_as_it_was(self, store: FolderStore, tmp_path: Path) -> None:
        class Breaking(io.BytesIO):
            def read(self, _size: int | None = -1, /) -> bytes:
                raise OSError("the upload broke")

        store.put("a", b"one")
        with pytest.raises(OSError, match="broke"):
            store.put_file("a", Breaking())
        assert store.read("a") == b"one"
        assert [path.name for path in (tmp_path / "objects").iterdir()] == ["a"]

    @pytest.mark.parametrize("key", ["", "/etc/passwd", "../a", "a/../b", "a//b", "A", "a\0", "a/", ".a", "a\n", "é"])
    def test_no_key_leaves_the_folder(self, store: FolderStore, key: str) -> None:
        with pytest.raises(ValueError, match="not an object key"):
            store.put(key, b"x")


class TestStoreAt:
    def test_a_file_url_is_a_folder(self, tmp_path: Path) -> None:
        store_at(f"file://{tmp_path}/with%20space").put("a", b"x")
        assert (tmp_path / "with space" / "a").read_bytes() == b"x"

    def test_what_is_not_offered_says_what_is(self) -> None:
        with pytest.raises(ValueError, match="file:///"):
            store_at("gs://bucket")
