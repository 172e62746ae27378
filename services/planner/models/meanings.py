"""What an embedding model said that texts mean."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.planner.models.base import Base


class KeywordMeaning(Base):
    """The vector of a text of an account's keywords, float16 little-endian; `digest` is the text's SHA-256.

    It never changes: the model's name stands in its key.
    """

    __tablename__ = "keyword_meaning"
    __table_args__ = (sa.CheckConstraint("octet_length(digest) = 32 AND octet_length(vector) > 0", name="bytes"),)
    tenant_key = ("account_id",)

    account_id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True)
    model: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    digest: Mapped[bytes] = mapped_column(sa.LargeBinary, primary_key=True)
    vector: Mapped[bytes] = mapped_column(sa.LargeBinary, nullable=False)
