"""What billing does: `accounts` (balance, plans, grants, the check), `quotes`, `holds` (reserve, capture, release)."""
