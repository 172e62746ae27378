"""What every service stands on: server, client, tenancy, errors, paging; it knows no service by name."""
