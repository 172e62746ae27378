"""What can be listed: changes of the balance, what work used, prices, plans."""

from igny8.billing.v1 import billing_pb2

from chassis.resource import Resource
from chassis.tenancy import table_of
from services.billing import models

CREDIT_TRANSACTION = Resource(
    message=billing_pb2.CreditTransaction,
    table=models.CreditTransaction,
    plural="credit_transactions",
    filters=("kind", "operation", "amount", "site_id", "run_id", "step_id", "hold_id", "reversal_of_id", "number"),
    orders=("number", "amount"),
    search=("description", "operation"),
    computed={"reversal_of_id": table_of(models.CreditTransaction).c.reversal_of},
    order="number desc",
)
CREDIT_USAGE = Resource(
    message=billing_pb2.CreditUsage,
    table=models.CreditUsage,
    plural="credit_usages",
    filters=(
        "operation",
        "quantity",
        "credits",
        "site_id",
        "run_id",
        "step_id",
        "object_kind",
        "object_id",
        "provider",
        "model",
    ),
    orders=("quantity", "credits"),
    search=("operation", "object_kind", "provider", "model"),
    order="create_time desc",
)
CREDIT_COST = Resource(
    message=billing_pb2.CreditCost,
    table=models.CreditCost,
    plural="credit_costs",
    filters=("operation", "unit", "version", "active"),
    orders=("operation", "version", "credits"),
    search=("operation", "display_name"),
    order="operation, version",
    catalogue=True,
)
PLAN = Resource(
    message=billing_pb2.Plan,
    table=models.Plan,
    plural="plans",
    filters=("code", "price_minor", "credits"),
    orders=("code", "price_minor", "credits"),
    search=("code", "name"),
    order="price_minor",
    catalogue=True,
)
